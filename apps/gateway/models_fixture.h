// A gateway that believes a key, and a model that this key has signed.
#ifndef SELVEDGE_GATEWAY_MODELS_FIXTURE_H
#define SELVEDGE_GATEWAY_MODELS_FIXTURE_H

#include "ingest_fixture.h"

#include <codec/encode.h>
#include <crypto/firmware.h>
#include <crypto/random.h>
#include <detect/model_file.h>
#include <sys/disk.h>

enum { MINUTES = 600, SIGNATURE_MAX = 1024 };

static char model_text[64 * 1024]; // base64
static char signature_text[2048];
static char sha256[65];

static inline void path_in(const fixture *f, const char *name, char *room) {
    assert_int_equal(sv_disk_join(room, 256, f->dir, name), SV_OK);
}

/// Signed as firmware is.
static inline void sign(const fixture *f, sv_text bytes) {
    char file[256], key[256], signature[256];
    uint8_t digest[32];
    SV_DEFER(sv_textbuf_drop) sv_textbuf raw = SV_TEXTBUF_HEAP(SIGNATURE_MAX);
    sv_textbuf model = { .at = model_text, .cap = sizeof model_text };
    sv_textbuf text = { .at = signature_text, .cap = sizeof signature_text };
    sv_textbuf hex = { .at = sha256, .cap = sizeof sha256 };
    path_in(f, "a.model", file);
    path_in(f, "firmware.key", key);
    path_in(f, "a.sig", signature);
    assert_int_equal(sv_firmware_keygen(f->dir, SV_KEY_EC, NULL), SV_OK);
    FILE *out = fopen(file, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes.at, 1, bytes.len, out), bytes.len);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(sv_firmware_sign(file, key, signature, NULL), SV_OK);
    assert_int_equal(sv_disk_read(signature, &raw, NULL), SV_OK);
    sv_base64_add(&model, bytes);
    sv_base64_add(&text, sv_textbuf_text(&raw));
    sv_sha256(bytes, digest);
    sv_hex_add(&hex, digest, sizeof digest);
    assert_int_equal(sv_textbuf_end(&hex), SV_OK);
}

/// A gateway that believes the key by which this model is signed.
static inline void open_with_model(void **state, sv_text bytes) {
    (void) open_fixture(state, "detect: off\nuplink: {sensors: {secret: never}}\n");
    fixture *f = *state;
    sign(f, bytes);
    path_in(f, "firmware.pub", f->g.config.models.key);
    restart(f);
}

/// With this horizon, in rows.
static inline bool give_within(fixture *f, const char *mode, double horizon, const char *model,
                               const char *signature) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(sizeof model_text + 4096);
    SV_DEFER(sv_json_drop) sv_json *list = NULL;
    sv_textbuf_addf(&text,
                    "{\"models\":[{\"name\":\"press\",\"version\":3,\"mode\":\"%s\",\"row_s\":60,"
                    "\"horizon\":%g,\"confidence\":0.5,\"sha256\":\"%s\",\"signature\":\"%s\","
                    "\"model\":\"",
                    mode, horizon, sha256, signature);
    sv_textbuf_add_str(&text, model);
    sv_textbuf_add_str(&text, "\"}]}");
    assert_int_equal(sv_json_parse(sv_textbuf_text(&text), &list, NULL, NULL), SV_OK);
    return gw_models_take(&f->g, list);
}

static inline bool give(fixture *f, const char *mode, const char *model, const char *signature) {
    return give_within(f, mode, 10, model, signature);
}

static inline const char *status(fixture *f) {
    static char room[512];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&text);
    gw_lives_tick(&f->g, sv_clock_monotonic_us());
    gw_models_write(&f->g, &out);
    assert_int_equal(sv_textbuf_end(&text), SV_OK);
    return room;
}

/// "" when there is nothing to tell.
static inline const char *told(fixture *f, int64_t now_us) {
    static char room[512];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&text);
    room[0] = '\0';
    if (gw_life_is_news(&f->g, "d", now_us)) {
        sv_json_open_object(&out);
        gw_life_tell(&f->g, "d", now_us, &out);
        sv_json_close_object(&out);
    }
    assert_int_equal(sv_textbuf_end(&text), SV_OK);
    return room;
}

static inline void say_minutes(fixture *f, int from, int to, double heat) {
    for (int i = from; i < to; i++) {
        say_of(f, "d", "load", NULL, 0, (int64_t) (MINUTES - i) * 60, 5);
        say_of(f, "d", "heat", NULL, 0, (int64_t) (MINUTES - i) * 60, heat);
    }
    sv_writer_wait(f->g.writer);
}

#define FAILING "SELECT count(*) FROM open_alert WHERE type = 3 AND rule = 'remaining-life'"

/// What the model said of a machine on each of these days before today.
static inline void have_said(fixture *f, const char *device, int from, int to, double low,
                             double high) {
    int64_t today = gw_wall_us(&f->g) / SV_TIME_DAY_US;
    for (int day = from; day <= to; day++) {
        sv_writer_add(f->g.writer, "INSERT INTO life_said VALUES (?, ?, ?, ?, ?, ?, 0)");
        sv_writer_int(f->g.writer, today - day);
        sv_writer_str(f->g.writer, device);
        sv_writer_str(f->g.writer, sha256);
        sv_writer_number(f->g.writer, low);
        sv_writer_number(f->g.writer, low);
        sv_writer_number(f->g.writer, high);
    }
    sv_writer_wait(f->g.writer);
}

static inline gw_event_end end_life(fixture *f, const char *device, const char *how) {
    char room[128];
    SV_DEFER(sv_json_drop) sv_json *data = NULL;
    (void) snprintf(room, sizeof room, "{\"device\":\"%s\"%s}", device, how);
    assert_int_equal(sv_json_parse(sv_text_of(room), &data, NULL, NULL), SV_OK);
    gw_event_end end = gw_push_take(&f->g, f->g.push.taken + 1, SV_TEXT("renewed"), data);
    sv_writer_wait(f->g.writer);
    return end;
}

enum { ROWS_A_DAY = 24 * 60 };

#endif

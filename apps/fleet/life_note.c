#include "life_note.h"

#include "last_word.h"

#include <base/mem.h>
#include <stdlib.h>

#define SECONDS_MOST INT64_C(100000000000)

static bool read_seconds(const sv_json *life, const char *key, int64_t *out) {
    return sv_json_int(sv_json_get(life, key), out) && *out >= 0 && *out <= SECONDS_MOST;
}

bool sv_life_note_read(const sv_json *life, sv_life_note *out) {
    sv_life_note note = { .version = 0 };
    sv_text model;
    bool good =
        sv_json_is_object(life) && sv_json_text(sv_json_get(life, "model"), &model)
        && sv_id_is_valid(model) && sv_text_copy(model, note.model, sizeof note.model) == SV_OK
        && sv_json_int(sv_json_get(life, "version"), &note.version) && note.version > 0
        && read_seconds(life, "left_s", &note.left_s) && read_seconds(life, "low_s", &note.low_s)
        && read_seconds(life, "high_s", &note.high_s) && note.low_s <= note.left_s
        && note.left_s <= note.high_s && read_seconds(life, "horizon_s", &note.horizon_s)
        && sv_json_number(sv_json_get(life, "risk"), &note.risk) && note.risk >= 0
        && note.risk <= 1;
    if (good) {
        *out = note;
    }
    return good;
}

static void put_note(const sv_life_note *note, sv_json_out *out) {
    sv_json_add_str(out, "model", note->model);
    sv_json_add_int(out, "version", note->version);
    sv_json_add_int(out, "left_s", note->left_s);
    sv_json_add_int(out, "low_s", note->low_s);
    sv_json_add_int(out, "high_s", note->high_s);
    sv_json_add_number(out, "risk", note->risk);
    sv_json_add_int(out, "horizon_s", note->horizon_s);
}

// ---- kept ---------------------------------------------------------------------------------------

static bool told(const sv_device *device, int64_t *at_ms) {
    *at_ms = device->life != NULL ? device->life->at_ms : 0;
    return device->life != NULL;
}

static void put(const sv_device *device, sv_json_out *out) {
    put_note(device->life, out);
}

static bool take(sv_device *device, const sv_json *life, int64_t at_ms) {
    sv_life_note note;
    if (!sv_life_note_read(life, &note)) {
        return false;
    }
    note.at_ms = at_ms;
    if (device->life == NULL) {
        device->life = sv_mem_new(sizeof *device->life);
    }
    *device->life = note;
    return true;
}

static void drop(sv_device *device) {
    free(device->life);
    device->life = NULL;
}

static const sv_last_word WORD = {
    .key = "life", SV_LAST_WORD_SQL("life"), .told = told, .put = put, .take = take, .drop = drop
};

sv_err sv_life_take(sv_fleet *fleet, sv_device *device, const sv_json *item, bool *changed,
                    sv_why *why) {
    return sv_last_word_hear(fleet, device, &WORD, item, changed, why);
}

sv_err sv_life_load(sv_fleet *fleet, sv_why *why) {
    return sv_last_word_load(fleet, &WORD, why);
}

void sv_life_write(const sv_device *device, sv_json_out *out) {
    sv_last_word_write(device, &WORD, out);
}

#include "failure_note.h"

#include "last_word.h"

#include <base/mem.h>
#include <stdlib.h>

#define SECONDS_MOST INT64_C(100000000000)

static bool read_share(const sv_json *item, const char *key, double least, double *out) {
    return sv_json_number(sv_json_get(item, key), out) && *out >= least && *out <= 1;
}

static bool read_class(const sv_json *item, sv_failure_class *out) {
    sv_text name;
    return sv_json_text(sv_json_get(item, "name"), &name) && name.len > 0
           && sv_text_copy(name, out->name, sizeof out->name) == SV_OK
           && read_share(item, "probability", 0, &out->probability);
}

static bool read_part(const sv_json *item, sv_failure_part *out) {
    sv_text sensor;
    return sv_json_text(sv_json_get(item, "sensor"), &sensor) && sv_id_is_valid(sensor)
           && sv_text_copy(sensor, out->sensor, sizeof out->sensor) == SV_OK
           && read_share(item, "by", -1, &out->by)
           && sv_json_bool(sv_json_get(item, "lower"), &out->lower);
}

static bool read_lists(const sv_json *failure, sv_failure_note *out) {
    const sv_json *classes = sv_json_get(failure, "classes");
    const sv_json *parts = sv_json_get(failure, "parts");
    size_t count = classes == NULL ? 0 : sv_json_count(classes);
    size_t named = parts == NULL ? 0 : sv_json_count(parts);
    if (count < 2 || count > SV_FAILURE_CLASSES_MAX || named > SV_FAILURE_PARTS_MAX) {
        return false;
    }
    for (; out->classes < count; out->classes++) {
        if (!read_class(sv_json_at(classes, out->classes), &out->of[out->classes])) {
            return false;
        }
    }
    for (; out->parts < named; out->parts++) {
        if (!read_part(sv_json_at(parts, out->parts), &out->part[out->parts])) {
            return false;
        }
    }
    return true;
}

bool sv_failure_note_read(const sv_json *failure, sv_failure_note *out) {
    sv_failure_note note = { .version = 0 };
    sv_text model;
    bool good =
        sv_json_is_object(failure) && sv_json_text(sv_json_get(failure, "model"), &model)
        && sv_id_is_valid(model) && sv_text_copy(model, note.model, sizeof note.model) == SV_OK
        && sv_json_int(sv_json_get(failure, "version"), &note.version) && note.version > 0
        && read_share(failure, "risk", 0, &note.risk)
        && sv_json_int(sv_json_get(failure, "horizon_s"), &note.horizon_s) && note.horizon_s >= 0
        && note.horizon_s <= SECONDS_MOST && read_lists(failure, &note);
    if (good) {
        *out = note;
    }
    return good;
}

static void put_note(const sv_failure_note *note, sv_json_out *out) {
    sv_json_add_str(out, "model", note->model);
    sv_json_add_int(out, "version", note->version);
    sv_json_add_number(out, "risk", note->risk);
    sv_json_add_int(out, "horizon_s", note->horizon_s);
    sv_json_key(out, "classes");
    sv_json_open_array(out);
    for (size_t i = 0; i < note->classes; i++) {
        sv_json_open_object(out);
        sv_json_add_str(out, "name", note->of[i].name);
        sv_json_add_number(out, "probability", note->of[i].probability);
        sv_json_close_object(out);
    }
    sv_json_close_array(out);
    sv_json_key(out, "parts");
    sv_json_open_array(out);
    for (size_t i = 0; i < note->parts; i++) {
        sv_json_open_object(out);
        sv_json_add_str(out, "sensor", note->part[i].sensor);
        sv_json_add_number(out, "by", note->part[i].by);
        sv_json_add_bool(out, "lower", note->part[i].lower);
        sv_json_close_object(out);
    }
    sv_json_close_array(out);
}

// ---- kept ---------------------------------------------------------------------------------------

static bool told(const sv_device *device, int64_t *at_ms) {
    *at_ms = device->failure != NULL ? device->failure->at_ms : 0;
    return device->failure != NULL;
}

static void put(const sv_device *device, sv_json_out *out) {
    put_note(device->failure, out);
}

static bool take(sv_device *device, const sv_json *failure, int64_t at_ms) {
    sv_failure_note note;
    if (!sv_failure_note_read(failure, &note)) {
        return false;
    }
    note.at_ms = at_ms;
    if (device->failure == NULL) {
        device->failure = sv_mem_new(sizeof *device->failure);
    }
    *device->failure = note;
    return true;
}

static void drop(sv_device *device) {
    free(device->failure);
    device->failure = NULL;
}

static const sv_last_word WORD = { .key = "failure",
                                   SV_LAST_WORD_SQL("failure"),
                                   .told = told,
                                   .put = put,
                                   .take = take,
                                   .drop = drop };

sv_err sv_failure_take(sv_fleet *fleet, sv_device *device, const sv_json *item, bool *changed,
                       sv_why *why) {
    return sv_last_word_hear(fleet, device, &WORD, item, changed, why);
}

sv_err sv_failure_load(sv_fleet *fleet, sv_why *why) {
    return sv_last_word_load(fleet, &WORD, why);
}

void sv_failure_write(const sv_device *device, sv_json_out *out) {
    sv_last_word_write(device, &WORD, out);
}

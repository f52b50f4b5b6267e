#include "machine_health.h"

#include "last_word.h"
#include "machine_past.h"
#include <base/mem.h>
#include <math.h>
#include <string.h>

enum { HEALTH_MOST = 100 };
#define DEVIATION_MOST 1e6

static const char *const STATES[SV_MACHINE_TOLD__COUNT] = {
    [SV_MACHINE_TOLD_GATHERING] = "gathering",
    [SV_MACHINE_TOLD_LEARNING] = "learning",
    [SV_MACHINE_TOLD_WATCHING] = "watching",
};

// ---- as JSON ------------------------------------------------------------------------------------

static bool read_state(const sv_json *machine, sv_machine_told *out) {
    sv_text name;
    if (!sv_json_text(sv_json_get(machine, "state"), &name)) {
        return false;
    }
    for (unsigned i = 0; i < SV_MACHINE_TOLD__COUNT; i++) {
        if (sv_text_is(name, STATES[i])) {
            *out = (sv_machine_told) i;
            return true;
        }
    }
    return false;
}

static bool read_part(const sv_json *item, sv_machine_part *out) {
    sv_text sensor;
    int64_t share = 0;
    double deviation = 0;
    *out = (sv_machine_part){ .share = 0 };
    if (!sv_json_text(sv_json_get(item, "sensor"), &sensor) || !sv_id_is_valid(sensor)
        || !sv_json_int(sv_json_get(item, "share"), &share) || share < 0 || share > HEALTH_MOST
        || !sv_json_number(sv_json_get(item, "deviation"), &deviation)
        || fabs(deviation) > DEVIATION_MOST) {
        return false;
    }
    out->share = (int) share;
    out->deviation = deviation;
    return sv_text_copy(sensor, out->sensor, sizeof out->sensor) == SV_OK;
}

bool sv_machine_note_read(const sv_json *machine, sv_machine_note *out) {
    sv_machine_note note = { .health = -1 };
    int64_t health = -1;
    if (!sv_json_is_object(machine) || !read_state(machine, &note.state)) {
        return false;
    }
    if (sv_json_int(sv_json_get(machine, "health"), &health)) {
        if (health < 0 || health > HEALTH_MOST) {
            return false;
        }
        note.health = (int) health;
    }
    const sv_json *parts = sv_json_get(machine, "parts");
    size_t count = parts == NULL ? 0 : sv_json_count(parts);
    if (count > SV_MACHINE_PARTS_MAX) {
        return false;
    }
    for (; note.count < count; note.count++) {
        if (!read_part(sv_json_at(parts, note.count), &note.part[note.count])) {
            return false;
        }
    }
    *out = note;
    return true;
}

static void put_note(const sv_machine_note *note, sv_json_out *out) {
    sv_json_add_str(out, "state", STATES[note->state]);
    if (note->health < 0) {
        sv_json_add_null(out, "health");
    } else {
        sv_json_add_int(out, "health", note->health);
    }
    sv_json_key(out, "parts");
    sv_json_open_array(out);
    for (size_t i = 0; i < note->count; i++) {
        sv_json_open_object(out);
        sv_json_add_str(out, "sensor", note->part[i].sensor);
        sv_json_add_int(out, "share", note->part[i].share);
        sv_json_add_number(out, "deviation", note->part[i].deviation);
        sv_json_close_object(out);
    }
    sv_json_close_array(out);
}

void sv_machine_note_write(const sv_machine_note *note, sv_json_out *out) {
    sv_json_open_object(out);
    put_note(note, out);
    sv_json_close_object(out);
}

int64_t sv_machine_badness(const sv_device *device) {
    const sv_machine_note *note = device->machine;
    return note == NULL || note->health < 0 ? 0 : 1 + HEALTH_MOST - note->health;
}

// ---- kept ---------------------------------------------------------------------------------------

static bool told(const sv_device *device, int64_t *at_ms) {
    *at_ms = device->machine != NULL ? device->machine->at_ms : 0;
    return device->machine != NULL;
}

static void put(const sv_device *device, sv_json_out *out) {
    put_note(device->machine, out);
}

static bool take(sv_device *device, const sv_json *machine, int64_t at_ms) {
    sv_machine_note note;
    if (!sv_machine_note_read(machine, &note)) {
        return false;
    }
    note.at_ms = at_ms;
    if (device->machine == NULL) {
        device->machine = sv_mem_new(sizeof *device->machine);
    }
    *device->machine = note;
    return true;
}

static const sv_last_word WORD = {
    .key = "machine", SV_LAST_WORD_SQL("machine"), .told = told, .put = put, .take = take
};

/// As far as people see.
static bool is_same(const sv_machine_note *left, const sv_machine_note *right) {
    bool same =
        left->state == right->state && left->health == right->health && left->count == right->count;
    for (size_t i = 0; same && i < left->count; i++) {
        same = strcmp(left->part[i].sensor, right->part[i].sensor) == 0
               && left->part[i].share == right->part[i].share;
    }
    return same;
}

sv_err sv_machine_take(sv_fleet *fleet, sv_device *device, const sv_json *item, bool *changed,
                       sv_why *why) {
    const sv_machine_note before =
        device->machine != NULL ? *device->machine : (sv_machine_note){ .count = SIZE_MAX };
    bool heard = false;
    SV_TRY(sv_last_word_hear(fleet, device, &WORD, item, &heard, why));
    if (!heard) {
        return SV_OK;
    }
    *changed = !is_same(&before, device->machine);
    return device->machine->health < 0
               ? SV_OK
               : sv_fleet_medium(sv_machine_past_add(fleet, device, device->machine->health, why));
}

sv_err sv_machine_load(sv_fleet *fleet, sv_why *why) {
    return sv_last_word_load(fleet, &WORD, why);
}

void sv_machine_write(const sv_device *device, sv_json_out *out) {
    sv_last_word_write(device, &WORD, out);
}

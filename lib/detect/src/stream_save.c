// A stream detector as bytes (state.h), and the bounds that hold for every one.
#include "state.h"
#include "stream_own.h"
#include <math.h>
#include <stddef.h>

enum {
    VERSION = 0x34535653,   // "SVS4"
    VERSION_3 = 0x33535653, // without what has gone beyond records of late
    VERSION_2 = 0x32535653, // nor modes
    VERSION_1 = 0x31535653, // nor what an alert waits for
    ALERTED = 1,
    HAS_EPISODE = 2,
    AT_MODE = 4,
    WEIGHT_MAX = 0x7149, // 1e30, as the upper half of a float
};

/// The numbers of one kind, and how far from 0 they may be.
typedef struct list {
    size_t offset, bytes;
    float limit;
    bool signless; ///< never below 0
} list;

#define LIST(field, most, sign)                                                                    \
    {                                                                                              \
        .offset = offsetof(sv_stream_detector, field),                                             \
        .bytes = sizeof(((sv_stream_detector *) 0)->field), .limit = (most), .signless = (sign),   \
    }
#define PLACE(field) LIST(field, 2 * SV_STREAM_FRAME_LIMIT, false)
#define LENGTH(field) LIST(field, 10 * SV_STREAM_FRAME_LIMIT, true)
#define TIME(field) LIST(field, 1e20F, true)

static const list LISTS[] = {
    TIME(interval_us),
    PLACE(value),
    PLACE(centre),
    LENGTH(spread),
    PLACE(means),
    LENGTH(step),
    LENGTH(step_now),
    LENGTH(off_hour),
    PLACE(value_record),
    LIST(hour_record, 4 * SV_STREAM_FRAME_LIMIT, false),
    PLACE(level_record),
    LIST(noise_record, 1000, false),
    LIST(envelope, 1000, false),
    LIST(envelope_mean, 1000, false),
    LIST(envelope_spread, 1000, true),
    TIME(same_us),
    TIME(same_record_us),
    LIST(peak, 1e6F, true),
    LIST(past_peaks, 1e6F, true),
    LIST(past_days, 1e9F, true),
    LIST(hours, SV_STREAM_HOUR_UNSEEN, false),
};

static const list ALERT_LISTS[] = {
    LIST(alert_days, 1e9F, true), LIST(alert_middle, SV_STREAM_HOUR_UNSEEN, false),
    LENGTH(alert_half),           LIST(alert_noise, 1001, false),
    LIST(alert_share, 1, true),
};

static const list MODE_LISTS[] = {
    PLACE(modes),     PLACE(stay),   PLACE(stay_mean),
    LENGTH(stay_off), TIME(stay_us), LIST(weight_unit, 1e13F, true),
};

static const list BEYOND_LISTS[] = {
    LIST(level_beyond, 1000, true),
    LIST(noise_beyond, 1000, true),
};

static void put_lists(sv_textbuf *out, const sv_stream_detector *d, const list *lists,
                      size_t count) {
    for (size_t i = 0; i < count; i++) {
        const float *values = (const void *) ((const uint8_t *) d + lists[i].offset);
        for (size_t k = 0; k < lists[i].bytes / sizeof *values; k++) {
            put_float(out, values[k]);
        }
    }
}

static void get_lists(sv_cursor *in, sv_stream_detector *d, const list *lists, size_t count) {
    for (size_t i = 0; i < count; i++) {
        float *values = (void *) ((uint8_t *) d + lists[i].offset);
        for (size_t k = 0; k < lists[i].bytes / sizeof *values; k++) {
            values[k] = cursor_float(in);
            bool fits = fabsf(values[k]) <= lists[i].limit;
            in->failed = in->failed || !fits || (lists[i].signless && signbit(values[k]));
        }
    }
}

/// An alert that was open in an earlier version waits from now on.
static void get_alert(sv_cursor *in, uint32_t version, sv_stream_detector *d) {
    if (version != VERSION_1) {
        get_lists(in, d, ALERT_LISTS, SV_COUNT(ALERT_LISTS));
    } else if (d->alerted) {
        sv_stream_alert_open(d, d->value, d->centre, SV_STREAM_NOTHING);
    }
}

static bool has_modes(uint32_t version) {
    return version == VERSION || version == VERSION_3;
}

/// They were floats before they were halves of floats, whose unit stayed 1.
static void get_weights(sv_cursor *in, uint32_t version, sv_stream_detector *d) {
    for (size_t i = 0; i < SV_STREAM_PLACES; i++) {
        if (has_modes(version)) {
            d->weights[i] = cursor_u16(in);
            in->failed = in->failed || d->weights[i] > WEIGHT_MAX;
        } else {
            float weight = cursor_float(in);
            in->failed = in->failed || !(weight >= 0 && weight < 1e12F);
            d->weights[i] = in->failed ? 0 : sv_stream_weight_code(weight);
        }
    }
    d->weight_unit = 1;
}

static void get_modes(sv_cursor *in, uint32_t version, sv_stream_detector *d) {
    if (!has_modes(version)) {
        return;
    }
    get_lists(in, d, MODE_LISTS, SV_COUNT(MODE_LISTS));
    d->mode_count = cursor_u8(in);
    sv_state_get(in, &d->bar_shift, 1);
    in->failed = in->failed || d->mode_count > SV_STREAM_MODES || !(d->weight_unit >= 1)
                 || !(fabs(d->bar_shift) <= SV_AIM_SHIFT_MAX);
}

static void put_places(sv_textbuf *out, const int16_t *places, size_t count) {
    for (size_t i = 0; i < count; i++) {
        put_u16(out, (uint16_t) places[i]);
    }
}

static void get_places(sv_cursor *in, int16_t *places, size_t count) {
    for (size_t i = 0; i < count; i++) {
        places[i] = (int16_t) cursor_u16(in);
    }
}

size_t sv_stream_detector_save(const sv_stream_detector *d, uint8_t *room, size_t room_bytes) {
    sv_textbuf out = sv_state_room(room, room_bytes);
    put_u32(&out, VERSION);
    put_u64(&out, (uint64_t) d->at_us);
    const double doubles[] = { d->frame_centre, d->frame_spread, d->age_us, d->told_us };
    sv_state_put(&out, doubles, SV_COUNT(doubles));
    put_lists(&out, d, LISTS, SV_COUNT(LISTS));
    for (size_t i = 0; i < SV_STREAM_PLACES; i++) {
        put_u16(&out, d->weights[i]);
    }
    put_places(&out, d->places[0], (size_t) SV_STREAM_SIGHTS * SV_STREAM_PLACES);
    put_places(&out, d->odd_place, SV_STREAM_SIGHTS);
    put_u8(&out, d->place_count);
    put_u8(&out, d->past_count);
    put_u8(&out, (uint8_t) ((d->alerted ? ALERTED : 0) | (d->has_episode ? HAS_EPISODE : 0)
                            | (d->at_mode ? AT_MODE : 0)));
    put_u32(&out, d->seen);
    put_lists(&out, d, ALERT_LISTS, SV_COUNT(ALERT_LISTS));
    put_lists(&out, d, MODE_LISTS, SV_COUNT(MODE_LISTS));
    put_u8(&out, d->mode_count);
    sv_state_put(&out, &d->bar_shift, 1);
    put_lists(&out, d, BEYOND_LISTS, SV_COUNT(BEYOND_LISTS));
    return sv_state_seal(&out);
}

static void get_counts(sv_cursor *in, sv_stream_detector *d) {
    d->place_count = cursor_u8(in);
    d->past_count = cursor_u8(in);
    uint8_t flags = cursor_u8(in);
    d->alerted = (flags & ALERTED) != 0;
    d->has_episode = (flags & HAS_EPISODE) != 0;
    d->at_mode = (flags & AT_MODE) != 0;
    d->seen = cursor_u32(in);
    in->failed = in->failed || d->place_count > SV_STREAM_PLACES || d->past_count > SV_STREAM_PAST
                 || flags > (ALERTED | HAS_EPISODE | AT_MODE);
}

sv_err sv_stream_detector_load(sv_stream_detector *detector, const uint8_t *bytes, size_t len,
                               sv_why *why) {
    sv_cursor in;
    uint32_t said = len >= sizeof(uint32_t) ? le32_at(bytes) : 0;
    bool earlier = said == VERSION_1 || said == VERSION_2 || said == VERSION_3;
    uint32_t version = earlier ? said : VERSION;
    SV_TRY(sv_state_open(bytes, len, version, "stream", &in, why));
    sv_stream_detector read = { .at_us = (int64_t) cursor_u64(&in) };
    double doubles[4];
    sv_state_get(&in, doubles, SV_COUNT(doubles));
    read.frame_centre = doubles[0];
    read.frame_spread = doubles[1];
    read.age_us = doubles[2];
    read.told_us = doubles[3];
    in.failed = in.failed || !(read.frame_spread >= 0 && read.age_us >= 0 && read.age_us < 1e20);
    get_lists(&in, &read, LISTS, SV_COUNT(LISTS));
    get_weights(&in, version, &read);
    get_places(&in, read.places[0], (size_t) SV_STREAM_SIGHTS * SV_STREAM_PLACES);
    get_places(&in, read.odd_place, SV_STREAM_SIGHTS);
    get_counts(&in, &read);
    get_alert(&in, version, &read);
    get_modes(&in, version, &read);
    if (version == VERSION) {
        get_lists(&in, &read, BEYOND_LISTS, SV_COUNT(BEYOND_LISTS));
    }
    SV_TRY(sv_state_close(&in, "stream", why));
    *detector = read;
    return SV_OK;
}

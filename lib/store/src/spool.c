#include "spool_own.h"

#include <assert.h>
#include <base/fd.h>
#include <base/mem.h>
#include <stdlib.h>
#include <string.h>

static size_t weight(const spool_staged *one) {
    return sizeof *one + one->topic_len + one->payload_len;
}

const char *sv_spool_loss_name(sv_spool_loss loss) {
    static const char *const NAMES[SV_SPOOL_LOSS__COUNT] = { "bytes", "age", "free" };
    return NAMES[loss];
}

spool_flight *spool_flight_find(sv_spool *s, uint64_t token) {
    for (size_t i = 0; i < SV_SPOOL_FLIGHT_MAX; i++) {
        if (s->flights[i].token == token) {
            return &s->flights[i];
        }
    }
    return NULL;
}

/// NULL when too many are in flight.
static spool_flight *take_off(sv_spool *s, unsigned class) {
    spool_flight *free_one = spool_flight_find(s, 0);
    if (free_one != NULL) {
        *free_one = (spool_flight){ .token = ++s->last_token, .class = class };
        s->counts.in_flight++;
    }
    return free_one;
}

void spool_stage_pop(sv_spool *s, spool_lane *lane) {
    spool_staged *gone = lane->first;
    lane->first = gone->next;
    if (lane->first == NULL) {
        lane->last = NULL;
    }
    s->memory_bytes -= weight(gone);
    s->counts.in_memory--;
    free(gone);
}

static void stage_push(sv_spool *s, spool_lane *lane, spool_staged *one) {
    *(lane->first == NULL ? &lane->first : &lane->last->next) = one;
    lane->last = one;
    s->memory_bytes += weight(one);
    s->counts.in_memory++;
}

/// The oldest goes. One that is taken is on its way, and not lost.
static void stage_lose(sv_spool *s, spool_lane *lane, sv_spool_loss loss) {
    s->counts.lost[loss] += lane->first->token == 0 ? 1 : 0;
    spool_stage_pop(s, lane);
}

static bool make_memory(sv_spool *s, unsigned class, size_t more) {
    sv_spool_loss loss = s->folder[0] == '\0' ? SV_SPOOL_LOST_BYTES : SV_SPOOL_LOST_FREE;
    for (unsigned c = SV_SPOOL_CLASSES; c-- > class;) {
        while (s->memory_bytes + more > SV_SPOOL_MEMORY_BYTES && s->lanes[c].first != NULL) {
            stage_lose(s, &s->lanes[c], loss);
        }
    }
    bool fits = s->memory_bytes + more <= SV_SPOOL_MEMORY_BYTES;
    s->counts.lost[loss] += fits ? 0 : 1;
    return fits;
}

uint64_t sv_spool_add(sv_spool *s, const sv_spool_record *record, bool take, sv_spool_now now) {
    assert(record->class < SV_SPOOL_CLASSES && record->topic.len > 0
           && record->topic.len <= SV_SPOOL_TOPIC_MAX
           && record->payload.len <= SV_SPOOL_PAYLOAD_MAX);
    size_t texts = record->topic.len + record->payload.len;
    if (!make_memory(s, record->class, sizeof(spool_staged) + texts)) {
        return 0;
    }
    spool_staged *one = sv_mem_new(sizeof *one + texts);
    one->at_us = record->at_us;
    one->added_us = now.monotonic_us;
    one->topic_len = record->topic.len;
    one->payload_len = record->payload.len;
    memcpy(one->texts, record->topic.at, record->topic.len);
    if (record->payload.len > 0) {
        memcpy(one->texts + record->topic.len, record->payload.at, record->payload.len);
    }
    const spool_flight *flown = take ? take_off(s, record->class) : NULL;
    one->token = flown == NULL ? 0 : flown->token;
    stage_push(s, &s->lanes[record->class], one);
    return one->token;
}

static spool_staged *first_untaken(const spool_lane *lane) {
    spool_staged *one = lane->first;
    while (one != NULL && one->token != 0) {
        one = one->next;
    }
    return one;
}

static void take_staged(unsigned class, spool_staged *one, const spool_flight *flown,
                        sv_spool_record *out) {
    one->token = flown->token;
    *out = (sv_spool_record){
        .class = class,
        .at_us = one->at_us,
        .topic = { .at = one->texts, .len = one->topic_len },
        .payload = { .at = one->texts + one->topic_len, .len = one->payload_len },
        .token = flown->token,
    };
}

static bool take_from(sv_spool *s, unsigned class, sv_spool_record *out) {
    spool_lane *lane = &s->lanes[class];
    spool_item item;
    bool on_disk = spool_lane_read(s, class, &item);
    spool_staged *one = on_disk ? NULL : first_untaken(lane);
    if (!on_disk && one == NULL) {
        return false;
    }
    spool_flight *flown = take_off(s, class);
    assert(flown != NULL);
    if (!on_disk) {
        take_staged(class, one, flown, out);
        return true;
    }
    flown->on_disk = true;
    flown->segment = lane->reading;
    *out = (sv_spool_record){
        .class = class,
        .at_us = item.at_us,
        .topic = item.topic,
        .payload = item.payload,
        .token = flown->token,
    };
    return true;
}

bool sv_spool_take(sv_spool *s, sv_spool_record *out, sv_spool_now now) {
    spool_disk_trim(s, now);
    if (spool_flight_find(s, 0) == NULL) {
        return false;
    }
    for (unsigned c = 0; c < SV_SPOOL_CLASSES; c++) {
        if (take_from(s, c, out)) {
            return true;
        }
    }
    return false;
}

static void stage_remove(sv_spool *s, spool_lane *lane, uint64_t token) {
    spool_staged *before = NULL;
    spool_staged *one = lane->first;
    while (one != NULL && one->token != token) {
        before = one;
        one = one->next;
    }
    if (one == NULL) {
        return; // lost for want of memory while it was on its way
    }
    if (before == NULL) {
        spool_stage_pop(s, lane);
        return;
    }
    before->next = one->next;
    lane->last = lane->last == one ? before : lane->last;
    s->memory_bytes -= weight(one);
    s->counts.in_memory--;
    free(one);
}

void sv_spool_settle(sv_spool *s, uint64_t token) {
    spool_flight *flown = token == 0 ? NULL : spool_flight_find(s, token);
    if (flown == NULL) {
        return;
    }
    spool_flight landed = *flown;
    *flown = (spool_flight){ 0 };
    s->counts.in_flight--;
    spool_lane *lane = &s->lanes[landed.class];
    if (!landed.on_disk) {
        stage_remove(s, lane, token);
        return;
    }
    spool_segment *seg = spool_segment_find(lane, landed.segment);
    if (seg != NULL) {
        seg->settled++;
        s->counts.settled++;
        spool_segment_finish(s, landed.class, seg);
    }
}

bool sv_spool_waits(const sv_spool *s, unsigned class) {
    const spool_lane *lane = &s->lanes[class];
    size_t flown = 0;
    for (size_t i = 0; i < SV_SPOOL_FLIGHT_MAX; i++) {
        const spool_flight *one = &s->flights[i];
        flown += one->token != 0 && one->class == class && one->on_disk ? 1 : 0;
    }
    size_t left = 0;
    for (size_t i = 0; i < lane->count; i++) {
        const spool_segment *seg = &lane->segments[i];
        if (!seg->ours && !seg->read) {
            return true; // its records are not counted yet
        }
        left += seg->records - seg->settled;
    }
    return left > flown || first_untaken(lane) != NULL;
}

int64_t sv_spool_due_us(const sv_spool *s) {
    int64_t oldest_us = INT64_MAX;
    for (size_t c = 0; c < SV_SPOOL_CLASSES; c++) {
        const spool_staged *first = s->lanes[c].first;
        oldest_us = first != NULL && first->added_us < oldest_us ? first->added_us : oldest_us;
    }
    if (s->folder[0] == '\0' || oldest_us == INT64_MAX) {
        return INT64_MAX;
    }
    int64_t due_us = oldest_us + s->options.every_us;
    due_us = s->memory_bytes >= SV_SPOOL_GROUP_BYTES ? oldest_us : due_us;
    return due_us > s->retry_us ? due_us : s->retry_us;
}

sv_err sv_spool_commit(sv_spool *s, sv_spool_now now, sv_why *why) {
    spool_disk_trim(s, now);
    for (unsigned c = 0; s->folder[0] != '\0' && c < SV_SPOOL_CLASSES; c++) {
        sv_err err = spool_lane_write(s, c, now, why);
        if (err != SV_OK) {
            s->retry_us = now.monotonic_us + s->options.every_us;
            return err;
        }
    }
    s->retry_us = 0;
    return SV_OK;
}

void sv_spool_count(const sv_spool *s, sv_spool_counts *out) {
    *out = s->counts;
}

static sv_err check_options(const sv_spool_options *options, sv_why *why) {
    if (options->bytes < SV_SPOOL_BYTES_MIN || options->every_us <= 0 || options->age_us <= 0) {
        return sv_fail(why, SV_ERR_INVALID,
                       "a spool needs at least %d bytes, and an age and an interval above 0",
                       SV_SPOOL_BYTES_MIN);
    }
    return SV_OK;
}

sv_err sv_spool_open(const sv_spool_options *options, sv_spool **out, sv_why *why) {
    SV_DEFER(sv_spool_drop) sv_spool *s = sv_mem_new(sizeof *s);
    s->options = *options;
    s->options.folder = s->folder;
    s->lock = -1;
    s->group = SV_TEXTBUF_HEAP(SV_SPOOL_SEGMENT_BYTES);
    for (size_t c = 0; c < SV_SPOOL_CLASSES; c++) {
        s->lanes[c].active = -1;
        s->lanes[c].next_number = 1;
        s->lanes[c].content = SV_TEXTBUF_HEAP(SPOOL_FILE_BYTES_MAX);
    }
    if (s->options.disk.room == NULL) {
        s->options.disk.room = spool_disk_room;
    }
    if (s->options.disk.write == NULL) {
        s->options.disk.write = spool_disk_write;
    }
    if (options->folder != NULL && options->folder[0] != '\0') {
        SV_TRY(check_options(options, why));
        if (sv_text_copy(sv_text_of(options->folder), s->folder, sizeof s->folder) != SV_OK) {
            return sv_fail(why, SV_ERR_INVALID, "the path of the spool is too long");
        }
        SV_TRY(spool_disk_open(s, why));
    }
    *out = s;
    s = NULL;
    return SV_OK;
}

void sv_spool_drop(sv_spool **spool) {
    sv_spool *s = *spool;
    if (s == NULL) {
        return;
    }
    for (size_t c = 0; c < SV_SPOOL_CLASSES; c++) {
        while (s->lanes[c].first != NULL) {
            spool_stage_pop(s, &s->lanes[c]);
        }
    }
    spool_disk_close(s);
    sv_textbuf_drop(&s->group);
    sv_fd_drop(&s->lock);
    free(s);
    *spool = NULL;
}

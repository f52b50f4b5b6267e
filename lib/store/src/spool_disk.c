#include "spool_own.h"

#include <base/fd.h>
#include <base/mem.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SKIP_BYTES = SV_SPOOL_SEGMENT_RECORDS / 8, PATH_ROOM = SV_PATH_MAX + 64 };
/// 2024-01-01: a clock that says less was never set.
#define CLOCK_FLOOR_US (INT64_C(1704067200) * 1000000)

static void path_of(const sv_spool *s, unsigned class, uint32_t number, char room[PATH_ROOM]) {
    char name[SPOOL_NAME_ROOM];
    spool_name_format((spool_name){ .class = class, .number = number }, name);
    (void) snprintf(room, PATH_ROOM, "%s/%s", s->folder, name);
}

spool_segment *spool_segment_find(spool_lane *lane, uint32_t number) {
    for (size_t i = 0; i < lane->count; i++) {
        if (lane->segments[i].number == number) {
            return &lane->segments[i];
        }
    }
    return NULL;
}

/// What a file of so many bytes takes on the disk.
static int64_t footprint(size_t bytes) {
    size_t blocks = (bytes + SV_SPOOL_BLOCK_BYTES - 1) / SV_SPOOL_BLOCK_BYTES;
    return (int64_t) blocks * SV_SPOOL_BLOCK_BYTES;
}

static spool_segment *last_of(spool_lane *lane) {
    return &lane->segments[lane->count - 1];
}

static spool_segment *add_segment(spool_lane *lane, const spool_segment *added) {
    if (lane->count == lane->room) {
        lane->room = lane->room == 0 ? 16 : 2 * lane->room;
        lane->segments = sv_mem_resize(lane->segments, lane->room * sizeof *lane->segments);
    }
    lane->segments[lane->count] = *added;
    return &lane->segments[lane->count++];
}

static void close_active(spool_lane *lane) {
    sv_fd_drop(&lane->active);
    lane->active = -1;
}

static void close_reader(spool_lane *lane) {
    sv_textbuf_drop(&lane->content);
    lane->content = SV_TEXTBUF_HEAP(SPOOL_FILE_BYTES_MAX);
    lane->has_content = false;
}

static void tell_damage(const sv_spool *s, const char *path, const char *what) {
    sv_why why;
    (void) (sv_fail(&why, SV_ERR_INVALID, "'%.200s' %s", path, what) == SV_OK);
    if (s->options.damaged != NULL) {
        s->options.damaged(s->options.arg, why.text);
    }
}

static void set_aside(sv_spool *s, const char *path) {
    char aside[PATH_ROOM + 32];
    (void) snprintf(aside, sizeof aside, "%s.damaged-%lld", path, (long long) time(NULL));
    if (s->set_aside >= SV_SPOOL_DAMAGED_MAX) {
        tell_damage(s, path, "is removed: enough damaged files are kept already");
        (void) unlink(path);
    } else if (rename(path, aside) == 0) {
        s->set_aside++;
    }
}

void spool_segment_remove(sv_spool *s, unsigned class, spool_segment *seg) {
    spool_lane *lane = &s->lanes[class];
    char path[PATH_ROOM];
    path_of(s, class, seg->number, path);
    if (seg->damaged) {
        set_aside(s, path);
    } else {
        (void) unlink(path);
    }
    if (lane->active >= 0 && seg == last_of(lane)) {
        close_active(lane);
    }
    if (lane->has_content && lane->reading == seg->number) {
        close_reader(lane);
    }
    s->counts.bytes -= footprint(seg->bytes);
    free(seg->skip);
    size_t index = (size_t) (seg - lane->segments);
    lane->count--;
    memmove(seg, seg + 1, (lane->count - index) * sizeof *seg);
}

void spool_segment_finish(sv_spool *s, unsigned class, spool_segment *seg) {
    if ((seg->ours || seg->read) && seg->settled == seg->records) {
        spool_segment_remove(s, class, seg);
    }
}

/// Read a segment into the reader and see what it holds.
static bool load(sv_spool *s, unsigned class, spool_segment *seg) {
    spool_lane *lane = &s->lanes[class];
    char path[PATH_ROOM];
    path_of(s, class, seg->number, path);
    if (lane->active >= 0 && seg == last_of(lane)) {
        close_active(lane);
    }
    close_reader(lane);
    bool fine = sv_disk_read(path, &lane->content, NULL) == SV_OK;
    spool_survey survey = { .damaged = true };
    if (fine) {
        survey = spool_survey_of(sv_textbuf_text(&lane->content));
    }
    seg->read = true;
    seg->damaged = survey.damaged;
    seg->records = (uint32_t) survey.records;
    if (seg->damaged && survey.records > 0) {
        tell_damage(s, path, "is damaged: what can be read of it is delivered");
    } else if (seg->damaged) {
        tell_damage(s, path, "holds nothing that can be read: it is set aside");
    }
    lane->has_content = true;
    lane->reading = seg->number;
    lane->read_at = 0;
    lane->read_index = 0;
    return survey.records > 0;
}

/// Bring the oldest segment that was not read yet into the reader.
static bool load_next(sv_spool *s, unsigned class) {
    spool_lane *lane = &s->lanes[class];
    for (size_t i = 0; i < lane->count;) {
        spool_segment *seg = &lane->segments[i];
        if (seg->read) {
            i++;
        } else if (load(s, class, seg)) {
            return true;
        } else {
            spool_segment_remove(s, class, seg);
        }
    }
    return false;
}

static bool is_skipped(const spool_segment *seg, size_t index) {
    return seg->skip != NULL && index < SV_SPOOL_SEGMENT_RECORDS
           && (seg->skip[index / 8] >> (index % 8) & 1) != 0;
}

bool spool_lane_read(sv_spool *s, unsigned class, spool_item *out) {
    spool_lane *lane = &s->lanes[class];
    while (lane->has_content || load_next(s, class)) {
        const spool_segment *seg = spool_segment_find(lane, lane->reading);
        while (spool_item_next(sv_textbuf_text(&lane->content), &lane->read_at, out)) {
            if (!is_skipped(seg, lane->read_index++)) {
                return true;
            }
        }
        close_reader(lane);
    }
    return false;
}

/// Records of a segment that are neither delivered nor on their way.
static size_t waiting_in(sv_spool *s, unsigned class, spool_segment *seg) {
    if (!seg->ours && !seg->read && !load(s, class, seg)) {
        return 0;
    }
    size_t gone = seg->settled;
    for (size_t i = 0; i < SV_SPOOL_FLIGHT_MAX; i++) {
        const spool_flight *one = &s->flights[i];
        gone +=
            one->token != 0 && one->on_disk && one->class == class && one->segment == seg->number
                ? 1
                : 0;
    }
    return seg->records > gone ? seg->records - gone : 0;
}

static void lose_segment(sv_spool *s, unsigned class, spool_segment *seg, sv_spool_loss loss) {
    s->counts.lost[loss] += waiting_in(s, class, seg);
    spool_segment_remove(s, class, seg);
}

/// Bytes that losing the oldest segment of the least urgent class gave; 0: there is none among the
/// classes that are no more urgent than `class`.
static int64_t lose_oldest(sv_spool *s, unsigned class, sv_spool_loss loss) {
    for (unsigned c = SV_SPOOL_CLASSES; c-- > class;) {
        if (s->lanes[c].count > 0) {
            int64_t bytes = footprint(s->lanes[c].segments[0].bytes);
            lose_segment(s, c, &s->lanes[c].segments[0], loss);
            return bytes;
        }
    }
    return 0;
}

static bool is_too_old(const sv_spool *s, const spool_segment *seg, sv_spool_now now) {
    if (seg->ours) {
        return now.monotonic_us - seg->newest_us > s->options.age_us;
    }
    return seg->changed_us >= CLOCK_FLOOR_US && now.wall_us >= CLOCK_FLOOR_US
           && now.wall_us - seg->changed_us > s->options.age_us;
}

void spool_disk_trim(sv_spool *s, sv_spool_now now) {
    for (unsigned c = 0; c < SV_SPOOL_CLASSES; c++) {
        while (s->lanes[c].count > 0 && is_too_old(s, &s->lanes[c].segments[0], now)) {
            lose_segment(s, c, &s->lanes[c].segments[0], SV_SPOOL_LOST_AGE);
        }
    }
}

/// Room for `need` more bytes of this class, within the bounds.
static sv_err make_room(sv_spool *s, unsigned class, int64_t need, sv_why *why) {
    while (s->counts.bytes + need > s->options.bytes) {
        if (lose_oldest(s, class, SV_SPOOL_LOST_BYTES) == 0) {
            return sv_fail(why, SV_ERR_NO_SPACE, "the spool '%s' is full of more urgent records",
                           s->folder);
        }
    }
    int64_t room = s->options.disk.room(s->folder);
    if (room < 0 || room - need >= s->options.free) {
        s->credit = 0;
        return SV_OK;
    }
    while (s->credit < need) {
        int64_t gained = lose_oldest(s, class, SV_SPOOL_LOST_FREE);
        if (gained == 0) {
            return sv_fail(why, SV_ERR_NO_SPACE,
                           "the file system of '%s' has %lld MiB left, less than is to stay free",
                           s->folder, (long long) (room >> 20));
        }
        s->credit += gained;
    }
    s->credit -= need;
    return SV_OK;
}

static bool sync_folder(const sv_spool *s) {
    SV_DEFER(sv_fd_drop) int fd = open(s->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && fsync(fd) == 0;
}

static sv_err fail_disk(const sv_spool *s, sv_why *why) {
    sv_err code = errno == ENOSPC || errno == EDQUOT ? SV_ERR_NO_SPACE : SV_ERR_IO;
    return sv_fail(why, code, "cannot write to the spool '%s': %m", s->folder);
}

static sv_err open_active(sv_spool *s, unsigned class, sv_spool_now now, sv_why *why) {
    spool_lane *lane = &s->lanes[class];
    spool_segment fresh = { .number = lane->next_number,
                            .ours = true,
                            .oldest_us = now.monotonic_us };
    char path[PATH_ROOM];
    path_of(s, class, fresh.number, path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 || !sync_folder(s)) {
        sv_err err = fail_disk(s, why);
        sv_fd_drop(&fd);
        (void) unlink(path);
        return err;
    }
    lane->next_number++;
    lane->active = fd;
    (void) add_segment(lane, &fresh);
    return SV_OK;
}

static spool_item item_of(const spool_staged *one) {
    return (spool_item){
        .at_us = one->at_us,
        .topic = { .at = one->texts, .len = one->topic_len },
        .payload = { .at = one->texts + one->topic_len, .len = one->payload_len },
    };
}

/// The records from the front of the lane that fit into what is left of a segment.
static size_t gather(sv_spool *s, const spool_lane *lane, size_t bytes, size_t records) {
    size_t count = 0;
    sv_textbuf_clear(&s->group);
    for (const spool_staged *one = lane->first; one != NULL && count < records; one = one->next) {
        spool_item item = item_of(one);
        if (bytes + s->group.len + spool_item_bytes(&item) > SV_SPOOL_SEGMENT_BYTES) {
            break;
        }
        spool_item_add(&s->group, &item);
        count++;
    }
    return count;
}

/// The first `count` records in memory are on disk now, at the end of `seg`.
static void move_over(sv_spool *s, spool_lane *lane, spool_segment *seg, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (lane->first->token != 0) {
            if (seg->skip == NULL) {
                seg->skip = sv_mem_new(SKIP_BYTES);
            }
            seg->skip[seg->records / 8] |= (uint8_t) (1U << (seg->records % 8));
            spool_flight *flown = spool_flight_find(s, lane->first->token);
            flown->on_disk = true;
            flown->segment = seg->number;
        }
        seg->newest_us = lane->first->added_us;
        seg->records++;
        spool_stage_pop(s, lane);
    }
    s->counts.bytes += footprint(seg->bytes + s->group.len) - footprint(seg->bytes);
    seg->bytes += (uint32_t) s->group.len;
    s->counts.committed += count;
}

/// After a write that failed nothing is appended to the segment any more: its end is not known.
static void give_up_active(sv_spool *s, unsigned class) {
    spool_lane *lane = &s->lanes[class];
    spool_segment *seg = last_of(lane);
    (void) (ftruncate(lane->active, seg->bytes) == 0);
    close_active(lane);
    spool_segment_finish(s, class, seg);
}

static bool is_spent(const sv_spool *s, const spool_segment *seg, sv_spool_now now) {
    return now.monotonic_us - seg->oldest_us > s->options.age_us / SV_SPOOL_AGE_STEPS;
}

static sv_err write_some(sv_spool *s, unsigned class, sv_spool_now now, sv_why *why) {
    spool_lane *lane = &s->lanes[class];
    bool goes_on = lane->active >= 0 && !is_spent(s, last_of(lane), now);
    size_t count = 0;
    if (goes_on) {
        const spool_segment *seg = last_of(lane);
        count = gather(s, lane, seg->bytes, SV_SPOOL_SEGMENT_RECORDS - seg->records);
    }
    if (count == 0) {
        close_active(lane);
        count = gather(s, lane, 0, SV_SPOOL_SEGMENT_RECORDS);
    }
    size_t before = lane->active >= 0 ? last_of(lane)->bytes : 0;
    SV_TRY(make_room(s, class, footprint(before + s->group.len) - footprint(before), why));
    if (lane->active < 0) {
        SV_TRY(open_active(s, class, now, why));
    }
    if (!s->options.disk.write(lane->active, sv_textbuf_text(&s->group))) {
        sv_err err = fail_disk(s, why);
        give_up_active(s, class);
        return err;
    }
    move_over(s, lane, last_of(lane), count);
    return SV_OK;
}

sv_err spool_lane_write(sv_spool *s, unsigned class, sv_spool_now now, sv_why *why) {
    while (s->lanes[class].first != NULL) {
        SV_TRY(write_some(s, class, now, why));
    }
    return SV_OK;
}

static int by_number(const void *left, const void *right) {
    uint32_t a = ((const spool_segment *) left)->number;
    uint32_t b = ((const spool_segment *) right)->number;
    return a < b ? -1 : a > b;
}

static void drop_dir(DIR **dir) {
    if (*dir != NULL) {
        (void) closedir(*dir);
    }
}

static void note_file(sv_spool *s, int folder, const char *file) {
    spool_name name;
    struct stat info;
    s->set_aside += strstr(file, ".damaged-") != NULL ? 1 : 0;
    if (!spool_name_parse(sv_text_of(file), &name) || fstatat(folder, file, &info, 0) != 0) {
        return;
    }
    spool_segment found = { .number = name.number,
                            .bytes =
                                (uint32_t) (info.st_size < UINT32_MAX ? info.st_size : UINT32_MAX),
                            .changed_us = (int64_t) info.st_mtim.tv_sec * 1000000 };
    spool_lane *lane = &s->lanes[name.class];
    (void) add_segment(lane, &found);
    s->counts.bytes += footprint(found.bytes);
    if (name.number >= lane->next_number) {
        lane->next_number = name.number + 1;
    }
}

sv_err spool_disk_open(sv_spool *s, sv_why *why) {
    char lock[PATH_ROOM];
    (void) snprintf(lock, sizeof lock, "%s/lock", s->folder);
    SV_TRY(sv_disk_make_folder(s->folder, 0700, why));
    SV_TRY(sv_disk_lock(lock, &s->lock, why));
    SV_DEFER(drop_dir) DIR *dir = opendir(s->folder);
    if (dir == NULL) {
        return sv_fail(why, SV_ERR_IO, "cannot list the spool '%s': %m", s->folder);
    }
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        note_file(s, dirfd(dir), entry->d_name);
    }
    for (size_t c = 0; c < SV_SPOOL_CLASSES; c++) {
        spool_lane *lane = &s->lanes[c];
        if (lane->count > 0) {
            qsort(lane->segments, lane->count, sizeof *lane->segments, by_number);
        }
    }
    return SV_OK;
}

void spool_disk_close(sv_spool *s) {
    for (size_t c = 0; c < SV_SPOOL_CLASSES; c++) {
        spool_lane *lane = &s->lanes[c];
        for (size_t i = 0; i < lane->count; i++) {
            free(lane->segments[i].skip);
        }
        free(lane->segments);
        sv_fd_drop(&lane->active);
        sv_textbuf_drop(&lane->content);
    }
}

#include <base/crc.h>
#include <base/little.h>
#include <base/mem.h>
#include <slot/history.h>
#include <string.h>

enum { SEQUENCE = 8, ENTRY = 16, SUM = SV_HISTORY_PLACE_BYTES - 4, FORMAT = 1 };
_Static_assert((int) ENTRY + (int) SV_HISTORY_ENTRY_BYTES <= (int) SUM, "an entry fits");

static const char NAME[] = "history";
static const char KIND[4] = { 'S', 'v', 'H', 'i' };

/// One place, as it lies there.
typedef struct place {
    uint8_t bytes[SV_HISTORY_PLACE_BYTES];
} place;

typedef struct pages {
    place at[SV_HISTORY_ENTRIES_MAX];
    uint64_t sequence[SV_HISTORY_ENTRIES_MAX]; ///< 0: no entry that counts
} pages;

static size_t places_of(const sv_slot_history *history) {
    return history->places == 0 || history->places > SV_HISTORY_ENTRIES_MAX
               ? (size_t) SV_HISTORY_ENTRIES_MAX
               : history->places;
}

static uint32_t sum_of(const place *at) {
    return sv_crc32((sv_text){ .at = (const char *) at->bytes, .len = SUM });
}

/// 0: no entry that counts.
static uint64_t sequence_of(const place *at) {
    const char *bytes = (const char *) at->bytes;
    sv_history_entry entry;
    bool good = memcmp(bytes, KIND, sizeof KIND) == 0
                && sv_little_get(bytes + sizeof KIND, 4) == FORMAT
                && sv_little_get(bytes + SUM, 4) == sum_of(at)
                && sv_history_entry_read(at->bytes + ENTRY, &entry, NULL) == SV_OK;
    return good ? sv_little_get(bytes + SEQUENCE, 8) : 0;
}

static void fill(place *at, uint64_t sequence, const sv_history_entry *entry) {
    char *bytes = (char *) at->bytes;
    memset(at, 0, sizeof *at);
    memcpy(bytes, KIND, sizeof KIND);
    sv_little_put(FORMAT, 4, bytes + sizeof KIND);
    sv_little_put(sequence, 8, bytes + SEQUENCE);
    sv_history_entry_write(entry, at->bytes + ENTRY);
    sv_little_put(sum_of(at), 4, bytes + SUM);
}

/// All that is there; what the file is too short for is empty.
static sv_err read_all(const sv_slot_history *history, int file, pages *out, sv_why *why) {
    const sv_slot_disk *disk = history->disk;
    uint64_t bytes = 0;
    SV_TRY(disk->length(disk->arg, file, &bytes, why));
    size_t whole = (size_t) (bytes / SV_HISTORY_PLACE_BYTES);
    whole = whole < places_of(history) ? whole : places_of(history);
    if (whole > 0) {
        SV_TRY(disk->read(disk->arg, file, 0, out->at[0].bytes, whole * sizeof out->at[0], why));
    }
    for (size_t i = 0; i < whole; i++) {
        out->sequence[i] = sequence_of(&out->at[i]);
    }
    return SV_OK;
}

/// Which place has the newest of those from before `below`; SV_HISTORY_ENTRIES_MAX: none.
static size_t newest(const pages *all, uint64_t below) {
    size_t found = SV_HISTORY_ENTRIES_MAX;
    for (size_t i = 0; i < SV_HISTORY_ENTRIES_MAX; i++) {
        uint64_t sequence = all->sequence[i];
        if (sequence != 0 && sequence < below
            && (found == SV_HISTORY_ENTRIES_MAX || sequence > all->sequence[found])) {
            found = i;
        }
    }
    return found;
}

static bool is_noted(const pages *all, const sv_journal_report *report) {
    for (size_t i = 0; i < SV_HISTORY_ENTRIES_MAX; i++) {
        sv_history_entry entry = { 0 };
        if (all->sequence[i] != 0
            && sv_history_entry_read(all->at[i].bytes + ENTRY, &entry, NULL) == SV_OK
            && entry.report.number == report->number && entry.report.state == report->state
            && memcmp(entry.report.digest, report->digest, sizeof report->digest) == 0) {
            return true;
        }
    }
    return false;
}

/// The file with its whole length, so that to note something never makes it longer.
static sv_err open_whole(const sv_slot_history *history, int *file, sv_why *why) {
    const sv_slot_disk *disk = history->disk;
    uint64_t bytes = 0;
    uint64_t wanted = places_of(history) * SV_HISTORY_PLACE_BYTES;
    sv_why fault = { 0 };
    sv_err err = disk->open(disk->arg, NAME, SV_SLOT_WRITE, file, &fault);
    bool made = err == SV_ERR_NOT_FOUND;
    if (made) {
        err = disk->open(disk->arg, NAME, SV_SLOT_WRITE | SV_SLOT_MAKE, file, &fault);
    }
    if (err != SV_OK) {
        return sv_fail(why, err, "%s", fault.text);
    }
    err = disk->length(disk->arg, *file, &bytes, why);
    if (err == SV_OK && bytes < wanted) {
        err = disk->set_length(disk->arg, *file, wanted, why);
    }
    if (err == SV_OK && made) {
        err = disk->sync_folder(disk->arg, why);
    }
    if (err != SV_OK) {
        disk->close(disk->arg, *file);
    }
    return err;
}

static sv_err note(const sv_slot_history *history, int file, const sv_history_entry *entry,
                   sv_why *why) {
    const sv_slot_disk *disk = history->disk;
    SV_DEFER(sv_mem_drop) pages *all = sv_mem_new(sizeof *all);
    place fresh;
    SV_TRY(read_all(history, file, all, why));
    if (is_noted(all, &entry->report)) {
        return SV_OK;
    }
    size_t last = newest(all, UINT64_MAX);
    uint64_t sequence = last < SV_HISTORY_ENTRIES_MAX ? all->sequence[last] + 1 : 1;
    uint64_t at = sequence % places_of(history) * SV_HISTORY_PLACE_BYTES;
    fill(&fresh, sequence, entry);
    SV_TRY(disk->write(disk->arg, file, at, fresh.bytes, sizeof fresh.bytes, why));
    return disk->sync(disk->arg, file, why);
}

sv_err sv_slot_history_note(const sv_slot_history *history, const sv_journal_report *report,
                            int64_t at_us, sv_why *why) {
    int file = -1;
    const sv_history_entry entry = { .at_us = at_us, .report = *report };
    SV_TRY(open_whole(history, &file, why));
    sv_err err = note(history, file, &entry, why);
    history->disk->close(history->disk->arg, file);
    return err;
}

/// From the newest back, put so that the oldest is the first.
static void put_in_order(const pages *all, uint8_t out[][SV_HISTORY_ENTRY_BYTES], size_t *count) {
    uint64_t below = UINT64_MAX;
    for (size_t i = 0; i < SV_HISTORY_ENTRIES_MAX; i++) {
        *count += all->sequence[i] != 0;
    }
    for (size_t left = *count; left > 0; left--) {
        size_t at = newest(all, below);
        memcpy(out[left - 1], all->at[at].bytes + ENTRY, SV_HISTORY_ENTRY_BYTES);
        below = all->sequence[at];
    }
}

sv_err sv_slot_history_read(const sv_slot_history *history,
                            uint8_t out[SV_HISTORY_ENTRIES_MAX][SV_HISTORY_ENTRY_BYTES],
                            size_t *count, sv_why *why) {
    const sv_slot_disk *disk = history->disk;
    SV_DEFER(sv_mem_drop) pages *all = sv_mem_new(sizeof *all);
    int file = -1;
    sv_why fault = { 0 };
    *count = 0;
    sv_err err = disk->open(disk->arg, NAME, 0, &file, &fault);
    if (err != SV_OK) {
        return err == SV_ERR_NOT_FOUND ? SV_OK : sv_fail(why, err, "%s", fault.text);
    }
    err = read_all(history, file, all, why);
    disk->close(disk->arg, file);
    SV_TRY(err);
    put_in_order(all, out, count);
    return SV_OK;
}

#include <base/little.h>
#include <string.h>
#include <update/journal.h>

/// Where the next member is, and of reading whether all of them can be.
typedef struct cursor {
    char *at;
    bool wrong;
} cursor;

static void put(cursor *c, uint64_t value, unsigned bytes) {
    sv_little_put(value, bytes, c->at);
    c->at += bytes;
}

static void put_bytes(cursor *c, const void *bytes, size_t len) {
    memcpy(c->at, bytes, len);
    c->at += len;
}

static uint64_t get(cursor *c, unsigned bytes, uint64_t max) {
    uint64_t value = sv_little_get(c->at, bytes);
    c->at += bytes;
    c->wrong = c->wrong || value > max;
    return value;
}

static void get_bytes(cursor *c, void *out, size_t len) {
    memcpy(out, c->at, len);
    c->at += len;
}

/// Ends with a NUL, and only NULs follow the first one.
static void get_text(cursor *c, char *out, size_t room) {
    get_bytes(c, out, room);
    size_t len = strnlen(out, room);
    c->wrong = c->wrong || len == room;
    for (size_t i = len; i < room; i++) {
        c->wrong = c->wrong || out[i] != '\0';
    }
}

static void put_trial(cursor *c, const sv_trial *trial) {
    const sv_trial_release *release = &trial->release;
    put(c, trial->state, 1);
    put(c, trial->slot, 1);
    put(c, trial->writes, 1);
    put(c, trial->reboots, 1);
    put(c, trial->verdict, 1);
    put(c, trial->sealed ? 1 : 0, 1);
    put(c, trial->written, 8);
    put(c, release->image_bytes, 8);
    put(c, release->counter, 4);
    put_bytes(c, release->digest, sizeof release->digest);
    put_bytes(c, release->product, sizeof release->product);
    put_bytes(c, release->version, sizeof release->version);
    put_bytes(c, release->encoding, sizeof release->encoding);
    put_bytes(c, trial->why, sizeof trial->why);
}

static void get_trial(cursor *c, sv_trial *out) {
    sv_trial_release *release = &out->release;
    out->state = (uint8_t) get(c, 1, SV_TRIAL_STATE__COUNT - 1);
    out->slot = (uint8_t) get(c, 1, SV_BOOT_SLOTS - 1);
    out->writes = (uint8_t) get(c, 1, SV_TRIAL_WRITES_MAX);
    out->reboots = (uint8_t) get(c, 1, SV_TRIAL_REBOOTS_MAX);
    out->verdict = (uint8_t) get(c, 1, SV_TRIAL_UNHEALTHY);
    out->sealed = get(c, 1, 1) != 0;
    out->written = get(c, 8, SV_BOOT_IMAGE_MAX);
    release->image_bytes = get(c, 8, SV_BOOT_IMAGE_MAX);
    release->counter = (uint32_t) get(c, 4, UINT32_MAX);
    get_bytes(c, release->digest, sizeof release->digest);
    get_text(c, release->product, sizeof release->product);
    get_text(c, release->version, sizeof release->version);
    get_text(c, release->encoding, sizeof release->encoding);
    get_text(c, out->why, sizeof out->why);
    c->wrong = c->wrong || out->written > release->image_bytes;
}

static void put_report(cursor *c, const sv_journal_report *report) {
    put(c, report->number, 8);
    put(c, report->state, 1);
    put(c, report->slot, 1);
    put(c, report->counter, 4);
    put_bytes(c, report->digest, sizeof report->digest);
    put_bytes(c, report->version, sizeof report->version);
    put_bytes(c, report->why, sizeof report->why);
}

static void get_report(cursor *c, sv_journal_report *out) {
    out->number = get(c, 8, UINT64_MAX);
    out->state = (uint8_t) get(c, 1, SV_TRIAL_STATE__COUNT - 1);
    out->slot = (uint8_t) get(c, 1, SV_BOOT_SLOTS - 1);
    out->counter = (uint32_t) get(c, 4, UINT32_MAX);
    get_bytes(c, out->digest, sizeof out->digest);
    get_text(c, out->version, sizeof out->version);
    get_text(c, out->why, sizeof out->why);
}

enum {
    TRIAL_BYTES = 6 + 8 + 8 + 4 + SV_BOOT_DIGEST_BYTES + 2 * SV_BOOT_NAME_ROOM
                  + SV_TRIAL_ENCODING_ROOM + SV_TRIAL_WHY_ROOM,
    REPORT_BYTES = 14 + SV_BOOT_DIGEST_BYTES + SV_BOOT_NAME_ROOM + SV_TRIAL_WHY_ROOM,
    ACTION_BYTES = 4,
};
_Static_assert(TRIAL_BYTES + SV_JOURNAL_BAD_MAX * SV_BOOT_DIGEST_BYTES + 2 + 8 + 8
                       + SV_JOURNAL_REPORTS_MAX * REPORT_BYTES
                       + (1 + SV_JOURNAL_REPORTS_MAX) * ACTION_BYTES
                   <= SV_JOURNAL_BYTES,
               "it fits");

void sv_journal_write(const sv_journal *journal, uint8_t out[SV_JOURNAL_BYTES]) {
    memset(out, 0, SV_JOURNAL_BYTES);
    cursor c = { .at = (char *) out };
    put_trial(&c, &journal->trial);
    put_bytes(&c, journal->bad, sizeof journal->bad);
    put(&c, journal->bad_count, 1);
    put(&c, journal->report_count, 1);
    put(&c, journal->report_next, 8);
    put(&c, journal->reports_lost, 8);
    for (size_t i = 0; i < SV_JOURNAL_REPORTS_MAX; i++) {
        put_report(&c, &journal->reports[i]);
    }
    // Behind the rest, where a journal from before there were actions has zeros.
    put(&c, journal->trial.release.action, ACTION_BYTES);
    for (size_t i = 0; i < SV_JOURNAL_REPORTS_MAX; i++) {
        put(&c, journal->reports[i].action, ACTION_BYTES);
    }
}

sv_err sv_journal_read(const uint8_t bytes[SV_JOURNAL_BYTES], sv_journal *out, sv_why *why) {
    char room[SV_JOURNAL_BYTES];
    uint8_t again[SV_JOURNAL_BYTES];
    memcpy(room, bytes, sizeof room);
    sv_journal journal = { 0 };
    cursor c = { .at = room };
    get_trial(&c, &journal.trial);
    get_bytes(&c, journal.bad, sizeof journal.bad);
    journal.bad_count = (uint8_t) get(&c, 1, SV_JOURNAL_BAD_MAX);
    journal.report_count = (uint8_t) get(&c, 1, SV_JOURNAL_REPORTS_MAX);
    journal.report_next = get(&c, 8, UINT64_MAX);
    journal.reports_lost = get(&c, 8, UINT64_MAX);
    for (size_t i = 0; i < SV_JOURNAL_REPORTS_MAX; i++) {
        get_report(&c, &journal.reports[i]);
    }
    journal.trial.release.action = (uint32_t) get(&c, ACTION_BYTES, UINT32_MAX);
    for (size_t i = 0; i < SV_JOURNAL_REPORTS_MAX; i++) {
        journal.reports[i].action = (uint32_t) get(&c, ACTION_BYTES, UINT32_MAX);
    }
    // What lies behind the members is 0 as well.
    sv_journal_write(&journal, again);
    if (c.wrong || memcmp(again, bytes, sizeof again) != 0) {
        return sv_fail(why, SV_ERR_INVALID, "the journal says what no journal says");
    }
    *out = journal;
    return SV_OK;
}

bool sv_journal_is_bad(const sv_journal *journal, const uint8_t digest[SV_BOOT_DIGEST_BYTES]) {
    for (size_t i = 0; i < journal->bad_count; i++) {
        if (memcmp(journal->bad[i], digest, SV_BOOT_DIGEST_BYTES) == 0) {
            return true;
        }
    }
    return false;
}

void sv_journal_forget_bad(sv_journal *journal, const uint8_t digest[SV_BOOT_DIGEST_BYTES]) {
    size_t kept = 0;
    for (size_t i = 0; i < journal->bad_count; i++) {
        if (memcmp(journal->bad[i], digest, SV_BOOT_DIGEST_BYTES) != 0) {
            memmove(journal->bad[kept++], journal->bad[i], SV_BOOT_DIGEST_BYTES);
        }
    }
    memset(journal->bad[kept], 0, (SV_JOURNAL_BAD_MAX - kept) * SV_BOOT_DIGEST_BYTES);
    journal->bad_count = (uint8_t) kept;
}

void sv_journal_add_bad(sv_journal *journal, const uint8_t digest[SV_BOOT_DIGEST_BYTES]) {
    sv_journal_forget_bad(journal, digest);
    size_t kept = journal->bad_count < SV_JOURNAL_BAD_MAX ? journal->bad_count
                                                          : (size_t) SV_JOURNAL_BAD_MAX - 1;
    memmove(journal->bad[1], journal->bad[0], kept * SV_BOOT_DIGEST_BYTES);
    memcpy(journal->bad[0], digest, SV_BOOT_DIGEST_BYTES);
    journal->bad_count = (uint8_t) (kept + 1);
}

void sv_journal_note(sv_journal *journal) {
    const sv_trial *trial = &journal->trial;
    if (journal->report_count == SV_JOURNAL_REPORTS_MAX) {
        sv_journal_delivered(journal, journal->reports[0].number);
        journal->reports_lost++;
    }
    sv_journal_report *report = &journal->reports[journal->report_count++];
    *report = (sv_journal_report){ .number = ++journal->report_next,
                                   .state = trial->state,
                                   .slot = trial->slot,
                                   .counter = trial->release.counter,
                                   .action = trial->release.action };
    memcpy(report->digest, trial->release.digest, sizeof report->digest);
    memcpy(report->version, trial->release.version, sizeof report->version);
    memcpy(report->why, trial->why, sizeof report->why);
    if (trial->state == SV_TRIAL_ROLLED_BACK && !trial->blameless) {
        sv_journal_add_bad(journal, trial->release.digest);
    }
}

void sv_journal_delivered(sv_journal *journal, uint64_t number) {
    size_t gone = 0;
    while (gone < journal->report_count && journal->reports[gone].number <= number) {
        gone++;
    }
    size_t left = journal->report_count - gone;
    memmove(journal->reports, journal->reports + gone, left * sizeof journal->reports[0]);
    memset(journal->reports + left, 0,
           (SV_JOURNAL_REPORTS_MAX - left) * sizeof journal->reports[0]);
    journal->report_count = (uint8_t) left;
}

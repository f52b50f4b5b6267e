#include <base/little.h>
#include <string.h>
#include <update/history.h>

// Numbers little-endian; texts end with NUL, and nothing but NULs follows.
enum {
    AT = 0,
    NUMBER = 8,
    ACTION = 16,
    COUNTER = 20,
    STATE = 24,
    SLOT = 25,
    DIGEST = 26,
    VERSION = DIGEST + SV_BOOT_DIGEST_BYTES,
    WHY = VERSION + SV_BOOT_NAME_ROOM,
    END = WHY + SV_TRIAL_WHY_ROOM,
};
_Static_assert((int) END <= (int) SV_HISTORY_ENTRY_BYTES, "an entry fits");

/// Whatever was said, what is kept can be shown.
static void put_text(char *out, const char *text, size_t room) {
    size_t len = strnlen(text, room - 1);
    for (size_t i = 0; i < len; i++) {
        out[i] = text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '?';
    }
}

void sv_history_entry_write(const sv_history_entry *entry, uint8_t out[SV_HISTORY_ENTRY_BYTES]) {
    const sv_journal_report *report = &entry->report;
    char *at = (char *) out;
    memset(out, 0, SV_HISTORY_ENTRY_BYTES);
    sv_little_put(entry->at_us > 0 ? (uint64_t) entry->at_us : 0, 8, at + AT);
    sv_little_put(report->number, 8, at + NUMBER);
    sv_little_put(report->action, 4, at + ACTION);
    sv_little_put(report->counter, 4, at + COUNTER);
    out[STATE] = report->state;
    out[SLOT] = report->slot;
    memcpy(out + DIGEST, report->digest, SV_BOOT_DIGEST_BYTES);
    put_text(at + VERSION, report->version, sizeof report->version);
    put_text(at + WHY, report->why, sizeof report->why);
}

sv_err sv_history_entry_read(const uint8_t bytes[SV_HISTORY_ENTRY_BYTES], sv_history_entry *out,
                             sv_why *why) {
    const char *at = (const char *) bytes;
    sv_history_entry entry = { .at_us = (int64_t) sv_little_get(at + AT, 8) };
    sv_journal_report *report = &entry.report;
    uint8_t again[SV_HISTORY_ENTRY_BYTES];
    report->number = sv_little_get(at + NUMBER, 8);
    report->action = (uint32_t) sv_little_get(at + ACTION, 4);
    report->counter = (uint32_t) sv_little_get(at + COUNTER, 4);
    report->state = bytes[STATE];
    report->slot = bytes[SLOT];
    memcpy(report->digest, bytes + DIGEST, SV_BOOT_DIGEST_BYTES);
    memcpy(report->version, at + VERSION, sizeof report->version - 1);
    memcpy(report->why, at + WHY, sizeof report->why - 1);
    sv_history_entry_write(&entry, again);
    if (report->state >= SV_TRIAL_STATE__COUNT || report->slot >= SV_BOOT_SLOTS
        || memcmp(again, bytes, sizeof again) != 0) {
        return sv_fail(why, SV_ERR_INVALID, "an entry of a history that says what none says");
    }
    *out = entry;
    return SV_OK;
}

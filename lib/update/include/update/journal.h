// What a device remembers of its updates: the one under way (update/trial.h), the images that did
// not prove themselves, and what is still to be reported. A value of fixed size; where its bytes
// are kept, so that a power cut at any write leaves the old or the new ones, is slot/twin.h's.
#ifndef SV_UPDATE_JOURNAL_H
#define SV_UPDATE_JOURNAL_H

#include <update/trial.h>

enum {
    SV_JOURNAL_BAD_MAX = 8,     ///< images; the one remembered longest makes room
    SV_JOURNAL_REPORTS_MAX = 8, ///< not yet delivered; the oldest makes room and is counted
    SV_JOURNAL_BYTES = 3200,
};

/// A state that somebody is to be told of.
typedef struct sv_journal_report {
    uint64_t number; ///< from 1, one more for each
    uint8_t state;   ///< sv_trial_state
    uint8_t slot;
    uint32_t counter;
    uint32_t action; ///< of the fleet server, whose attempt it tells of; 0: none that is known
    uint8_t digest[SV_BOOT_DIGEST_BYTES];
    char version[SV_BOOT_NAME_ROOM];
    char why[SV_TRIAL_WHY_ROOM];
} sv_journal_report;

typedef struct sv_journal {
    sv_trial trial;
    uint8_t bad[SV_JOURNAL_BAD_MAX][SV_BOOT_DIGEST_BYTES]; ///< the newest first
    uint8_t bad_count;
    uint8_t report_count;
    uint64_t report_next; ///< the number before the next report's
    uint64_t reports_lost;
    sv_journal_report reports[SV_JOURNAL_REPORTS_MAX]; ///< the oldest first
} sv_journal;

/// SV_ERR_INVALID for what sv_journal_write never writes. [slot-10]
sv_err sv_journal_read(const uint8_t bytes[SV_JOURNAL_BYTES], sv_journal *out, sv_why *why);
void sv_journal_write(const sv_journal *journal, uint8_t out[SV_JOURNAL_BYTES]);

bool sv_journal_is_bad(const sv_journal *journal, const uint8_t digest[SV_BOOT_DIGEST_BYTES]);
void sv_journal_add_bad(sv_journal *journal, const uint8_t digest[SV_BOOT_DIGEST_BYTES]);
/// Somebody wants to try it again.
void sv_journal_forget_bad(sv_journal *journal, const uint8_t digest[SV_BOOT_DIGEST_BYTES]);

/// Note what state the trial has come to: a report, and a known-bad image when it was rolled back.
/// [slot-11]
void sv_journal_note(sv_journal *journal);
/// Reports up to this number have been delivered.
void sv_journal_delivered(sv_journal *journal, uint64_t number);

#endif

// Whatever a medium gives for a journal is refused, or written again byte for byte.
#include <stdlib.h>
#include <string.h>
#include <update/journal.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t bytes[SV_JOURNAL_BYTES] = { 0 };
    uint8_t again[SV_JOURNAL_BYTES];
    sv_journal journal;
    sv_why why = { 0 };
    memcpy(bytes, data, size < sizeof bytes ? size : sizeof bytes);
    if (sv_journal_read(bytes, &journal, &why) == SV_OK) {
        sv_journal_write(&journal, again);
        if (memcmp(bytes, again, sizeof again) != 0) {
            abort();
        }
        sv_journal_note(&journal);
        sv_journal_delivered(&journal, journal.report_next);
        (void) sv_trial_next(&journal.trial);
        if (journal.report_count > SV_JOURNAL_REPORTS_MAX
            || strnlen(journal.trial.why, sizeof journal.trial.why) == sizeof journal.trial.why) {
            abort();
        }
    } else if (why.code != SV_ERR_INVALID || why.text[0] == '\0') {
        abort();
    }
    return 0;
}

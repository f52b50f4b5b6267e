// Whatever lies in a file that is called a history, or comes as one over a socket, is refused or is
// written again byte for byte; its texts can be shown.
#include <stdlib.h>
#include <string.h>
#include <update/history.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t bytes[SV_HISTORY_ENTRY_BYTES] = { 0 };
    uint8_t again[SV_HISTORY_ENTRY_BYTES];
    sv_history_entry entry;
    sv_why why = { 0 };
    memcpy(bytes, data, size < sizeof bytes ? size : sizeof bytes);
    if (sv_history_entry_read(bytes, &entry, &why) == SV_OK) {
        sv_history_entry_write(&entry, again);
        if (memcmp(again, bytes, sizeof bytes) != 0 || entry.at_us < 0
            || strnlen(entry.report.why, sizeof entry.report.why) == sizeof entry.report.why) {
            abort();
        }
    } else if (why.code != SV_ERR_INVALID || why.text[0] == '\0') {
        abort();
    }
    return 0;
}

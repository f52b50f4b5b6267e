// Whatever comes over the updater's socket is refused, or written again byte for byte; and whatever
// is wanted is judged.
#include <stdlib.h>
#include <string.h>
#include <update/message.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t again[SV_UPDATER_PACKET_MAX];
    sv_updater_message message;
    sv_why why = { 0 };
    if (sv_updater_read(data, size, &message, &why) == SV_OK) {
        if (sv_updater_write(&message, again) != size || memcmp(again, data, size) != 0) {
            abort();
        }
        if (message.verb == SV_UPDATER_WANT
            && sv_updater_want_check(&message.want, SV_TEXT("press-17"), &why) == SV_OK
            && (message.want.path[0] != '/' || strstr(message.want.path, "..") == message.want.path
                || strstr(message.want.path, "/../") != NULL)) {
            abort();
        }
    } else if (why.code != SV_ERR_INVALID || why.text[0] == '\0') {
        abort();
    }
    return 0;
}

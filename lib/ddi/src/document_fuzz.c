// An answer as each of the documents. What is taken is within its bounds; what is refused says why.
#include <ddi/document.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so) {
    if (!is_so) {
        abort();
    }
}

static bool is_action(int64_t action) {
    return action >= 1 && action <= SV_DDI_ACTION_MAX;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const sv_text json = { .at = (const char *) data, .len = size };
    sv_ddi_poll poll = { 0 };
    sv_ddi_deployment deployment = { 0 };
    int64_t action = 0;
    sv_why why = { 0 };
    if (sv_ddi_poll_read(json, &poll, &why) == SV_OK) {
        must(poll.deployment == 0 || is_action(poll.deployment));
        must(poll.cancel == 0 || is_action(poll.cancel));
        must(poll.sleep_us == 0
             || (poll.sleep_us >= SV_DDI_SLEEP_MIN_US && poll.sleep_us <= SV_DDI_SLEEP_MAX_US));
    } else {
        must(why.text[0] != '\0');
    }
    if (sv_ddi_deployment_read(json, &deployment, NULL) == SV_OK) {
        must(is_action(deployment.action));
        must(strnlen(deployment.version, sizeof deployment.version) < sizeof deployment.version);
    }
    if (sv_ddi_cancel_read(json, &action, NULL) == SV_OK) {
        must(is_action(action));
    }
    return 0;
}

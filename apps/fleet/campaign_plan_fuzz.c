// Whatever the body: a plan within its bounds, or a sentence.
#include "campaign_plan.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SV_DEFER(sv_json_drop) sv_json *body = NULL;
    SV_DEFER(sv_campaign_plan_drop) sv_campaign_plan *plan = NULL;
    sv_why why = { 0 };
    sv_text text = { .at = (const char *) data, .len = size };
    if (sv_json_parse(text, &body, NULL, NULL) != SV_OK) {
        return 0;
    }
    if (sv_campaign_plan_parse(body, &plan, &why) != SV_OK) {
        if (plan != NULL || why.text[0] == '\0') {
            abort();
        }
        return 0;
    }
    bool any = plan->site[0] != '\0' || plan->group[0] != '\0' || plan->query != NULL
               || plan->devices != NULL;
    if (!any || plan->image[0] == '\0' || plan->wave_count >= SV_CAMPAIGN_WAVES_MAX
        || sv_campaign_rules_check(&plan->rules, NULL) != SV_OK) {
        abort();
    }
    return 0;
}

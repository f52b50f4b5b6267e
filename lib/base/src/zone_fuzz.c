// Whatever the file: a zone or a refusal, and a zone answers for every moment within its bounds.
#include <base/zone.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SV_DEFER(sv_zone_drop) sv_zone *zone = NULL;
    sv_text text = { .at = (const char *) data, .len = size };
    if ((sv_zone_parse(text, &zone, NULL) == SV_OK) != (zone != NULL)) {
        abort();
    }
    static const int64_t MOMENTS_S[] = { -62135596800, -1,         0,           1000000000,
                                         1790000000,   4102444800, 253402300799 };
    for (size_t i = 0; zone != NULL && i < SV_COUNT(MOMENTS_S); i++) {
        int64_t offset_s = sv_zone_offset_s(zone, MOMENTS_S[i] * SV_TIME_SECOND_US);
        sv_local local = sv_zone_local(zone, MOMENTS_S[i] * SV_TIME_SECOND_US);
        if (llabs(offset_s) > SV_ZONE_OFFSET_MAX_S + 3600 || local.minute < 0
            || local.minute >= SV_MINUTES_A_DAY || local.weekday < 0 || local.weekday > 6) {
            abort();
        }
    }
    return 0;
}

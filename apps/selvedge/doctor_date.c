#include "doctor.h"

#include <base/time.h>
#include <stdio.h>

enum { DATE_CHARACTERS = 29, ISO_ROOM = 32 };

/// The month's number, two digits as text; NULL: there is none.
static const char *month_of(sv_text name) {
    static const char *const MONTHS[] = { "Jan01", "Feb02", "Mar03", "Apr04", "May05", "Jun06",
                                          "Jul07", "Aug08", "Sep09", "Oct10", "Nov11", "Dec12" };
    for (size_t i = 0; i < SV_COUNT(MONTHS); i++) {
        if (sv_text_eq(name, (sv_text){ .at = MONTHS[i], .len = 3 })) {
            return MONTHS[i] + 3;
        }
    }
    return NULL;
}

sv_err doctor_date_parse(sv_text text, int64_t *out_us) {
    enum { DAY = 5, MONTH = 8, YEAR = 12, CLOCK = 17, ZONE = 25 };
    char iso[ISO_ROOM];
    if (text.len != DATE_CHARACTERS || text.at[ZONE] != ' '
        || !sv_text_is((sv_text){ .at = text.at + ZONE + 1, .len = 3 }, "GMT")) {
        return SV_ERR_INVALID;
    }
    const char *month = month_of((sv_text){ .at = text.at + MONTH, .len = 3 });
    if (month == NULL) {
        return SV_ERR_INVALID;
    }
    (void) snprintf(iso, sizeof iso, "%.4s-%s-%.2sT%.8sZ", text.at + YEAR, month, text.at + DAY,
                    text.at + CLOCK);
    return sv_time_parse(sv_text_of(iso), out_us);
}

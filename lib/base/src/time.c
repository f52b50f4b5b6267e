#include <base/time.h>
#include <string.h>

#define YEAR_1_US (INT64_C(-719162) * SV_TIME_DAY_US)
#define YEAR_10000_US (INT64_C(2932897) * SV_TIME_DAY_US)
#define DURATION_MAX_US (INT64_C(100) * 366 * SV_TIME_DAY_US)

/// Days from 1970-01-01 in the proleptic Gregorian calendar (H. Hinnant, days_from_civil).
static int64_t days_from_civil(int64_t year, int64_t month, int64_t day) {
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static void civil_from_days(int64_t days, int *year, int *month, int *day) {
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153;
    *day = (int) (day_of_year - (153 * shifted + 2) / 5 + 1);
    *month = (int) (shifted < 10 ? shifted + 3 : shifted - 9);
    *year = (int) (year_of_era + era * 400 + (*month <= 2));
}

static int days_in_month(int64_t year, int64_t month) {
    static const int DAYS[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return DAYS[month - 1] + (month == 2 && leap ? 1 : 0);
}

static bool take_number(sv_text *rest, size_t digits, int64_t max, int64_t *out) {
    uint64_t value = 0;
    if (rest->len < digits
        || sv_text_u64((sv_text){ rest->at, digits }, (uint64_t) max, &value) != SV_OK) {
        return false;
    }
    *rest = (sv_text){ rest->at + digits, rest->len - digits };
    *out = (int64_t) value;
    return true;
}

static bool take_any(sv_text *rest, const char *marks) {
    if (rest->len == 0 || rest->at[0] == '\0' || strchr(marks, rest->at[0]) == NULL) {
        return false;
    }
    *rest = (sv_text){ rest->at + 1, rest->len - 1 };
    return true;
}

static bool take_fraction(sv_text *rest, int64_t *out_us) {
    *out_us = 0;
    if (!take_any(rest, ".,")) {
        return true;
    }
    int64_t unit = SV_TIME_SECOND_US / 10;
    size_t digits = 0;
    for (; digits < rest->len && rest->at[digits] >= '0' && rest->at[digits] <= '9'; digits++) {
        *out_us += (rest->at[digits] - '0') * unit;
        unit /= 10;
    }
    *rest = (sv_text){ rest->at + digits, rest->len - digits };
    return digits > 0;
}

static bool take_zone(sv_text *rest, int64_t *out_us) {
    *out_us = 0;
    if (rest->len == 0 || take_any(rest, "Zz")) {
        return true;
    }
    int64_t sign = rest->at[0] == '-' ? -1 : 1;
    int64_t hours = 0;
    int64_t minutes = 0;
    if (!take_any(rest, "+-") || !take_number(rest, 2, 23, &hours)) {
        return false;
    }
    (void) take_any(rest, ":");
    if (!take_number(rest, 2, 59, &minutes)) {
        return false;
    }
    *out_us = sign * (hours * SV_TIME_HOUR_US + minutes * SV_TIME_MINUTE_US);
    return true;
}

sv_err sv_time_parse(sv_text text, int64_t *out_us) {
    sv_text rest = text;
    int64_t year = 0;
    int64_t month = 0;
    int64_t day = 0;
    int64_t hour = 0;
    int64_t minute = 0;
    int64_t second = 0;
    int64_t fraction_us = 0;
    int64_t zone_us = 0;
    bool shaped = take_number(&rest, 4, 9999, &year) && take_any(&rest, "-")
                  && take_number(&rest, 2, 12, &month) && take_any(&rest, "-")
                  && take_number(&rest, 2, 31, &day) && take_any(&rest, "Tt ")
                  && take_number(&rest, 2, 23, &hour) && take_any(&rest, ":")
                  && take_number(&rest, 2, 59, &minute) && take_any(&rest, ":")
                  && take_number(&rest, 2, 60, &second) && take_fraction(&rest, &fraction_us)
                  && take_zone(&rest, &zone_us) && rest.len == 0;
    if (!shaped || year < 1 || month < 1 || day < 1 || day > days_in_month(year, month)) {
        return SV_ERR_INVALID;
    }
    int64_t at_us = days_from_civil(year, month, day) * SV_TIME_DAY_US + hour * SV_TIME_HOUR_US
                    + minute * SV_TIME_MINUTE_US + second * SV_TIME_SECOND_US + fraction_us
                    - zone_us;
    // A zone or a leap second may lead out of the years that can be written.
    if (at_us < YEAR_1_US || at_us >= YEAR_10000_US) {
        return SV_ERR_INVALID;
    }
    *out_us = at_us;
    return SV_OK;
}

sv_err sv_day_parse(sv_text text, int64_t *out) {
    char room[] = "2026-11-22T00:00:00";
    int64_t at_us = 0;
    if (text.len != sizeof "2026-11-22" - 1) {
        return SV_ERR_INVALID;
    }
    memcpy(room, text.at, text.len);
    SV_TRY(sv_time_parse((sv_text){ room, sizeof room - 1 }, &at_us));
    *out = sv_day_of(at_us);
    return SV_OK;
}

void sv_day_add(sv_textbuf *buf, int64_t day) {
    int year = 0;
    int month = 0;
    int of_month = 0;
    civil_from_days(day, &year, &month, &of_month);
    sv_textbuf_addf(buf, "%04d-%02d-%02d", year, month, of_month);
}

int64_t sv_day_of(int64_t at_us) {
    return at_us / SV_TIME_DAY_US - (at_us % SV_TIME_DAY_US < 0);
}

void sv_time_add(sv_textbuf *buf, int64_t at_us) {
    int64_t day = sv_day_of(at_us);
    // The remainder rather than a difference: the first day there is begins before INT64_MIN.
    int64_t rest = at_us % SV_TIME_DAY_US;
    rest += rest < 0 ? SV_TIME_DAY_US : 0;
    sv_day_add(buf, day);
    sv_textbuf_addf(buf, "T%02d:%02d:%02d", (int) (rest / SV_TIME_HOUR_US),
                    (int) (rest / SV_TIME_MINUTE_US % 60), (int) (rest / SV_TIME_SECOND_US % 60));
    if (rest % SV_TIME_SECOND_US != 0) {
        sv_textbuf_addf(buf, ".%06d", (int) (rest % SV_TIME_SECOND_US));
    }
    sv_textbuf_add_char(buf, 'Z');
}

static bool take_unit(sv_text *rest, int64_t *out_us) {
    static const struct {
        sv_text name;
        int64_t us;
    } UNITS[] = {
        { SV_TEXT("ms"), 1000 },
        { SV_TEXT("s"), SV_TIME_SECOND_US },
        { SV_TEXT("m"), SV_TIME_MINUTE_US },
        { SV_TEXT("h"), SV_TIME_HOUR_US },
        { SV_TEXT("d"), SV_TIME_DAY_US },
    };
    for (size_t i = 0; i < SV_COUNT(UNITS); i++) {
        if (sv_text_starts(*rest, UNITS[i].name)) {
            *rest = (sv_text){ rest->at + UNITS[i].name.len, rest->len - UNITS[i].name.len };
            *out_us = UNITS[i].us;
            return true;
        }
    }
    return false;
}

sv_err sv_duration_parse(sv_text text, int64_t *out_us) {
    if (sv_text_eq(text, SV_TEXT("0"))) {
        *out_us = 0;
        return SV_OK;
    }
    sv_text rest = text;
    int64_t total = 0;
    do {
        size_t digits = 0;
        while (digits < rest.len && rest.at[digits] >= '0' && rest.at[digits] <= '9') {
            digits++;
        }
        int64_t count = 0;
        int64_t unit_us = 0;
        if (digits == 0 || !take_number(&rest, digits, DURATION_MAX_US / 1000, &count)
            || !take_unit(&rest, &unit_us) || count > (DURATION_MAX_US - total) / unit_us) {
            return SV_ERR_INVALID;
        }
        total += count * unit_us;
    } while (rest.len > 0);
    *out_us = total;
    return SV_OK;
}

void sv_duration_add(sv_textbuf *buf, int64_t duration_us) {
    static const struct {
        const char *name;
        int64_t us;
    } SIZES[] = { { "d", SV_TIME_DAY_US },
                  { "h", SV_TIME_HOUR_US },
                  { "m", SV_TIME_MINUTE_US },
                  { "s", SV_TIME_SECOND_US },
                  { "ms", 1000 } };
    int64_t left = duration_us < 0 ? 0 : duration_us;
    if (left < 1000) {
        sv_textbuf_add_char(buf, '0');
    }
    for (unsigned i = 0; i < SV_COUNT(SIZES); i++) {
        if (left >= SIZES[i].us) {
            sv_textbuf_addf(buf, "%lld%s", (long long) (left / SIZES[i].us), SIZES[i].name);
            left %= SIZES[i].us;
        }
    }
}

#include "zone_rule.h"

#include <base/zone.h>

enum { HOURS_MAX = 167, NAME_MIN = 3, LAST_WEEK = 5, THURSDAY = 4 };

static const int DAYS_BEFORE[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365 };

// ---- reading ------------------------------------------------------------------------------------

static char peek(sv_text text) {
    return text.len > 0 ? text.at[0] : '\0';
}

static bool pass(sv_text *text, char c) {
    if (peek(*text) != c) {
        return false;
    }
    *text = (sv_text){ .at = text->at + 1, .len = text->len - 1 };
    return true;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool read_number(sv_text *text, int max, int *out) {
    int value = 0;
    if (!is_digit(peek(*text))) {
        return false;
    }
    while (is_digit(peek(*text))) {
        value = value * 10 + (peek(*text) - '0');
        (void) pass(text, peek(*text));
        if (value > max) {
            return false;
        }
    }
    *out = value;
    return true;
}

/// Letters, or anything sensible between < and >.
static bool pass_name(sv_text *text) {
    size_t len = 0;
    bool quoted = pass(text, '<');
    while (text->len > 0 && (quoted ? peek(*text) != '>' : is_letter(peek(*text)))) {
        (void) pass(text, peek(*text));
        len++;
    }
    return len >= NAME_MIN && (!quoted || pass(text, '>'));
}

/// [+-]hours[:minutes[:seconds]]
static bool read_clock(sv_text *text, int64_t *out_s) {
    int hours = 0;
    int minutes = 0;
    int seconds = 0;
    bool negative = pass(text, '-');
    if (!negative) {
        (void) pass(text, '+');
    }
    if (!read_number(text, HOURS_MAX, &hours)
        || (pass(text, ':')
            && (!read_number(text, 59, &minutes)
                || (pass(text, ':') && !read_number(text, 59, &seconds))))) {
        return false;
    }
    int64_t value = (int64_t) hours * 3600 + (int64_t) minutes * 60 + seconds;
    *out_s = negative ? -value : value;
    return true;
}

static bool read_offset(sv_text *text, int64_t *out_s) {
    int64_t west_s = 0;
    if (!read_clock(text, &west_s) || west_s < -SV_ZONE_OFFSET_MAX_S
        || west_s > SV_ZONE_OFFSET_MAX_S) {
        return false;
    }
    *out_s = -west_s;
    return true;
}

static bool read_month_form(sv_text *text, zone_day *out) {
    return read_number(text, 12, &out->month) && out->month >= 1 && pass(text, '.')
           && read_number(text, LAST_WEEK, &out->week) && out->week >= 1 && pass(text, '.')
           && read_number(text, 6, &out->weekday);
}

static bool read_day(sv_text *text, zone_day *out) {
    *out = (zone_day){ .form = ZONE_DAY_OF_YEAR, .at_s = INT64_C(2) * 3600 };
    bool good = pass(text, ',');
    if (good && pass(text, 'M')) {
        out->form = ZONE_DAY_MONTH;
        good = read_month_form(text, out);
    } else if (good && pass(text, 'J')) {
        out->form = ZONE_DAY_JULIAN;
        good = read_number(text, 365, &out->day) && out->day >= 1;
    } else if (good) {
        good = read_number(text, 365, &out->day);
    }
    return good && (!pass(text, '/') || read_clock(text, &out->at_s));
}

bool zone_rule_parse(sv_text text, zone_rule *out) {
    zone_rule rule = { 0 };
    if (!pass_name(&text) || !read_offset(&text, &rule.standard_s)) {
        return false;
    }
    rule.has_summer = text.len > 0;
    rule.summer_s = rule.standard_s + 3600;
    if (rule.has_summer) {
        bool good = pass_name(&text);
        if (good && peek(text) != ',') {
            good = read_offset(&text, &rule.summer_s);
        }
        if (!good || !read_day(&text, &rule.begins) || !read_day(&text, &rule.ends)
            || text.len > 0) {
            return false;
        }
    }
    *out = rule;
    return true;
}

// ---- asking -------------------------------------------------------------------------------------

static bool is_leap(int64_t year) {
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/// The first of January, in days since 1970; 477 leap years were before that.
static int64_t year_start(int64_t year) {
    int64_t before = year - 1;
    return (year - 1970) * 365 + (before / 4 - before / 100 + before / 400) - 477;
}

static int days_in(int64_t year, int month) {
    return DAYS_BEFORE[month] - DAYS_BEFORE[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
}

static int64_t month_form_day(const zone_day *day, int64_t year) {
    int64_t first =
        year_start(year) + DAYS_BEFORE[day->month - 1] + (day->month > 2 && is_leap(year) ? 1 : 0);
    int64_t weekday = ((first + THURSDAY) % 7 + 7) % 7;
    int64_t date = (day->weekday - weekday + 7) % 7 + (int64_t) (day->week - 1) * 7;
    return first + (date >= days_in(year, day->month) ? date - 7 : date);
}

/// The moment of the change in local seconds since 1970.
static int64_t change_s(const zone_day *day, int64_t year) {
    int64_t days = 0;
    switch (day->form) {
    case ZONE_DAY_MONTH:
        days = month_form_day(day, year);
        break;
    case ZONE_DAY_JULIAN: // 29 February is never counted
        days = year_start(year) + day->day - 1 + (day->day >= 60 && is_leap(year) ? 1 : 0);
        break;
    case ZONE_DAY_OF_YEAR:
        days = year_start(year) + day->day;
        break;
    }
    return days * ZONE_DAY_S + day->at_s;
}

static int64_t year_of(int64_t day) {
    int64_t year = 1970 + day * 400 / 146097;
    while (year_start(year) > day) {
        year--;
    }
    while (year_start(year + 1) <= day) {
        year++;
    }
    return year;
}

int64_t zone_rule_offset_s(const zone_rule *rule, int64_t at_s) {
    int64_t day = at_s / ZONE_DAY_S - (at_s % ZONE_DAY_S < 0);
    if (!rule->has_summer || day < 0 || day > INT64_C(3000000)) {
        return rule->standard_s;
    }
    int64_t year = year_of(day);
    // The last change before the moment decides; it may be of the year before or, at a changed
    // clock in the first hours of a year, of the next.
    int64_t last_s = INT64_MIN;
    bool summer = false;
    for (int64_t y = year - 1; y <= year + 1; y++) {
        int64_t begins_s = change_s(&rule->begins, y) - rule->standard_s;
        int64_t ends_s = change_s(&rule->ends, y) - rule->summer_s;
        if (begins_s <= at_s && begins_s >= last_s) {
            last_s = begins_s;
            summer = true;
        }
        if (ends_s <= at_s && ends_s > last_s) {
            last_s = ends_s;
            summer = false;
        }
    }
    return summer ? rule->summer_s : rule->standard_s;
}

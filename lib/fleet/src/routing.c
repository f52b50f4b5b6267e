#include <fleet/routing.h>

enum { FULL_HOUR = 60, END_TRIES = 2 * SV_MINUTES_A_DAY, EVERY_DAY = 127 };

bool sv_pattern_fits(const char *pattern, sv_text text) {
    size_t at = 0;
    size_t star_text = 0;
    const char *star = NULL; // the last `*` that was passed, and how much of the text it stands for
    while (at < text.len) {
        if (*pattern == '*') {
            star = pattern++;
            star_text = at;
        } else if (*pattern == text.at[at]) {
            pattern++;
            at++;
        } else if (star != NULL) {
            pattern = star + 1;
            at = ++star_text;
        } else {
            return false;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return *pattern == '\0';
}

bool sv_patterns_fit(const sv_patterns *patterns, sv_text text) {
    bool fits = patterns->count == 0;
    for (size_t i = 0; !fits && i < patterns->count; i++) {
        fits = sv_pattern_fits(patterns->list[i], text);
    }
    return fits;
}

// ---- hours --------------------------------------------------------------------------------------

static bool read_clock(sv_text text, int *out) {
    uint64_t hour = 0;
    uint64_t minute = 0;
    sv_text hours = sv_text_cut(&text, ':');
    if (hours.len != 2 || text.len != 2 || sv_text_u64(hours, 24, &hour) != SV_OK
        || sv_text_u64(text, 59, &minute) != SV_OK) {
        return false;
    }
    *out = (int) (hour * FULL_HOUR + minute);
    return *out <= SV_MINUTES_A_DAY;
}

sv_err sv_hours_parse(sv_text text, sv_hours *out, sv_why *why) {
    sv_hours hours = { .set = true };
    sv_text to = text;
    sv_text from = sv_text_cut(&to, '-');
    if (!read_clock(sv_text_trim(from), &hours.from) || !read_clock(sv_text_trim(to), &hours.to)
        || hours.from == hours.to || hours.from == SV_MINUTES_A_DAY) {
        return sv_fail(why, SV_ERR_INVALID,
                       "'" SV_TEXT_FMT "' is no part of a day such as 22:00-06:00",
                       SV_TEXT_ARG(text));
    }
    *out = hours;
    return SV_OK;
}

static bool is_of_day(unsigned days, int weekday) {
    return days == 0 || (days >> (unsigned) weekday & 1) != 0;
}

static bool hold_at(const sv_hours *hours, unsigned days, sv_local at) {
    if (!hours->set) {
        return is_of_day(days, at.weekday);
    }
    if (hours->from < hours->to) {
        return at.minute >= hours->from && at.minute < hours->to && is_of_day(days, at.weekday);
    }
    if (at.minute >= hours->from) {
        return is_of_day(days, at.weekday);
    }
    return at.minute < hours->to && is_of_day(days, (at.weekday + 6) % 7);
}

bool sv_hours_hold(const sv_hours *hours, unsigned days, const sv_zone *zone, int64_t at_us) {
    return hold_at(hours, days, sv_zone_local(zone, at_us));
}

/// The start of the minute that is `minutes` later on the clock on the wall; the clock may be put
/// forward or back in between.
static int64_t later_us(const sv_zone *zone, int64_t at_us, int minutes) {
    int64_t minute_us = at_us - (at_us % SV_TIME_MINUTE_US + SV_TIME_MINUTE_US) % SV_TIME_MINUTE_US;
    int64_t then_us = minute_us + minutes * SV_TIME_MINUTE_US;
    int64_t shift_s = sv_zone_offset_s(zone, then_us) - sv_zone_offset_s(zone, at_us);
    int64_t shifted_us = then_us - shift_s * SV_TIME_SECOND_US;
    // The hour that a clock jumps over holds no moment: its end does.
    return shifted_us > at_us ? shifted_us : minute_us + SV_TIME_MINUTE_US;
}

int64_t sv_hours_end_us(const sv_hours *hours, const sv_zone *zone, int64_t at_us) {
    for (int i = 0; hours->set && i < END_TRIES; i++) {
        sv_local at = sv_zone_local(zone, at_us);
        if (!hold_at(hours, EVERY_DAY, at)) {
            return at_us;
        }
        int left = hours->to - at.minute;
        at_us = later_us(zone, at_us, left > 0 ? left : left + SV_MINUTES_A_DAY);
    }
    return at_us;
}

int64_t sv_hours_begin_us(const sv_hours *hours, unsigned days, const sv_zone *zone,
                          int64_t at_us) {
    int from = hours->set ? hours->from : 0;
    int64_t last_us = at_us + 21 * SV_TIME_DAY_US;
    for (int i = 0; i < END_TRIES && at_us < last_us; i++) {
        sv_local at = sv_zone_local(zone, at_us);
        if (hold_at(hours, days, at)) {
            return at_us;
        }
        int left = from - at.minute;
        at_us = later_us(zone, at_us, left > 0 ? left : left + SV_MINUTES_A_DAY);
    }
    return INT64_MAX;
}

// ---- routes -------------------------------------------------------------------------------------

static bool groups_fit(const sv_patterns *groups, const sv_route_case *what) {
    bool fits = groups->count == 0;
    for (size_t i = 0; !fits && what->is_in != NULL && i < groups->count; i++) {
        fits = what->is_in(what, sv_text_of(groups->list[i]));
    }
    return fits;
}

bool sv_route_fits(const sv_route *route, const sv_route_case *what, int64_t now_us) {
    return what->severity >= route->least
           && (route->alerts == 0 || (route->alerts >> (unsigned) what->alert & 1) != 0)
           && sv_patterns_fit(&route->sites, what->site)
           && sv_patterns_fit(&route->devices, what->device)
           && sv_patterns_fit(&route->types, what->type)
           && sv_hours_hold(&route->hours, route->days, route->zone, now_us)
           && groups_fit(&route->groups, what);
}

size_t sv_routes_pick(const sv_route *routes, size_t count, bool all, const sv_route_case *what,
                      int64_t now_us, size_t picked[SV_ROUTES_MAX]) {
    size_t found = 0;
    for (size_t i = 0; i < count && found < SV_ROUTES_MAX && (all || found == 0); i++) {
        if (sv_route_fits(&routes[i], what, now_us)) {
            picked[found++] = i;
        }
    }
    return found;
}

int64_t sv_route_release_us(const sv_route *route, sv_severity severity, int64_t now_us) {
    return severity == SV_SEVERITY_CRITICAL ? now_us
                                            : sv_hours_end_us(&route->quiet, route->zone, now_us);
}

// Who is told about an alert, and when: routes are tried in order against what is known of the
// alert and the time on the wall in the route's zone. Pure; texts of routes are their own.
#ifndef SV_FLEET_ROUTING_H
#define SV_FLEET_ROUTING_H

#include <base/zone.h>
#include <model/alert.h>

enum {
    SV_ROUTES_MAX = 256,
    SV_ROUTE_PATTERNS_MAX = 16,
    SV_ROUTE_CHANNELS_MAX = 8,
};

/// Any of them fits; none means everything does. `*` stands for any number of characters.
typedef struct sv_patterns {
    char list[SV_ROUTE_PATTERNS_MAX][SV_ID_ROOM];
    size_t count;
} sv_patterns;

/// A part of the day, wall clock: from the first minute up to, not including, the last. Over
/// midnight when `to` is not later than `from`; then it belongs to the day it began on.
typedef struct sv_hours {
    bool set;
    int from, to;
} sv_hours;

typedef struct sv_names {
    char list[SV_ROUTE_CHANNELS_MAX][SV_ID_ROOM];
    size_t count;
} sv_names;

typedef struct sv_route {
    char name[SV_ID_ROOM];
    sv_patterns sites, devices, types; ///< types of machine
    sv_patterns groups;                ///< whole names
    unsigned alerts;                   ///< a bit per sv_alert_type; 0: every one
    sv_severity least;
    unsigned days; ///< a bit per weekday, Monday is 1; 0: every one
    sv_hours hours;
    sv_hours quiet; ///< what is not critical waits for its end
    const sv_zone *zone;
    sv_names to;
    sv_names escalate_to;
    int64_t escalate_us; ///< 0: never; so for the next
    int64_t repeat_us;
    bool recovery; ///< who was told that it began is told that it is over
} sv_route;

/// What routes look at.
typedef struct sv_route_case {
    sv_text site, device, type; ///< `type` of the machine, may be empty
    bool (*is_in)(const struct sv_route_case *what, sv_text group); ///< NULL: it is in no group
    void *of;                                                       ///< for `is_in`
    sv_alert_type alert;
    sv_severity severity;
} sv_route_case;

bool sv_pattern_fits(const char *pattern, sv_text text);
bool sv_patterns_fit(const sv_patterns *patterns, sv_text text);
/// `22:00-06:00`, minutes of a day; `24:00` may end it. SV_ERR_INVALID also for an empty span.
sv_err sv_hours_parse(sv_text text, sv_hours *out, sv_why *why);
/// `days` as in a route.
bool sv_hours_hold(const sv_hours *hours, unsigned days, const sv_zone *zone, int64_t at_us);
/// The first moment from `at_us` on that is outside of them; `at_us` itself when it is. For hours
/// that are not the whole day.
int64_t sv_hours_end_us(const sv_hours *hours, const sv_zone *zone, int64_t at_us);
/// The first moment from `at_us` on that is within them, on one of those days. INT64_MAX: none is
/// within three weeks, for the clock jumps over them.
int64_t sv_hours_begin_us(const sv_hours *hours, unsigned days, const sv_zone *zone, int64_t at_us);

/// [notify-3]
bool sv_route_fits(const sv_route *route, const sv_route_case *what, int64_t now_us);
/// The routes that fit, as indices in order: the first alone, or all. How many.
size_t sv_routes_pick(const sv_route *routes, size_t count, bool all, const sv_route_case *what,
                      int64_t now_us, size_t picked[SV_ROUTES_MAX]);
/// When the route lets such an alert out: now, or after its quiet hours. [notify-4]
int64_t sv_route_release_us(const sv_route *route, sv_severity severity, int64_t now_us);

#endif

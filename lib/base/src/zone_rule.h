// The rule at the end of a TZif file for all that follows: a POSIX TZ text (with RFC 8536's longer
// hours) such as "CET-1CEST,M3.5.0,M10.5.0/3".
#ifndef SV_FLEET_ZONE_RULE_H
#define SV_FLEET_ZONE_RULE_H

#include <base/text.h>

#define ZONE_DAY_S INT64_C(86400)

typedef enum zone_day_form { ZONE_DAY_MONTH, ZONE_DAY_JULIAN, ZONE_DAY_OF_YEAR } zone_day_form;

/// When in a year the clocks change.
typedef struct zone_day {
    zone_day_form form;
    int month, week, weekday; ///< weekday 0: Sunday, as POSIX counts
    int day;                  ///< of the other forms
    int64_t at_s;             ///< local time; may lie days before or after
} zone_day;

typedef struct zone_rule {
    int64_t standard_s, summer_s; ///< ahead of UTC
    bool has_summer;
    zone_day begins, ends; ///< of summer time
} zone_rule;

bool zone_rule_parse(sv_text text, zone_rule *out);
int64_t zone_rule_offset_s(const zone_rule *rule, int64_t at_s);

#endif

// A time zone: what clocks on the wall show there, now and across every change to summer time.
// Read from the bytes of a TZif file (RFC 8536) as the system keeps them in /usr/share/zoneinfo;
// libc's own zones belong to the whole process, these are values. NULL is UTC everywhere.
#ifndef SV_BASE_ZONE_H
#define SV_BASE_ZONE_H

#include <base/err.h>
#include <base/text.h>
#include <base/time.h>

enum {
    SV_ZONE_NAME_MAX = 63,
    SV_ZONE_BYTES_MAX = 64 * 1024,
    SV_ZONE_CHANGES_MAX = 4096,
    SV_ZONE_RULE_MAX = 128,           ///< bytes of the rule at the file's end
    SV_ZONE_OFFSET_MAX_S = 26 * 3600, ///< no clock is further from UTC (RFC 8536 §3.2)
    SV_MINUTES_A_DAY = 24 * 60,
};

typedef struct sv_zone sv_zone;

/// "Europe/Oslo": letters, digits, `_ + -` and single `/` inside; nothing that leaves the folder.
sv_err sv_zone_name_check(sv_text name, sv_why *why);
/// SV_ERR_INVALID for what is no TZif file of version 2 or later, or breaks the limits.
sv_err sv_zone_parse(sv_text tzif, sv_zone **out, sv_why *why);
void sv_zone_drop(sv_zone **zone);

/// Seconds that local time is ahead of UTC at that moment.
int64_t sv_zone_offset_s(const sv_zone *zone, int64_t at_us);

typedef struct sv_local {
    int64_t day; ///< since 1970-01-01
    int weekday; ///< 0: Monday
    int minute;  ///< of the day
} sv_local;

sv_local sv_zone_local(const sv_zone *zone, int64_t at_us);

#endif

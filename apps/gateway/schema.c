#include "schema.h"

#include <base/num.h>

extern const char gw_schema[];
extern const char gw_schema_door[];
extern const char gw_schema_availability[];
extern const char gw_schema_series[];
extern const char gw_schema_push[];
extern const char gw_schema_local[];
extern const char gw_schema_command[];
extern const char gw_schema_rules[];
extern const char gw_schema_seen[];
extern const char gw_schema_spool[];
extern const char gw_schema_boot[];
extern const char gw_schema_spool_alert[];
extern const char gw_schema_site_rules[];
extern const char gw_schema_members[];
extern const char gw_schema_maintenance[];
extern const char gw_schema_standing[];
extern const char gw_schema_standing_line[];
extern const char gw_schema_belief[];
extern const char gw_schema_usual[];
extern const char gw_schema_machine[];
extern const char gw_schema_model[];
extern const char gw_schema_life_end[];

// What a database of before the names were kept has had of these it knows as a number: the first
// 22 stay as they are. A new step comes behind those it builds on.
const sv_db_migration GW_SCHEMA[] = {
    { .name = "first", .sql = gw_schema },
    { .name = "door", .sql = gw_schema_door },
    { .name = "availability", .sql = gw_schema_availability },
    { .name = "series", .sql = gw_schema_series },
    { .name = "push", .sql = gw_schema_push },
    { .name = "local", .sql = gw_schema_local },
    { .name = "command", .sql = gw_schema_command },
    { .name = "rules", .sql = gw_schema_rules },
    { .name = "spool", .sql = gw_schema_spool },
    { .name = "boot", .sql = gw_schema_boot },
    { .name = "spool alert", .sql = gw_schema_spool_alert },
    { .name = "site-rules", .sql = gw_schema_site_rules },
    { .name = "seen", .sql = gw_schema_seen },
    { .name = "maintenance", .sql = gw_schema_maintenance },
    { .name = "standing", .sql = gw_schema_standing },
    { .name = "standing line", .sql = gw_schema_standing_line },
    { .name = "belief", .sql = gw_schema_belief },
    { .name = "usual", .sql = gw_schema_usual },
    { .name = "machine", .sql = gw_schema_machine },
    { .name = "model", .sql = gw_schema_model },
    { .name = "life end", .sql = gw_schema_life_end },
    { .name = "members", .sql = gw_schema_members },
};
const size_t GW_SCHEMA_COUNT = SV_COUNT(GW_SCHEMA);

// The history of the fleet server's database, a step for each time that it changed.
#ifndef SV_FLEET_SCHEMA_H
#define SV_FLEET_SCHEMA_H

#include <store/db.h>

extern const sv_db_migration SV_FLEET_SCHEMA[];
extern const size_t SV_FLEET_SCHEMA_COUNT;

#endif

// The history of the gateway's database, a step for each time that it changed.
#ifndef SELVEDGE_GATEWAY_SCHEMA_H
#define SELVEDGE_GATEWAY_SCHEMA_H

#include <store/db.h>

extern const sv_db_migration GW_SCHEMA[];
extern const size_t GW_SCHEMA_COUNT;

#endif

#ifndef SELVEDGE_RULES_TRY_H
#define SELVEDGE_RULES_TRY_H

#include <codec/json.h>

/// What a candidate would have raised, gateway by gateway. False: no gateway has tried it.
bool rules_tried(const sv_json *root);

#endif

// The rules of a site at the operator door (docs/spec/rules.md).
#ifndef SV_FLEET_RULES_DOOR_H
#define SV_FLEET_RULES_DOOR_H

#include "visit.h"

/// `/api/v1/sites/{site}/rules`: GET, PUT.
void sv_rules_door_show(sv_visit *v);
void sv_rules_door_put(sv_visit *v);
/// `…/rules/check`: POST.
void sv_rules_door_check(sv_visit *v);
/// `…/rules/try`: POST.
void sv_rules_door_try(sv_visit *v);
/// `…/rules/versions` and one of them.
void sv_rules_door_list(sv_visit *v);
void sv_rules_door_version(sv_visit *v);
/// `…/rules/versions/{version}/again`: POST.
void sv_rules_door_again(sv_visit *v);

#endif

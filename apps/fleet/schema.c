#include "schema.h"

#include <base/num.h>

extern const char sv_fleet_schema[];
extern const char sv_fleet_schema_received[];
extern const char sv_fleet_schema_ledger[];
extern const char sv_fleet_schema_push[];
extern const char sv_fleet_schema_rules[];
extern const char sv_fleet_schema_command[];
extern const char sv_fleet_schema_acknowledged[];
extern const char sv_fleet_schema_clock[];
extern const char sv_fleet_schema_site_rules[];
extern const char sv_fleet_schema_notify[];
extern const char sv_fleet_schema_maintenance[];
extern const char sv_fleet_schema_standing[];
extern const char sv_fleet_schema_audit[];
extern const char sv_fleet_schema_enrol[];
extern const char sv_fleet_schema_belief[];
extern const char sv_fleet_schema_proved[];
extern const char sv_fleet_schema_standing_cut[];
extern const char sv_fleet_schema_belief_doubt[];
extern const char sv_fleet_schema_audit_chain[];
extern const char sv_fleet_schema_people[];
extern const char sv_fleet_schema_unusual[];
extern const char sv_fleet_schema_checklist[];
extern const char sv_fleet_schema_images[];
extern const char sv_fleet_schema_action[];
extern const char sv_fleet_schema_target_token[];
extern const char sv_fleet_schema_machine[];
extern const char sv_fleet_schema_campaign[];
extern const char sv_fleet_schema_models[];
extern const char sv_fleet_schema_model_why[];
extern const char sv_fleet_schema_savings[];
extern const char sv_fleet_schema_prestage[];
extern const char sv_fleet_schema_went_wrong[];
extern const char sv_fleet_schema_campaign_zone[];
extern const char sv_fleet_schema_campaign_retry[];
extern const char sv_fleet_schema_gateway_token[];
extern const char sv_fleet_schema_certificate_shown[];
extern const char sv_fleet_schema_site_groups[];
extern const char sv_fleet_schema_site_groups_gone[];
extern const char sv_fleet_schema_director_root[];
extern const char sv_fleet_schema_director_epoch[];
extern const char sv_fleet_schema_versions[];
extern const char sv_fleet_schema_shown_until[];
extern const char sv_fleet_schema_failure[];
extern const char sv_fleet_schema_machine_past[];

// What a database of before the names were kept has had of these it knows as a number: the first
// 41 stay as they are. A new step comes behind those it builds on.
const sv_db_migration SV_FLEET_SCHEMA[] = {
    { .name = "1-first", .sql = sv_fleet_schema },
    { .name = "2-received", .sql = sv_fleet_schema_received },
    { .name = "3-ledger", .sql = sv_fleet_schema_ledger },
    { .name = "4-push", .sql = sv_fleet_schema_push },
    { .name = "rules", .sql = sv_fleet_schema_rules },
    { .name = "command", .sql = sv_fleet_schema_command },
    { .name = "acknowledged", .sql = sv_fleet_schema_acknowledged },
    { .name = "clock", .sql = sv_fleet_schema_clock },
    { .name = "site-rules", .sql = sv_fleet_schema_site_rules },
    { .name = "notify", .sql = sv_fleet_schema_notify },
    { .name = "maintenance", .sql = sv_fleet_schema_maintenance },
    { .name = "audit", .sql = sv_fleet_schema_audit },
    { .name = "standing", .sql = sv_fleet_schema_standing },
    { .name = "enrol", .sql = sv_fleet_schema_enrol },
    { .name = "belief", .sql = sv_fleet_schema_belief },
    { .name = "proved", .sql = sv_fleet_schema_proved },
    { .name = "standing cut", .sql = sv_fleet_schema_standing_cut },
    { .name = "belief doubt", .sql = sv_fleet_schema_belief_doubt },
    { .name = "audit chain", .sql = sv_fleet_schema_audit_chain },
    { .name = "people", .sql = sv_fleet_schema_people },
    { .name = "unusual", .sql = sv_fleet_schema_unusual },
    { .name = "checklist", .sql = sv_fleet_schema_checklist },
    { .name = "images", .sql = sv_fleet_schema_images },
    { .name = "action", .sql = sv_fleet_schema_action },
    { .name = "target token", .sql = sv_fleet_schema_target_token },
    { .name = "machine", .sql = sv_fleet_schema_machine },
    { .name = "campaign", .sql = sv_fleet_schema_campaign },
    { .name = "models", .sql = sv_fleet_schema_models },
    { .name = "model why", .sql = sv_fleet_schema_model_why },
    { .name = "savings", .sql = sv_fleet_schema_savings },
    { .name = "prestage", .sql = sv_fleet_schema_prestage },
    { .name = "went wrong", .sql = sv_fleet_schema_went_wrong },
    { .name = "campaign zone", .sql = sv_fleet_schema_campaign_zone },
    { .name = "gateway token", .sql = sv_fleet_schema_gateway_token },
    { .name = "certificate shown", .sql = sv_fleet_schema_certificate_shown },
    { .name = "site groups", .sql = sv_fleet_schema_site_groups },
    { .name = "director root", .sql = sv_fleet_schema_director_root },
    { .name = "versions", .sql = sv_fleet_schema_versions },
    { .name = "shown until", .sql = sv_fleet_schema_shown_until },
    { .name = "failure", .sql = sv_fleet_schema_failure },
    { .name = "machine past", .sql = sv_fleet_schema_machine_past },
    { .name = "site groups gone", .sql = sv_fleet_schema_site_groups_gone },
    { .name = "director epoch", .sql = sv_fleet_schema_director_epoch },
    { .name = "campaign retry", .sql = sv_fleet_schema_campaign_retry },
};
const size_t SV_FLEET_SCHEMA_COUNT = SV_COUNT(SV_FLEET_SCHEMA);

#include "fleet.h"

#include "actions.h"
#include "asks.h"
#include "audit_keep.h"
#include "campaigns.h"
#include "census.h"
#include "certify.h"
#include "clones.h"
#include "crl.h"
#include "director.h"
#include "divergence.h"
#include "factor.h"
#include "failure_note.h"
#include "gateway_token.h"
#include "image_keys.h"
#include "images_store.h"
#include "inbox.h"
#include "inventory.h"
#include "kinds.h"
#include "life_note.h"
#include "machine_health.h"
#include "maintenance.h"
#include "notify.h"
#include "offline.h"
#include "running.h"
#include "savings.h"
#include "signer.h"
#include "site_groups.h"
#include "site_rules.h"
#include "standing.h"
#include "standing_push.h"
#include "views.h"
#include "walk.h"

#include <sys/clock.h>

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
extern const char sv_fleet_schema_gateway_token[];
extern const char sv_fleet_schema_certificate_shown[];
extern const char sv_fleet_schema_site_groups[];
extern const char sv_fleet_schema_director_root[];
extern const char sv_fleet_schema_versions[];
extern const char sv_fleet_schema_shown_until[];
extern const char sv_fleet_schema_failure[];
extern const char sv_fleet_schema_machine_past[];

/// What devices run, as it stands beside them in the registry.
static sv_err load_what_runs(sv_fleet *fleet, sv_why *why) {
    SV_TRY(sv_running_load(fleet, why));
    SV_TRY(sv_divergence_load(fleet, why));
    return sv_gateway_token_load(fleet, why);
}

/// What gateways told last of each.
static sv_err load_machines(sv_fleet *fleet, sv_why *why) {
    SV_TRY(sv_machine_load(fleet, why));
    SV_TRY(sv_life_load(fleet, why));
    return sv_failure_load(fleet, why);
}

/// And who of each site is in those that its rules name.
static sv_err open_groups(sv_fleet *out, sv_why *why) {
    SV_TRY(sv_inventory_open(out->db, &out->inventory, why));
    return sv_site_groups_open(out, &out->site_groups, why);
}

sv_err sv_fleet_open(sv_loop *loop, sv_fleet_config *config, sv_fleet *out, sv_why *why) {
    // A database knows how many it has had: a new one comes at the end, never between two.
    const sv_db_migration migrations[] = {
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
    };
    *out = (sv_fleet){ .config = *config,
                       .loop = loop,
                       .wall_us = sv_clock_wall_us,
                       .believed_us = sv_clock_believed_us,
                       .mono_us = sv_clock_monotonic_us };
    *config = (sv_fleet_config){ 0 };
    out->live = sv_live_new();
    out->push = sv_push_new(out->config.gateway_count);
    out->notify = sv_notify_new();
    if (out->config.notify == NULL) {
        out->config.notify = sv_notify_config_read(NULL, &sv_notify_none, NULL);
    }
    out->asks = sv_asks_new();
    out->actions = sv_actions_new();
    out->walks = sv_walks_new(out);
    out->census = sv_census_new();
    out->kinds = sv_kinds_new();
    out->campaigns = sv_campaigns_new(out);
    sv_campaigns_join_actions(out);
    out->savings = sv_savings_new();
    out->clones = sv_clones_new();
    out->crl = sv_crl_new(sv_signer_crl);
    sv_user_throttle_open(&out->user_throttle);
    out->certificates = sv_certificates_new(out->config.pki);
    bool has_signer = out->config.signer.socket[0] != '\0';
    out->audit = sv_audit_keeper_new(has_signer ? sv_signer_audit : NULL);
    if (has_signer) {
        out->signer = sv_signer_open(loop, out->config.signer.socket, out->mono_us);
    }
    sv_err err =
        sv_db_open(out->config.store.path, migrations, SV_COUNT(migrations), &out->db, why);
    if (err == SV_OK) {
        err = sv_audit_keeper_load(out, why);
    }
    if (err == SV_OK) {
        err = sv_registry_open(out->db, &out->config, &out->registry, why);
    }
    if (err == SV_OK) {
        err = load_what_runs(out, why);
    }
    if (err == SV_OK) {
        err = sv_site_rules_open(out->db, out->registry, why);
    }
    if (err == SV_OK) {
        err = sv_maintenance_open(out->db, out->registry, why);
    }
    if (err == SV_OK) {
        err = load_machines(out, why);
    }
    if (err == SV_OK) {
        err = open_groups(out, why);
    }
    if (err == SV_OK) {
        err = sv_standing_log_open(out->db, &out->standing, why);
    }
    if (err == SV_OK && out->signer != NULL) {
        sv_standing_sign_with(out->standing, sv_standing_ask_signer, out->signer);
    }
    if (err == SV_OK) {
        err = sv_inbox_count_devices(out->db, out->registry, why);
    }
    if (err == SV_OK) {
        err = sv_offline_load(out, why);
    }
    if (err == SV_OK) {
        out->certify = sv_certify_new(out);
        err = sv_people_admin_token(out->db, out->config.admin_token_file, why);
    }
    if (err == SV_OK) {
        err = sv_factor_open(out->config.store.path, &out->factor_key, why);
    }
    if (err == SV_OK) {
        err = sv_images_open(out, &out->images, why);
    }
    if (err == SV_OK) {
        err = sv_image_keys_open(out->config.store.path, &out->image_keys, why);
    }
    if (err == SV_OK) {
        err = sv_director_open(out, &out->director, why);
    }
    if (err == SV_OK && loop != NULL) {
        err = sv_passwords_open(loop, &out->passwords, why);
    }
    if (err != SV_OK) {
        sv_fleet_drop(out);
    }
    return err;
}

void sv_fleet_drop(sv_fleet *fleet) {
    if (fleet->db != NULL) {
        sv_savings_turn(fleet);
    }
    sv_walks_drop(&fleet->walks);
    sv_census_drop(&fleet->census);
    sv_kinds_drop(&fleet->kinds);
    sv_savings_drop(&fleet->savings);
    sv_passwords_drop(&fleet->passwords);
    sv_images_drop(&fleet->images);
    sv_aead_drop(&fleet->factor_key);
    sv_aead_drop(&fleet->image_keys);
    sv_certify_drop(&fleet->certify);
    sv_signer_drop(&fleet->signer);
    sv_director_drop(&fleet->director);
    sv_notify_drop(&fleet->notify);
    sv_live_drop(&fleet->live);
    sv_asks_drop(&fleet->asks);
    sv_campaigns_drop(&fleet->campaigns);
    sv_actions_drop(&fleet->actions);
    sv_inventory_drop(&fleet->inventory);
    sv_site_groups_drop(&fleet->site_groups);
    sv_push_drop(&fleet->push);
    sv_standing_log_drop(&fleet->standing);
    sv_clones_drop(&fleet->clones);
    sv_crl_drop(&fleet->crl);
    sv_certificates_drop(&fleet->certificates);
    sv_audit_keeper_drop(&fleet->audit);
    sv_registry_drop(&fleet->registry);
    if (fleet->db != NULL) {
        sv_db_drop(&fleet->db);
    }
    sv_fleet_config_drop(&fleet->config);
}

void sv_fleet_tell_device(sv_fleet *fleet, const sv_device *device) {
    if (!sv_live_is_watched(fleet->live)) {
        return;
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf data = SV_TEXTBUF_HEAP(SV_LIVE_EVENT_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&data);
    sv_view_device(fleet, device, false, &out);
    sv_live_send(fleet->live, device->site->name, "device", sv_textbuf_text(&data));
}

static void judge_one(void *arg, sv_device *device) {
    if (sv_device_judge(device)) {
        sv_fleet_tell_device(arg, device);
    }
}

static void judged(void *arg, sv_err err, const sv_why *why) {
    sv_fleet *fleet = arg;
    (void) why;
    fleet->judges = false;
    fleet->judges_again |= err != SV_OK;
}

void sv_fleet_judge(sv_fleet *fleet) {
    int64_t now_us = fleet->mono_us();
    for (size_t i = 0; i < sv_registry_gateway_count(fleet->registry); i++) {
        fleet->judges_again |= sv_gateway_judge(sv_registry_gateway_at(fleet->registry, i), now_us);
    }
    if (fleet->judges_again && !fleet->judges) {
        const sv_walk walk = { .each = judge_one, .done = judged, .arg = fleet };
        fleet->judges_again = false;
        fleet->judges = true;
        sv_walk_begin(fleet, &walk);
    }
}

void sv_fleet_tell_alert(sv_fleet *fleet, sv_text alert_id) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf data = SV_TEXTBUF_HEAP(SV_LIVE_EVENT_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&data);
    char device_id[SV_ID_ROOM];
    char site[SV_ID_ROOM];
    if (sv_inbox_write(fleet->db, alert_id, &out, device_id, site, NULL) != SV_OK) {
        return;
    }
    sv_live_send(fleet->live, site, "alert", sv_textbuf_text(&data));
    sv_device *device = sv_registry_device(fleet->registry, sv_text_of(device_id));
    sv_alert_count count;
    if (device == NULL || sv_inbox_counts(fleet->db, NULL, device_id, &count) != SV_OK) {
        return;
    }
    const sv_alert_count *old = &device->alerts;
    bool changed = count.open != old->open || count.acknowledged != old->acknowledged
                   || count.worst != old->worst;
    device->alerts = count;
    if (changed) {
        sv_fleet_tell_device(fleet, device);
    }
}

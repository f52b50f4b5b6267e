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
#include "schema.h"
#include "signer.h"
#include "site_groups.h"
#include "site_rules.h"
#include "standing.h"
#include "standing_push.h"
#include "views.h"
#include "walk.h"

#include <sys/clock.h>

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
        sv_db_open(out->config.store.path, SV_FLEET_SCHEMA, SV_FLEET_SCHEMA_COUNT, &out->db, why);
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

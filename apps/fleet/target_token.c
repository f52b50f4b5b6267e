#include "target_token.h"

#include "ddi_token_door.h"
#include "standing.h"

const sv_ddi_token_kind SV_TARGET_TOKENS = {
    .name = "target token",
    .owner = "device",
    .store = "INSERT INTO target_token (device, hash, user, created_us) VALUES (?1, ?2, ?3, ?4)"
             " ON CONFLICT (device) DO UPDATE SET hash = ?2, user = ?3, created_us = ?4",
    .drop = "DELETE FROM target_token WHERE device = ?1",
    .find = "SELECT device, created_us FROM target_token WHERE hash = ?1",
    .make_deed = "target-token.make",
    .remove_deed = "target-token.remove",
};

sv_err sv_target_token_judge(const sv_fleet *fleet, sv_text token, sv_asker *out, sv_why *why) {
    *out = (sv_asker){ .who = { .role = SV_ROLE_DEVICE } };
    SV_TRY(sv_ddi_token_find(fleet, &SV_TARGET_TOKENS, token, out->who.id, &out->who.not_before_us,
                             why));
    const sv_device *device = sv_registry_device(fleet->registry, sv_text_of(out->who.id));
    out->site = device != NULL ? device->site : NULL;
    return sv_standing_allows(fleet->standing, out->who.id, out->who.not_before_us, why) == SV_OK
               ? SV_OK
               : SV_ERR_STATE; // it was the device's own, and no guess
}

// ---- for operators ------------------------------------------------------------------------------

void sv_target_token_door_make(sv_visit *v) {
    const sv_device *device = sv_visit_device(v);
    if (device != NULL) {
        sv_ddi_token_make(v, &SV_TARGET_TOKENS, device->id, v->fleet->config.ddi.target_tokens);
    }
}

void sv_target_token_door_remove(sv_visit *v) {
    const sv_device *device = sv_visit_device(v);
    if (device != NULL) {
        sv_ddi_token_remove(v, &SV_TARGET_TOKENS, device->id);
    }
}

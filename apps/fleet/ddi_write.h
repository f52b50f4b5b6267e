// The documents that devices get over DDI (docs/spec/ddi.md).
#ifndef SV_FLEET_DDI_WRITE_H
#define SV_FLEET_DDI_WRITE_H

#include "actions.h"

enum {
    SV_DDI_BASE_ROOM = 320,           ///< "https://<host>:<port>"
    SV_DDI_DOCUMENT_MAX = 256 * 1024, ///< bytes of an answer
    SV_DDI_HISTORY_MAX = SV_ACTION_LINES_MAX,
};

#define SV_DDI_PREFIX "/default/controller/v1/"

/// What a device is told when it polls. Actions by id; 0: there is none.
typedef struct sv_ddi_poll {
    const char *base; ///< of the door as the device reaches it: "https://gateway:8444"
    const char *device;
    int64_t sleep_us;
    int64_t deployment, confirmation, cancel, installed;
    bool config; ///< it is to say what it runs
} sv_ddi_poll;

void sv_ddi_write_poll(const sv_ddi_poll *poll, sv_json_out *out);

/// What is to be installed.
typedef struct sv_ddi_deployment {
    const char *base;
    const sv_action *action;
    const sv_image_row *image;
    sv_action_offer offer;
    bool asks;      ///< of its confirmationBase
    size_t history; ///< lines of its log, newest first
} sv_ddi_deployment;

sv_err sv_ddi_write_deployment(sv_fleet *fleet, const sv_ddi_deployment *deployment,
                               sv_json_out *out, sv_why *why);
void sv_ddi_write_cancel(int64_t action, sv_json_out *out);
/// Whether it says yes by itself, and how that is changed.
void sv_ddi_write_consent(const char *base, const char *device, bool by_itself, sv_json_out *out);

#endif

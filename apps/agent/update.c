#include "update.h"

#include <base/mem.h>
#include <stdlib.h>
#include <sys/log.h>

struct sv_agent_update {
    const sv_agent_config *config;
    sv_tls *tls;
    sv_agent_script *script; ///< NULL: there is none
    sv_ddi_device *device;
    sv_agent_update_look *look;
    void *arg;
};

static void on_look(void *arg, int64_t since_us, sv_ddi_seen *out) {
    const sv_agent_update *update = arg;
    update->look(update->arg, since_us, &out->connected, &out->critical);
    out->script_passed = true;
    if (update->script != NULL) {
        sv_agent_script_run(update->script, since_us);
        out->script_passed = sv_agent_script_has_passed(update->script, since_us);
        out->script = sv_agent_script_word(update->script, since_us);
    }
}

static void on_said(void *arg, bool good, const char *event, const char *sentence) {
    (void) arg;
    sv_log_write(good ? SV_LOG_info : SV_LOG_warn, event, "%s", sentence);
}

static void on_script(void *arg) {
    const sv_agent_update *update = arg;
    sv_ddi_device_judge(update->device);
}

static sv_err open_tls(const sv_agent_config *config, sv_tls **out, sv_why *why) {
    const sv_tls_files files = { .ca = config->tls.ca,
                                 .cert = config->tls.cert,
                                 .key = config->tls.key };
    return sv_tls_client(&files, out, why);
}

void sv_agent_update_renewed(sv_agent_update *update) {
    SV_DEFER(sv_tls_drop) sv_tls *fresh = NULL;
    sv_why why;
    if (open_tls(update->config, &fresh, &why) == SV_OK) {
        sv_tls_adopt(update->tls, &fresh);
    } else {
        SV_LOG(warn, "update.certificate", "%s", why.text);
    }
}

static sv_err open_device(sv_loop *loop, sv_agent_update *update, sv_why *why) {
    static const sv_ddi_device_events EVENTS = { .look = on_look, .said = on_said };
    const sv_agent_config *config = update->config;
    const sv_ddi_device_options options = {
        .id = config->id,
        .door = config->update.door,
        .socket = config->update.socket,
        .cert = config->tls.cert,
        .key = config->tls.key,
        .hold = config->update.hold,
        .version = config->firmware_version,
        .client = "selvedge-agent",
        .tls = update->tls,
        .poll_us = config->update.poll_us,
        .deadline_us = config->update.health.deadline_us,
        .rate = (uint64_t) config->update.rate,
    };
    return sv_ddi_device_open(loop, &options, &EVENTS, update, &update->device, why);
}

sv_err sv_agent_update_open(sv_loop *loop, const sv_agent_config *config, sv_agent_script **script,
                            sv_agent_update_look *look, void *arg, sv_agent_update **out,
                            sv_why *why) {
    SV_DEFER(sv_agent_update_drop) sv_agent_update *update = sv_mem_new(sizeof *update);
    update->config = config;
    update->look = look;
    update->arg = arg;
    update->script = *script;
    *script = NULL;
    SV_TRY(open_tls(config, &update->tls, why));
    SV_TRY(open_device(loop, update, why));
    if (update->script != NULL) {
        sv_agent_script_use(update->script, loop, on_script, update);
    }
    *out = update;
    update = NULL;
    return SV_OK;
}

void sv_agent_update_call(sv_agent_update *update) {
    sv_ddi_device_look(update->device);
}

void sv_agent_update_tell(const sv_agent_update *update, sv_health_metrics *out) {
    sv_ddi_device_tell(update->device, out);
}

void sv_agent_update_drop(sv_agent_update **update) {
    sv_agent_update *gone = *update;
    if (gone == NULL) {
        return;
    }
    *update = NULL;
    sv_ddi_device_drop(&gone->device);
    sv_agent_script_drop(&gone->script);
    sv_tls_drop(&gone->tls);
    free(gone);
}

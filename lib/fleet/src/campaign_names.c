#include <fleet/campaign.h>

static const char *const PLACES[SV_STAGE__COUNT] = {
    [SV_STAGE_PLANNED] = "planned",
    [SV_STAGE_WAITING] = "waiting",
    [SV_STAGE_DOWNLOADING] = "downloading",
    [SV_STAGE_INSTALLED] = "installed",
    [SV_STAGE_TRIAL] = "trial",
    [SV_STAGE_CONFIRMED] = "confirmed",
    [SV_STAGE_FAILED] = "failed",
    [SV_STAGE_ROLLED_BACK] = "rolled_back",
    [SV_STAGE_SILENT] = "silent",
    [SV_STAGE_UNPROVED] = "unproved",
    [SV_STAGE_WORSE] = "worse",
    [SV_STAGE_CANCELED] = "canceled",
};
static const char *const STATES[SV_CAMPAIGN_STATE__COUNT] = {
    [SV_CAMPAIGN_APPROVAL] = "approval", [SV_CAMPAIGN_SCHEDULED] = "scheduled",
    [SV_CAMPAIGN_RUNNING] = "running",   [SV_CAMPAIGN_PAUSED] = "paused",
    [SV_CAMPAIGN_STOPPED] = "stopped",   [SV_CAMPAIGN_DONE] = "done",
};
static const char *const KINDS[SV_STOP__COUNT] = {
    [SV_STOP_FAILED] = "failed", [SV_STOP_ROLLED_BACK] = "rolled_back",
    [SV_STOP_SILENT] = "silent", [SV_STOP_UNPROVED] = "unproved",
    [SV_STOP_WORSE] = "worse",   [SV_STOP_ANY] = "any",
};

// ---- names --------------------------------------------------------------------------------------

const char *sv_stage_name(sv_stage place) {
    return PLACES[place];
}

const char *sv_campaign_state_name(sv_campaign_state state) {
    return STATES[state];
}

const char *sv_stop_kind_name(sv_stop_kind kind) {
    return KINDS[kind];
}

static int find(sv_text name, const char *const names[], int count) {
    int i = 0;
    while (i < count && !sv_text_is(name, names[i])) {
        i++;
    }
    return i;
}

sv_err sv_stage_parse(sv_text name, sv_stage *out, sv_why *why) {
    int i = find(name, PLACES, SV_STAGE__COUNT);
    if (i == SV_STAGE__COUNT) {
        return sv_fail(why, SV_ERR_INVALID, "'" SV_TEXT_FMT "' is no state of a device",
                       SV_TEXT_ARG(name));
    }
    *out = (sv_stage) i;
    return SV_OK;
}

sv_err sv_campaign_state_parse(sv_text name, sv_campaign_state *out, sv_why *why) {
    int i = find(name, STATES, SV_CAMPAIGN_STATE__COUNT);
    if (i == SV_CAMPAIGN_STATE__COUNT) {
        return sv_fail(why, SV_ERR_INVALID, "'" SV_TEXT_FMT "' is no state of a campaign",
                       SV_TEXT_ARG(name));
    }
    *out = (sv_campaign_state) i;
    return SV_OK;
}

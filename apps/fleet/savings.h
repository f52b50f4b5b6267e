// What roll-outs cost the line, and what they would have without deltas, compression and the sites'
// caches: three sums for each campaign, and one for what was asked for device by device. Devices
// tell what they fetched, in which encoding; what was sent is counted as it goes out. Sums rise by
// what is new, and are in the database: nothing is counted anew, whenever the program ends, save
// for what was sent in its last second. (docs/spec/campaign.md)
#ifndef SV_FLEET_SAVINGS_H
#define SV_FLEET_SAVINGS_H

#include "actions.h"
#include "asker.h"

enum {
    SV_SAVINGS_OPEN_MAX = 128, ///< campaigns of which something was sent in a second; others are
                               ///< counted with what was asked for device by device
    SV_SAVINGS_TIMES_MAX = 4,  ///< so often an action may fetch its encoding; more is not believed
};

typedef struct sv_savings sv_savings;

sv_savings *sv_savings_new(void);
void sv_savings_drop(sv_savings **savings);

/// What a device has told of an action, behind sv_actions_feedback and in its transaction.
typedef struct sv_savings_word {
    bool ours;        ///< our agent, which tells what it fetched; any other fetches all of it
    sv_text encoding; ///< that it takes; empty: it does not say
    int64_t fetched;  ///< stored bytes so far, for this action; -1: it does not say
} sv_savings_word;
/// SV_OK also when it says nothing that counts. [campaign-40]
sv_err sv_savings_hear(sv_fleet *fleet, int64_t id, const sv_savings_word *word, sv_why *why);

/// The campaign for which these bytes go out: of a device, that of what it is to install; of a
/// gateway, the newest one of the image that has not ended. 0: none. [campaign-41]
int64_t sv_savings_campaign(sv_fleet *fleet, const sv_asker *asker, sv_text sha256);
/// They went out. `arg`: the sv_savings.
void sv_savings_sent(void *arg, int64_t campaign, uint64_t bytes);
/// What was sent goes to the database. Once a second, and before the end.
void sv_savings_turn(sv_fleet *fleet);

/// As a value: {"image","fetched","sent"}, in bytes.
sv_err sv_savings_write(sv_fleet *fleet, int64_t campaign, sv_json_out *out, sv_why *why);
/// Of all campaigns that somebody of these sites sees; who sees all sites, also of what was asked
/// for device by device.
sv_err sv_savings_write_all(sv_fleet *fleet, const char *sites, sv_json_out *out, sv_why *why);

#endif

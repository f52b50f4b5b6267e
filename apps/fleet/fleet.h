// The parts of a running fleet server, and what its doors share.
#ifndef SV_FLEET_FLEET_H
#define SV_FLEET_FLEET_H

#include "certificates.h"
#include "config.h"
#include "issued_import.h"
#include "live.h"
#include "passwords.h"
#include "people.h"
#include "push.h"
#include "registry.h"

#include <crypto/aead.h>
#include <net/tls.h>
#include <store/db.h>
#include <sys/loop.h>

/// What /metrics counts.
typedef struct sv_fleet_counts {
    int64_t points_stored, points_repeated, items_refused, batches, alerts_taken, logins_refused;
    int64_t requests_denied; ///< for want of a session, a role, a scope or a site
} sv_fleet_counts;

typedef struct sv_asks sv_asks; ///< questions that gateways have not answered yet

typedef struct sv_fleet {
    sv_fleet_config config;
    sv_loop *loop;
    sv_db *db;
    sv_registry *registry;
    sv_live *live;
    sv_push *push;
    struct sv_notify *notify;
    struct sv_standing_log *standing;
    struct sv_clones *clones;
    struct sv_crl *crl;
    sv_asks *asks;
    size_t tries; ///< of rules, under way
    sv_certificates *certificates;
    struct sv_certify *certify;
    struct sv_audit_keeper *audit;
    struct sv_images *images;
    struct sv_director *director;
    struct sv_actions *actions;
    struct sv_campaigns *campaigns;
    struct sv_savings *savings;
    struct sv_inventory *inventory;
    struct sv_site_groups *site_groups;
    struct sv_walks *walks;   ///< over all devices (walk.h)
    struct sv_census *census; ///< of them
    struct sv_kinds *kinds;   ///< of what they run
    bool judges;              ///< whose gateway is heard: a walk is under way
    bool judges_again;        ///< another one is due
    size_t offline_next;      ///< at which device the next turn goes on to look who is away
    const char *asks_from; ///< the address of whoever the operator door answers now; NULL: nobody
    sv_import import;      ///< of the PKI's folder
    bool clock_doubted;    ///< has been said
    bool belief_kept;      ///< in the database, at belief_kept_us (monotonic)
    int64_t belief_kept_us;
    int64_t expiry_next_us;   ///< when certificates that end are looked at again (monotonic)
    struct sv_signer *signer; ///< NULL: none is configured
    uint16_t operator_port;   ///< of the operator door, so
    uint16_t device_port;     ///< of the device door, once it is open
    sv_tls *device_tls;       ///< what peers of the device door are judged by
    sv_throttle throttle;
    sv_user_throttle user_throttle;
    sv_throttle denials;     ///< written down, by user
    sv_passwords *passwords; ///< NULL without a loop
    sv_aead *factor_key;     ///< seals second factors
    sv_aead *image_keys;     ///< seals content keys
    sv_fleet_counts counts;
    int64_t (*wall_us)(void);     ///< the clocks; a test brings its own
    int64_t (*believed_us)(void); ///< by it is judged what has ended or is too old [clock-6]
    int64_t (*mono_us)(void);
} sv_fleet;

/// Opens the database and everything over it; `config` is taken over, also on failure.
sv_err sv_fleet_open(sv_loop *loop, sv_fleet_config *config, sv_fleet *out, sv_why *why);
void sv_fleet_drop(sv_fleet *fleet);

/// Presence: judge every gateway and tell the live clients what changed. Once a second.
void sv_fleet_judge(sv_fleet *fleet);
/// Tell the live clients that presence or health of a device changed.
void sv_fleet_tell_device(sv_fleet *fleet, const sv_device *device);
/// Tell the live clients about an alert, and about the device it counts for.
void sv_fleet_tell_alert(sv_fleet *fleet, sv_text alert_id);

#endif

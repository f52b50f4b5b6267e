// What the server knows about devices, sites and gateways right now: all of it in memory, so that
// lists and counts cost no disk, with the rows in the database as the durable copy.
//
// A change is made in memory and written in the caller's transaction; sv_registry_settle says how
// the transaction ended. What a failed one did not store is written again with the next change.
#ifndef SV_FLEET_REGISTRY_H
#define SV_FLEET_REGISTRY_H

#include "config.h"

#include <base/err.h>
#include <model/maintenance.h>
#include <model/reading.h>
#include <store/db.h>

enum {
    SV_FLEET_DEVICES_MAX = 1100000,
    SV_FLEET_SENSORS_MAX = 64, ///< of one device
    SV_FLEET_SPARK = 24,
    SV_FLEET_REPORT_MAX = 4096,
    SV_FLEET_VERSION_MAX = 64,
    SV_FLEET_WANTS = 8, ///< images that devices of a site install at once with its token
    SV_FLEET_SHA256_ROOM = 64 + 1,
};

#define SV_FLEET_HEARD_US INT64_C(15000000) ///< a gateway silent for longer is offline
#define SV_FLEET_STORE_US INT64_C(60000000) ///< last_seen alone is stored this seldom

typedef enum sv_fleet_health {
    SV_FLEET_UNKNOWN,
    SV_FLEET_HEALTHY,
    SV_FLEET_WARNING,
    SV_FLEET_CRITICAL,
    SV_FLEET_HEALTH__COUNT
} sv_fleet_health;

const char *sv_fleet_health_name(sv_fleet_health health);

/// The alerts of one device, one site or all that have not been cleared.
typedef struct sv_alert_count {
    int64_t open, acknowledged;
    int64_t critical;      ///< of the open ones
    sv_fleet_health worst; ///< of both; SV_FLEET_UNKNOWN: none above info
} sv_alert_count;

typedef struct sv_site {
    char name[SV_ID_ROOM];
    sv_maintenance *maintenance; ///< of all of it; NULL: nobody works there
    struct {
        char sha256[SV_FLEET_SHA256_ROOM];
        char device[SV_ID_ROOM];
    } wants[SV_FLEET_WANTS]; ///< what its gateway token asked for last (gateway_token.h)
    size_t wants_next;
    int64_t diverging; ///< of its devices (divergence.h)
} sv_site;

typedef struct sv_gateway {
    char id[SV_ID_ROOM];
    sv_site *site;
    bool online;
    bool heard; ///< since this process started
    bool away;  ///< has an OFFLINE alert; so of a device
    int64_t
        silent_from_us; ///< from when silence counts (monotonic); 0: not looked at; so of a device
    int64_t heard_mono_us; ///< when `heard`
    int64_t last_seen_us;  ///< wall clock; 0: never
    double readings_per_s;
    int64_t bytes_in, bytes_up, refused, spool;
    double spool_fill; ///< how full its spool is, by bytes or by age; at 1 something goes
    struct {
        int64_t averages, minutes, alerts;
    } dropped;                ///< before they came here
    bool full;                ///< its disk is: it acknowledges nothing
    double available;         ///< share of 30 days in which it served its devices; 0: not told
    int64_t standing_version; ///< of the log of standing, that it said it holds
    int64_t standing_at_us;   ///< and when it first did; 0: not since this process started
    char *rules;  ///< what it says of the rules it goes by (site_rules.h); NULL: nothing yet
    char *models; ///< what it says of its models (models.h); NULL: nothing yet
} sv_gateway;

struct sv_device;

typedef struct sv_spark_point {
    int64_t at_ms;
    double value;
} sv_spark_point;

typedef struct sv_stream {
    int64_t id; ///< row; 0: not stored
    bool stored;
    bool spark_loaded;
    bool averages; ///< the spark holds averages; else summaries
    uint8_t spark_count;
    char sensor[SV_ID_ROOM];
    char unit[SV_UNIT_MAX + 1];
    struct sv_device *device;
    sv_spark_point spark[SV_FLEET_SPARK]; ///< oldest first
} sv_stream;

typedef struct sv_device {
    char id[SV_ID_ROOM];
    bool stored;
    bool said_online; ///< by its gateway
    bool online;      ///< and that gateway is heard
    bool away;
    bool seen_again; ///< "last seen" is later than it was
    uint16_t kind;   ///< of what it runs (kinds.h); 0: it has to be looked at
    int64_t silent_from_us;
    int64_t certificate_ends_us; ///< as it is stored (certificate_shown.h); 0: look there
    sv_site *site;
    sv_gateway *gateway; ///< that spoke for it last; NULL until then
    int64_t since_us, last_seen_us, stored_seen_us;
    int64_t added_us; ///< by an operator, before anybody had heard of it; 0: nobody did [enrol-3]
    int64_t clock_ahead_us;   ///< of its gateway's; 0: no more than five seconds off [reading-8]
    sv_fleet_health reported; ///< by its last health report
    char type[SV_ID_ROOM];    ///< empty: unknown
    char version[SV_FLEET_VERSION_MAX];  ///< by its health report
    char runs[SV_FLEET_VERSION_MAX + 1]; ///< as it said when it was asked (running.h); empty: never
    bool diverges;                       ///< it runs something else than it should (divergence.h)
    char *report;                        ///< JSON or NULL
    sv_alert_count alerts;
    sv_maintenance *maintenance;     ///< of it alone; NULL: nobody works on it
    struct sv_machine_note *machine; ///< its sensors together; NULL: its gateway has not said
    struct sv_life_note *life;       ///< how long it will last; NULL: no model says
    struct sv_failure_note *failure; ///< what is wrong with it; NULL: no model says
    sv_stream **streams;             ///< by name
    size_t stream_count;
} sv_device;

typedef struct sv_registry sv_registry;

/// What a damaged database says must not be taken for a fault of the item being stored.
sv_err sv_fleet_medium(sv_err err);

/// Reads every device and stream from `db`, which must outlive it.
sv_err sv_registry_open(sv_db *db, const sv_fleet_config *config, sv_registry **out, sv_why *why);
void sv_registry_drop(sv_registry **registry);

sv_gateway *sv_registry_gateway(const sv_registry *registry, const char *id); ///< NULL: unknown
size_t sv_registry_gateway_count(const sv_registry *registry);
sv_gateway *sv_registry_gateway_at(const sv_registry *registry, size_t index);
size_t sv_registry_site_count(const sv_registry *registry);
sv_site *sv_registry_site_at(const sv_registry *registry, size_t index);
sv_site *sv_registry_site(const sv_registry *registry, sv_text name); ///< NULL: unknown

sv_device *sv_registry_device(const sv_registry *registry, sv_text id); ///< NULL: unknown
size_t sv_registry_device_count(const sv_registry *registry);
sv_device *sv_registry_device_at(const sv_registry *registry, size_t index); ///< by id
/// The index of the first device whose id comes after `id`.
size_t sv_registry_device_after(const sv_registry *registry, const char *id);

/// The device, made if it is new. SV_ERR_UNTRUSTED when it belongs to another site [uplink-4],
/// SV_ERR_INVALID for an id outside the grammar, SV_ERR_STATE when the registry is full. These
/// are the item's fault; any other error is the medium's.
sv_err sv_registry_bind(sv_registry *registry, sv_gateway *gateway, sv_text id, sv_device **out,
                        sv_why *why);
/// A device that was added at a site: its row is in the database, committed, whoever it is new to.
/// It counts with the site's first gateway until one speaks for it.
sv_err sv_registry_admit(sv_registry *registry, sv_text id, sv_text site, int64_t added_us,
                         sv_device **out, sv_why *why);
/// A device that was admitted and of which nobody has heard; its row is gone. Not in a transaction.
void sv_registry_forget(sv_registry *registry, sv_text id);
/// How many that were, since the start.
uint64_t sv_registry_forgotten(const sv_registry *registry);
/// The stream, made if it is new; it has a row when this returns. Errors as above.
sv_err sv_registry_stream(sv_registry *registry, sv_device *device, sv_text sensor, sv_text unit,
                          sv_stream **out, sv_why *why);
sv_stream *sv_device_stream(const sv_device *device, sv_text sensor); ///< NULL: unknown

/// Write the device's row.
sv_err sv_registry_store(sv_registry *registry, sv_device *device, sv_why *why);
void sv_registry_settle(sv_registry *registry, bool committed);

/// Judge the report and keep it; one that cannot be read is passed over.
void sv_device_take_report(sv_device *device, sv_text report);
/// The worse of what it reports and what its alerts say.
sv_fleet_health sv_device_health(const sv_device *device);
/// The version that it runs, by its best word; empty: unknown.
const char *sv_device_runs(const sv_device *device);
/// Somebody has to look: an alert is open, or the report is bad and no alert speaks for it.
bool sv_device_needs_you(const sv_device *device);
/// Added, and nobody has heard of it yet.
bool sv_device_is_awaited(const sv_device *device);
/// Recompute `online`; true when it changed.
bool sv_device_judge(sv_device *device);
/// Recompute the gateway's `online`; true when it changed.
bool sv_gateway_judge(sv_gateway *gateway, int64_t mono_us);

#endif

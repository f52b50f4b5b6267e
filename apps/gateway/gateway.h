// What the parts of the gateway share. Everything runs on the loop's thread but the writing itself
// (store/writer.h). A message's effects (the reading, its alerts, what goes up) are one transaction
// with those of its group; only after the commit is it acknowledged, are alerts published and items
// sent. While the disk is full nothing is acknowledged; a store that is broken ends the program.
#ifndef SELVEDGE_GATEWAY_H
#define SELVEDGE_GATEWAY_H

#include "act.h"
#include "aside.h"
#include "availability.h"
#include "boots.h"
#include "broker_crl.h"
#include "cache.h"
#include "clock.h"
#include "clones.h"
#include "config.h"
#include "denials.h"
#include "device_acks.h"
#include "guards.h"
#include "holds.h"
#include "ledger.h"
#include "lives.h"
#include "local.h"
#include "local_alerts.h"
#include "look.h"
#include "machine_health.h"
#include "maintenance.h"
#include "members.h"
#include "models.h"
#include "notices.h"
#include "outbox.h"
#include "own_certificate.h"
#include "page_door.h"
#include "pause.h"
#include "push.h"
#include "relay.h"
#include "seen.h"
#include "senders.h"
#include "site_rules.h"
#include "spool_alert.h"
#include "standing.h"
#include "traffic.h"
#include "try.h"
#include "usual.h"
#include <base/map.h>
#include <base/ranges.h>
#include <base/time.h>
#include <codec/url.h>
#include <edge/stream.h>
#include <model/ack.h>
#include <model/alert.h>
#include <model/health.h>
#include <model/ledger.h>
#include <model/reading.h>
#include <mqtt/client.h>
#include <mqtt/server.h>
#include <net/event_stream.h>
#include <net/http_client.h>
#include <net/http_server.h>
#include <store/writer.h>
#include <sys/loop.h>

enum {
    GW_DEVICES_MAX = 10000,
    GW_STREAMS_MAX = 100000,
    GW_PAGE_BYTES = 1024,        ///< of a new database: half of what is written are pages begun
    GW_CACHE_BYTES = 256 * 1024, ///< of pages that each of the two connections keeps
    GW_RING = 16,                ///< (time, value) pairs per stream
    GW_ACKS_MAX = 65536,         ///< more packet ids than that there are not
    GW_QUARANTINE_MAX = 1000,
    GW_PRESENCE_MAX = 1024,            ///< bytes of a presence message
    GW_BEHIND_BYTES = 4 * 1024 * 1024, ///< recorded and not on disk; above it devices wait
    GW_FILES_MIN = 256,                ///< open files below which no door is opened
    GW_FILES_BESIDE = 128,             ///< of them for the store, what goes up, the local page
};

#define GW_SLOW_US SV_TIME_SECOND_US ///< a commit that takes longer is said

/// How long messages wait for the disk: one is guarded at a time.
typedef struct gw_waits {
    uint64_t group; ///< of the message that is guarded; settled: none is
    int64_t since_us;
    uint64_t count, sum_us;
} gw_waits;

/// What a stream said last.
typedef struct gw_last {
    double value, average;
    int64_t at_us;
} gw_last;

struct gw_stream {
    char device[SV_ID_ROOM], sensor[SV_ID_ROOM], unit[SV_UNIT_MAX + 1];
    char epoch[SV_EPOCH_MAX + 1]; ///< the sender's
    bool minute_corrected;        ///< something in it is not placed at the time its device said
    bool late_corrected;          ///< so of the late minute
    gw_device *of;                ///< the device; NULL: not looked up yet
    gw_sender *sender;            ///< of its last numbered reading, or NULL; see gw_sender_of
    sv_stream stream;
    sv_stream_rules rules;
    gw_guard *guard; ///< the device's, when a rule asks about this sensor; NULL: none does
    sv_tap tap;
    int64_t row;
    struct {
        int64_t at_us;
        double value;
    } ring[GW_RING];
    unsigned ring_filled, ring_next;
    int64_t minute_due_us; ///< monotonic: the open minute waits no longer for what is on its way
    gw_last last;
    gw_usual usual;
    gw_machine *machine; ///< its device's sensors together; NULL: not looked up yet
    gw_sender *live;     ///< whose readings are judged now; NULL: nobody's that are numbered
    int64_t live_seq;    ///< its highest number here
    int64_t newest_us;   ///< of what was judged
    sv_stream *late;     ///< what comes after newer ones, in its own order; NULL: nothing does
    int64_t late_us;     ///< monotonic, of the last of it
    uint64_t count;      ///< accepted since the gateway started
    gw_traffic traffic;
};

struct gw_device {
    char id[SV_ID_ROOM];
    char type[SV_ID_ROOM]; ///< what its presence says it is; empty: unknown
    bool online;
    bool has_presence; ///< it says itself whether it is online
    bool changed; ///< presence, type, HEALTH alert or clock: the fleet is told with the next beat
    bool report_changed; ///< a report it has not been told
    int64_t since_us, last_seen_us;
    int64_t told_us, told_seen_us; ///< when (monotonic) and with which last_seen the fleet was told
    int64_t report_told_us;        ///< so for the report
    bool no_life_told;             ///< so for that no model says anything of it
    int64_t watched_until_us; ///< until then (monotonic) the fleet wants every beat's last_seen
    gw_boot *boots;           ///< the newest first
    bool boots_read;          ///< those on disk are among them
    gw_offset clock;
    char *report; ///< the last health report, or NULL
    struct {
        bool open;
        sv_severity severity;
        char message[SV_ALERT_MESSAGE_MAX];
        char alert_id[SV_ALERT_ID_MAX + 1];
    } health; ///< its HEALTH alert
};

/// Somebody this gateway sends to.
typedef struct gw_peer {
    const char *name;
    sv_http_client *http; ///< NULL: nothing is sent there
    bool up;
    int64_t retry_at_us, backoff_us;
} gw_peer;

/// A message of the external broker that is acknowledged with its group.
typedef struct gw_ack {
    uint64_t group, token;
} gw_ack;

/// Why something was dropped: too old, the database or the disk too full.
typedef enum gw_drop_reason {
    GW_DROP_RETENTION,
    GW_DROP_BYTES,
    GW_DROP_FREE,
    GW_DROP__COUNT
} gw_drop_reason;

/// What is kept, and of what kind it was when it had to go.
typedef enum gw_kind { GW_SAMPLES = 0, GW_MINUTES = 1, GW_KIND__COUNT } gw_kind;

typedef struct gw_pack gw_pack;
typedef struct gw_asked gw_asked;

/// Where the packing stands; all else is in the database.
typedef struct gw_series {
    sv_timer *timer;
    gw_asked *asked; ///< who is being answered: until then nothing moves
    int64_t free_us; ///< monotonic, when it was last seen that nobody is; 0: nothing is packed
    size_t asked_count;
    gw_pack *pack;    ///< rows being read, or NULL
    unsigned side;    ///< of the tables `reading` and `reading_b`, which takes rows
    uint64_t group;   ///< the last one that a step recorded something in
    bool scanning;    ///< the last step recorded nothing
    uint64_t damaged; ///< blocks that could not be read
    int64_t dropped[GW_KIND__COUNT][GW_DROP__COUNT];
    int64_t dropped_us[GW_KIND__COUNT][GW_DROP__COUNT]; ///< when last, monotonic
} gw_series;

/// Messages that are no readings.
typedef enum gw_state { GW_STATE_PRESENCE, GW_STATE_HEALTH, GW_STATE__COUNT } gw_state;

struct gw {
    gw_config config;
    sv_loop *loop;
    sv_writer *writer;
    sv_db *db;            ///< for reading what is committed
    uint64_t committed;   ///< the last group on disk
    bool started;         ///< everything could be opened
    bool full;            ///< the disk is: nothing is acknowledged
    int64_t last_stream;  ///< the highest row of the table `stream`
    int64_t last_boot;    ///< so of the table `boot`
    int64_t last_reading; ///< the highest number a reading was given, on disk or on its way
    char epoch[SV_EPOCH_MAX + 1];
    sv_map *streams, *senders, *devices;
    sv_mqtt_client *mqtt; ///< to the external broker, or NULL
    sv_mqtt_server *door; ///< the own front door, or NULL
    sv_tls *tls, *door_tls, *broker_tls;
    gw_own_certificate own_certificate;
    uint64_t door_trimmed; ///< links that had ended when memory was last given back to the system
    uint64_t door_shed;    ///< links closed for want of room, as far as the log has said
    gw_ack *acks;          ///< a ring
    size_t ack_first, ack_count;
    gw_local_alerts local_alerts;
    sv_timer *beat_timer, *tick_timer, *batch_timer, *backfill_timer, *checkpoint_timer,
        *availability_timer;
    gw_peer fleet, alert_peer;
    gw_ledger ledger;
    gw_peer batches; ///< the fleet as far as it settles what it takes; `http` is that of `fleet`
    gw_device_acks device_acks;
    gw_broker_crl broker_crl;
    gw_push push;
    gw_looks looks;
    gw_acts acts;
    gw_guards guards;
    gw_site_rules site_rules;
    gw_members members;
    gw_maintenance maintenance;
    gw_tries tries;
    gw_seen seen;
    gw_standing standing;
    gw_aside aside;
    gw_clones clones;
    char clone_loser[GW_CLONE_PLACE_ROOM]; ///< whose session is taken over just now
    uint64_t clones_found;
    gw_denials denials;
    gw_machines machines;
    gw_models models;
    sv_map *lives;   ///< device -> gw_lives
    sv_map *notices; ///< open ones
    gw_page_door page;
    sv_tls *alert_tls; ///< to an alerts.url of one's own
    char alert_path[SV_URL_PATH_MAX], alert_name[SV_URL_HOST_MAX + 24];
    bool batch_under_way, alert_under_way, health_under_way, batch_due;
    gw_batch batch; ///< the one under way
    int64_t batch_max, alert_last_id;
    size_t alert_bytes;     ///< of the one under way
    gw_stream *alert_of;    ///< and whose it is, or NULL
    int64_t backfill_at_us; ///< monotonic: the server's time for the next of what waited
    gw_outbox outbox;
    gw_spool_alert spool_alert;
    gw_traffic_all traffic;
    gw_clock clock;
    gw_waits waits;
    gw_series series;
    sv_http_server *local; ///< NULL: no local page
    gw_relay *relay;       ///< NULL: no device door
    gw_cache *cache;       ///< NULL: nothing is kept of what goes through it
    gw_availability availability;
    int64_t started_us, quarantined_us;
    uint64_t readings, stored, sent, bytes_in, uplink_refused;
    uint64_t clocks_wrong, clocks_corrected;
    uint64_t raised, cleared;
    int64_t alerts_open, devices_online;
    uint64_t refused[SV_READING_FAULT__COUNT];
    uint64_t late;  ///< readings that came after newer ones
    uint64_t muted; ///< the mutes in force, a bit each
    uint64_t states_refused[GW_STATE__COUNT];
    uint64_t readings_before; ///< at the last beat
    double readings_per_s;
    int exit_code;
};

sv_err gw_store_open(gw *g, sv_why *why);
/// From now on devices can be served; since the start they were not.
void gw_store_opened(gw *g);
/// Account for the time since the last call: devices could be served, or not.
void gw_store_look(gw *g);
/// The same, and keep it.
void gw_store_availability(gw *g);
/// Bytes free on the disk, the database's unused pages among them; -1: unknown.
int64_t gw_store_room(gw *g);
/// A message waits for `group`.
void gw_store_wait(gw *g, uint64_t group);
/// Log why the store failed and end the program with exit code 5.
void gw_store_failed(gw *g, const sv_why *why);

/// Where messages come from: the own front door or an external broker.
sv_err gw_front_open(gw *g, sv_why *why);
void gw_front_close(gw *g);
bool gw_front_is_up(const gw *g);
/// Groups up to this one are on disk: acknowledge what waited for them.
void gw_settled(gw *g, uint64_t group);
/// To local subscribers, QoS 1, with what is being recorded. False when there was no room for it.
/// An external broker's acknowledgement is told to gw_push_published, or of the local alert with
/// the number -`event` to gw_local_alert_acknowledged, or of the command with the row
/// -`event` - GW_PUBLISHED_COMMAND to gw_act_published; 0: to nobody.
bool gw_publish(gw *g, sv_text topic, sv_text payload, int64_t event);

sv_err gw_broker_open(gw *g, sv_why *why);
void gw_broker_settled(gw *g, uint64_t group);
void gw_broker_close(gw *g);

sv_err gw_door_open(gw *g, sv_why *why);
void gw_door_settled(gw *g, uint64_t group);
/// Certificates and revocation list read again.
void gw_door_reload(gw *g);
/// Says who was turned away since the last beat for want of room; gives back the memory of those
/// who have gone.
void gw_door_beat(gw *g);
void gw_door_close(gw *g);

void gw_ingest_open(gw *g);
sv_err gw_ingest_prime(gw *g, sv_why *why);
void gw_ingest_close(gw *g);
/// A message on sensors/, health/, presence/ or results/. Returns the group whose commit
/// acknowledges it.
uint64_t gw_ingest_message(gw *g, sv_text topic, sv_text payload);
/// Other rules are in force; the old ones are there still.
void gw_ingest_rules(gw *g);
/// Other devices are in the groups of the rules in force, which are the same else.
void gw_ingest_members(gw *g, const sv_members *old, const sv_members *fresh);
/// Once a second: minutes of streams that have fallen silent, silence itself, what is muted now.
void gw_ingest_tick(gw *g);
/// NULL when there is no room for another one.
gw_stream *gw_stream_of(gw *g, sv_text device, sv_text sensor);
/// NULL: nothing has been heard of it since the gateway started.
gw_stream *gw_stream_known(const gw *g, sv_text device, sv_text sensor);
/// Everything that was refused, for whatever reason.
uint64_t gw_refused(const gw *g);

/// What a device says on presence/<id>.
typedef struct gw_presence {
    bool online;
    char type[SV_ID_ROOM]; ///< empty: not said
    char boot[SV_BOOT_MAX + 1];
    sv_reading when; ///< what its clocks say, with `boot`
} gw_presence;

bool gw_presence_parse(sv_text payload, gw_presence *out);
/// NULL when there is no room for another one.
gw_device *gw_device_of(gw *g, sv_text id);
/// A message on presence/<id> or health/<id>.
void gw_device_take(gw *g, sv_text topic, sv_text payload);

enum { GW_WATCH_US = 30 * 1000000 };
/// `watch` {"device"}: two gateways call it online; the fleet server looks closely for a while.
/// [standing-12]
gw_event_end gw_device_watch(gw *g, int64_t id, const sv_json *data);
/// Is it time to tell that it was heard again?
bool gw_device_is_heard_again(const gw_device *device, int64_t mono_us);

/// What was found about a stream: by a reading, or by the lack of one (NULL).
void gw_alert_turns(gw *g, gw_stream *s, const sv_turn turns[SV_CAUSE__COUNT],
                    const sv_reading *reading);
/// What a report did to its device's HEALTH alert: one per device, as bad as the worst complaint.
void gw_alert_health(gw *g, gw_device *device, const sv_health *health);
/// Tell the site that somebody acknowledged an alert, if it is open still. `event` as in
/// gw_publish.
gw_event_end gw_alert_acknowledge(gw *g, sv_text id, sv_text by, int64_t at_us, int64_t event);
/// Those that were open when the program ended.
sv_err gw_alerts_reopen(gw *g, sv_why *why);

sv_err gw_uplink_open(gw *g, sv_why *why);
void gw_uplink_turn(gw *g);
/// Bytes of bodies that went up since the start, to the fleet server and to who takes alerts.
uint64_t gw_uplink_bytes(const gw *g);
/// To the fleet server; false when it cannot be asked now.
bool gw_uplink_post(gw *g, const char *path, const sv_textbuf *body, sv_http_done *done);
/// It answered, or not; true when it took the request.
bool gw_uplink_answered(gw *g, const sv_http_reply_view *reply, const sv_why *why);
/// What waits for its next try to the fleet server is tried with the next turn.
void gw_uplink_hurry(gw *g);
/// It has read the request and will never take it: sending it again cannot help.
bool gw_uplink_is_refused(int status);
/// Ask the fleet server; false when it cannot be asked now.
bool gw_uplink_get(gw *g, const char *path, sv_http_done *done);
void gw_uplink_beat(gw *g);
void gw_uplink_close(gw *g);

/// Readings packed, summed up and dropped in their time (series.h).
void gw_series_open(gw *g);
/// Which table takes rows, and the last number given.
sv_err gw_pack_open(gw *g, sv_why *why);
void gw_series_close(gw *g);
/// One step, what the timer does; `busy`: there may be more to do.
void gw_series_turn(gw *g, bool *busy);
const char *gw_drop_reason_name(gw_drop_reason reason);
const char *gw_kind_name(gw_kind kind);

#endif

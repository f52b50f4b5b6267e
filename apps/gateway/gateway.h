// What the parts of the gateway share. Everything runs on the loop's thread but the writing itself
// (store/writer.h). A message's effects (the reading, its alerts, what goes up) are one transaction
// with those of its group; only after the commit is it acknowledged, are alerts published and items
// sent. While the disk is full nothing is acknowledged; a store that is broken ends the program.
#ifndef SELVEDGE_GATEWAY_H
#define SELVEDGE_GATEWAY_H

#include "act.h"
#include "availability.h"
#include "boots.h"
#include "config.h"
#include "guards.h"
#include "local_alerts.h"
#include "maintenance.h"
#include "outbox.h"
#include "page_door.h"
#include "relay.h"
#include "seen.h"
#include "site_rules.h"
#include "spool_alert.h"
#include "traffic.h"
#include "try.h"
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
    GW_SENDERS_MAX = 20000, ///< (device, epoch) pairs remembered; the longest unused goes first
    GW_CHECKPOINT_MAX = 32 * 1024 * 1024,
    GW_CHECKPOINT_US = 60 * 1000000,
    GW_PAGE_BYTES = 1024, ///< of a new database: half of what is written are pages begun
    GW_RING = 16,         ///< (time, value) pairs per stream
    GW_ACKS_MAX = 65536,  ///< more packet ids than that there are not
    GW_QUARANTINE_MAX = 1000,
    GW_PRESENCE_MAX = 1024,            ///< bytes of a presence message
    GW_BEHIND_BYTES = 4 * 1024 * 1024, ///< recorded and not on disk; above it devices wait
    GW_LEDGER_ITEMS_MAX = 1000,        ///< senders that the fleet is told of at once
    GW_LEDGER_BYTES = 1024 * 1024,     ///< or as many as fit
    GW_CLOCKS_SHOWN = 20,              ///< devices with clocks far off that are named
    GW_LEDGER_US = 10 * 1000000,       ///< it is told what changed that often
    GW_DEVICE_ACKS_US = 1000000,       ///< a device is told that often what of its is on disk
    GW_DEVICE_ACKS_MAX = 2000,      ///< messages at once; the queue to the broker is for alerts too
    GW_DEVICE_ACKS_BYTES = 1 << 18, ///< or as many as fit
    GW_SENDER_ROOM = SV_ID_ROOM + 1 + SV_EPOCH_MAX, ///< bytes of "<device>/<epoch>"
    GW_LOCAL_MAX = 8 * 1024 * 1024,                 ///< bytes of one answer of the local page
    GW_FILES_MIN = 256,                             ///< open files below which no door is opened
    GW_FILES_BESIDE = 128, ///< of them for the store, what goes up, the local page
};

#define SV_CLOCK_LEAP_US SV_TIME_HOUR_US ///< a wall clock that leaps further ahead is doubted
#define SV_CLOCK_DOUBT_US SV_TIME_DAY_US ///< for so long: time to set it right

/// The wall clock as far as what is kept may be judged by it. One that leaps ahead (a battery, a
/// false time server) would have everything thrown away as too old.
typedef struct gw_clock {
    int64_t believed_us; ///< 0: nothing is known yet
    int64_t at_us;       ///< monotonic, of believed_us
    int64_t doubted_us;  ///< monotonic, since when it is ahead; 0: it is believed
    int64_t wall_us;     ///< as it was asked last; 0: never
    int64_t wall_at_us;  ///< monotonic, of wall_us
    bool fresh;          ///< wall_us is from before this program started
    bool lost;           ///< it says a time before 2020: what follows from wall_us is used instead
    unsigned steps;      ///< how often it was set by more than SV_CLOCK_APART_US
} gw_clock;

#define GW_OFFSET_US SV_TIME_MINUTE_US ///< how long a device's clock is watched before it is said
#define GW_OFFSET_FAR_US (5 * SV_TIME_SECOND_US) ///< further away from this one it is worth a word

/// How far a device's clock is ahead of this gateway's. Readings are on their way for a while, so
/// the one that is furthest ahead is nearest to the truth.
typedef struct gw_offset {
    bool any, known;
    unsigned steps;   ///< of the gateway's clock: what was found before is nothing
    int64_t since_us; ///< monotonic
    int64_t best_us, offset_us;
} gw_offset;

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

typedef struct gw_sender gw_sender;

struct gw_stream {
    char device[SV_ID_ROOM], sensor[SV_ID_ROOM], unit[SV_UNIT_MAX + 1];
    gw_device *of;                ///< the device; NULL: not looked up yet
    gw_sender *sender;            ///< of its last numbered reading, or NULL; see gw_sender_of
    char epoch[SV_EPOCH_MAX + 1]; ///< that sender's
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
    bool minute_corrected; ///< something in it is not placed at the time its device said
    gw_last last;
    gw_sender *live;     ///< whose readings are judged now; NULL: nobody's that are numbered
    int64_t live_seq;    ///< its highest number here
    int64_t newest_us;   ///< of what was judged
    sv_stream *late;     ///< what comes after newer ones, in its own order; NULL: nothing does
    int64_t late_us;     ///< monotonic, of the last of it
    bool late_corrected; ///< so of the late minute
    uint64_t count;      ///< accepted since the gateway started
    gw_traffic traffic;
};

/// What the fleet server knows of a sender.
typedef enum gw_told { GW_UNTOLD, GW_BEING_TOLD, GW_TOLD } gw_told;

/// A device since one of its starts.
struct gw_sender {
    sv_ranges seen;  ///< its numbers
    int64_t used_us; ///< monotonic, of its first reading after another sender's
    sv_ledger ledger;
    gw_told told;
    bool ack_due; ///< something of it came since its device was last told
};

/// What devices are told of next, behind an external broker: lines "<device>\t<message>".
typedef struct gw_device_acks {
    sv_timer *timer;
    sv_textbuf lines; ///< empty: nothing waits
    uint64_t group;   ///< that has to be on disk before
    size_t next;      ///< where the walk through the senders goes on
    bool due;         ///< a sender may be
} gw_device_acks;

/// What is told next: put together, then sent when all of it is on disk.
typedef struct gw_ledger {
    sv_timer *timer;
    sv_textbuf body;         ///< empty: nothing waits
    uint64_t group;          ///< that has to be on disk before
    size_t next;             ///< where the walk through the senders goes on
    bool under_way, unknown; ///< to a fleet server that does not know of it
} gw_ledger;

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
    gw_boot *boots;                ///< the newest first
    bool boots_read;               ///< those on disk are among them
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

/// What became of an event of the fleet server.
typedef enum gw_event_end {
    GW_EVENT_DONE,
    GW_EVENT_IDLE,     ///< nothing to do: not open any more, too late
    GW_EVENT_UNKNOWN,  ///< a name this gateway does not know
    GW_EVENT_REFUSED,  ///< breaks its format
    GW_EVENT_REPEATED, ///< had before
    GW_EVENT_LATER,    ///< cannot be taken now; it comes again
    GW_EVENT_END__COUNT
} gw_event_end;

/// The fleet server's push (docs/spec/uplink.md).
typedef struct gw_push {
    sv_event_stream *stream; ///< NULL: there is no fleet server
    sv_timer *poll_timer;
    bool up, told_down, poll_under_way;
    int64_t taken;   ///< the id of the last event that was taken
    int64_t waiting; ///< of the last one whose message the external broker has not acknowledged; 0
    uint64_t ends[GW_EVENT_END__COUNT], resets;
} gw_push;

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
    sv_tls *tls, *door_tls;
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
    gw_push push;
    gw_acts acts;
    gw_guards guards;
    gw_site_rules site_rules;
    gw_maintenance maintenance;
    gw_tries tries;
    gw_seen seen;
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
/// What time it is, for judging what is too old; to be asked with every beat.
int64_t gw_clock_now(gw_clock *clock, int64_t monotonic_us, int64_t wall_us);
int64_t gw_now_us(gw *g);
/// The wall clock, or, while that says a time before 2020, what it would say had it gone on.
int64_t gw_clock_wall(gw_clock *clock, int64_t monotonic_us, int64_t wall_us);
int64_t gw_wall_us(gw *g);
/// A reading of a device's clock was received, when `own` was asked last.
void gw_offset_note(gw_offset *offset, const gw_clock *own, int64_t at_us);
bool gw_offset_is_far(const gw_offset *offset);
/// Devices of which that is so.
size_t gw_clocks_far(const gw *g);
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
/// the number -`event` to gw_local_alert_acknowledged; 0: to nobody.
bool gw_publish(gw *g, sv_text topic, sv_text payload, int64_t event);

sv_err gw_broker_open(gw *g, sv_why *why);
void gw_broker_settled(gw *g, uint64_t group);
void gw_broker_close(gw *g);

/// Only behind an external broker, whose PUBACK does not mean that a reading is on disk
/// (docs/spec/ack.md). Without gw_device_acks_open the others do nothing.
void gw_device_acks_open(gw *g);
/// A reading of this sender came, new or not.
void gw_device_acks_note(gw *g, gw_sender *sender);
/// Put together what is to be told of those that were noted.
void gw_device_acks_due(gw *g);
/// Tell it, if it is on disk by now.
void gw_device_acks_turn(gw *g);
void gw_device_acks_close(gw *g);

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
/// Once a second: minutes of streams that have fallen silent, silence itself, what is muted now.
void gw_ingest_tick(gw *g);
/// NULL when there is no room for another one.
gw_stream *gw_stream_of(gw *g, sv_text device, sv_text sensor);
/// NULL: nothing has been heard of it since the gateway started.
gw_stream *gw_stream_known(const gw *g, sv_text device, sv_text sensor);
/// Everything that was refused, for whatever reason.
uint64_t gw_refused(const gw *g);

/// False: seen before. Pure apart from `stream` and `sender` (NULL: not numbered).
bool gw_is_new(gw_stream *stream, gw_sender *sender, const sv_reading *reading);
/// NULL when the reading has no number.
gw_sender *gw_sender_of(gw *g, gw_stream *stream, const sv_reading *reading);
/// The sender itself, made if it is new and `make` says so; else NULL.
gw_sender *gw_sender_named(gw *g, sv_text device, sv_text epoch, bool make);
/// A reading from before this start. `received_us` 0: the checkpoint knows of it.
void gw_senders_remember(gw *g, gw_stream *stream, const sv_reading *reading, int64_t received_us);
/// One line of the checkpoint: "<device>/<epoch> <numbers> <ledger>"; in the epoch, what is no
/// letter or digit stands as %XX. An older line ends after the numbers.
void gw_sender_format(sv_text name, const gw_sender *sender, sv_textbuf *out);
/// `name` and the sender's contents, which are the caller's to drop with gw_sender_clear.
sv_err gw_sender_parse(sv_text line, sv_textbuf *name, gw_sender *out);
void gw_sender_clear(gw_sender *sender);
/// Keep what has been seen, with the group. False, and logged: it is too much.
bool gw_senders_checkpoint(gw *g);
/// What the last checkpoint says, and the last reading that it covers.
sv_err gw_senders_restore(gw *g, int64_t *reading, sv_why *why);
void gw_senders_close(gw *g);

/// What the fleet server is told about the numbers of devices (docs/spec/uplink.md).
void gw_ledger_open(gw *g);
/// A new reading of `sender` (NULL: not numbered) was recorded.
void gw_ledger_stored(gw_sender *sender, int64_t seq, int64_t received_us);
/// One was not, because of `fault`. `reading` may be NULL, or hold no more than its number.
void gw_ledger_refused(gw *g, const sv_reading *reading, sv_reading_fault fault);
/// Put together what changed since it was told, and send it as soon as it is on disk.
void gw_ledger_due(gw *g);
/// Send what waits, if it is on disk by now.
void gw_ledger_turn(gw *g);
void gw_ledger_close(gw *g);

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
/// The event `rules`: fetch that version.
gw_event_end gw_site_rules_want(gw *g, int64_t id, const sv_json *data);
/// The event `maintenance`: somebody begins to work on a device, or ends it.
gw_event_end gw_maintenance_take(gw *g, int64_t id, const sv_json *data);
/// The stream of events from the fleet server, and polling while there is none. An event's id is
/// kept with its effect.
sv_err gw_push_open(gw *g, sv_why *why);
/// One event. `data` may be NULL when it is no JSON.
gw_event_end gw_push_take(gw *g, int64_t id, sv_text name, const sv_json *data);
/// The external broker has the messages of the events up to this one.
void gw_push_published(gw *g, int64_t event);
const char *gw_event_end_name(gw_event_end end);
void gw_push_close(gw *g);

/// The page on loopback for Prometheus and people at the machine (docs/spec/gateway-local.md).
sv_err gw_local_open(gw *g, sv_why *why);
void gw_local_status(const gw *g, sv_textbuf *text);
void gw_local_metrics(const gw *g, sv_textbuf *out);
/// From where somebody asks: this machine, or at the page's own door, who has shown the token.
typedef enum gw_asked_from { GW_ASKED_HERE, GW_ASKED_FROM_AFAR } gw_asked_from;
void gw_local_answer(gw *g, sv_http_request *request, gw_asked_from from);
/// A change that no other site's page has made a browser send; else it is answered.
bool gw_local_is_meant(sv_http_request *request);
/// One of the files of the page for people; which paths are.
bool gw_local_page_has(sv_text path);
void gw_local_page(sv_http_request *request);
/// `GET /v1/devices`.
void gw_local_devices(gw *g, sv_http_request *request);
/// `GET /v1/series`.
void gw_local_series(gw *g, sv_http_request *request);

#endif

// What the parts of the gateway share. Everything runs on the loop's thread. A message's effects
// (the reading, its alerts, what goes up) are one transaction with those of its group; only after
// the commit is it acknowledged, are alerts published and items sent. A commit that fails ends the
// program: the broker still has what was not acknowledged.
#ifndef SELVEDGE_GATEWAY_H
#define SELVEDGE_GATEWAY_H

#include "config.h"
#include <base/map.h>
#include <base/time.h>
#include <edge/stream.h>
#include <model/alert.h>
#include <model/reading.h>
#include <mqtt/client.h>
#include <net/http_client.h>
#include <store/db.h>
#include <sys/loop.h>

enum {
    GW_DEVICES_MAX = 10000,
    GW_STREAMS_MAX = 100000,
    GW_SENDERS_MAX = 20000, ///< (device, epoch) pairs remembered
    GW_WINDOW = 1024,       ///< numbers below the highest that are told apart
    GW_RING = 16,           ///< (time, value) pairs per stream
    GW_ACKS_MAX = 1000,
    GW_BATCH_MAX = 500,
    GW_OUTBOX_MAX = 1000000,
    GW_QUARANTINE_MAX = 1000,

};

typedef struct gw_stream {
    char device[SV_ID_ROOM], sensor[SV_ID_ROOM], unit[SV_UNIT_MAX + 1];
    sv_stream stream;
    sv_stream_rules rules;
    int64_t row;
    struct {
        int64_t at_us;
        double value;
    } ring[GW_RING];
    unsigned ring_filled, ring_next;
    int64_t alert_sent_us[2]; ///< last post of the HIGH and of the LOW alert
} gw_stream;

typedef struct gw_sender {
    int64_t highest;
    uint64_t seen[GW_WINDOW / 64]; ///< bit seq % GW_WINDOW
} gw_sender;

typedef struct gw_device {
    char id[SV_ID_ROOM];
    bool online, changed;
    int64_t since_us, last_seen_us;
    char *report; ///< the last health report, or NULL
} gw_device;

typedef struct gw {
    gw_config config;
    sv_loop *loop;
    sv_db *db;
    bool in_group; ///< a transaction is open
    char epoch[SV_EPOCH_MAX + 1];
    sv_map *streams, *senders, *devices;
    sv_mqtt_client *mqtt;
    sv_tls *tls;
    uint64_t acks[GW_ACKS_MAX];
    size_t ack_count;
    sv_textbuf alerts; ///< lines "<device>\t<alert>" to publish after the commit
    sv_timer *group_timer, *beat_timer;
    sv_http_client *fleet, *alert_peer;
    bool batch_under_way, alert_under_way, health_under_way, fleet_up;
    int64_t batch_last_seq, alert_last_id, retry_at_us, backoff_us;
    int64_t started_us, quarantined_us;
    uint64_t readings, stored, sent, bytes_in, bytes_up, dropped, raised, cleared;
    uint64_t refused[SV_READING_FAULT__COUNT];
    uint64_t readings_before; ///< at the last beat
    double readings_per_s;
    int exit_code;
} gw;

sv_err gw_store_open(gw *g, sv_why *why);
/// Open the group's transaction unless it is open.
void gw_group_begin(gw *g);
/// Commit, acknowledge, publish, send.
void gw_group_commit(gw *g);
void gw_store_trim(gw *g);
/// Log why the store failed and end the program with exit code 5.
void gw_store_failed(gw *g, const sv_why *why);

void gw_ingest_open(gw *g);
sv_err gw_ingest_prime(gw *g, sv_why *why);
void gw_ingest_close(gw *g);
/// What the broker delivered; the group's commit acknowledges it.
void gw_ingest_message(gw *g, const sv_mqtt_message *message);
void gw_ingest_rules(gw *g);
/// False: seen before. Pure apart from `stream` and `sender` (NULL: not numbered).
bool gw_is_new(gw_stream *stream, gw_sender *sender, const sv_reading *reading);

sv_err gw_uplink_open(gw *g, sv_why *why);
void gw_uplink_turn(gw *g);
void gw_uplink_beat(gw *g);
void gw_uplink_close(gw *g);

#endif

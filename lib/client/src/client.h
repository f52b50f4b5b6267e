// What the parts of a client know of each other. Three groups of members: fixed when it is opened;
// the loop's, touched by the thread that runs the loop alone; shared, under `lock`.
#ifndef SV_CLIENT_CLIENT_H
#define SV_CLIENT_CLIENT_H

#include <base/ranges.h>
#include <model/health.h>
#include <model/reading.h>
#include <model/uptime.h>
#include <mqtt/client.h>
#include <pthread.h>
#include <selvedge/client.h>
#include <sys/beacon.h>
#include <sys/loop.h>

enum {
    CLIENT_TOPIC_MAX = 2 * SV_ID_ROOM + 16,
    CLIENT_PRESENCE_MAX = 128,
    CLIENT_PRESENCE_WAITING_MAX = 16, ///< after so many connections without an acknowledgement
    CLIENT_PRESENCE_ROOM =            ///< of the MQTT client's queue, kept for presence
    CLIENT_PRESENCE_WAITING_MAX * (CLIENT_TOPIC_MAX + CLIENT_PRESENCE_MAX + 16),
};

/// One that was accepted, on its way to the loop.
typedef struct client_publication {
    struct client_publication *next;
    uint64_t number;
    sv_text topic, payload; ///< in `bytes`
    char bytes[];
} client_publication;

struct selvedge_client {
    selvedge_options options; ///< without its texts
    char *host;
    char *ca_file, *cert_file, *key_file; ///< the first may be NULL
    char id[SV_ID_ROOM];
    char epoch[SV_EPOCH_MAX + 1];
    char presence_topic[CLIENT_TOPIC_MAX], offline[CLIENT_PRESENCE_MAX];
    char online[CLIENT_PRESENCE_MAX], since[SV_TIMESTAMP_MAX];
    char commands_filter[CLIENT_TOPIC_MAX];
    pthread_t thread;
    bool has_thread;
    int bell; ///< eventfd: the inbox has something, or it is time to close

    sv_loop *loop;
    sv_tls *tls;
    sv_mqtt_client *mqtt;
    sv_watch *bell_watch;
    sv_timer *farewell; ///< the end of patience while leaving
    sv_beacon *beacon;
    sv_textbuf command_name, command_payload;
    sv_ranges acknowledged;
    unsigned presence_waiting; ///< presence messages without an acknowledgement
    bool leaving;

    pthread_mutex_t lock;
    pthread_cond_t changed; ///< connected, trouble, acknowledged
    struct {
        client_publication *first, *last; ///< the inbox
        sv_tls *next_tls;                 ///< from a reload; NULL: there was none
        selvedge_state state;
        int64_t seq;
        sv_uptime uptime;
        int64_t close_by_us; ///< monotonic; 0: stay
        bool in_callback, finished;
    } shared;
};

/// In the library's own words and codes. `error` may be NULL.
selvedge_code client_failed(const sv_why *why, selvedge_error *error);
SV_PRINTF(3, 4)
selvedge_code client_fail(selvedge_error *error, selvedge_code code, const char *fmt, ...);

/// SELVEDGE_INVALID for NULL: what an open that failed has left.
selvedge_code client_check(const selvedge_client *client, selvedge_error *error);

/// Connects the MQTT client on the loop. All that follows happens in its events.
sv_err client_link_open(selvedge_client *client, const selvedge_options *options, sv_why *why);
void client_link_drop(selvedge_client *client);

/// Take the inbox; the caller frees the publications.
client_publication *client_outbox_take(selvedge_client *client);
/// What a publication counts against queue_bytes, as the MQTT client counts it.
size_t client_outbox_bytes(const client_publication *publication);
void client_outbox_drop(selvedge_client *client);

/// Are we inside a callback of this client, on the thread that runs its loop?
bool client_is_inside(selvedge_client *client);
void client_ring(const selvedge_client *client);

#endif

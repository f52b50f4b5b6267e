// The gateway's YAML, read and checked as a whole.
#ifndef SELVEDGE_GATEWAY_CONFIG_H
#define SELVEDGE_GATEWAY_CONFIG_H

#include "act_rights.h"
#include <edge/rules.h>
#include <model/id.h>

enum {
    GW_FILTER_MAX = 255,
    GW_FILTER_ROOM = GW_FILTER_MAX + 1,
    GW_APP_RIGHTS_MAX = 1000,
    GW_DENY_MAX = 100,
};

/// One line of `apps:`: what a local program with an app certificate may read.
typedef struct gw_app_right {
    char id[SV_ID_ROOM];
    char filter[GW_FILTER_ROOM];
} gw_app_right;

typedef struct gw_config {
    char id[SV_ID_ROOM];
    char site[SV_ID_ROOM];
    bool own_door; ///< devices come to `listen`; else to `broker`
    struct {
        char bind[64];
        int64_t port;
        char socket[100]; ///< path of the unix socket for local programs; empty: none
        int64_t loopback; ///< port on 127.0.0.1 without TLS, for the same; 0: none
        int64_t keepalive_us, packet_bytes, connections, session_us;
        int64_t queue_messages, queue_bytes;
        int64_t rate_bytes; ///< a second, of one client; 0: no bound
        int classic;        ///< GW_CLASSIC_REFUSE or _ALLOW
    } listen;
    struct {
        char bind[64];
        int64_t port;             ///< 0: no device door
        char manufacturers[1024]; ///< PEM of CAs whose devices may enrol with theirs; empty: none
    } door;
    struct {
        int keep;       ///< GW_CACHE_OFF or _ON
        char dir[1024]; ///< empty: the store's path and ".cache"
        int64_t bytes;  ///< 0: GW_CACHE_USUAL_BYTES, and a quarter of the disk at most
        int64_t rate;   ///< bytes a second from the fleet server; 0: no bound
    } cache;
    struct {
        char host[256];
        int64_t port;
        char crl[1024];      ///< revocation list for the broker; empty: none is fetched
        char pid_file[1024]; ///< of a mosquitto, which is told; empty: the log says what to run
        int64_t refresh_us;  ///< how often the list is asked for
    } broker;
    struct {
        char ca[1024], cert[1024], key[1024], crl[1024];
        int renew; ///< GW_RENEW_OFF or _AUTOMATIC
    } tls;
    struct {
        char url[512];    ///< empty: nothing goes up
        int64_t every_us; ///< how often what waits is sent as one batch
        int64_t poll_us;  ///< how often it is asked for events while there is no stream of them
        int64_t retry_us; ///< the longest pause between two tries while it does not answer
        struct {
            int64_t bytes, age_us, free;
        } spool; ///< bounds of what waits for it
    } fleet;
    struct {
        char url[512]; ///< empty: the fleet's /v1/alerts
        char ca[1024]; ///< empty: the system's store
    } alerts;
    struct {
        int64_t port; ///< 0: no local page
    } http;
    struct {
        char bind[64];
        int64_t port;          ///< 0: the page is on loopback alone
        char token_file[1024]; ///< whoever shows the token in it may use the page
    } page;
    struct {
        char path[1024];
        int64_t retention_us, bytes, group, group_us;
        int64_t summaries_us, free, pack_us, rows;
        int64_t endurance; ///< bytes the medium may be written in its life; 0: unknown
    } store;
    struct {
        int64_t max_age_us; ///< of what the fleet server said last of who counts
    } standing;
    struct {
        char key[1024]; ///< who signs models; empty: none is believed
    } models;
    gw_command_rights commands;
    sv_rules *rules; ///< those of the file, or those that the fleet server gave instead
    int rules_from;  ///< GW_RULES_FROM_FILE or _FLEET
    gw_app_right *apps;
    size_t app_count;
    char (*deny)[GW_FILTER_ROOM]; ///< filters that nobody may use
    size_t deny_count;
} gw_config;

enum { GW_CLASSIC_REFUSE, GW_CLASSIC_ALLOW };
enum { GW_CACHE_OFF, GW_CACHE_ON };
enum { GW_RENEW_OFF, GW_RENEW_AUTOMATIC };
enum { GW_RULES_FROM_FILE, GW_RULES_FROM_FLEET };

/// The whole file's faults in `faults`; SV_ERR_INVALID when there are any, and `out` untouched.
sv_err gw_config_read(sv_text yaml, gw_config *out, sv_config_faults *faults);
/// On failure every fault of the file has been printed to stderr.
sv_err gw_config_load(const char *path, gw_config *out, sv_why *why);
void gw_config_drop(gw_config *config);
/// Where artifacts are kept; SV_ERR_NOT_FOUND when none are, as without a device door.
sv_err gw_config_cache_dir(const gw_config *config, char *room, size_t room_bytes);
/// The table of keys as text.
void gw_config_help(sv_textbuf *out);

enum {
    GW_BROKER_CONNECTIONS = 12000, ///< as many as our own front door takes
    GW_BROKER_KEEPALIVE_S = 300,   ///< the longest; for MQTT 5, mosquitto binds nobody else by it
};

typedef struct gw_mosquitto_options {
    const char *cert, *key; ///< the broker's own
    const char *acl;        ///< file to write
    const char *data;       ///< folder of the broker's persistence
} gw_mosquitto_options;

/// Configuration of a mosquitto 2.0.11 that serves this gateway and its devices.
void gw_mosquitto_config(const gw_config *config, const gw_mosquitto_options *options,
                         sv_textbuf *out);
void gw_mosquitto_acl(const gw_config *config, sv_textbuf *out);

#endif

// Whom to tell about alerts: the `notify` section of the configuration. Read as a whole, with what
// it names in files (secrets, zones, certificates), and replaced as a whole on SIGHUP: whoever is
// sending over a channel keeps the old one until it is done.
#ifndef SV_FLEET_NOTIFY_CONFIG_H
#define SV_FLEET_NOTIFY_CONFIG_H

#include <codec/config.h>
#include <codec/url.h>
#include <fleet/routing.h>
#include <net/tls.h>
#include <sys/disk.h>

enum {
    SV_CHANNELS_MAX = 32,
    SV_CHANNEL_SECRET_MAX = 2048,
    SV_MAILBOX_MAX = 254, ///< characters of an address (RFC 5321)
    SV_MAIL_TO_MAX = 16,
    SV_NOTIFY_LINK_MAX = 256,
    SV_CHANNEL_FILES_MAX = 4,
};

typedef enum sv_channel_kind {
    SV_CHANNEL_WEBHOOK,
    SV_CHANNEL_SLACK,
    SV_CHANNEL_TEAMS,
    SV_CHANNEL_SMTP,
} sv_channel_kind;

const char *sv_channel_kind_name(sv_channel_kind kind);

typedef struct sv_channel {
    char name[SV_ID_ROOM];
    sv_channel_kind kind;
    char address[SV_CHANNEL_SECRET_MAX + 1]; ///< of a webhook. Never logged: it may be a secret
    sv_url url;
    char secret[SV_CHANNEL_SECRET_MAX + 1]; ///< signs a webhook, or the mail user's password
    bool allow_private;
    sv_tls *tls;
    char files[SV_CHANNEL_FILES_MAX][SV_PATH_MAX]; ///< that it was read from
    size_t file_count;
    struct {
        char host[SV_URL_HOST_MAX];
        uint16_t port;
        bool tls_at_once;
        char user[SV_MAILBOX_MAX + 1]; ///< "": nobody signs in
        char from[SV_MAILBOX_MAX + 1];
        char to[SV_MAIL_TO_MAX][SV_MAILBOX_MAX + 1];
        size_t to_count;
    } smtp;
} sv_channel;

typedef struct sv_notify_zone {
    char name[SV_ZONE_NAME_MAX + 1];
    sv_zone *zone;
} sv_notify_zone;

typedef struct sv_notify_config {
    unsigned users;
    int64_t gather_us, give_up_us;
    bool all;                          ///< every route that fits, not the first alone
    char link[SV_NOTIFY_LINK_MAX + 1]; ///< of the dashboard, or ""
    sv_channel *channels;
    size_t channel_count;
    sv_route *routes;
    size_t route_count;
    sv_notify_zone *zones;
    size_t zone_count;
} sv_notify_config;

/// What a configuration names outside of itself.
typedef struct sv_notify_files {
    /// The content of a file of mode 0600, without the line's end.
    sv_err (*secret)(const char *path, char *room, size_t room_bytes, sv_why *why);
    sv_err (*zone)(const char *name, sv_zone **out, sv_why *why);
    /// `ca` "": the system's store.
    sv_err (*tls)(const char *ca, sv_tls **out, sv_why *why);
} sv_notify_files;

extern const sv_notify_files sv_notify_disk; ///< the real ones
extern const sv_notify_files sv_notify_none; ///< nothing is opened: for tests

/// With one user; NULL `node`: nobody is told. What is wrong is added to `faults`.
sv_notify_config *sv_notify_config_read(const sv_config_node *node, const sv_notify_files *files,
                                        sv_config_faults *faults);
sv_notify_config *sv_notify_config_hold(sv_notify_config *config);
/// The last user's drop ends it; secrets are wiped.
void sv_notify_config_drop(sv_notify_config **config);

const sv_channel *sv_notify_channel(const sv_notify_config *config, sv_text name); ///< NULL: none
const sv_route *sv_notify_route(const sv_notify_config *config, sv_text name);     ///< NULL: none

#endif

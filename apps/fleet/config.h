// The fleet server's configuration: one YAML file, checked as a whole.
#ifndef SV_FLEET_CONFIG_H
#define SV_FLEET_CONFIG_H

#include "notify_config.h"
#include "offline_config.h"

#include <base/err.h>
#include <base/text.h>
#include <codec/config.h>
#include <model/id.h>
#include <sys/disk.h>

enum {
    SV_FLEET_GATEWAYS_MAX = 1024,
    SV_FLEET_BIND_MAX = 64,
    SV_FLEET_ADDRESS_ROOM = 264, /* host:port */
    SV_SECURITY_CONTACT_ROOM = 256,
};

#define SV_FLEET_IMAGES_ROOM (INT64_C(64) << 30) ///< bytes of images, where nothing is said

typedef struct sv_fleet_gateway_site {
    char gateway[SV_ID_ROOM];
    char site[SV_ID_ROOM];
    char door[SV_FLEET_ADDRESS_ROOM]; ///< where devices of the site enrol; empty: at this server
    char mqtt[SV_FLEET_ADDRESS_ROOM]; ///< and where their readings go; empty: the door's host, 8883
} sv_fleet_gateway_site;

typedef struct sv_fleet_door {
    char bind[SV_FLEET_BIND_MAX];
    int64_t port;                        ///< 0: any free one
    char address[SV_FLEET_ADDRESS_ROOM]; ///< how devices reach it; empty: bind and port
    struct {
        char ca[SV_PATH_MAX];
        char cert[SV_PATH_MAX];
        char key[SV_PATH_MAX];
        char crl[SV_PATH_MAX];
    } tls;
} sv_fleet_door;

/// What a device that renews through a gateway has to show with another key than its certificate's.
typedef enum sv_relayed_renewal {
    SV_RELAYED_PROVED, ///< that its old key signed for it
    SV_RELAYED_ANY,    ///< nothing, unless it has done so before
} sv_relayed_renewal;

typedef struct sv_fleet_config {
    char id[SV_ID_ROOM];
    struct {
        char path[SV_PATH_MAX];
        int64_t retention_us;
    } store;
    sv_fleet_door operators; ///< people and their programs; without tls.cert plain HTTP on loopback
    sv_fleet_door devices;
    char pki[SV_PATH_MAX];
    struct {
        char socket[SV_PATH_MAX]; ///< empty: nothing is issued
    } signer;
    struct {
        int64_t lifetime_us;             ///< of what devices and gateways get
        int64_t grace_us;                ///< after its end a certificate is renewed for so long
        char manufacturers[SV_PATH_MAX]; ///< PEM of their CA certificates; empty: of none
        int relayed_renewal;             ///< sv_relayed_renewal
    } enrolment;
    struct {
        int64_t poll_us;     ///< how often devices ask for updates, while nothing is under way
        int64_t silent_us;   ///< how long is waited for a word of who is to start an image
        int64_t proof_us;    ///< and for what a device runs that has said success
        bool gateway_tokens; ///< those of a site may come with one for all (gateway_token.h)
        bool target_tokens;  ///< clients without a certificate may come with one (target_token.h)
    } ddi;
    struct {
        char path[SV_PATH_MAX]; ///< empty: `images` beside the database
        int64_t room;           ///< bytes
    } images;
    char admin_token_file[SV_PATH_MAX];
    char security_contact[SV_SECURITY_CONTACT_ROOM]; ///< whom to tell of a weakness; empty: unsaid
    char ports_file[SV_PATH_MAX];
    sv_fleet_gateway_site *gateways;
    size_t gateway_count;
    sv_notify_config *notify; ///< NULL: nobody is told
    sv_offline_config offline;
    const sv_notify_files *files; ///< while it is read
} sv_fleet_config;

/// The whole file's faults in `faults`; SV_ERR_INVALID when there are any, and nothing to drop. No
/// other file is opened: secrets, zones and certificates of `notify` are made up.
sv_err sv_fleet_config_read(sv_text yaml, sv_fleet_config *out, sv_config_faults *faults);
/// SV_ERR_INVALID with everything that is wrong, one line each, in `faults_out`.
sv_err sv_fleet_config_load(const char *path, sv_fleet_config *out, sv_textbuf *faults_out);
void sv_fleet_config_drop(sv_fleet_config *config);
/// The table of keys as a page of help.
void sv_fleet_config_help(sv_textbuf *out);

#endif

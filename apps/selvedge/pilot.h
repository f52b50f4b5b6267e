// A complete site on one machine: PKI, gateways, fleet server and devices as child
// processes, watched, restarted and shown. Everything lives under one folder and binds to loopback.
//
//   DIR/pilot.json   what runs where (DESIGN: commands)     DIR/pilot.lock   held while a pilot
//   runs DIR/pki  keys/  signer/  fleet/  firmware/  site-<n>/  agent/  log/
#ifndef SELVEDGE_PILOT_H
#define SELVEDGE_PILOT_H

#include "pilot_child.h"
#include <base/err.h>
#include <base/text.h>
#include <model/id.h>
#include <net/forward.h>
#include <net/http_client.h>
#include <sys/disk.h>
#include <sys/loop.h>

enum {
    PILOT_SITES_MAX = 16,
    PILOT_DEVICES_MAX = 10000,
    PILOT_CHILDREN_MAX = 5 + 2 * PILOT_SITES_MAX,
    PILOT_TOKEN_MAX = 128,
    PILOT_LINK_ROOM = 2 * SV_PATH_MAX,
    PILOT_READY_US = 30 * 1000000, ///< for one program to answer
    PILOT_ASK_US = 5 * 1000000,    ///< for one answer
};

typedef struct pilot_options {
    int64_t devices; ///< of the whole pilot; the last one is this machine itself
    int64_t sites;
    const char *dir;
    const char *bind; ///< NULL: loopback only
    int64_t seconds;  ///< 0: until Ctrl-C
    bool check;
    bool fresh;
    bool json;
} pilot_options;

/// A chosen port; listened on by the pilot itself until its program starts.
typedef struct pilot_port {
    uint16_t number;
    int fd; ///< -1: let go
} pilot_port;

typedef struct pilot_site {
    char name[SV_ID_ROOM];
    char gateway_id[SV_ID_ROOM];
    char folder[SV_PATH_MAX];
    pilot_port mqtt, door, http;
    int64_t first_device; ///< number of its first simulated machine
    int64_t device_count; ///< simulated machines
    pilot_child *gateway, *simulator;
} pilot_site;

typedef struct pilot {
    pilot_options options;
    char dir[SV_PATH_MAX]; ///< absolute
    char bin[SV_PATH_MAX]; ///< where the programs are
    int lock_fd;
    sv_loop *loop;
    sv_timer *tending; ///< runs once everything has started
    pilot_site sites[PILOT_SITES_MAX];
    size_t site_count;
    pilot_port operators, devices;
    char operator_url[SV_PATH_MAX];
    char device_url[SV_PATH_MAX];
    char signer_socket[SV_PATH_MAX]; ///< empty: the folder's path is too long for one
    char token[PILOT_TOKEN_MAX];
    pilot_child *signer, *fleet, *agent, *upload;
    pilot_child children[PILOT_CHILDREN_MAX];
    size_t child_count;
    sv_tls *tls; ///< to the operator door when it speaks HTTPS
    sv_http_client *http;
    sv_forward
        *line; ///< between the last of several sites and the fleet server, to be cut; or NULL
    bool interrupted;
    bool going_on; ///< with what an earlier run has left
} pilot;

/// `DIR/<relative>` into `room`, always fits (checked when the pilot starts).
void pilot_path(const pilot *p, char room[SV_PATH_MAX], const char *relative);

/// PKI, leaves, configuration files; keeps what is there. Fills ports and sites.
sv_err pilot_prepare(pilot *p, sv_why *why);
/// Start everything in order, saying so; returns when every program answers.
sv_err pilot_start(pilot *p, sv_why *why);
/// Stop everything that was started, devices first.
void pilot_stop(pilot *p);
/// Write pilot.json with the children's process ids.
sv_err pilot_describe(const pilot *p, sv_why *why);
/// Remove what a pilot keeps in its folder, and only that.
sv_err pilot_forget(const pilot *p, sv_why *why);

/// One request to `origin`'s client, waiting on the loop. `body` is filled (and cleared before).
/// Returns the status, 0 without an answer (`why` says where it failed).
int pilot_ask(pilot *p, sv_http_client *client, const char *method, const char *path,
              const char *content, sv_textbuf *body, char location[SV_PATH_MAX], sv_why *why);
/// As above for a gateway's local HTTP.
int pilot_ask_gateway(pilot *p, const pilot_site *site, const char *path, sv_textbuf *body,
                      sv_why *why);

/// Turn the loop for so long, or until interrupted.
void pilot_wait(pilot *p, int64_t us);

/// Run the checks of every hop within `options.seconds`; prints the summary. True when all passed.
bool pilot_check(pilot *p);
/// An address that logs in once.
sv_err pilot_login_link(pilot *p, char link[PILOT_LINK_ROOM], sv_why *why);
/// The compact live status, until interrupted or the seconds are over; Enter gives a new login
/// link.
void pilot_watch(pilot *p, const char *login_link);

/// Take the drawn status away, so that something else can be printed.
void pilot_status_clear(void);

/// A line of progress on stderr.
SV_PRINTF(1, 2) void pilot_say(const char *fmt, ...);

/// `preferred` if it is free, else any free one, saying who holds the preferred one. The port stays
/// held, so that a second pilot does not choose it too.
sv_err pilot_port_choose(const char *address, uint16_t preferred, const char *what, pilot_port *out,
                         sv_why *why);
/// Let go, for the program that is started next.
void pilot_port_release(pilot_port *port);

#endif

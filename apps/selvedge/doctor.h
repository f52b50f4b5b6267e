// `selvedge doctor`: what keeps a set-up from working, step by step in the order in which a program
// meets them, each with what was seen and what to do. It looks from where it runs, with the files
// that a program's configuration names: at the device, at the gateway, at the server or at a
// person's desk. Nothing is changed, and no running session is disturbed.
#ifndef SELVEDGE_DOCTOR_H
#define SELVEDGE_DOCTOR_H

#include "fleet_api.h"
#include <base/text.h>
#include <codec/url.h>
#include <model/id.h>
#include <sys/disk.h>

enum {
    DOCTOR_FINDINGS_MAX = 256,
    DOCTOR_SAW_ROOM = 512,
    DOCTOR_REMEDY_ROOM = 320,
    DOCTOR_OF_ROOM = 352,
    DOCTOR_PEERS_MAX = 4,
    DOCTOR_LISTENERS_MAX = 4,
    DOCTOR_FILES_MAX = 12,
    DOCTOR_KEYS_MAX = 16,
    DOCTOR_CLOCK_APART_S = 60, ///< between two machines; certificates and readings suffer beyond it
};

typedef enum doctor_step {
    DOCTOR_CONFIG,
    DOCTOR_PERMISSION,
    DOCTOR_CERTIFICATE,
    DOCTOR_CLOCK,
    DOCTOR_DISK,
    DOCTOR_LISTEN,   ///< does the program's own port answer?
    DOCTOR_SOCKET,   ///< does the signer's, or the updater's?
    DOCTOR_KEYS,     ///< that an updater believes
    DOCTOR_ROOTS,    ///< that it begins with
    DOCTOR_SLOTS,    //
    DOCTOR_BOOT,     ///< what its boot loader remembers
    DOCTOR_WATCHDOG, //
    DOCTOR_COUNTER,  ///< of releases, in the TPM
    DOCTOR_NAME,
    DOCTOR_TCP,
    DOCTOR_TLS,
    DOCTOR_TOKEN, ///< is it let in: a person's token, a program's certificate?
    DOCTOR_STEP__COUNT
} doctor_step;

const char *doctor_step_name(doctor_step step);

typedef enum doctor_verdict { DOCTOR_GOOD, DOCTOR_BAD, DOCTOR_SKIPPED } doctor_verdict;

typedef struct doctor_finding {
    char of[DOCTOR_OF_ROOM]; ///< the file or the peer
    doctor_step step;
    doctor_verdict verdict;
    char saw[DOCTOR_SAW_ROOM];
    char remedy[DOCTOR_REMEDY_ROOM]; ///< of a bad one
} doctor_finding;

typedef struct doctor_report {
    doctor_finding findings[DOCTOR_FINDINGS_MAX]; ///< what has no room is counted all the same
    size_t count, bad;
} doctor_report;

SV_PRINTF(4, 5)
void doctor_good(doctor_report *report, doctor_step step, const char *of, const char *fmt, ...);
SV_PRINTF(5, 6)
void doctor_bad(doctor_report *report, doctor_step step, const char *of, const char *remedy,
                const char *fmt, ...);
/// Not tried, and why.
SV_PRINTF(4, 5)
void doctor_skip(doctor_report *report, doctor_step step, const char *of, const char *fmt, ...);

void doctor_add_text(const doctor_report *report, sv_textbuf *out);
void doctor_add_json(const doctor_report *report, sv_textbuf *out);

// ---- what is looked at --------------------------------------------------------------------------

/// Somebody to reach.
typedef struct doctor_peer {
    char what[64]; ///< "the gateway"
    char host[SV_URL_HOST_MAX];
    uint16_t port;
    bool tls;
    bool foreign;           ///< its certificate need not be of our profile
    bool shows_certificate; ///< ours is shown to it
    char ca[SV_PATH_MAX];   ///< empty: the system's store
    char path[128];         ///< asked with GET; empty: the handshake is all
    char token_file[SV_PATH_MAX];
} doctor_peer;

typedef struct doctor_listener {
    char host[SV_URL_HOST_MAX];
    uint16_t port;
    char what[64];
} doctor_listener;

typedef struct doctor_file {
    char path[SV_PATH_MAX];
    bool secret;   ///< nobody else may read it
    bool folder;   ///< it is written in
    bool optional; ///< the program makes it
} doctor_file;

/// What an updater's configuration names.
typedef struct doctor_updater {
    char slots[SV_PATH_MAX]; ///< the folder; empty: the devices
    char a[SV_PATH_MAX], b[SV_PATH_MAX];
    bool is_rauc;                               ///< slots and boot loader are RAUC's
    bool is_swupdate;                           ///< SWUpdate writes the slots
    char sockets[SV_PATH_MAX];                  ///< of SWUpdate: the folder
    char release[SV_PATH_MAX];                  ///< os-release of what runs
    bool is_files;                              ///< slots are archives, and what runs is a tree
    int64_t room;                               ///< of the largest of either
    char boot[SV_PATH_MAX], uboot[SV_PATH_MAX]; ///< the script, or fw_env.config; empty: a file
    char keys[DOCTOR_KEYS_MAX][SV_PATH_MAX];
    size_t key_count;
    char image_root[SV_PATH_MAX], director_root[SV_PATH_MAX];
    char state[SV_PATH_MAX], watchdog[SV_PATH_MAX];
    uint32_t counter; ///< NV index of the TPM's; 0: none
} doctor_updater;

/// A program, as its configuration describes it.
typedef struct doctor_subject {
    char config[SV_PATH_MAX];
    const char *program; ///< "selvedge-gateway"; NULL: a person
    char id[SV_ID_ROOM];
    char ca[SV_PATH_MAX], cert[SV_PATH_MAX], key[SV_PATH_MAX];
    bool renews; ///< by itself
    doctor_file files[DOCTOR_FILES_MAX];
    size_t file_count;
    char socket[SV_PATH_MAX];         ///< the signer's; empty: none is asked
    char updater_socket[SV_PATH_MAX]; ///< empty: there is none
    doctor_updater updater;           ///< of selvedge-updater alone
    doctor_listener listeners[DOCTOR_LISTENERS_MAX];
    size_t listener_count;
    doctor_peer peers[DOCTOR_PEERS_MAX];
    size_t peer_count;
} doctor_subject;

/// SV_ERR_INVALID when it is no configuration of one of ours.
sv_err doctor_read(const char *file, doctor_subject *out, sv_why *why);
sv_err doctor_read_text(sv_text yaml, const char *file, doctor_subject *out, sv_why *why);

/// Configuration (by the program itself), permissions, certificate, clock, disk; false when what it
/// would show to peers cannot be used.
bool doctor_look_at_files(const doctor_subject *subject, doctor_report *report);
/// Keys, roots, slots, boot loader, room and watchdog of an updater.
void doctor_look_at_updater(const doctor_subject *subject, doctor_report *report);
/// The part of slots: the larger one's bytes; 0: nobody knows.
uint64_t doctor_look_at_slots(const doctor_updater *updater, const char *of, doctor_report *report);
/// The part of trees; the most that an archive may have.
uint64_t doctor_look_at_trees(const doctor_updater *updater, const char *of, doctor_report *report);
/// The part of RAUC, by its own configuration.
void doctor_look_at_rauc(const char *path, const char *of, doctor_report *report);
/// The one that RAUC would take; the first place where there is none.
const char *doctor_rauc_conf(void);
/// The part of `counter: tpm`; nothing is said where that is not asked for.
void doctor_look_at_counter(const doctor_updater *updater, const char *of, doctor_report *report);
void doctor_ask_updater(const doctor_subject *subject, const char *path, doctor_report *report);
/// Its own ports, the signer's and the updater's socket, its peers.
void doctor_look_around(const doctor_subject *subject, bool usable, doctor_report *report);

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110) in microseconds.
sv_err doctor_date_parse(sv_text text, int64_t *out_us);

#endif

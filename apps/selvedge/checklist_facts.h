// What was seen of a deployment: values alone, so that tests can make a broken one up. Whatever
// could not be seen says why (`missing`), and is never taken for good. checklist_gather.h fills it.
#ifndef SELVEDGE_CHECKLIST_FACTS_H
#define SELVEDGE_CHECKLIST_FACTS_H

#include "elf_facts.h"
#include <base/err.h>
#include <base/time.h>
#include <codec/json.h>
#include <crypto/cert_facts.h>
#include <crypto/cert_strength.h>
#include <model/id.h>
#include <net/probe.h>
#include <sys/disk.h>

enum {
    SV_FACT_PROGRAMS_MAX = 64,
    SV_FACT_FILES_MAX = 2048,
    SV_FACT_CERTS_MAX = 4096,
    SV_FACT_DOORS_MAX = 128,
    SV_FACT_DATABASES_MAX = 64,
    SV_FACT_LIBRARIES_MAX = 256,
    SV_FACT_PAGES_MAX = 100, ///< of a list of the fleet server
    SV_FACT_ITEMS_MAX = 500 * SV_FACT_PAGES_MAX,
    SV_FACT_DOORS_NAMED_MAX = 4, ///< by one configuration
    SV_FACT_NAME_ROOM = 96,
};

/// Known unless it says why not.
static inline bool sv_fact_known(const sv_why *missing) {
    return missing->text[0] == '\0';
}

typedef enum sv_program_kind {
    SV_PROGRAM_OTHER, ///< such as the pilot's simulated machines: not judged
    SV_PROGRAM_FLEET,
    SV_PROGRAM_GATEWAY,
    SV_PROGRAM_AGENT,
    SV_PROGRAM_SIGNER,
} sv_program_kind;

/// The documented list of doors (docs/spec/checklist.md): whatever listens beside them is unknown.
typedef enum sv_door_kind {
    SV_DOOR_UNKNOWN,
    SV_DOOR_OPERATOR, ///< people and their programs: a session or a token; plain on loopback alone
    SV_DOOR_DEVICE,   ///< HTTPS; whoever has no certificate may ask for one, and nothing else
    SV_DOOR_MQTT,     ///< mutual TLS
    SV_DOOR_LOCAL,    ///< a gateway's page, plain, on loopback alone
    SV_DOOR_PAGE,     ///< the same for other machines: HTTPS with a token
} sv_door_kind;

/// What its configuration file says, as far as statements ask for it.
typedef struct sv_fact_settings {
    sv_why missing;
    char file[SV_PATH_MAX];
    char ca[SV_PATH_MAX]; ///< who vouches for what its doors show; empty: nobody is named
    struct {
        sv_door_kind kind;
        uint16_t port; ///< 0: any, and nobody says which
        bool tls;
    } doors[SV_FACT_DOORS_NAMED_MAX];
    size_t door_count;
    bool classic_allowed; ///< a gateway: certificates without role and extensions
    bool all_goes_up;     ///< a gateway: every value of every sensor, unless it says otherwise
} sv_fact_settings;

/// A program that is running.
typedef struct sv_fact_program {
    char name[SV_FACT_NAME_ROOM];
    sv_program_kind kind;
    int64_t pid;
    sv_why missing;        ///< of what /proc says, which is the next
    int64_t uid;           ///< effective
    uint64_t capabilities; ///< permitted or effective, as bits
    bool no_new_privs;
    int64_t seccomp;    ///< 0: none, 2: a filter
    int64_t core_bytes; ///< of a core dump at most; -1: no bound
    bool undumpable;    ///< it has forbidden core dumps by itself
    char exe[SV_PATH_MAX];
    bool exe_replaced; ///< the file is not what runs any more
    bool exe_open;     ///< others than its owner may write it, or its folder
    int64_t exe_uid;   ///< its owner
    sv_why elf_missing;
    sv_elf_facts elf;
    sv_fact_settings settings;
} sv_fact_program;

typedef enum sv_file_kind {
    SV_FILE_KEY,      ///< a private key
    SV_FILE_SECRET,   ///< a token, a passphrase
    SV_FILE_CONFIG,   ///< what a program goes by
    SV_FILE_DATABASE, ///< what people and machines said
} sv_file_kind;

/// A file that has to be kept from others, or where such a thing is.
typedef struct sv_fact_file {
    sv_file_kind kind;
    char path[SV_PATH_MAX];
    char of[SV_FACT_NAME_ROOM]; ///< whose
    sv_why missing;
    bool is_token, weak; ///< a token of ours; one that is no long random one
    bool hard;           ///< a key in a TPM or a token
    bool encrypted;      ///< a key that a passphrase opens
    unsigned mode;       ///< the nine bits
    int64_t uid;         ///< its owner
    int64_t program;     ///< the user of the program that it belongs to; -1: of no program
} sv_fact_file;

/// A certificate of this deployment.
typedef struct sv_fact_cert {
    char path[SV_PATH_MAX];
    char of[SV_FACT_NAME_ROOM];
    sv_why missing;
    sv_why untrusted; ///< why the authority of this deployment does not vouch for it
    bool authority;   ///< a CA's
    bool in_use;      ///< a running program shows it
    sv_cert_facts facts;
    sv_cert_strength strength;
} sv_fact_cert;

/// A socket that a program listens on, and what is answered there.
typedef struct sv_fact_door {
    char of[SV_FACT_NAME_ROOM];
    char address[48];
    uint16_t port;
    bool loopback;
    sv_door_kind kind;
    bool tls; ///< its configuration says so
    char ca[SV_PATH_MAX];
    sv_probed today;                       ///< the handshake of a program of today
    sv_probe_answer plain, old, cbc, null; ///< what is told to one without TLS, and so on
    sv_probe_answer nobody, stranger;      ///< MQTT: to one without certificate, or with anybody's
    int status;                            ///< HTTP: to one who asks for something without a login
    char open_path[128]; ///< the operator door: what it tells without one; "": nothing
    char contact[160];   ///< whom its security.txt names; "": nobody
    int64_t contact_until_us;
    int logins_tried, logins_refused; ///< with well-known passwords
    char default_login[64];           ///< the one that was taken; "": none
    char headers_lack[160];           ///< of its page: which are missing or too weak; "": none
} sv_fact_door;

/// A database, or a copy of one.
typedef struct sv_fact_database {
    char path[SV_PATH_MAX];
    char of[SV_FACT_NAME_ROOM];
    sv_program_kind kind; ///< of whom
    sv_why missing;
    char check[128]; ///< what SQLite's quick_check says: "ok"
    int64_t schema;  ///< how far its schema has come
    int64_t devices; ///< in a fleet server's; -1: it is another's
    int64_t changed_us;
    unsigned mode;
    uint64_t free_bytes, disk_bytes; ///< of its file system
} sv_fact_database;

/// What the fleet server is asked.
typedef enum sv_ask {
    SV_ASK_OVERVIEW,
    SV_ASK_STANDING,
    SV_ASK_NOTIFY,
    SV_ASK_CERTIFICATES,
    SV_ASK_ALERTS,      ///< open and acknowledged ones
    SV_ASK_UNDELIVERED, ///< messages that were given up
    SV_ASK_DEVICES,
    SV_ASK_OFFLINE, ///< devices, as are the next two
    SV_ASK_REVOKED_ONLINE,
    SV_ASK_RETIRED_ONLINE,
    SV_ASK_USERS,
    SV_ASK_TOKENS,
    SV_ASK_VERSIONS,
    SV_ASK_IMAGES,
    SV_ASK__COUNT
} sv_ask;

/// And what it said: one document, or the pages of a list. Owned.
typedef struct sv_fact_told {
    sv_why missing;
    sv_json *pages[SV_FACT_PAGES_MAX];
    size_t page_count;
    bool cut; ///< there are more
} sv_fact_told;

/// The event log, judged.
typedef struct sv_fact_audit {
    sv_why missing;
    char path[SV_PATH_MAX];
    int64_t lines, signed_to;
    char fault[320]; ///< the first line that is not as it was; "": none
} sv_fact_audit;

/// A library in the memory of a program.
typedef struct sv_fact_library {
    char path[SV_PATH_MAX];
    char of[SV_FACT_NAME_ROOM];
    char name[128];    ///< of its file
    char version[128]; ///< of the installed Debian package that the SBOM says has it; "": not said
} sv_fact_library;

typedef struct sv_facts {
    int64_t at_us;
    bool pilot; ///< one user's machine, on which all programs run
    sv_why programs_missing;
    sv_fact_program programs[SV_FACT_PROGRAMS_MAX];
    size_t program_count;
    sv_fact_file files[SV_FACT_FILES_MAX];
    size_t file_count, files_more; ///< and how many had no room
    sv_fact_cert certs[SV_FACT_CERTS_MAX];
    size_t cert_count, certs_more;
    sv_why doors_missing;
    sv_fact_door doors[SV_FACT_DOORS_MAX];
    size_t door_count;
    sv_fact_database databases[SV_FACT_DATABASES_MAX];
    size_t database_count;
    sv_fact_database backup;
    sv_fact_told told[SV_ASK__COUNT];
    sv_fact_audit audit;
    char first_link[SV_PATH_MAX]; ///< a first administrator's that nobody has used; "": none
    sv_fact_library libraries[SV_FACT_LIBRARIES_MAX];
    size_t library_count;
    sv_why libraries_missing;
    char sbom_file[SV_PATH_MAX], vex_file[SV_PATH_MAX];
    sv_json *sbom, *vex; ///< CycloneDX; owned
    sv_why sbom_missing, vex_missing;
    struct {
        bool proven; ///< a time server sets it, says the kernel
        int64_t server_ahead_us;
    } clock;
    struct {
        sv_why missing;
        bool root_key_here; ///< the offline root's key is in the PKI's folder
        bool root_key_encrypted;
        bool passphrase_beside_it;
        char dir[SV_PATH_MAX];
    } pki;
} sv_facts;

/// What the fleet server said, and documents, go.
void sv_facts_drop(sv_facts *facts);

#endif

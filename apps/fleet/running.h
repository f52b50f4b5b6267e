// What devices say they run: the last word of each, as a row (DDI's configData, or the report of an
// update). What is empty is unknown. [running-1]
//
// In the caller's transaction, where there is one.
#ifndef SV_FLEET_RUNNING_H
#define SV_FLEET_RUNNING_H

#include "fleet.h"

#include <codec/json.h>

enum {
    SV_RUNNING_WORD_ROOM = 64 + 1,
    SV_RUNNING_SHA256_ROOM = 64 + 1,
    SV_VERSIONS_MAX = 1000, ///< kinds in one answer
};

typedef struct sv_running {
    char product[SV_RUNNING_WORD_ROOM];
    char version[SV_RUNNING_WORD_ROOM];
    char sha256[SV_RUNNING_SHA256_ROOM]; ///< lower case; empty: unknown
    char hardware[SV_RUNNING_WORD_ROOM];
    char slot[SV_RUNNING_WORD_ROOM];
    char timezone[SV_RUNNING_WORD_ROOM];
    char boot[SV_RUNNING_WORD_ROOM];   ///< state of its boot: "confirmed", "trial", …
    char client[SV_RUNNING_WORD_ROOM]; ///< what speaks for it: "selvedge-agent"
    int64_t counter;                   ///< of the release; 0: unknown
    int64_t at_us;                     ///< when it said so
} sv_running;

/// What was said before this process started, for lists (sv_device.runs). [running-2]
sv_err sv_running_load(sv_fleet *fleet, sv_why *why);

/// SV_ERR_NOT_FOUND when it has never said.
sv_err sv_running_of(sv_fleet *fleet, const char *device, sv_running *out, sv_why *why);
/// What it has said now, whole; its open action is judged by it (sv_actions_prove).
sv_err sv_running_store(sv_fleet *fleet, const char *device, const sv_running *running,
                        sv_why *why);

/// It is to say anew what it runs: when it has never said, or something has happened since.
sv_err sv_running_ask(sv_fleet *fleet, const char *device, sv_why *why);
sv_err sv_running_is_asked(sv_fleet *fleet, const char *device, bool *out, sv_why *why);
/// Whoever is at the device says yes to whatever is to be installed.
sv_err sv_running_say_yes(sv_fleet *fleet, const char *device, bool by_itself, sv_why *why);
sv_err sv_running_says_yes(sv_fleet *fleet, const char *device, bool *out, sv_why *why);

/// Every device that has said what it runs, in order of id, until `each` fails.
typedef sv_err sv_running_each_fn(void *arg, const char *device, const sv_running *running,
                                  sv_why *why);
sv_err sv_running_each(sv_fleet *fleet, sv_running_each_fn *each, void *arg, sv_why *why);

/// As a member's value; null: it has never said.
sv_err sv_running_write(sv_fleet *fleet, const char *device, sv_json_out *out, sv_why *why);

#endif

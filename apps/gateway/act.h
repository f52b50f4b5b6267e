// Commands to devices, with the link up or down: those of rules, and the fleet server's. Every one
// is held against the site's rights (act_rights.h), recorded before it is published, answered by
// its device on results/<device>/<name>, and told upward with what became of it. [command-5]
//
// A rule's command is recorded in the group of what caused it and published as soon as that group
// is on disk; "sent" is recorded with what the own front door keeps of the message. A kill in
// between sends it at the next start, unless it is not worth doing any more; one right after it may
// send it twice, with the same id. Behind an external broker "sent" is recorded when the broker has
// acknowledged it.
#ifndef SELVEDGE_GATEWAY_ACT_H
#define SELVEDGE_GATEWAY_ACT_H

#include "act_rights.h"
#include <base/map.h>
#include <codec/json.h>
#include <net/http_server.h>
#include <store/db.h>
#include <sys/loop.h>

struct gw;

enum {
    GW_COMMANDS_KEPT = 5000,       ///< in the store; the oldest go
    GW_COMMANDS_OPEN_MAX = 2000,   ///< that may be answered still; the oldest go
    GW_COMMANDS_DUE_MAX = 256,     ///< of rules, recorded and not yet published
    GW_COMMANDS_PAIRS_MAX = 20000, ///< (device, command) whose rate is known; idle ones go
    GW_COMMANDS_SHOWN = 200,       ///< in one answer of the local page
    GW_COMMANDS_TOLD_MAX = 50,     ///< in one request to the fleet server
    GW_COMMAND_BYTES_MAX = 4096,   ///< of a payload
    GW_RESULT_BYTES_MAX = 4096,    ///< of an answer
    GW_COMMAND_RULE_MAX = 64,      ///< bytes of a rule's name
};
/// For gw_publish: below every number of a local alert.
#define GW_PUBLISHED_COMMAND (INT64_C(1) << 62)
/// An answer may come so long after `until`.
#define GW_COMMAND_ANSWER_US SV_TIME_HOUR_US
/// The same refusal of the same (device, command) is recorded that often, and counted always.
#define GW_COMMAND_REFUSAL_US SV_TIME_MINUTE_US

/// What became of a command. It only ever moves to a later one.
typedef enum gw_command_state {
    GW_COMMAND_DUE,      ///< recorded, about to be published
    GW_COMMAND_SENT,     ///< published
    GW_COMMAND_REFUSED,  ///< by this gateway; `why` says what for
    GW_COMMAND_UNSENT,   ///< it could not be published while it was worth doing
    GW_COMMAND_ANSWERED, ///< by its device
    GW_COMMAND_FAILED,   ///< its device answered that it did not do it
    GW_COMMAND_STATE__COUNT
} gw_command_state;

/// "due", "sent", "refused", "unsent", "answered", "failed".
const char *gw_command_state_name(gw_command_state state);

/// What a rule wants done.
typedef struct gw_action {
    sv_text rule;         ///< its name, for people: 1 to GW_COMMAND_RULE_MAX bytes of UTF-8
    sv_text device, name; ///< of the id grammar
    sv_text payload;      ///< one JSON value, as checked with the rule; empty: null
    sv_text alert;        ///< id of the alert that was raised; may be empty
    bool stays; ///< the rule reads what may not leave the site: neither does anything of this
} gw_action;

/// Called where the alert is raised, within its group. True: it is on its way. False: refused, or
/// no room; that is recorded and logged, there is nothing for the caller to do.
bool gw_act(struct gw *g, const gw_action *action);

/// What somebody at the fleet server wants done.
typedef struct gw_request {
    sv_text id, device, name, by; ///< `by` may be empty: not said
    int64_t at_ms, until_ms;
    const sv_json *payload;
    int64_t event; ///< as in gw_publish
} gw_request;

typedef enum gw_request_end {
    GW_REQUEST_SENT,
    GW_REQUEST_REFUSED,
    GW_REQUEST_LATER
} gw_request_end;
gw_request_end gw_act_request(struct gw *g, const gw_request *request);

/// A message on results/<device>/<name>: the first answer to a command of that name to that device
/// counts, as JSON object with its `id`. Anything else is between that device and others here.
void gw_act_result(struct gw *g, sv_text topic, sv_text payload);

/// One that waits, to be published or for its answer.
typedef struct gw_command {
    char id[SV_ID_ROOM], device[SV_ID_ROOM], name[SV_ID_ROOM];
    int64_t seq; ///< its row
    int64_t until_us;
    uint64_t group; ///< that has to be on disk before it is published
    char *message;  ///< to be published; NULL: it was
    bool sent;      ///< and that it was is recorded
} gw_command;

typedef struct gw_acts {
    sv_map *open;                         ///< id -> gw_command, published
    sv_map *pairs;                        ///< "<device>/<command>" -> its rate
    gw_command *due[GW_COMMANDS_DUE_MAX]; ///< a ring, oldest first
    size_t due_first, due_count;
    int64_t last_seq;
    uint64_t ends[GW_COMMAND_STATE__COUNT]; ///< how many reached it since the start
    uint64_t results_passed;                ///< results that answer nothing asked through here
    uint64_t results_refused; ///< too large, or of another device than the one that was asked
    int64_t logged_us;        ///< monotonic, when such a result was last logged
    struct {
        bool due, under_way;
        uint64_t group;    ///< that has to be on disk before more is told
        int64_t again_us;  ///< monotonic: a fleet server that does not take them is left alone
        size_t count, max; ///< items of the request under way; of the next one at most
        struct {
            int64_t seq;
            gw_command_state state;
        } items[GW_COMMANDS_TOLD_MAX];
    } told;
} gw_acts;

/// After the store is open and before anything is heard.
sv_err gw_act_open(struct gw *g, sv_why *why);
/// Groups are on disk: publish what waited for them.
void gw_act_turn(struct gw *g);
/// The external broker has acknowledged the command with this row: only now it counts as sent.
void gw_act_published(struct gw *g, int64_t seq);
/// With every beat: what could not be published is tried again or given up, old ones are closed.
void gw_act_beat(struct gw *g);
void gw_act_close(struct gw *g);

/// Tell the fleet server what it has not been told, if it can be asked now.
void gw_act_tell(struct gw *g);

/// `GET /v1/commands?device=`: the newest first.
void gw_act_local(struct gw *g, sv_http_request *request);
void gw_act_put_status(const struct gw *g, sv_json_out *out);
void gw_act_metrics(const struct gw *g, sv_textbuf *out);

#endif

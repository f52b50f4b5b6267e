// Notifications: from what happened to alerts to messages that reach people.
//
// The alert's transaction writes the event (timeline.h). A turn takes fresh events, finds whom to
// tell and joins them to a notice, one per cause and channel, that gathers for a while
// (notify_gather.c); seals what is due: from then on it says what it says (notify_seal.c); and
// sends it, one message per channel at a time (notify_send.h), until it is taken or given up. All
// steps are rows; what a kill interrupts is done again, and only a message that was under way may
// come twice, with the same id.
#ifndef SV_FLEET_NOTIFY_H
#define SV_FLEET_NOTIFY_H

#include "fleet.h"
#include "notify_send.h"

#include <fleet/notice.h>

enum {
    SV_NOTIFY_EVENTS_A_TURN = 1000,
    SV_NOTIFY_WATCHES_A_TURN = 500,
    SV_NOTIFY_SEALS_A_TURN = 100,
    SV_NOTICES_WAITING_MAX = 10000, ///< to be sent; what is more is given up, the oldest first
    SV_NOTIFY_LIMIT_DEFAULT = 50,
    SV_NOTIFY_LIMIT_MAX = 200,
};

/// Look again at an acknowledged alert: it may be un-acknowledged.
#define SV_NOTIFY_LOOK_AGAIN_MS (60 * INT64_C(1000))

typedef enum sv_notice_state {
    SV_NOTICE_GATHERS,
    SV_NOTICE_WAITS,
    SV_NOTICE_SENT,
    SV_NOTICE_GIVEN_UP,
    SV_NOTICE_STATE__COUNT
} sv_notice_state;

typedef struct sv_notify sv_notify;

sv_notify *sv_notify_new(void);
/// What is under way is given up; it is sent again after the next start.
void sv_notify_drop(sv_notify **notify);

/// Everything that is due. Once a second.
void sv_notify_turn(sv_fleet *fleet);
/// From now on `config`, which is taken over, decides. What is under way ends as it began.
void sv_notify_configure(sv_fleet *fleet, sv_notify_config *config);
/// What is too old, too much, or for a channel that is gone.
sv_err sv_notify_prune(sv_fleet *fleet, int64_t before_ms, sv_why *why);

// The steps of a turn, each within the caller's transaction.
sv_err sv_notify_gather(sv_fleet *fleet, int64_t now_ms, sv_why *why);
sv_err sv_notify_watch(sv_fleet *fleet, int64_t now_ms, sv_why *why);
sv_err sv_notify_seal(sv_fleet *fleet, int64_t now_ms, sv_why *why);

/// The next message for the channel, in order within a cause. SV_ERR_NOT_FOUND.
sv_err sv_notify_next(sv_fleet *fleet, const char *channel, int64_t now_ms, sv_message *out,
                      sv_why *why);
/// What became of a try. [notify-5]
sv_err sv_notify_settle(sv_fleet *fleet, const sv_message *message, const sv_delivery_end *end,
                        int64_t now_ms, sv_why *why);

/// Send one that was given up anew. SV_ERR_NOT_FOUND, SV_ERR_STATE when it was not given up.
sv_err sv_notify_retry(sv_fleet *fleet, sv_text id, const char *user, sv_why *why);
/// A test for the channel, by `user`; it is tried once. `route` may be "". [notify-10]
sv_err sv_notify_test(sv_fleet *fleet, const char *channel, const char *route, const char *user,
                      char id[SV_MESSAGE_ID_ROOM], sv_why *why);

#endif

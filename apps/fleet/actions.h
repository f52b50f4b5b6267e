// What each device is to install, and what became of it: one row an action, at most one of a device
// open. What a row may become is decided in fleet/action.h; here rows are kept, and those are told
// who count by them. (docs/spec/ddi.md)
//
// What changes a row does so in the caller's transaction, where there is one, as its neighbours do;
// outside of any, in one of its own. Devices and browsers hear of it with the next turn.
#ifndef SV_FLEET_ACTIONS_H
#define SV_FLEET_ACTIONS_H

#include "images.h"

#include <codec/json.h>
#include <fleet/action.h>
#include <model/standing.h>

enum {
    SV_ACTION_PATH_ROOM = SV_IMAGE_PATH_ROOM,
    SV_ACTION_WORD_ROOM = 64 + 1, ///< product, version
    SV_ACTION_SHA256_ROOM = 64 + 1,
    SV_ACTION_WHY_ROOM = 256,
    SV_ACTION_LINES_MAX = 200,      ///< of one action's log; the oldest but the first go
    SV_ACTION_LINE_MAX = 512,       ///< bytes of a line; what is longer is cut
    SV_ACTIONS_OF_DEVICE_MAX = 100, ///< kept; the oldest that have ended go
    SV_ACTIONS_LISTENERS_MAX = 4,
    SV_ACTIONS_LOOKED_AT = 1000,  ///< open ones each second, whether their device is out
    SV_ACTIONS_NEWS_MAX = 4096,   ///< devices to be told of with the next turn
    SV_ACTION_ID_MAX = INT32_MAX, ///< clients keep it in a C int
};

typedef struct sv_action {
    int64_t id;
    char device[SV_ID_ROOM];
    char path[SV_ACTION_PATH_ROOM];
    char version[SV_ACTION_WORD_ROOM];
    char sha256[SV_ACTION_SHA256_ROOM];
    int64_t campaign; ///< 0: none, somebody asked for this device alone
    sv_action_stand stand;
    char why[SV_ACTION_WHY_ROOM]; ///< a sentence, where there is something to say
    int64_t attempt;              ///< from 1: at this image, on this device
    bool forced;                  ///< the device is not to wait for a better moment
    bool asks;                    ///< it waits for a yes of whoever is at the device
    bool stopping;                ///< canceled, which the device has not said it knows
    bool told;                    ///< so, or it was told
    bool goes_on;                 ///< and has said that it does not stop
    int64_t created_us, updated_us;
    int64_t bytes, of;                    ///< of the download; 0, 0: unknown
    char encoding[SV_ENCODING_NAME_ROOM]; ///< that it takes; "": it has not said (savings.h)
    int64_t fetched, fetched_told;        ///< of it; what counts, and the last it told
    char user[SV_ID_ROOM];                ///< who asked for it
} sv_action;

/// What is asked for.
typedef struct sv_action_order {
    const sv_device *device;
    sv_text path, version, sha256; ///< of the image; sha256 as lower-case hexadecimal digits
    int64_t campaign;              ///< 0: none
    bool forced;
    bool asks;        ///< the device is not to begin before somebody there has said yes
    bool again;       ///< also when it has gone wrong with this image before: somebody retries
    const char *user; ///< who asks
} sv_action_order;

/// A new action. One that is open is superseded: canceled. SV_ERR_STATE when the device has failed
/// with this image, or rolled it back, and this is no retry. [action-1] [action-6]
sv_err sv_actions_assign(sv_fleet *fleet, const sv_action_order *order, int64_t *id, sv_why *why);
/// SV_ERR_STATE when it has ended. `by`: who, for the log.
sv_err sv_actions_cancel(sv_fleet *fleet, int64_t id, const char *by, sv_why *why);
/// What the device has open, if anything, ends as canceled: it is revoked or retired. Whoever
/// decides so is not kept from it by what fails here: that is logged, and tried again. [action-13]
void sv_actions_put_out(sv_fleet *fleet, const char *device, sv_standing_state state);
/// It has failed for a reason that the device does not know; also one that was confirmed.
sv_err sv_actions_fail(sv_fleet *fleet, int64_t id, sv_action_class class, const char *reason,
                       sv_why *why);

/// SV_ERR_NOT_FOUND when there is none; so for the next.
sv_err sv_actions_find(sv_fleet *fleet, int64_t id, sv_action *out, sv_why *why);
/// What the device is to install now.
sv_err sv_actions_open_of(sv_fleet *fleet, const char *device, sv_action *out, sv_why *why);
/// Has the last attempt of the device at this image gone wrong?
sv_err sv_actions_is_known_bad(sv_fleet *fleet, const char *device, sv_text path, bool *out,
                               sv_why *why);

/// What a device says of an action.
typedef struct sv_action_word {
    sv_action_said said;
    sv_action_class by; ///< of a failure; SV_ACTION_FINE: by how far it had come
    sv_text why;        ///< may be empty
    int64_t bytes, of;  ///< -1: it says nothing of them
    const sv_text *lines;
    size_t line_count;
} sv_action_word;

/// SV_ERR_NOT_FOUND when the action is not of this device. [action-2]
sv_err sv_actions_feedback(sv_fleet *fleet, const char *device, int64_t id,
                           const sv_action_word *word, sv_why *why);
/// Whoever is at the device has said yes; it is in its log.
sv_err sv_actions_allow(sv_fleet *fleet, const char *device, int64_t id, sv_why *why);
/// What has come of a cancel.
typedef enum sv_action_stop {
    SV_STOP_TOLD,     ///< the device was told once more
    SV_STOP_ENDED,    ///< it has stopped, or is not told any more
    SV_STOP_REJECTED, ///< it goes on, and will say how it went
} sv_action_stop;
/// With these lines for its log. Once it was told `most` times it is not told any more.
sv_err sv_actions_stopped(sv_fleet *fleet, const char *device, int64_t id, sv_action_stop stop,
                          int64_t most, const sv_action_word *word, sv_why *why);
/// The device has told anew what it runs (running.h). [action-3]
sv_err sv_actions_prove(sv_fleet *fleet, const char *device, sv_why *why);

/// Told in the transaction of the change, when a state or a class is another; what it returns
/// becomes of the change. `before`: the state that it was in; of a new one SV_ACTION_STATE__COUNT.
typedef sv_err sv_actions_heard(void *arg, const sv_action *action, sv_action_state before,
                                sv_why *why);
void sv_actions_listen(sv_fleet *fleet, sv_actions_heard *heard, void *arg);

/// Whether a device may begin now.
typedef enum sv_action_offer {
    SV_OFFER_NOW,
    SV_OFFER_IN_WINDOW, ///< now, because its window is open
    SV_OFFER_AHEAD,     ///< it may fetch and write it, and not start it yet
    SV_OFFER_LATER,     ///< the device is told nothing of it yet
} sv_action_offer;
typedef sv_action_offer sv_actions_gate(void *arg, const sv_action *action);
/// Asked for actions of campaigns that are not in a slot, when the device asks. [action-8]
void sv_actions_gate_with(sv_fleet *fleet, sv_actions_gate *gate, void *arg);
sv_action_offer sv_actions_may_begin(sv_fleet *fleet, const sv_action *action);
/// What its device might not do it may do now: it is to look. `line` is for the log.
sv_err sv_actions_let_go(sv_fleet *fleet, const sv_action *action, sv_text line, sv_why *why);

/// Judges what time has made of actions, and tells what is new. Once a second.
void sv_actions_turn(sv_fleet *fleet);
/// Tell devices that they have something to fetch, and browsers what has changed: `action`, an
/// action as in its device's list. After the commit; with the next turn otherwise.
void sv_actions_tell(sv_fleet *fleet);

typedef struct sv_actions sv_actions;

sv_actions *sv_actions_new(void);
void sv_actions_drop(sv_actions **actions);

#endif

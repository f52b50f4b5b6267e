// What the files of actions share among themselves.
#ifndef SV_FLEET_ACTIONS_OWN_H
#define SV_FLEET_ACTIONS_OWN_H

#include "actions.h"

typedef struct sv_actions_listener {
    sv_actions_heard *heard;
    void *arg;
} sv_actions_listener;

typedef struct sv_actions_news {
    char device[SV_ID_ROOM];
    int64_t action;
    bool look; ///< it has something new to fetch
} sv_actions_news;

struct sv_actions {
    sv_actions_listener listeners[SV_ACTIONS_LISTENERS_MAX];
    size_t listener_count;
    sv_actions_gate *gate;
    void *gate_arg;
    sv_actions_news news[SV_ACTIONS_NEWS_MAX];
    size_t news_count;
    char looked_at[SV_ID_ROOM]; ///< up to this device, whether it is out
};

/// A transaction, unless there is one.
sv_err sv_actions_begin(sv_fleet *fleet, bool *own, sv_why *why);
sv_err sv_actions_end(sv_fleet *fleet, bool own, sv_err err, sv_why *why);

/// Store `after` and tell who counts.
sv_err sv_actions_change(sv_fleet *fleet, const sv_action *before, sv_action *after, sv_why *why);

/// SV_ERR_NOT_FOUND also when it is another device's.
sv_err sv_actions_find_of(sv_fleet *fleet, const char *device, int64_t id, sv_action *out,
                          sv_why *why);
/// The last that was canceled of which the device has not said that it knows. SV_ERR_NOT_FOUND.
sv_err sv_actions_stopping_of(sv_fleet *fleet, const char *device, sv_action *out, sv_why *why);
/// The newest, when its device was silent and has neither said anything nor begun anew since, or
/// did not stop: it can say how it went only while it is offered. [ddi-9]
sv_err sv_actions_lost_of(sv_fleet *fleet, const char *device, sv_action *out, sv_why *why);
/// The last that was confirmed.
sv_err sv_actions_confirmed_of(sv_fleet *fleet, const char *device, sv_action *out, sv_why *why);

/// One line; what is too long is cut, and what no line may hold becomes a space. [action-7]
sv_err sv_actions_log(sv_fleet *fleet, int64_t id, sv_text said, sv_why *why);
/// The newest lines, newest first, as an array of texts.
sv_err sv_actions_write_messages(sv_fleet *fleet, int64_t id, size_t most, sv_json_out *out,
                                 sv_why *why);
/// The next few open ones: is their device out? Whatever put it out, and whenever. [action-13]
sv_err sv_actions_look_for_out(sv_fleet *fleet, sv_why *why);
/// It ends as canceled, with this sentence.
sv_err sv_actions_end_as_canceled(sv_fleet *fleet, const sv_action *action, const char *reason,
                                  sv_why *why);
/// Of a device's actions that have ended the oldest go when there are too many.
sv_err sv_actions_trim(sv_fleet *fleet, const char *device, sv_why *why);

#endif

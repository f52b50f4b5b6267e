// What the fleet server asks for, as a stream of events (docs/spec/uplink.md).
#ifndef SELVEDGE_GATEWAY_PUSH_H
#define SELVEDGE_GATEWAY_PUSH_H

#include <codec/json.h>
#include <net/event_stream.h>
#include <sys/loop.h>

typedef struct gw gw;

/// What became of an event of the fleet server.
typedef enum gw_event_end {
    GW_EVENT_DONE,
    GW_EVENT_IDLE,     ///< nothing to do: not open any more, too late
    GW_EVENT_UNKNOWN,  ///< a name this gateway does not know
    GW_EVENT_REFUSED,  ///< breaks its format
    GW_EVENT_REPEATED, ///< had before
    GW_EVENT_LATER,    ///< cannot be taken now; it comes again
    GW_EVENT_END__COUNT
} gw_event_end;

/// The fleet server's push (docs/spec/uplink.md).
typedef struct gw_push {
    sv_event_stream *stream; ///< NULL: there is no fleet server
    sv_timer *poll_timer;
    bool up, told_down, poll_under_way;
    int64_t taken;   ///< the id of the last event that was taken
    int64_t waiting; ///< of the last one whose message the external broker has not acknowledged; 0
    uint64_t ends[GW_EVENT_END__COUNT], resets;
} gw_push;

/// The stream of events from the fleet server, and polling while there is none. An event's id is
/// kept with its effect.
sv_err gw_push_open(gw *g, sv_why *why);
/// One event. `data` may be NULL when it is no JSON.
gw_event_end gw_push_take(gw *g, int64_t id, sv_text name, const sv_json *data);
/// The external broker has the messages of the events up to this one.
void gw_push_published(gw *g, int64_t event);
/// The stream's next try is made now.
void gw_push_hurry(gw *g);
const char *gw_event_end_name(gw_event_end end);
void gw_push_close(gw *g);

/// Events that other parts take. `rules`: fetch that version.
gw_event_end gw_site_rules_want(gw *g, int64_t id, const sv_json *data);
/// `groups` {"revision"}: who is in the groups that rules name has changed. [members-7]
gw_event_end gw_members_want(gw *g, int64_t id, const sv_json *data);
/// `normal` {"alert","device","sensor","by","at"}: what the alert is about was. [detect-12]
gw_event_end gw_usual_normal(gw *g, int64_t id, const sv_json *data);
/// `models` {}: those of the site have changed. [model-30]
gw_event_end gw_models_want(gw *g, int64_t id, const sv_json *data);
/// `renewed` {"device"}: what was worn of it was replaced. [model-35]
gw_event_end gw_lives_renewed(gw *g, int64_t id, const sv_json *data);
/// `maintenance`: somebody begins to work on a device, or ends it.
gw_event_end gw_maintenance_take(gw *g, int64_t id, const sv_json *data);

#endif

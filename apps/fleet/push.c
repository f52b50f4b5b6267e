#include "push.h"

#include "fleet.h"
#include "standing_push.h"

#include <assert.h>
#include <base/mem.h>
#include <base/time.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/log.h>

typedef struct push_stream {
    const sv_gateway *gateway;
    sv_http_events *events; ///< NULL: a free place
    int64_t sent;
    bool behind; ///< there is more than it took
} push_stream;

struct sv_push {
    push_stream *streams;
    size_t places; ///< one per gateway
    bool news;
};

sv_push *sv_push_new(size_t gateways) {
    sv_push *push = sv_mem_new(sizeof *push);
    push->places = gateways;
    push->streams = sv_mem_array(gateways + 1, sizeof *push->streams);
    return push;
}

void sv_push_drop(sv_push **push) {
    sv_push *old = *push;
    *push = NULL;
    if (old == NULL) {
        return;
    }
    for (size_t i = 0; i < old->places; i++) {
        sv_http_events_drop(&old->streams[i].events);
    }
    free(old->streams);
    free(old);
}

bool sv_push_reaches(const sv_push *push, const sv_gateway *gateway) {
    for (size_t i = 0; i < push->places; i++) {
        if (push->streams[i].events != NULL && push->streams[i].gateway == gateway) {
            return true;
        }
    }
    return false;
}

// ---- the queue ----------------------------------------------------------------------------------

typedef struct push_mark {
    int64_t last, gone, kept;
} push_mark;

static sv_err read_mark(sv_db *db, const char *gateway, push_mark *out, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, "SELECT last, gone, kept FROM push_mark WHERE gateway = ?1", &stmt, why));
    sv_stmt_bind_str(stmt, 1, gateway);
    sv_err err = sv_stmt_next(stmt, why);
    *out = (push_mark){ 0 };
    if (err == SV_OK) {
        *out = (push_mark){ .last = sv_stmt_int(stmt, 0),
                            .gone = sv_stmt_int(stmt, 1),
                            .kept = sv_stmt_int(stmt, 2) };
    }
    sv_stmt_reset(stmt);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

sv_err sv_push_last(sv_fleet *fleet, const sv_gateway *gateway, int64_t *out, sv_why *why) {
    push_mark mark;
    SV_TRY(read_mark(fleet->db, gateway->id, &mark, why));
    *out = mark.last;
    return SV_OK;
}

static int64_t next_id(const push_mark *mark, int64_t now_us) {
    return mark->last >= now_us ? mark->last + 1 : now_us;
}

/// What `gone` covers by now is taken away.
static sv_err sweep(sv_db *db, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "DELETE FROM push WHERE (gateway, id) IN (SELECT push.gateway, id FROM"
                      " push_mark JOIN push ON push.gateway = push_mark.gateway AND id <= gone)",
                      &stmt, why));
    SV_TRY(sv_stmt_run(stmt, why));
    SV_TRY(sv_db_stmt(db,
                      "UPDATE push_mark SET kept ="
                      " (SELECT count(*) FROM push WHERE gateway = push_mark.gateway)",
                      &stmt, why));
    return sv_stmt_run(stmt, why);
}

/// The oldest goes when there is one too many.
static sv_err drop_oldest(sv_db *db, const char *gateway, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "UPDATE push_mark SET kept = kept - 1,"
                      " gone = (SELECT min(id) FROM push WHERE gateway = ?1) WHERE gateway = ?1",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, gateway);
    SV_TRY(sv_stmt_run(stmt, why));
    SV_TRY(sv_db_stmt(db,
                      "DELETE FROM push WHERE gateway = ?1"
                      " AND id = (SELECT gone FROM push_mark WHERE gateway = ?1)",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, gateway);
    return sv_stmt_run(stmt, why);
}

static sv_err add_row(sv_db *db, const char *gateway, int64_t id, int64_t now_us, const char *name,
                      sv_text data, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "INSERT INTO push_mark (gateway, last) VALUES (?1, ?2)"
                      " ON CONFLICT (gateway) DO UPDATE SET last = ?2, kept = kept + 1",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, gateway);
    sv_stmt_bind_int(stmt, 2, id);
    SV_TRY(sv_stmt_run(stmt, why));
    SV_TRY(sv_db_stmt(db,
                      "INSERT INTO push (gateway, id, at_us, name, data)"
                      " VALUES (?1, ?2, ?3, ?4, ?5)",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, gateway);
    sv_stmt_bind_int(stmt, 2, id);
    sv_stmt_bind_int(stmt, 3, now_us);
    sv_stmt_bind_str(stmt, 4, name);
    sv_stmt_bind_text(stmt, 5, data);
    return sv_stmt_run(stmt, why);
}

static sv_err add_for(sv_fleet *fleet, const sv_gateway *gateway, const char *name, sv_text data,
                      sv_why *why) {
    push_mark mark;
    int64_t now_us = fleet->wall_us();
    SV_TRY(read_mark(fleet->db, gateway->id, &mark, why));
    SV_TRY(add_row(fleet->db, gateway->id, next_id(&mark, now_us), now_us, name, data, why));
    return mark.kept < SV_PUSH_EVENTS_MAX ? SV_OK : drop_oldest(fleet->db, gateway->id, why);
}

sv_err sv_push_add(sv_fleet *fleet, sv_push_to to, const char *name, sv_text data, sv_why *why) {
    if (data.len > SV_PUSH_DATA_MAX) {
        return sv_fail(why, SV_ERR_NO_SPACE, "an event of %zu bytes is longer than %d", data.len,
                       SV_PUSH_DATA_MAX);
    }
    size_t meant_for = 0;
    for (size_t i = 0; i < sv_registry_gateway_count(fleet->registry); i++) {
        const sv_gateway *gateway = sv_registry_gateway_at(fleet->registry, i);
        bool meant = to.gateway != NULL ? gateway == to.gateway
                                        : to.site == NULL || gateway->site == to.site;
        if (meant) {
            SV_TRY(add_for(fleet, gateway, name, data, why));
            meant_for++;
        }
    }
    fleet->push->news |= meant_for > 0;
    return meant_for > 0 ? SV_OK
                         : sv_fail(why, SV_ERR_NOT_FOUND, "no gateway that is configured is meant");
}

sv_err sv_push_prune(sv_db *db, int64_t now_us, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_begin(db, why));
    sv_err err = sv_db_stmt(db,
                            "UPDATE push_mark SET gone = max(gone, old) FROM (SELECT gateway AS g,"
                            " max(id) AS old FROM push WHERE at_us < ?1 GROUP BY gateway)"
                            " WHERE gateway = g",
                            &stmt, why);
    if (err == SV_OK) {
        sv_stmt_bind_int(stmt, 1, now_us - SV_PUSH_AGE_US);
        err = sv_stmt_run(stmt, why);
    }
    if (err == SV_OK) {
        err = sweep(db, why);
    }
    if (err != SV_OK) {
        sv_db_rollback(db);
        return err;
    }
    return sv_db_commit(db, why);
}

// ---- reading it ---------------------------------------------------------------------------------

typedef sv_err push_event_fn(void *arg, int64_t id, const char *name, sv_text data);

/// A `reset` first when some of what follows `after` is gone, or when what comes next would not be
/// above it. *after is the id of the last event that `each` took.
static sv_err put_reset(sv_fleet *fleet, const sv_gateway *gateway, int64_t *after,
                        push_event_fn *each, void *arg, sv_why *why) {
    push_mark mark;
    SV_TRY(read_mark(fleet->db, gateway->id, &mark, why));
    if (*after >= mark.gone && (*after <= mark.last || *after < next_id(&mark, fleet->wall_us()))) {
        return SV_OK;
    }
    char room[64];
    sv_textbuf data = SV_TEXTBUF(room);
    sv_textbuf_addf(&data, "{\"after\":%" PRId64 ",\"gone\":%" PRId64 "}", *after, mark.gone);
    SV_LOG(warn, "push.reset", "gateway %s asks for what follows %lld; gone is all up to %lld",
           gateway->id, (long long) *after, (long long) mark.gone);
    SV_TRY(each(arg, mark.gone, "reset", sv_textbuf_text(&data)));
    *after = mark.gone;
    return SV_OK;
}

/// SV_ERR_NOT_FOUND after the last one; SV_OK when the page is full; else what `each` returned.
static sv_err each_event(sv_fleet *fleet, const sv_gateway *gateway, int64_t *after,
                         push_event_fn *each, void *arg, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT id, name, data FROM push WHERE gateway = ?1 AND id > ?2"
                      " ORDER BY id LIMIT ?3",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, gateway->id);
    sv_stmt_bind_int(stmt, 2, *after);
    sv_stmt_bind_int(stmt, 3, SV_PUSH_PAGE_EVENTS);
    size_t count = 0;
    sv_err err = sv_stmt_next(stmt, why);
    for (; err == SV_OK; err = sv_stmt_next(stmt, why)) {
        int64_t id = sv_stmt_int(stmt, 0);
        err = each(arg, id, sv_stmt_text(stmt, 1).at, sv_stmt_text(stmt, 2));
        if (err != SV_OK) {
            break;
        }
        *after = id;
        count++;
    }
    sv_stmt_reset(stmt);
    return err == SV_ERR_NOT_FOUND && count == SV_PUSH_PAGE_EVENTS ? SV_OK : err;
}

static sv_err put_item(void *arg, int64_t id, const char *name, sv_text data) {
    sv_json_out *out = arg;
    sv_json_open_object(out);
    sv_json_add_int(out, "id", id);
    sv_json_add_str(out, "event", name);
    sv_json_key(out, "data");
    sv_json_put_raw(out, data);
    sv_json_close_object(out);
    return SV_OK;
}

sv_err sv_push_list(sv_fleet *fleet, const sv_gateway *gateway, int64_t after, sv_json_out *out,
                    sv_why *why) {
    sv_json_open_array(out);
    SV_TRY(put_reset(fleet, gateway, &after, put_item, out, why));
    sv_err err = each_event(fleet, gateway, &after, put_item, out, why);
    sv_json_close_array(out);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

// ---- the streams --------------------------------------------------------------------------------

static sv_err send_event(void *arg, int64_t id, const char *name, sv_text data) {
    const push_stream *stream = arg;
    return sv_http_events_send(stream->events, name, (uint64_t) id, data);
}

/// A client that reads slowly stays behind until it has read.
static void feed(sv_fleet *fleet, push_stream *stream) {
    sv_why why = { 0 };
    sv_err err = SV_OK;
    stream->behind = false;
    while (err == SV_OK) {
        err = each_event(fleet, stream->gateway, &stream->sent, send_event, stream, &why);
    }
    stream->behind = err != SV_ERR_NOT_FOUND;
    if (err != SV_ERR_NOT_FOUND && err != SV_ERR_NO_SPACE && err != SV_ERR_STATE) {
        SV_LOG(error, "push.failed", "gateway %s: %s", stream->gateway->id, why.text);
    }
}

void sv_push_turn(sv_fleet *fleet) {
    sv_push *push = fleet->push;
    for (size_t i = 0; i < push->places; i++) {
        push_stream *stream = &push->streams[i];
        if (stream->events != NULL && (push->news || stream->behind)) {
            feed(fleet, stream);
        }
    }
    push->news = false;
}

sv_err sv_push_commit(sv_fleet *fleet, sv_err err, sv_why *why) {
    if (err != SV_OK) {
        sv_db_rollback(fleet->db);
        return err;
    }
    SV_TRY(sv_fleet_medium(sv_db_commit(fleet->db, why)));
    sv_push_turn(fleet);
    return SV_OK;
}

void sv_push_ping(sv_fleet *fleet) {
    for (size_t i = 0; i < fleet->push->places; i++) {
        if (fleet->push->streams[i].events != NULL) {
            sv_http_events_ping(fleet->push->streams[i].events);
        }
    }
}

void sv_push_tell(sv_fleet *fleet, const sv_gateway *gateway, const char *name, sv_text data) {
    for (size_t i = 0; i < fleet->push->places; i++) {
        const push_stream *stream = &fleet->push->streams[i];
        if (stream->events != NULL && (gateway == NULL || stream->gateway == gateway)
            && sv_http_events_send(stream->events, name, 0, data) != SV_OK) {
            SV_LOG(warn, "push.slow", "gateway %s reads too slowly to be told '%s'",
                   stream->gateway->id, name);
        }
    }
}

void sv_push_end(sv_fleet *fleet, const sv_gateway *gateway) {
    for (size_t i = 0; i < fleet->push->places; i++) {
        if (fleet->push->streams[i].gateway == gateway) {
            sv_http_events_drop(&fleet->push->streams[i].events);
        }
    }
}

static void on_closed(void *arg) {
    push_stream *stream = arg;
    sv_http_events_drop(&stream->events);
}

/// The place of the gateway, or a free one: there is one for each.
static push_stream *place_of(sv_push *push, const sv_gateway *gateway) {
    push_stream *place = NULL;
    for (size_t i = 0; i < push->places; i++) {
        push_stream *stream = &push->streams[i];
        if (stream->gateway == gateway) {
            return stream;
        }
        place = stream->gateway == NULL && place == NULL ? stream : place;
    }
    assert(place != NULL);
    return place;
}

void sv_push_join(sv_fleet *fleet, const sv_gateway *gateway, int64_t after,
                  sv_http_request *request) {
    sv_why why = { 0 };
    push_stream *stream = place_of(fleet->push, gateway);
    sv_http_events_drop(&stream->events);
    *stream = (push_stream){ .gateway = gateway, .sent = after };
    stream->events = sv_http_events_start(request, on_closed, stream);
    if (put_reset(fleet, gateway, &stream->sent, send_event, stream, &why) == SV_OK) {
        feed(fleet, stream);
        sv_standing_greet(fleet, gateway);
    } else {
        SV_LOG(error, "push.failed", "gateway %s: %s", gateway->id, why.text);
        sv_http_events_drop(&stream->events);
    }
}

#include "standing_push.h"

#include "fleet.h"
#include "standing_own.h"
#include "standing_return.h"

#include <base/mem.h>
#include <codec/encode.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/log.h>

void sv_standing_sign_with(sv_standing_log *log, sv_standing_sign_fn *sign, void *signer) {
    log->pushing.sign = sign;
    log->pushing.signer = signer;
}

static const char NO_SIGNER[] =
    "no signer is configured (signer: {socket: PATH}), so gateways cannot be told";

// ---- events -------------------------------------------------------------------------------------

/// To all gateways with an open stream, or to the one.
static void send(sv_fleet *fleet, const sv_gateway *gateway, const sv_standing_page *page) {
    char room[SV_STANDING_EVENT_MAX];
    sv_textbuf data = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&data);
    sv_standing_page_add(&out, page);
    if (sv_textbuf_end(&data) == SV_OK) {
        sv_push_tell(fleet, gateway, "standing", sv_textbuf_text(&data));
    }
}

static void send_head(sv_fleet *fleet, const sv_gateway *gateway) {
    const sv_standing_head *head = &fleet->standing->pushing.head;
    send(fleet, gateway, &(sv_standing_page){ .from = head->version, .head = *head });
}

/// The changes between two heads; when they are too many for an event, the head alone, and gateways
/// fetch them.
static void send_changes(sv_fleet *fleet, int64_t after, const sv_standing_head *head) {
    SV_DEFER(sv_standing_page_drop) sv_standing_page page = { .from = after };
    sv_why why = { 0 };
    int64_t count = head->version - after;
    if (count > 0 && count <= SV_STANDING_EVENT_LINES
        && sv_standing_page_read(fleet->standing, fleet->db, after, &page, &why) == SV_OK) {
        page.head = *head;
        page.count = (size_t) count;
        page.newest = 0;
        send(fleet, NULL, &page);
        return;
    }
    if (why.text[0] != '\0') {
        SV_LOG(error, "standing.unread", "%s", why.text);
    }
    send_head(fleet, NULL);
}

static void on_signed(void *arg, sv_err err, const sv_standing_head *head, const sv_why *why) {
    sv_fleet *fleet = arg;
    sv_standing_pushing *pushing = &fleet->standing->pushing;
    pushing->under_way = false;
    if (err != SV_OK) {
        if (strcmp(pushing->why.text, why->text) != 0) {
            SV_LOG(error, "standing.unsigned", "gateways are not told of what was decided: %s",
                   why->text);
        }
        pushing->why = *why;
        return;
    }
    if (pushing->asked != pushing->rewrites) {
        sv_standing_turn(fleet); // it leads nowhere any more
        return;
    }
    int64_t after = pushing->head.version;
    bool first = pushing->head.signature_bytes == 0;
    pushing->why = (sv_why){ 0 };
    pushing->head = *head;
    pushing->head_mono_us = fleet->mono_us();
    if (first) {
        send_head(fleet, NULL); // who missed something asks for it
    } else {
        send_changes(fleet, after, head);
    }
    sv_standing_turn(fleet);
}

static bool is_due(const sv_standing_log *log, int64_t mono_us) {
    const sv_standing_pushing *pushing = &log->pushing;
    bool failed = pushing->why.text[0] != '\0';
    if (failed && mono_us - pushing->tried_mono_us < SV_STANDING_RETRY_US) {
        return false;
    }
    return pushing->head.signature_bytes == 0 || pushing->head.version < log->version
           || mono_us - pushing->head_mono_us >= SV_STANDING_HEAD_US;
}

void sv_standing_turn(sv_fleet *fleet) {
    sv_standing_log *log = fleet->standing;
    sv_standing_pushing *pushing = &log->pushing;
    int64_t mono_us = fleet->mono_us();
    if (pushing->sign == NULL || pushing->under_way || !is_due(log, mono_us)) {
        return;
    }
    sv_standing_head head = { .version = log->version, .at_us = fleet->believed_us() };
    memcpy(head.hash, log->hash, sizeof head.hash);
    pushing->under_way = true;
    pushing->asked = pushing->rewrites;
    pushing->tried_mono_us = mono_us;
    pushing->sign(pushing->signer, &head, on_signed, fleet);
}

void sv_standing_greet(sv_fleet *fleet, const sv_gateway *gateway) {
    if (fleet->standing->pushing.head.signature_bytes > 0) {
        send_head(fleet, gateway);
    }
}

// ---- pages --------------------------------------------------------------------------------------

/// A page that waits for its signature.
typedef struct waiting {
    sv_http_request *request;
    const sv_standing_pushing *pushing;
    unsigned asked; ///< as of sv_standing_pushing
    sv_standing_page page;
} waiting;

static void reply(sv_http_request *request, const sv_standing_page *page) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_STANDING_PAGE_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_standing_page_add(&out, page);
    sv_http_reply(request, 200, "application/json", sv_textbuf_text(&json));
}

static void refuse(sv_http_request *request, const char *why) {
    sv_http_reply_header(request, "Retry-After", "2");
    sv_http_problem(request, 503, "Not available", "%s", why);
}

static void on_page_signed(void *arg, sv_err err, const sv_standing_head *head, const sv_why *why) {
    waiting *w = arg;
    if (err == SV_OK && w->asked != w->pushing->rewrites) {
        refuse(w->request, "decisions were taken back meanwhile; ask again");
    } else if (err == SV_OK) {
        w->page.head = *head;
        reply(w->request, &w->page);
    } else {
        refuse(w->request, why->text);
    }
    sv_standing_page_drop(&w->page);
    free(w);
}

void sv_standing_give(sv_fleet *fleet, const sv_gateway *gateway, int64_t after,
                      sv_http_request *request) {
    const sv_standing_pushing *pushing = &fleet->standing->pushing;
    SV_DEFER(sv_standing_page_drop) sv_standing_page page = { 0 };
    sv_why why = { 0 };
    sv_err err = sv_standing_page_read(fleet->standing, fleet->db, after, &page, &why);
    if (err == SV_ERR_STATE) {
        SV_LOG(error, "standing.behind", "gateway %s: %s", gateway->id, why.text);
        sv_http_problem(request, 409, "Conflict", "%s", why.text);
    } else if (err != SV_OK) {
        SV_LOG(error, "standing.unread", "%s", why.text);
        refuse(request, why.text);
    } else if (page.head.version == pushing->head.version && pushing->head.signature_bytes > 0) {
        page.head = pushing->head;
        reply(request, &page);
    } else if (pushing->sign == NULL) {
        refuse(request, NO_SIGNER);
    } else {
        waiting *w = sv_mem_new(sizeof *w);
        *w = (waiting){
            .request = request, .pushing = pushing, .asked = pushing->rewrites, .page = page
        };
        w->page.head.at_us = fleet->believed_us();
        page.changes = NULL;
        pushing->sign(pushing->signer, &w->page.head, on_page_signed, w);
    }
}

// ---- how far gateways have come -----------------------------------------------------------------

sv_err sv_standing_take_report(sv_fleet *fleet, sv_gateway *gateway, sv_text body,
                               sv_textbuf *answer, sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    int64_t version = 0;
    SV_TRY(sv_json_parse(body, &root, NULL, why));
    if (!sv_json_int(sv_json_get(root, "version"), &version) || version < 0) {
        return sv_fail(why, SV_ERR_INVALID, "the body must be {\"version\":<number>}");
    }
    if (version != gateway->standing_version || gateway->standing_at_us == 0) {
        gateway->standing_version = version;
        gateway->standing_at_us = fleet->wall_us();
    }
    sv_text hash = SV_TEXT("");
    (void) sv_json_text(sv_json_get(root, "hash"), &hash);
    return sv_standing_compare(fleet, gateway, version, hash, answer, why);
}

static void write_gateway(const sv_fleet *fleet, const sv_gateway *gateway, sv_json_out *out) {
    sv_json_open_object(out);
    sv_json_add_str(out, "id", gateway->id);
    sv_json_add_str(out, "site", gateway->site->name);
    sv_json_add_bool(out, "connected", sv_push_reaches(fleet->push, gateway));
    if (gateway->standing_at_us > 0) {
        sv_json_add_int(out, "version", gateway->standing_version);
        sv_json_add_int(out, "at", gateway->standing_at_us / 1000);
    } else {
        sv_json_add_null(out, "version");
        sv_json_add_null(out, "at");
    }
    sv_json_close_object(out);
}

static void write_head(const sv_standing_head *head, sv_json_out *out) {
    if (head->signature_bytes == 0) {
        sv_json_put_null(out);
        return;
    }
    sv_json_open_object(out);
    sv_json_add_int(out, "version", head->version);
    sv_json_add_int(out, "at", head->at_us / 1000);
    sv_json_close_object(out);
}

void sv_standing_write_gateways(sv_fleet *fleet, const char *sites, sv_json_out *out) {
    const sv_standing_pushing *pushing = &fleet->standing->pushing;
    const char *cannot = pushing->sign == NULL ? NO_SIGNER : pushing->why.text;
    sv_json_open_object(out);
    sv_json_add_int(out, "version", fleet->standing->version);
    sv_json_key(out, "head");
    write_head(&pushing->head, out);
    sv_json_add_str(out, "cannot", cannot[0] != '\0' ? cannot : NULL);
    sv_json_key(out, "gateways");
    sv_json_open_array(out);
    for (size_t i = 0; i < sv_registry_gateway_count(fleet->registry); i++) {
        const sv_gateway *gateway = sv_registry_gateway_at(fleet->registry, i);
        if (sv_sites_have(sites, sv_text_of(gateway->site->name))) {
            write_gateway(fleet, gateway, out);
        }
    }
    sv_json_close_array(out);
    sv_json_close_object(out);
}

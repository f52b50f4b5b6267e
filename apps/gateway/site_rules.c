#include "site_rules.h"

#include "gateway.h"
#include <codec/encode.h>
#include <crypto/random.h>
#include <edge/rules_file.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/log.h>

enum { STATUS_OK = 200, STATUS_NONE = 404, SHA256_BYTES = 32 };

/// The column `kind` of the table `site_rules`.
typedef enum kept { IN_FORCE = 0, WANTED = 1, REFUSED = 2 } kept;

static bool is_sha256(sv_text text) {
    uint8_t bytes[SHA256_BYTES];
    return sv_hex_parse(text, bytes, sizeof bytes) == SV_OK;
}

static void copy(sv_text text, char *room, size_t room_bytes) {
    if (sv_text_copy(text, room, room_bytes) != SV_OK) {
        abort(); // its length was checked
    }
}

// ---- what is on disk ----------------------------------------------------------------------------

static void keep(gw *g, kept kind, int64_t version, int64_t at_ms, const char *sha256,
                 sv_text body) {
    sv_writer_add(g->writer, "INSERT OR REPLACE INTO site_rules (kind, version, at, sha256, body) "
                             "VALUES (?, ?, ?, ?, ?)");
    sv_writer_int(g->writer, (int64_t) kind);
    sv_writer_int(g->writer, version);
    sv_writer_int(g->writer, at_ms);
    sv_writer_str(g->writer, sha256);
    sv_writer_text(g->writer, body);
    sv_writer_hurry(g->writer);
}

static void forget(gw *g, kept kind) {
    sv_writer_add(g->writer, "DELETE FROM site_rules WHERE kind = ?");
    sv_writer_int(g->writer, (int64_t) kind);
}

static void stop_wanting(gw *g) {
    g->site_rules.wanted.any = false;
    gw_pause_end(&g->site_rules.pause);
    forget(g, WANTED);
}

static void refuse(gw *g, int64_t version, sv_text why) {
    gw_site_rules *r = &g->site_rules;
    SV_LOG(error, "rules.refused", "version %lld: " SV_TEXT_FMT "; what was in force stays",
           (long long) version, SV_TEXT_ARG(why));
    r->refused.version = version;
    r->refused.at_ms = sv_clock_wall_us() / 1000;
    copy(why, r->refused.why, sizeof r->refused.why);
    keep(g, REFUSED, version, r->refused.at_ms, "", why);
    stop_wanting(g);
}

// ---- coming in force ----------------------------------------------------------------------------

static void put_in_force(gw *g, sv_rules *rules) {
    sv_rules *old = g->config.rules;
    g->config.rules = gw_members_with(g, rules);
    gw_ingest_rules(g);
    sv_rules_drop(&old);
}

void gw_site_rules_turn(gw *g) {
    gw_site_rules *r = &g->site_rules;
    if (r->next.rules == NULL || g->committed < r->next.group
        || (gw_members_lack(g, r->next.rules) && sv_clock_monotonic_us() < r->next.until_us)) {
        return;
    }
    r->version = r->next.version;
    r->at_ms = r->next.at_ms;
    copy(sv_text_of(r->next.sha256), r->sha256, sizeof r->sha256);
    put_in_force(g, r->next.rules);
    r->next.rules = NULL;
    SV_LOG(info, "rules.applied",
           "version %lld from the fleet server is in force, instead of the sections of the file",
           (long long) r->version);
    gw_members_warn(g, g->config.rules);
}

typedef struct given_rules {
    int64_t version;
    sv_text sha256, text;
} given_rules;

static void take_over(gw *g, sv_rules **rules, const given_rules *got) {
    gw_site_rules *r = &g->site_rules;
    sv_rules_drop(&r->next.rules);
    r->next.rules = *rules;
    *rules = NULL;
    r->next.version = got->version;
    r->next.at_ms = sv_clock_wall_us() / 1000;
    copy(got->sha256, r->next.sha256, sizeof r->next.sha256);
    keep(g, IN_FORCE, got->version, r->next.at_ms, r->next.sha256, got->text);
    r->next.group = sv_writer_group(g->writer);
    r->next.until_us = sv_clock_monotonic_us() + GW_MEMBERS_WAIT_US;
    r->refused.version = 0;
    forget(g, REFUSED);
    stop_wanting(g);
    gw_members_lost(g); // it may name groups
}

void gw_site_rules_faults(const sv_config_faults *faults, size_t room_bytes, sv_textbuf *out) {
    sv_textbuf_addf(out, "%u fault%s", faults->count, faults->count == 1 ? "" : "s");
    for (size_t i = 0; i < sv_config_faults_told(faults); i++) {
        sv_text sentence = sv_config_faults_sentence(faults, i);
        const char *mark = i == 0 ? ":" : ";";
        if (out->len + sentence.len + 128 > room_bytes) {
            sv_textbuf_addf(out, "%s and more", mark);
            return;
        }
        sv_textbuf_addf(out, "%s line %zu, column %zu: " SV_TEXT_FMT, mark, faults->places[i].line,
                        faults->places[i].column, SV_TEXT_ARG(sentence));
    }
}

static bool has_digest(sv_text text, sv_text sha256, sv_textbuf *why) {
    uint8_t digest[SHA256_BYTES];
    char room[GW_RULES_SHA256_ROOM];
    sv_textbuf hex = SV_TEXTBUF(room);
    sv_sha256(text, digest);
    sv_hex_add(&hex, digest, sizeof digest);
    if (sv_text_eq(sv_textbuf_text(&hex), sha256)) {
        return true;
    }
    sv_textbuf_addf(why,
                    "the digest of what came is " SV_TEXT_FMT ", that of what was announced "
                    "is " SV_TEXT_FMT,
                    SV_TEXT_ARG(sv_textbuf_text(&hex)), SV_TEXT_ARG(sha256));
    return false;
}

/// Whole, or why not.
static sv_rules *judge(sv_text text, sv_text sha256, sv_textbuf *why) {
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "rules" };
    sv_rules *rules = NULL;
    if (has_digest(text, sha256, why) && sv_rules_file_read(text, &rules, &faults) != SV_OK) {
        gw_site_rules_faults(&faults, GW_RULES_WHY_MAX, why);
    }
    return rules;
}

static bool read_given(const sv_json *root, given_rules *out) {
    return sv_json_int(sv_json_get(root, "version"), &out->version) && out->version > 0
           && sv_json_text(sv_json_get(root, "sha256"), &out->sha256) && is_sha256(out->sha256)
           && sv_json_text(sv_json_get(root, "rules"), &out->text);
}

bool gw_site_rules_take(gw *g, const sv_json *given) {
    gw_site_rules *r = &g->site_rules;
    bool newest = r->wanted.version == 0;
    given_rules got;
    if (!r->wanted.any || !read_given(given, &got)
        || (!newest && got.version != r->wanted.version)) {
        return false;
    }
    if (newest && got.version == r->version && sv_text_is(got.sha256, r->sha256)) {
        stop_wanting(g); // nothing was lost
        return true;
    }
    char room[GW_RULES_WHY_MAX];
    sv_textbuf why = SV_TEXTBUF(room);
    got.sha256 = newest ? got.sha256 : sv_text_of(r->wanted.sha256);
    SV_DEFER(sv_rules_drop) sv_rules *rules = judge(got.text, got.sha256, &why);
    if (rules == NULL) {
        refuse(g, got.version, sv_textbuf_text(&why));
    } else {
        take_over(g, &rules, &got);
    }
    return true;
}

// ---- fetching -----------------------------------------------------------------------------------

static void fetched(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    gw *g = arg;
    gw_site_rules *r = &g->site_rules;
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    r->under_way = false;
    if (g->exit_code != 0 || !r->wanted.any || r->asked != r->wanted.version) {
        return; // another one is wanted by now
    }
    if (reply->status == STATUS_NONE && r->wanted.version == 0) {
        stop_wanting(g); // none were given yet
    } else if (reply->status == STATUS_NONE) {
        refuse(g, r->wanted.version, SV_TEXT("the fleet server does not have it any more"));
    } else if (reply->status != STATUS_OK || sv_json_parse(reply->body, &root, NULL, NULL) != SV_OK
               || !gw_site_rules_take(g, root)) {
        gw_pause_longer(g, &r->pause, "rules.unfetched", reply, reply->status == 0 ? why : NULL);
    }
}

static void on_look(void *arg) {
    gw *g = arg;
    gw_site_rules *r = &g->site_rules;
    gw_site_rules_turn(g); // it may have waited long enough
    if (!r->wanted.any || r->under_way || g->full || g->exit_code != 0
        || !gw_pause_is_over(&r->pause)) {
        return;
    }
    char path[SV_ID_ROOM + 64];
    (void) snprintf(path, sizeof path, "/v1/gateway/%s/config?version=%" PRId64, g->config.id,
                    r->wanted.version);
    r->asked = r->wanted.version;
    r->under_way = gw_uplink_get(g, path, fetched);
}

static void look_soon(gw *g) {
    gw_site_rules *r = &g->site_rules;
    gw_pause_end(&r->pause);
    if (r->timer != NULL) {
        on_look(g);
    }
}

gw_event_end gw_site_rules_want(gw *g, int64_t id, const sv_json *data) {
    gw_site_rules *r = &g->site_rules;
    int64_t version = 0;
    sv_text sha256;
    (void) id; // recorded by whoever calls, with what is recorded here
    if (!sv_json_int(sv_json_get(data, "version"), &version) || version < 1
        || !sv_json_text(sv_json_get(data, "sha256"), &sha256) || !is_sha256(sha256)) {
        return GW_EVENT_REFUSED;
    }
    if (g->config.rules_from == GW_RULES_FROM_FILE) {
        refuse(g, version, SV_TEXT("this gateway's own file says rules_from: file"));
        return GW_EVENT_DONE;
    }
    if (version == r->version && sv_text_is(sha256, r->sha256) && r->next.rules == NULL) {
        stop_wanting(g);
        return GW_EVENT_IDLE;
    }
    r->wanted.any = true;
    r->wanted.version = version;
    copy(sha256, r->wanted.sha256, sizeof r->wanted.sha256);
    keep(g, WANTED, version, 0, r->wanted.sha256, SV_TEXT(""));
    look_soon(g);
    return GW_EVENT_DONE;
}

void gw_site_rules_lost(gw *g) {
    if (g->config.rules_from == GW_RULES_FROM_FLEET) {
        g->site_rules.wanted.any = true;
        g->site_rules.wanted.version = 0;
        look_soon(g);
    }
}

// ---- from start to end --------------------------------------------------------------------------

/// Rules that were taken once and are not any more come from another version of this program.
static void restore_in_force(gw *g, sv_stmt *row) {
    gw_site_rules *r = &g->site_rules;
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "rules" };
    char room[GW_RULES_WHY_MAX];
    sv_textbuf why = SV_TEXTBUF(room);
    sv_rules *rules = NULL;
    if (sv_rules_file_read(sv_stmt_text(row, 4), &rules, &faults) != SV_OK) {
        gw_site_rules_faults(&faults, GW_RULES_WHY_MAX, &why);
        SV_LOG(error, "rules.refused",
               "version %lld, which was in force: " SV_TEXT_FMT "; the sections of the file hold",
               (long long) sv_stmt_int(row, 1), SV_TEXT_ARG(sv_textbuf_text(&why)));
        return;
    }
    r->version = sv_stmt_int(row, 1);
    r->at_ms = sv_stmt_int(row, 2);
    copy(sv_stmt_text(row, 3), r->sha256, sizeof r->sha256);
    put_in_force(g, rules);
    SV_LOG(info, "rules.applied",
           "version %lld from the fleet server is in force, instead of the sections of the file",
           (long long) r->version);
}

static void restore(gw *g, sv_stmt *row) {
    gw_site_rules *r = &g->site_rules;
    bool refuses = g->config.rules_from == GW_RULES_FROM_FILE;
    kept kind = (kept) sv_stmt_int(row, 0);
    int64_t version = sv_stmt_int(row, 1);
    sv_text sha256 = sv_stmt_text(row, 3);
    if (kind == REFUSED
        && sv_text_copy(sv_stmt_text(row, 4), r->refused.why, sizeof r->refused.why) == SV_OK) {
        r->refused.version = version;
        r->refused.at_ms = sv_stmt_int(row, 2);
    } else if (kind == WANTED && is_sha256(sha256) && !refuses) {
        r->wanted.any = true;
        r->wanted.version = version;
        copy(sha256, r->wanted.sha256, sizeof r->wanted.sha256);
    } else if (kind == IN_FORCE && is_sha256(sha256) && !refuses) {
        restore_in_force(g, row);
    }
}

static sv_err read_kept(gw *g, sv_why *why) {
    sv_stmt *row = NULL;
    SV_TRY(sv_db_stmt(g->db, "SELECT kind, version, at, sha256, body FROM site_rules", &row, why));
    sv_err err = sv_stmt_next(row, why);
    for (; err == SV_OK; err = sv_stmt_next(row, why)) {
        restore(g, row);
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static void of_the_file(gw *g) {
    g->site_rules.version = 0;
    g->site_rules.at_ms = sv_clock_wall_us() / 1000;
}

sv_err gw_site_rules_open(gw *g, sv_why *why) {
    of_the_file(g);
    return read_kept(g, why);
}

void gw_site_rules_start(gw *g) {
    gw_site_rules *r = &g->site_rules;
    if (g->config.fleet.url[0] == '\0') {
        return;
    }
    r->timer = sv_timer_new(g->loop, on_look, g);
    sv_timer_every(r->timer, GW_PAUSE_LOOK_US);
    if (r->wanted.any) {
        look_soon(g);
    } else {
        gw_site_rules_lost(g);
    }
}

void gw_site_rules_close(gw *g) {
    sv_timer_drop(&g->site_rules.timer);
    sv_rules_drop(&g->site_rules.next.rules);
}

void gw_site_rules_reload(gw *g, gw_config *fresh) {
    gw_site_rules *r = &g->site_rules;
    sv_why why = { 0 };
    bool was_fleet = g->config.rules_from == GW_RULES_FROM_FLEET;
    g->config.rules_from = fresh->rules_from;
    if (fresh->rules_from == GW_RULES_FROM_FLEET && r->version > 0) {
        SV_LOG(info, "rules.kept",
               "version %lld from the fleet server stays in force; the sections of the file are "
               "passed over",
               (long long) r->version);
        return;
    }
    put_in_force(g, fresh->rules);
    fresh->rules = NULL;
    of_the_file(g);
    if (fresh->rules_from == GW_RULES_FROM_FILE) {
        sv_rules_drop(&r->next.rules);
        r->wanted.any = false;
    } else if (!was_fleet) {
        if (read_kept(g, &why) != SV_OK) {
            gw_store_failed(g, &why);
        }
        gw_site_rules_lost(g);
    }
}

void gw_site_rules_write(const gw *g, sv_json_out *out) {
    const gw_site_rules *r = &g->site_rules;
    sv_json_open_object(out);
    sv_json_add_str(out, "from", r->version > 0 ? "fleet" : "file");
    sv_json_add_int(out, "version", r->version);
    sv_json_add_int(out, "at", r->at_ms);
    sv_json_key(out, "refused");
    if (r->refused.version == 0) {
        sv_json_put_null(out);
    } else {
        sv_json_open_object(out);
        sv_json_add_int(out, "version", r->refused.version);
        sv_json_add_int(out, "at", r->refused.at_ms);
        sv_json_add_str(out, "why", r->refused.why);
        sv_json_close_object(out);
    }
    sv_json_close_object(out);
}

#include "site_rules.h"

#include "audit_keep.h"
#include "site_groups.h"
#include <base/mem.h>
#include <codec/encode.h>
#include <crypto/random.h>
#include <edge/rules_file.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/log.h>

enum { SHA256_BYTES = 32, SHA256_ROOM = 2 * SHA256_BYTES + 1 };

// ---- a new version ------------------------------------------------------------------------------

static sv_err check_comment(sv_text comment, sv_why *why) {
    bool fine = comment.len <= SV_SITE_RULES_COMMENT_MAX && sv_utf8_is_valid(comment);
    for (size_t i = 0; i < comment.len; i++) {
        fine = fine && (unsigned char) comment.at[i] >= ' ' && comment.at[i] != '\x7f';
    }
    return fine ? SV_OK
                : sv_fail(why, SV_ERR_INVALID,
                          "the comment is not one line of UTF-8 of at most %d bytes",
                          SV_SITE_RULES_COMMENT_MAX);
}

static sv_err read_file(sv_text text, sv_rules **out, sv_config_faults *faults, sv_why *why) {
    return sv_rules_file_read(text, out, faults) == SV_OK
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "%u fault%s in the rules; nothing is changed",
                         faults->count, faults->count == 1 ? "" : "s");
}

sv_err sv_site_rules_judge(sv_text text, sv_config_faults *faults, sv_why *why) {
    SV_DEFER(sv_rules_drop) sv_rules *rules = NULL;
    return read_file(text, &rules, faults, why);
}

static void digest_of(sv_text text, char out[SHA256_ROOM]) {
    uint8_t digest[SHA256_BYTES];
    sv_textbuf hex = { .at = out, .cap = SHA256_ROOM };
    sv_sha256(text, digest);
    sv_hex_add(&hex, digest, sizeof digest);
    if (sv_textbuf_end(&hex) != SV_OK) {
        abort();
    }
}

static sv_err insert(sv_fleet *fleet, const sv_site_rules_draft *draft, int64_t version,
                     const char *sha256, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db,
                      "INSERT INTO site_rules (site, version, at_ms, user, comment, sha256, text)"
                      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, draft->site->name);
    sv_stmt_bind_int(stmt, 2, version);
    sv_stmt_bind_int(stmt, 3, fleet->wall_us() / 1000);
    sv_stmt_bind_str(stmt, 4, draft->user);
    sv_stmt_bind_text(stmt, 5, draft->comment.len > 0 ? draft->comment : SV_TEXT(""));
    sv_stmt_bind_str(stmt, 6, sha256);
    sv_stmt_bind_text(stmt, 7, draft->text.len > 0 ? draft->text : SV_TEXT(""));
    SV_TRY(sv_stmt_run(stmt, why));
    SV_TRY(sv_db_stmt(fleet->db, "DELETE FROM site_rules WHERE site = ?1 AND version <= ?2", &stmt,
                      why));
    sv_stmt_bind_str(stmt, 1, draft->site->name);
    sv_stmt_bind_int(stmt, 2, version - SV_SITE_RULES_VERSIONS_MAX);
    return sv_stmt_run(stmt, why);
}

/// A site may have no gateway for now.
static sv_err announce(sv_fleet *fleet, const sv_site *site, int64_t version, const char *sha256,
                       sv_why *why) {
    char room[SV_PUSH_DATA_MAX];
    sv_textbuf data = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&data);
    sv_json_open_object(&out);
    sv_json_add_int(&out, "version", version);
    sv_json_add_str(&out, "sha256", sha256);
    sv_json_close_object(&out);
    sv_err err =
        sv_push_add(fleet, (sv_push_to){ .site = site }, "rules", sv_textbuf_text(&data), why);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

/// In the log with what it replaces, which is version `version` - 1.
static sv_err note(sv_fleet *fleet, const sv_site_rules_draft *draft, int64_t version,
                   sv_why *why) {
    char detail[SV_AUDIT_DETAIL_MAX];
    sv_stmt *row;
    sv_audit_event deed = { .who = draft->user,
                            .what = "rules.put",
                            .about = draft->site->name,
                            .detail = detail,
                            .after = draft->text };
    (void) snprintf(detail, sizeof detail, "version %lld%s" SV_TEXT_FMT, (long long) version,
                    draft->comment.len > 0 ? ": " : "", SV_TEXT_ARG(draft->comment));
    SV_TRY(sv_db_stmt(fleet->db, "SELECT text FROM site_rules WHERE site = ?1 AND version = ?2",
                      &row, why));
    sv_stmt_bind_str(row, 1, draft->site->name);
    sv_stmt_bind_int(row, 2, version - 1);
    sv_err err = sv_stmt_next(row, why);
    deed.before = err == SV_OK ? sv_stmt_text(row, 0) : SV_TEXT("");
    err = err == SV_OK || err == SV_ERR_NOT_FOUND ? sv_audit_deed(fleet, &deed, why) : err;
    sv_stmt_reset(row);
    return err;
}

static sv_err replace(sv_fleet *fleet, const sv_site_rules_draft *draft, const sv_rules *rules,
                      const char *sha256, int64_t *out, sv_why *why) {
    SV_TRY(sv_fleet_medium(sv_site_rules_newest(fleet->db, draft->site, out, why)));
    if (*out != draft->replaces) {
        return sv_fail(why, SV_ERR_STATE,
                       "version %lld of site %s is the newest, not %lld: look at what has changed, "
                       "then send yours again",
                       (long long) *out, draft->site->name, (long long) draft->replaces);
    }
    ++*out;
    SV_TRY(sv_fleet_medium(insert(fleet, draft, *out, sha256, why)));
    SV_TRY(sv_fleet_medium(sv_site_groups_note(fleet->db, draft->site, *out, rules, why)));
    SV_TRY(sv_fleet_medium(note(fleet, draft, *out, why)));
    return sv_fleet_medium(announce(fleet, draft->site, *out, sha256, why));
}

sv_err sv_site_rules_put(sv_fleet *fleet, const sv_site_rules_draft *draft, int64_t *out,
                         sv_config_faults *faults, sv_why *why) {
    char sha256[SHA256_ROOM];
    SV_DEFER(sv_rules_drop) sv_rules *rules = NULL;
    SV_TRY(check_comment(draft->comment, why));
    SV_TRY(read_file(draft->text, &rules, faults, why));
    digest_of(draft->text, sha256);
    SV_TRY(sv_fleet_medium(sv_db_begin(fleet->db, why)));
    SV_TRY(sv_push_commit(fleet, replace(fleet, draft, rules, sha256, out, why), why));
    SV_LOG(info, "rules.new", "%s gave site %s version %lld of its rules (%zu bytes, sha256 %s)",
           draft->user, draft->site->name, (long long) *out, draft->text.len, sha256);
    sv_site_groups_renamed(fleet, draft->site); // before a gateway can ask
    sv_site_rules_tell_live(fleet, draft->site);
    return SV_OK;
}

// ---- reading versions ---------------------------------------------------------------------------

sv_err sv_site_rules_newest(sv_db *db, const sv_site *site, int64_t *out, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, "SELECT coalesce(max(version), 0) FROM site_rules WHERE site = ?1", &stmt,
                      why));
    sv_stmt_bind_str(stmt, 1, site->name);
    SV_TRY(sv_stmt_next(stmt, why));
    *out = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    return SV_OK;
}

/// The statement stands on its row; the caller resets it.
static sv_err find(sv_db *db, const sv_site *site, int64_t version, sv_stmt **out, sv_why *why) {
    SV_TRY(sv_db_stmt(db,
                      "SELECT version, at_ms, user, comment, sha256, text FROM site_rules"
                      " WHERE site = ?1 AND version = ?2",
                      out, why));
    sv_stmt_bind_str(*out, 1, site->name);
    sv_stmt_bind_int(*out, 2, version);
    sv_err err = sv_stmt_next(*out, why);
    return err != SV_ERR_NOT_FOUND
               ? err
               : sv_fail(why, err, "version %lld of the rules of site %s is not kept",
                         (long long) version, site->name);
}

static void put_row(sv_stmt *row, sv_json_out *out) {
    sv_json_add_int(out, "version", sv_stmt_int(row, 0));
    sv_json_add_int(out, "at", sv_stmt_int(row, 1));
    sv_json_add_text(out, "by", sv_stmt_text(row, 2));
    sv_json_add_text(out, "comment", sv_stmt_text(row, 3));
    sv_json_add_text(out, "sha256", sv_stmt_text(row, 4));
}

sv_err sv_site_rules_write(sv_db *db, const sv_site *site, int64_t version, sv_json_out *out,
                           sv_why *why) {
    sv_stmt *row;
    SV_TRY(find(db, site, version, &row, why));
    put_row(row, out);
    sv_json_add_text(out, "text", sv_stmt_text(row, 5));
    sv_stmt_reset(row);
    return SV_OK;
}

sv_err sv_site_rules_list(sv_db *db, const sv_site *site, sv_json_out *out, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(db,
                      "SELECT version, at_ms, user, comment, sha256 FROM site_rules WHERE site = ?1"
                      " ORDER BY version DESC",
                      &row, why));
    sv_stmt_bind_str(row, 1, site->name);
    sv_json_open_array(out);
    sv_err err = sv_stmt_next(row, why);
    for (; err == SV_OK; err = sv_stmt_next(row, why)) {
        sv_json_open_object(out);
        put_row(row, out);
        sv_json_close_object(out);
    }
    sv_json_close_array(out);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

sv_err sv_site_rules_again(sv_fleet *fleet, const sv_site_rules_draft *draft, int64_t version,
                           int64_t *out, sv_config_faults *faults, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(SV_RULES_FILE_MAX + 1);
    sv_site_rules_draft again = *draft;
    sv_stmt *row;
    SV_TRY(find(fleet->db, draft->site, version, &row, why));
    sv_textbuf_add(&text, sv_stmt_text(row, 5));
    sv_stmt_reset(row);
    again.text = sv_textbuf_text(&text);
    return sv_site_rules_put(fleet, &again, out, faults, why);
}

sv_err sv_site_rules_give(sv_db *db, const sv_site *site, int64_t version, sv_json_out *out,
                          sv_why *why) {
    sv_stmt *row;
    if (version == 0) {
        SV_TRY(sv_site_rules_newest(db, site, &version, why));
    }
    SV_TRY(find(db, site, version, &row, why));
    sv_json_open_object(out);
    sv_json_add_int(out, "version", version);
    sv_json_add_text(out, "sha256", sv_stmt_text(row, 4));
    sv_json_add_text(out, "rules", sv_stmt_text(row, 5));
    sv_json_close_object(out);
    sv_stmt_reset(row);
    return SV_OK;
}

// ---- what gateways say --------------------------------------------------------------------------

static bool read_refused(const sv_json *refused, sv_json_out *out) {
    int64_t version = 0;
    int64_t at_ms = 0;
    sv_text why;
    sv_json_key(out, "refused");
    if (refused == NULL || sv_json_is_null(refused)) {
        sv_json_put_null(out);
        return true;
    }
    if (!sv_json_int(sv_json_get(refused, "version"), &version) || version < 1
        || !sv_json_int(sv_json_get(refused, "at"), &at_ms) || at_ms < 0
        || !sv_json_text(sv_json_get(refused, "why"), &why) || why.len > SV_SITE_RULES_WHY_MAX) {
        return false;
    }
    sv_json_open_object(out);
    sv_json_add_int(out, "version", version);
    sv_json_add_int(out, "at", at_ms);
    sv_json_add_text(out, "why", why);
    sv_json_close_object(out);
    return true;
}

/// Read field by field and written anew: what a gateway says is shown in nobody's page as it came.
static bool read_told(const sv_json *told, sv_textbuf *text) {
    sv_json_out out = SV_JSON_OUT(text);
    sv_text from;
    int64_t version = 0;
    int64_t at_ms = 0;
    if (!sv_json_text(sv_json_get(told, "from"), &from)
        || !(sv_text_is(from, "file") || sv_text_is(from, "fleet"))
        || !sv_json_int(sv_json_get(told, "version"), &version) || version < 0
        || !sv_json_int(sv_json_get(told, "at"), &at_ms) || at_ms < 0) {
        return false;
    }
    sv_json_open_object(&out);
    sv_json_add_text(&out, "from", from);
    sv_json_add_int(&out, "version", version);
    sv_json_add_int(&out, "at", at_ms);
    bool fine = read_refused(sv_json_get(told, "refused"), &out);
    sv_json_close_object(&out);
    return fine && !text->overflowed;
}

static sv_err keep_told(sv_db *db, const sv_gateway *gateway, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, "INSERT OR REPLACE INTO site_rules_told (gateway, told) VALUES (?1, ?2)",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, gateway->id);
    sv_stmt_bind_str(stmt, 2, gateway->rules);
    return sv_stmt_run(stmt, why);
}

sv_err sv_site_rules_told(sv_fleet *fleet, sv_gateway *gateway, const sv_json *told, sv_why *why) {
    char room[SV_SITE_RULES_TOLD_MAX];
    sv_textbuf text = SV_TEXTBUF(room);
    if (!read_told(told, &text)
        || (gateway->rules != NULL && sv_text_is(sv_textbuf_text(&text), gateway->rules))) {
        return SV_OK;
    }
    free(gateway->rules);
    gateway->rules = sv_mem_copy_str(text.at, text.len);
    SV_LOG(info, "rules.told", "gateway %s: %s", gateway->id, gateway->rules);
    sv_site_groups_changed(fleet); // it may go by a version that names others
    sv_site_rules_tell_live(fleet, gateway->site);
    return keep_told(fleet->db, gateway, why);
}

sv_err sv_site_rules_open(sv_db *db, sv_registry *registry, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(db, "SELECT gateway, told FROM site_rules_told", &row, why));
    sv_err err = sv_stmt_next(row, why);
    for (; err == SV_OK; err = sv_stmt_next(row, why)) {
        sv_gateway *gateway = sv_registry_gateway(registry, sv_stmt_text(row, 0).at);
        sv_text told = sv_stmt_text(row, 1);
        if (gateway != NULL && gateway->rules == NULL) {
            gateway->rules = sv_mem_copy_str(told.at, told.len);
        }
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

void sv_site_rules_gateways(const sv_fleet *fleet, const sv_site *site, sv_json_out *out) {
    sv_json_open_array(out);
    for (size_t i = 0; i < sv_registry_gateway_count(fleet->registry); i++) {
        const sv_gateway *gateway = sv_registry_gateway_at(fleet->registry, i);
        if (gateway->site != site) {
            continue;
        }
        sv_json_open_object(out);
        sv_json_add_str(out, "id", gateway->id);
        sv_json_add_bool(out, "online", gateway->online);
        sv_json_key(out, "rules");
        if (gateway->rules != NULL) {
            sv_json_put_raw(out, sv_text_of(gateway->rules));
        } else {
            sv_json_put_null(out);
        }
        sv_json_close_object(out);
    }
    sv_json_close_array(out);
}

void sv_site_rules_tell_live(sv_fleet *fleet, const sv_site *site) {
    char room[SV_ID_ROOM + 32];
    sv_textbuf data = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&data);
    sv_json_open_object(&out);
    sv_json_add_str(&out, "site", site->name);
    sv_json_close_object(&out);
    sv_live_send(fleet->live, site->name, "rules", sv_textbuf_text(&data));
}

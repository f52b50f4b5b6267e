#include "audit_log.h"

#include <codec/encode.h>
#include <crypto/audit.h>
#include <crypto/random.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { CUT_MAX = 96 + 24 }; ///< bytes of what stands behind a text that was cut

static const char *const OUTCOMES[SV_AUDIT_OUTCOME__COUNT] = {
    [SV_AUDIT_DONE] = "done",
    [SV_AUDIT_REFUSED] = "refused",
    [SV_AUDIT_FAILED] = "failed",
};

/// Bytes of the character that begins at `text`; 0: none that a line may hold.
static size_t character(sv_text text) {
    unsigned char first = (unsigned char) text.at[0];
    size_t len = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    bool control = first < 0x20 || first == 0x7F
                   || (first == 0xC2 && text.len > 1 && (unsigned char) text.at[1] < 0xA0);
    if (control || len > text.len || !sv_utf8_is_valid((sv_text){ .at = text.at, .len = len })) {
        return 0;
    }
    return len;
}

/// As much of `said` as fits into `room`, a line that shows itself as it is.
static sv_text as_line(const char *said, char *room, size_t room_bytes) {
    sv_text rest = sv_text_of(said);
    size_t used = 0;
    while (rest.len > 0) {
        size_t len = character(rest);
        size_t taken = len > 0 ? len : 1;
        if (used + taken > room_bytes) {
            break;
        }
        memcpy(room + used, len > 0 ? rest.at : "?", taken);
        used += taken;
        rest = (sv_text){ .at = rest.at + taken, .len = rest.len - taken };
    }
    return (sv_text){ .at = room, .len = used };
}

// ---- before and after ---------------------------------------------------------------------------

/// The first character as it is shown, and its bytes in `*taken`.
static sv_text shown(sv_text text, size_t *taken) {
    size_t len = character(text);
    *taken = len > 0 ? len : 1;
    return len > 0              ? (sv_text){ .at = text.at, .len = len }
           : text.at[0] == '\n' ? SV_TEXT("\\n")
                                : SV_TEXT("?");
}

/// `said` on one line, as far as `most` bytes go. Was that all?
static bool add_shown(sv_textbuf *out, sv_text said, size_t most) {
    size_t taken = 0;
    for (sv_text rest = said; rest.len > 0; rest.at += taken, rest.len -= taken) {
        sv_text next = shown(rest, &taken);
        if (out->len + next.len > most) {
            return false;
        }
        sv_textbuf_add(out, next);
    }
    return true;
}

/// Cut where it is too long; then its length and hash stand behind it.
static void add_change(sv_textbuf *out, sv_text said) {
    char room[2 * SV_AUDIT_HASH_BYTES + 1];
    uint8_t hash[SV_AUDIT_HASH_BYTES];
    if (add_shown(out, said, SV_AUDIT_CHANGE_MAX)) {
        return;
    }
    sv_textbuf hex = SV_TEXTBUF(room);
    sv_sha256(said, hash);
    sv_hex_add(&hex, hash, sizeof hash);
    sv_textbuf_clear(out);
    (void) add_shown(out, said, SV_AUDIT_CHANGE_MAX - CUT_MAX);
    sv_textbuf_addf(out, "... (%zu bytes, SHA-256 " SV_TEXT_FMT ")", said.len,
                    SV_TEXT_ARG(sv_textbuf_text(&hex)));
}

// ---- writing ------------------------------------------------------------------------------------

static void copy_hash(sv_text bytes, uint8_t out[SV_AUDIT_HASH_BYTES]) {
    memset(out, 0, SV_AUDIT_HASH_BYTES);
    memcpy(out, bytes.at, bytes.len < SV_AUDIT_HASH_BYTES ? bytes.len : SV_AUDIT_HASH_BYTES);
}

sv_err sv_audit_newest(sv_db *db, int64_t *seq, uint8_t hash[SV_AUDIT_HASH_BYTES], sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(db, "SELECT seq, hash FROM event_log ORDER BY seq DESC LIMIT 1", &row, why));
    SV_TRY(sv_stmt_next(row, why));
    *seq = sv_stmt_int(row, 0);
    copy_hash(sv_stmt_bytes(row, 1), hash);
    sv_stmt_reset(row);
    return SV_OK;
}

/// The place of the next line: behind the newest one, or behind what was pruned.
static sv_err find_place(sv_db *db, sv_audit_line *line, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(db,
                      "SELECT seq, hash FROM event_log UNION ALL SELECT \"last\", hash FROM"
                      " event_pruned ORDER BY 1 DESC LIMIT 1",
                      &row, why));
    sv_err err = sv_stmt_next(row, why);
    line->seq = 1;
    if (err == SV_OK) {
        line->seq = sv_stmt_int(row, 0) + 1;
        copy_hash(sv_stmt_bytes(row, 1), line->prev);
    }
    sv_stmt_reset(row);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err insert(sv_db *db, const sv_audit_line *line, sv_why *why) {
    const sv_text texts[] = { line->who,     line->from,   line->what,   line->about,
                              line->outcome, line->detail, line->before, line->after };
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "INSERT INTO event_log (" SV_AUDIT_COLUMNS ")"
                      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, line->seq);
    sv_stmt_bind_int(stmt, 2, line->at_us);
    for (size_t i = 0; i < SV_COUNT(texts); i++) {
        sv_stmt_bind_text(stmt, (int) i + 3, texts[i]);
    }
    sv_stmt_bind_bytes(stmt, 11, (sv_text){ (const char *) line->prev, SV_AUDIT_HASH_BYTES });
    sv_stmt_bind_bytes(stmt, 12, (sv_text){ (const char *) line->hash, SV_AUDIT_HASH_BYTES });
    return sv_stmt_run(stmt, why);
}

static sv_err append(sv_db *db, sv_audit_line *line, sv_why *why) {
    SV_TRY(find_place(db, line, why));
    SV_TRY(sv_audit_hash(line, line->hash, why));
    return insert(db, line, why);
}

sv_err sv_audit_add(sv_db *db, const sv_audit_event *event, sv_why *why) {
    char names[4][SV_AUDIT_NAME_MAX];
    char detail[SV_AUDIT_DETAIL_MAX];
    char before[SV_AUDIT_CHANGE_MAX + 1];
    char after[SV_AUDIT_CHANGE_MAX + 1];
    sv_textbuf was = SV_TEXTBUF(before);
    sv_textbuf is = SV_TEXTBUF(after);
    add_change(&was, event->before);
    add_change(&is, event->after);
    sv_audit_line line = { .at_us = event->at_us,
                           .who = as_line(event->who, names[0], SV_AUDIT_NAME_MAX),
                           .from = as_line(event->from, names[1], SV_AUDIT_NAME_MAX),
                           .what = as_line(event->what, names[2], SV_AUDIT_NAME_MAX),
                           .about = as_line(event->about, names[3], SV_AUDIT_NAME_MAX),
                           .outcome = sv_text_of(OUTCOMES[event->outcome]),
                           .detail = as_line(event->detail, detail, SV_AUDIT_DETAIL_MAX),
                           .before = sv_textbuf_text(&was),
                           .after = sv_textbuf_text(&is) };
    if (sv_db_is_in_transaction(db)) {
        return append(db, &line, why);
    }
    // Between looking for its place and taking it, another process must not write.
    SV_TRY(sv_db_begin(db, why));
    sv_err err = append(db, &line, why);
    if (err != SV_OK) {
        sv_db_rollback(db);
        return err;
    }
    return sv_db_commit(db, why);
}

// ---- the beginning ------------------------------------------------------------------------------

/// The line behind `old`, of a time before there was a chain, becomes number `line->seq`.
static sv_err chain_next(sv_db *db, int64_t *old, sv_audit_line *line, sv_why *why) {
    sv_stmt *row;
    sv_stmt *set;
    sv_audit_line read;
    SV_TRY(sv_db_stmt(
        db, "SELECT " SV_AUDIT_COLUMNS " FROM event_log WHERE seq > ?1 ORDER BY seq LIMIT 1", &row,
        why));
    sv_stmt_bind_int(row, 1, *old);
    SV_TRY(sv_stmt_next(row, why));
    sv_audit_row(row, &read);
    *old = read.seq;
    read.seq = line->seq;
    memcpy(read.prev, line->hash, sizeof read.prev);
    sv_err err = sv_audit_hash(&read, line->hash, why);
    sv_stmt_reset(row);
    SV_TRY(err);
    SV_TRY(sv_db_stmt(db, "UPDATE event_log SET seq = ?2, prev = ?3, hash = ?4 WHERE seq = ?1",
                      &set, why));
    sv_stmt_bind_int(set, 1, *old);
    sv_stmt_bind_int(set, 2, line->seq);
    sv_stmt_bind_bytes(set, 3, (sv_text){ (const char *) read.prev, sizeof read.prev });
    sv_stmt_bind_bytes(set, 4, (sv_text){ (const char *) line->hash, sizeof line->hash });
    return sv_stmt_run(set, why);
}

/// Numbers had gaps where refusals were forgotten.
static sv_err chain_all(sv_db *db, int64_t *count, sv_why *why) {
    sv_audit_line line = { .seq = 1 };
    int64_t old = 0;
    sv_err err = chain_next(db, &old, &line, why);
    while (err == SV_OK) {
        line.seq++;
        err = chain_next(db, &old, &line, why);
    }
    *count = line.seq - 1;
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err begin(sv_db *db, const char *server, int64_t now_us, sv_why *why) {
    char detail[SV_AUDIT_DETAIL_MAX];
    int64_t count = 0;
    SV_TRY(chain_all(db, &count, why));
    SV_TRY(sv_db_exec(db,
                      "UPDATE sqlite_sequence SET seq = (SELECT coalesce(max(seq), 0) FROM"
                      " event_log) WHERE name = 'event_log'",
                      why));
    (void) snprintf(detail, sizeof detail,
                    count > 0 ? "the %" PRId64 " lines before this one were written before there "
                                "was a chain, and were chained now"
                              : "the log of this server begins",
                    count);
    return sv_audit_add(db,
                        &(sv_audit_event){ .at_us = now_us,
                                           .who = "fleet",
                                           .what = count > 0 ? "audit.chain" : "audit.genesis",
                                           .about = server,
                                           .detail = detail },
                        why);
}

sv_err sv_audit_begin(sv_db *db, const char *server, int64_t now_us, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(db,
                      "SELECT EXISTS (SELECT 1 FROM event_log WHERE length(hash) > 0)"
                      " OR EXISTS (SELECT 1 FROM event_pruned)",
                      &row, why));
    SV_TRY(sv_stmt_next(row, why));
    bool has_begun = sv_stmt_int(row, 0) != 0;
    sv_stmt_reset(row);
    if (has_begun) {
        return SV_OK;
    }
    SV_TRY(sv_db_begin(db, why));
    sv_err err = begin(db, server, now_us, why);
    if (err != SV_OK) {
        sv_db_rollback(db);
        return err;
    }
    return sv_db_commit(db, why);
}

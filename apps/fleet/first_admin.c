#include "first_admin.h"

#include "users.h"

#include <stdio.h>
#include <string.h>
#include <sys/log.h>
#include <unistd.h>

enum { LINK_ROOM = SV_FLEET_BIND_MAX + SV_SECRET_ROOM + 32 };

/// Where a browser on this machine finds the door.
static void put_url(const sv_fleet *fleet, const char *token, sv_textbuf *out) {
    const sv_fleet_door *door = &fleet->config.operators;
    bool any = strcmp(door->bind, "0.0.0.0") == 0 || strcmp(door->bind, "::") == 0;
    bool six = !any && strchr(door->bind, ':') != NULL;
    sv_textbuf_addf(out, "%s://%s%s%s:%u/#login=%s", door->tls.cert[0] != '\0' ? "https" : "http",
                    six ? "[" : "", any ? "localhost" : door->bind, six ? "]" : "",
                    (unsigned) fleet->operator_port, token);
}

static sv_err make(sv_fleet *fleet, const char *path, sv_why *why) {
    const sv_link link = { .user = SV_FIRST_ADMIN, .kind = SV_LINK_FIRST, .made_by = "fleet" };
    char token[SV_SECRET_ROOM];
    char room[LINK_ROOM];
    sv_textbuf text = SV_TEXTBUF(room);
    SV_TRY(sv_people_make_link(fleet->db, &link, fleet->believed_us(), token, why));
    put_url(fleet, token, &text);
    sv_textbuf_add_char(&text, '\n');
    SV_TRY(sv_textbuf_end(&text));
    SV_TRY(sv_disk_replace(path, sv_textbuf_text(&text), 0600, why));
    SV_LOG(info, "people.first", "there is no admin yet: open the link in '%s', once, within a day",
           path);
    if (isatty(STDERR_FILENO) == 1) {
        (void) fprintf(stderr, "Open this link to become the first admin:\n  %s", room);
    }
    explicit_bzero(token, sizeof token);
    explicit_bzero(room, sizeof room);
    return SV_OK;
}

static sv_err count_links(sv_fleet *fleet, int64_t *out, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT count(*) FROM user_link WHERE kind = ?1 AND made_by = 'fleet'"
                      " AND expires_us > ?2",
                      &row, why));
    sv_stmt_bind_int(row, 1, SV_LINK_FIRST);
    sv_stmt_bind_int(row, 2, fleet->believed_us());
    SV_TRY(sv_stmt_next(row, why));
    *out = sv_stmt_int(row, 0);
    sv_stmt_reset(row);
    return SV_OK;
}

static sv_err turn(sv_fleet *fleet, sv_why *why) {
    char path[SV_PATH_MAX];
    bool wanted = false;
    int64_t links = 0;
    SV_TRY(sv_people_beside(fleet->config.store.path, SV_FIRST_ADMIN_FILE, path, why));
    SV_TRY(sv_user_wants_admin(fleet->db, &wanted, why));
    if (!wanted) {
        return sv_disk_exists(path) ? sv_disk_remove_tree(path, why) : SV_OK;
    }
    SV_TRY(count_links(fleet, &links, why));
    return links > 0 && sv_disk_exists(path) ? SV_OK : make(fleet, path, why);
}

void sv_first_admin_turn(sv_fleet *fleet) {
    sv_why why = { 0 };
    if (fleet->operator_port != 0 && turn(fleet, &why) != SV_OK) {
        SV_LOG(error, "people.first", "no link for the first admin: %s", why.text);
    }
}

void sv_first_admin_open(sv_fleet *fleet, uint16_t port) {
    fleet->operator_port = port;
    sv_first_admin_turn(fleet);
}

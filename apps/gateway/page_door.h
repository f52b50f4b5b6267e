// The page for people on another address than loopback, where `page:` says so: HTTPS with the
// gateway's own certificate, and nothing is told or changed without the token of `page:
// token_file`. A browser changes the token for a session, which lives in memory: it ends with the
// program, with another token, and after GW_PAGE_SESSION_US. [page-5] [page-6]
#ifndef SELVEDGE_GATEWAY_PAGE_DOOR_H
#define SELVEDGE_GATEWAY_PAGE_DOOR_H

#include <base/time.h>
#include <net/http_server.h>

struct gw;

enum {
    GW_PAGE_SESSIONS_MAX = 32, ///< the oldest goes
    GW_PAGE_TOKEN_MIN = 32,    ///< characters; a new one has 43
    GW_PAGE_TOKEN_MAX = 256,
};
#define GW_PAGE_SESSION_US (12 * SV_TIME_HOUR_US)

/// Secrets are kept as their SHA-256 alone.
typedef struct gw_page_session {
    uint8_t hash[32];
    int64_t until_us; ///< monotonic; 0: none
} gw_page_session;

typedef struct gw_page_door {
    sv_http_server *server; ///< NULL: there is no such page
    sv_tls *tls;
    uint8_t token[32];
    gw_page_session sessions[GW_PAGE_SESSIONS_MAX];
    int64_t logged_us; ///< monotonic, when a wrong token was last logged
} gw_page_door;

/// A token file that is not there is made, with a random token, for its owner alone. SV_ERR_INVALID
/// when others may read it, or it holds less than GW_PAGE_TOKEN_MIN characters.
sv_err gw_page_token_read(const char *path, uint8_t hash[32], sv_why *why);

/// Who has the token, or a session, at `now_us` (monotonic)?
bool gw_page_is_known(const gw_page_door *door, sv_text secret, bool is_session, int64_t now_us);
/// `out` gets the cookie's value.
void gw_page_session_start(gw_page_door *door, int64_t now_us, char out[44]);
void gw_page_session_end(gw_page_door *door, sv_text session);

sv_err gw_page_open(struct gw *g, sv_why *why);
/// Certificate and token read again; another token ends every session.
void gw_page_reload(struct gw *g);
void gw_page_close(struct gw *g);

#endif

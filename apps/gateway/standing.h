// Who still counts at this site (docs/spec/standing.md): the fleet server's log of changes,
// followed line by line and kept on disk with what it causes; beside it who is quarantined by this
// gateway itself, and whom it has met. Without the link the last known state holds; one that is too
// old lets in whoever was met before, and nobody else.
//
// A gateway without a fleet server has no log: the revocation list alone counts.
#ifndef SELVEDGE_GATEWAY_STANDING_H
#define SELVEDGE_GATEWAY_STANDING_H

#include "pause.h"

#include <base/map.h>
#include <crypto/standing.h>
#include <net/http_client.h>
#include <net/http_server.h>
#include <sys/loop.h>

enum {
    GW_MET_MAX = 100000,  ///< ids that were let in; the oldest are forgotten
    GW_HELD_MAX = 10000,  ///< ids quarantined here
    GW_PLACES_ROOM = 160, ///< "192.0.2.7, 192.0.2.8"
};

#define GW_REPORT_AGAIN_US (5 * SV_TIME_SECOND_US) ///< after a report that was not taken
/// An alarm about what is not to be believed is over when nothing more came for so long.
#define GW_STANDING_CALM_US (10 * SV_TIME_MINUTE_US)

/// What became of a page of the log.
typedef enum gw_page_end {
    GW_PAGE_TAKEN,
    GW_PAGE_KNOWN,   ///< nothing new in it: a head, or what was had before
    GW_PAGE_GAP,     ///< something is missing before it; it is fetched
    GW_PAGE_BROKEN,  ///< breaks its format
    GW_PAGE_FALSE,   ///< not what the issuing key has signed, or not the chain this gateway follows
    GW_PAGE_REWOUND, ///< signed later and yet behind, or another history: nothing is taken back
    GW_PAGE_END__COUNT
} gw_page_end;

/// Quarantined by this gateway until the fleet server, or somebody here, says otherwise.
typedef struct gw_held {
    char id[SV_ID_ROOM];
    char places[GW_PLACES_ROOM];
    int64_t at_us;
    bool reported; ///< the fleet server knows
} gw_held;

typedef struct gw_standing {
    sv_standings *table;
    sv_standing_trust *trust; ///< NULL: nothing can be verified, nothing is taken
    int64_t version;
    uint8_t hash[SV_STANDING_HASH_BYTES];
    int64_t at_us; ///< when what is known was last signed; 0: nothing was ever heard
    sv_map *met;   ///< id -> nothing
    sv_map *held;  ///< id -> gw_held
    sv_timer *timer;
    bool wanted, under_way;
    uint64_t group; ///< with which it is on disk what was taken last
    bool to_tell;   ///< the fleet server does not know how far this gateway has come
    bool report_under_way;
    int64_t report_at_us;       ///< monotonic, not before
    char reporting[SV_ID_ROOM]; ///< whom that is about
    gw_pause pause;
    uint64_t ends[GW_PAGE_END__COUNT];
    bool told[GW_PAGE_END__COUNT]; ///< logged since it was last calm
    int64_t doubt_us;              ///< monotonic, when something was last not taken
    uint64_t turned_away;          ///< handshakes and requests of who does not count
    uint64_t ended;                ///< connections that ended by a change
    uint64_t dropped;              ///< messages of who does not count, behind an external broker
} gw_standing;

struct gw;

void gw_standing_open(struct gw *g, const uint8_t key[16]);
/// What the database says; before the first message.
sv_err gw_standing_restore(struct gw *g, sv_why *why);
/// When the last head that was taken was signed; 0: none was.
sv_err gw_standing_signed(const struct gw *g, int64_t *out, sv_why *why);
/// Who signs, and what has changed meanwhile. Once everything else is open.
void gw_standing_start(struct gw *g);
/// The CA file was read again.
void gw_standing_reload(struct gw *g);
void gw_standing_close(struct gw *g);

/// The data of the event `standing`.
void gw_standing_take(struct gw *g, sv_text json);
gw_page_end gw_standing_take_page(struct gw *g, const sv_standing_page *page, sv_why *why);
/// Ask for what has changed.
void gw_standing_look(struct gw *g);
/// The stream of events is open: the fleet server is told how far this gateway has come.
void gw_standing_connected(struct gw *g);
/// Something is on disk: what is, the fleet server may know.
void gw_standing_settled(struct gw *g);
const char *gw_page_end_name(gw_page_end end);

/// Whether somebody may come in, or stay; the sentence says why not. Who may is met.
sv_err gw_standing_admit(struct gw *g, const sv_identity *who, sv_why *why);
/// The same of somebody who is here already: it is no time to be strict about the log's age.
sv_err gw_standing_judge(const struct gw *g, const sv_identity *who, sv_why *why);
/// What the device measures is set aside, and nothing is raised of it.
bool gw_standing_is_quarantined(const struct gw *g, sv_text id);
/// Behind an external broker, where no certificate is seen: what it says is dropped.
bool gw_standing_is_out(const struct gw *g, sv_text id);
/// "active", "quarantined", "revoked", "retired", by what this gateway knows.
const char *gw_standing_name(const struct gw *g, sv_text id);
/// Older than `standing: max_age`?
bool gw_standing_is_old(const struct gw *g);

/// Quarantine here, at once; the fleet server is told when it can be. False: there is no room.
bool gw_standing_hold(struct gw *g, const char *id, const char *places);
/// Ends a quarantine of this gateway's own. SV_ERR_NOT_FOUND: there is none; SV_ERR_STATE: it is
/// the fleet server's to end.
sv_err gw_standing_release(struct gw *g, sv_text id, const char *by, sv_why *why);

/// `POST /v1/devices/{id}/release` {"by"}.
void gw_standing_answer_release(struct gw *g, sv_http_request *request, sv_text id);
/// {"version","at","old",…}
void gw_standing_write(const struct gw *g, sv_json_out *out);

#endif

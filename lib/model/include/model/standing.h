// Who still counts: what the fleet server has decided about ids, as a log of changes that gateways
// follow (docs/spec/standing.md). This header knows the words, the line of a change and the page
// in which changes travel; the chain of hashes and the signature are in crypto/standing.h.
#ifndef SV_MODEL_STANDING_H
#define SV_MODEL_STANDING_H

#include <base/err.h>
#include <codec/json.h>
#include <model/id.h>

enum {
    SV_STANDING_LINE_ROOM = 128, ///< of a line with its end and a NUL
    SV_STANDING_HASH_BYTES = 32,
    SV_STANDING_SIGNATURE_MAX = 512,    ///< RSA with 4096 bits
    SV_STANDING_LINES_MAX = 5000,       ///< in one page
    SV_STANDING_PAGE_MAX = 1024 * 1024, ///< bytes of a page
    SV_STANDING_IDS_MAX = 4000000,      ///< in one table
};

typedef enum sv_standing_state {
    SV_STANDING_ACTIVE,
    SV_STANDING_QUARANTINED, ///< connected; what it measures is set aside
    SV_STANDING_REVOKED,
    SV_STANDING_RETIRED,
    SV_STANDING__COUNT
} sv_standing_state;

/// "active", "quarantined", "revoked", "retired".
const char *sv_standing_state_name(sv_standing_state state);
sv_err sv_standing_state_parse(sv_text text, sv_standing_state *out, sv_why *why);

/// What holds for one id.
typedef struct sv_standing {
    sv_standing_state state;
    int64_t before_us; ///< certificates that began before do not count; 0: all do
    int64_t version;   ///< of the change that said so
} sv_standing;

typedef enum sv_standing_verdict {
    SV_STANDING_COUNTS,
    SV_STANDING_SET_ASIDE, ///< served, but what it measures counts for nothing
    SV_STANDING_REFUSED,   ///< no session, no request; what there is ends
} sv_standing_verdict;

/// Of a certificate that began at `not_before_us`; NULL: nothing was ever said of its id. The state
/// alone never refuses: a revoked id whose certificate is newer than the revocation counts, and an
/// active one whose certificate is older does not. [standing-3]
sv_standing_verdict sv_standing_judge(const sv_standing *standing, int64_t not_before_us);

/// One change of the log.
typedef struct sv_standing_change {
    int64_t version; ///< from 1, without gaps
    char id[SV_ID_ROOM];
    sv_standing_state state;
    int64_t before_us;
} sv_standing_change;

/// `<version> <id> <state> <before_us>` and the line's end: what is hashed. [standing-2]
void sv_standing_line_add(sv_textbuf *out, const sv_standing_change *change);
/// Takes only what sv_standing_line_add writes, with or without the line's end. [standing-2]
sv_err sv_standing_line_parse(sv_text line, sv_standing_change *out, sv_why *why);

/// A signed statement of how far the log has come.
typedef struct sv_standing_head {
    int64_t version; ///< 0: nothing was ever changed
    uint8_t hash[SV_STANDING_HASH_BYTES];
    int64_t at_us; ///< when it was signed
    uint8_t signature[SV_STANDING_SIGNATURE_MAX];
    size_t signature_bytes;
} sv_standing_head;

/// What is pushed and fetched: the changes from+1 .. head.version, none in a mere head.
typedef struct sv_standing_page {
    int64_t from;
    sv_standing_change *changes; ///< owned; head.version - from of them
    size_t count;
    sv_standing_head head; ///< of the page's last line
    int64_t newest;        ///< the log has come so far; 0: not said
} sv_standing_page;

void sv_standing_page_drop(sv_standing_page *page);
/// [standing-6]
void sv_standing_page_add(sv_json_out *out, const sv_standing_page *page);
/// Numbers that do not follow each other, a head of another version and anything that
/// sv_standing_page_add would not write as a value are SV_ERR_INVALID. Nothing is verified here.
/// [standing-6]
sv_err sv_standing_page_parse(sv_text json, sv_standing_page *out, sv_why *why);

/// The standing of many ids: about 24 bytes, 8 to 16 for finding it, and its letters for each. Ids
/// that differ in case alone are one. [standing-1]
typedef struct sv_standings sv_standings;

/// `key` as in sv_map_new.
sv_standings *sv_standings_new(const uint8_t key[16]);
void sv_standings_drop(sv_standings **standings);
/// SV_ERR_NO_SPACE: SV_STANDING_IDS_MAX ids are there already and this is another.
sv_err sv_standings_set(sv_standings *standings, const sv_standing_change *change);
/// False, and `*out` untouched, when nothing was ever said of the id.
bool sv_standings_get(const sv_standings *standings, sv_text id, sv_standing *out);
size_t sv_standings_count(const sv_standings *standings);
/// Entry `index` in [0, count), in order of arrival; `id` as it was first spelt.
void sv_standings_at(const sv_standings *standings, size_t index, sv_text *id, sv_standing *out);

#endif

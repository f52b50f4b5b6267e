// Where a release is read from: a repository's folder, a bundle, or a server. All three go through
// the same trust (update/trust.h); what is kept of it lives in memory.
#ifndef SELVEDGE_UPDATE_SOURCE_H
#define SELVEDGE_UPDATE_SOURCE_H

#include "update_documents.h"
#include "update_image.h"
#include <update/bundle.h>
#include <update/trust.h>

enum { UPDATE_KEPT_MAX = 512 };

typedef struct update_server update_server;

/// A file that the trust has judged, or is about to.
typedef struct update_kept {
    char name[SV_TRUST_NAME_ROOM];
    sv_textbuf bytes;
} update_kept;

typedef struct update_source {
    const char *where;
    update_file file; ///< of a bundle
    sv_bundle *bundle;
    update_server *server;
    update_kept kept[UPDATE_KEPT_MAX];
    size_t kept_count;
    int64_t now_us;
    sv_trust *trust;
    update_document root, snapshot, timestamp;     ///< as they are trusted
    update_document targets[UPDATE_ROLES_MAX + 1]; ///< `targets` first, then whom it hands on to
    sv_tuf_voucher by[UPDATE_ROLES_MAX + 1];
    size_t targets_count;
} update_source;

typedef struct update_place {
    const char *where; ///< a folder, a file or http(s)://…
    const char *root;  ///< what is trusted; NULL: whatever root the source begins with
    const char *ca;    ///< for https
    int64_t now_us;    ///< what has ended before is refused
} update_place;

/// Open, follow the trust, and read every targets file. SV_ERR_UNTRUSTED or SV_ERR_INVALID with
/// what is wrong.
sv_err update_source_open(const update_place *place, update_source **out, sv_why *why);
void update_source_drop(update_source **source);
/// SV_ERR_INVALID when a folder is no repository, not even one that is not whole.
sv_err update_source_check_folder(const char *where, sv_why *why);
/// "repository", "bundle", "server"
const char *update_source_kind(const update_source *source);

/// Of a folder: its bytes of an image, judged: the index by the target, every chunk by the index,
/// and of what is not sealed the image by its hash.
sv_err update_source_judge(update_source *source, const sv_target *target,
                           const sv_encoding *encoding, sv_why *why);

sv_err update_server_open(const char *base, const char *ca, update_server **out, sv_why *why);
void update_server_drop(update_server **server);
/// Appends metadata/<name>; for sv_trust_io.
sv_err update_server_fetch(update_server *server, const char *name, size_t bytes_max,
                           sv_textbuf *out, sv_why *why);

#endif

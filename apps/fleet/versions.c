#include "versions.h"

#include "person.h"

/// A kind, and how many run it.
typedef struct kind {
    char product[SV_RUNNING_WORD_ROOM], version[SV_RUNNING_WORD_ROOM];
    char sha256[SV_RUNNING_SHA256_ROOM];
    int64_t devices;
    int64_t counter;                                  ///< the lowest; 0: one of them says none
    int64_t confirmed, trial, overdue, other, unsaid; ///< by the state of their boot
} kind;

/// What the counters of `sites` are asked by: a JSON array.
static const char *sites_of(const char *sites) {
    return sites == NULL || sites[0] == '\0' ? "[\"\"]" : sites;
}

// ---- what went wrong ----------------------------------------------------------------------------

sv_err sv_versions_went_wrong(sv_fleet *fleet, const char *path, const char *sites, int64_t *out,
                              sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT coalesce(sum(devices), 0) FROM went_wrong_count WHERE path = ?1"
                      " AND site IN (SELECT value FROM json_each(?2))",
                      &row, why));
    sv_stmt_bind_str(row, 1, path);
    sv_stmt_bind_str(row, 2, sites_of(sites));
    SV_TRY(sv_stmt_next(row, why));
    *out = sv_stmt_int(row, 0);
    sv_stmt_reset(row);
    return SV_OK;
}

/// The image that it is: by SHA-256 where the devices tell one. "": none that is known here.
static sv_err find_image(sv_fleet *fleet, const kind *k, char path[SV_IMAGE_PATH_ROOM],
                         sv_why *why) {
    static const char BYTES[] = "SELECT path FROM image WHERE sha256 = ?1 ORDER BY path LIMIT 1";
    static const char NAME[] = "SELECT path FROM image WHERE version = ?1 AND product = ?2"
                               " ORDER BY path LIMIT 1";
    bool by_bytes = k->sha256[0] != '\0';
    sv_stmt *row;
    SV_TRY(sv_db_stmt(fleet->db, by_bytes ? BYTES : NAME, &row, why));
    sv_stmt_bind_str(row, 1, by_bytes ? k->sha256 : k->version);
    if (!by_bytes) {
        sv_stmt_bind_str(row, 2, k->product);
    }
    sv_err err = sv_stmt_next(row, why);
    path[0] = '\0';
    if (err == SV_OK) {
        err = sv_text_copy(sv_stmt_text(row, 0), path, SV_IMAGE_PATH_ROOM);
        sv_stmt_reset(row);
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

// ---- which versions there are -------------------------------------------------------------------

static void put_word(sv_json_out *out, const char *key, const char *word) {
    sv_json_add_str(out, key, word[0] != '\0' ? word : NULL);
}

static void put_boot(const kind *k, sv_json_out *out) {
    sv_json_key(out, "counter");
    if (k->counter > 0) {
        sv_json_put_int(out, k->counter);
    } else {
        sv_json_put_null(out);
    }
    sv_json_key(out, "boot");
    sv_json_open_object(out);
    sv_json_add_int(out, "confirmed", k->confirmed);
    sv_json_add_int(out, "trial", k->trial);
    sv_json_add_int(out, "overdue", k->overdue);
    sv_json_add_int(out, "other", k->other);
    sv_json_add_int(out, "unsaid", k->unsaid);
    sv_json_close_object(out);
}

/// Who is on trial for too long: time passes without a word that could be counted.
static sv_err find_overdue(sv_fleet *fleet, kind *k, const char *sites, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT count(*) FROM (SELECT 1 FROM running r JOIN device d ON d.id ="
                      " r.device WHERE r.boot = 'trial' AND product = ?1 AND version = ?2 AND"
                      " sha256 = ?3 AND at_us > 0 AND at_us < ?4 AND (?5 = '[\"\"]' OR d.site IN"
                      " (SELECT value FROM json_each(?5))) AND NOT EXISTS (SELECT 1 FROM retired"
                      " WHERE device = r.device) LIMIT ?6)",
                      &row, why));
    sv_stmt_bind_str(row, 1, k->product);
    sv_stmt_bind_str(row, 2, k->version);
    sv_stmt_bind_str(row, 3, k->sha256);
    sv_stmt_bind_int(row, 4, fleet->wall_us() - SV_VERSIONS_TRIAL_US);
    sv_stmt_bind_str(row, 5, sites_of(sites));
    sv_stmt_bind_int(row, 6, SV_VERSIONS_OVERDUE_MAX);
    SV_TRY(sv_stmt_next(row, why));
    k->overdue = sv_stmt_int(row, 0);
    k->trial -= k->overdue;
    sv_stmt_reset(row);
    return SV_OK;
}

static sv_err put_kind(sv_fleet *fleet, kind *k, const char *sites, sv_json_out *out, sv_why *why) {
    char path[SV_IMAGE_PATH_ROOM];
    int64_t wrong = 0;
    SV_TRY(find_image(fleet, k, path, why));
    if (path[0] != '\0') {
        SV_TRY(sv_versions_went_wrong(fleet, path, sites, &wrong, why));
    }
    if (k->trial > 0) {
        SV_TRY(find_overdue(fleet, k, sites, why));
    }
    sv_json_open_object(out);
    put_word(out, "product", k->product);
    put_word(out, "version", k->version);
    put_word(out, "sha256", k->sha256);
    sv_json_add_int(out, "devices", k->devices);
    put_word(out, "image", path);
    sv_json_add_int(out, "went_wrong", wrong);
    put_boot(k, out);
    sv_json_close_object(out);
    return SV_OK;
}

static void read_kind(sv_stmt *row, kind *k) {
    *k = (kind){ .devices = sv_stmt_int(row, 3),
                 .counter = sv_stmt_int(row, 4),
                 .unsaid = sv_stmt_int(row, 5),
                 .confirmed = sv_stmt_int(row, 6),
                 .trial = sv_stmt_int(row, 7),
                 .other = sv_stmt_int(row, 8) };
    (void) sv_text_copy(sv_stmt_text(row, 0), k->product, sizeof k->product);
    (void) sv_text_copy(sv_stmt_text(row, 1), k->version, sizeof k->version);
    (void) sv_text_copy(sv_stmt_text(row, 2), k->sha256, sizeof k->sha256);
}

/// Those of all sites come in order, and end where the answer does.
#define KINDS_WHERE(sites)                                                                         \
    "SELECT product, version, sha256, sum(devices), min(counter), sum(devices * (boot = 0)),"      \
    " sum(devices * (boot = 1)), sum(devices * (boot = 2)), sum(devices * (boot = 3))"             \
    " FROM version_count WHERE " sites " AND (?2 = '' OR product = ?2)"                            \
    " GROUP BY product, version, sha256 ORDER BY product, version, sha256 LIMIT ?3"

static sv_err put_kinds(sv_fleet *fleet, const char *product, const char *sites, sv_json_out *out,
                        sv_why *why) {
    static const char ALL[] = KINDS_WHERE("site = ''");
    static const char SOME[] = KINDS_WHERE("site IN (SELECT value FROM json_each(?1))");
    bool is_all = sites == NULL || sites[0] == '\0';
    sv_stmt *row;
    sv_err err;
    SV_TRY(sv_db_stmt(fleet->db, is_all ? ALL : SOME, &row, why));
    if (!is_all) {
        sv_stmt_bind_str(row, 1, sites);
    }
    sv_stmt_bind_str(row, 2, product);
    sv_stmt_bind_int(row, 3, SV_VERSIONS_MAX);
    while ((err = sv_stmt_next(row, why)) == SV_OK) {
        kind k;
        read_kind(row, &k);
        err = put_kind(fleet, &k, sites, out, why);
        if (err != SV_OK) {
            break;
        }
    }
    sv_stmt_reset(row);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static int64_t count_diverging(const sv_fleet *fleet, const char *sites) {
    int64_t count = 0;
    for (size_t i = 0; i < sv_registry_site_count(fleet->registry); i++) {
        const sv_site *site = sv_registry_site_at(fleet->registry, i);
        bool is_ours = sites == NULL || sv_sites_have(sites, sv_text_of(site->name));
        count += is_ours ? site->diverging : 0;
    }
    return count;
}

sv_err sv_versions_write(sv_fleet *fleet, const char *product, const char *sites, sv_json_out *out,
                         sv_why *why) {
    sv_json_open_object(out);
    sv_json_key(out, "items");
    sv_json_open_array(out);
    SV_TRY(put_kinds(fleet, product, sites, out, why));
    sv_json_close_array(out);
    sv_json_add_int(out, "diverging", count_diverging(fleet, sites));
    sv_json_close_object(out);
    return SV_OK;
}

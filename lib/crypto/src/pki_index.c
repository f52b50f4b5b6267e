#include "pki_internal.h"
#include <base/map.h>
#include <base/mem.h>
#include <base/time.h>
#include <codec/json.h>
#include <crypto/random.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/disk.h>

typedef sv_err line_visit(void *arg, const sv_json *line, sv_why *why);

static void file_drop(FILE **file) {
    if (*file != NULL) {
        (void) fclose(*file);
    }
}

/// Every whole line of an NDJSON file from byte `*from` on, which moves behind them; an absent file
/// has none.
static sv_err each_line(const char *path, int64_t *from, line_visit *visit, void *arg,
                        sv_why *why) {
    SV_DEFER(file_drop) FILE *file = fopen(path, "re");
    if (file == NULL && errno == ENOENT) {
        return SV_OK;
    }
    if (file == NULL) {
        return sv_fail(why, SV_ERR_IO, "cannot open '%s': %m", path);
    }
    if (fseeko(file, *from, SEEK_SET) != 0) {
        return sv_fail(why, SV_ERR_IO, "cannot read '%s': %m", path);
    }
    SV_DEFER(sv_mem_drop) char *line = NULL;
    size_t room = 0;
    ssize_t len = 0;
    for (size_t number = 1; (len = getline(&line, &room, file)) >= 0; number++) {
        if (len > 0 && line[len - 1] != '\n' && feof(file) != 0) {
            break; // its writer has not come to its end yet, or a power cut has
        }
        SV_DEFER(sv_json_drop) sv_json *json = NULL;
        sv_text text = sv_text_trim((sv_text){ .at = line, .len = (size_t) len });
        if (sv_json_parse(text, &json, NULL, NULL) != SV_OK || visit(arg, json, why) != SV_OK) {
            return sv_fail(why, SV_ERR_INVALID, "'%s' line %zu is not a record of ours", path,
                           number);
        }
        *from += len;
    }
    return ferror(file) != 0 ? sv_fail(why, SV_ERR_IO, "cannot read '%s': %m", path) : SV_OK;
}

/// What was issued with the folder's own key by hand, then what the signer issued, from
/// `*journal_from` on; if that is not 0, only the latter.
static sv_err each_record(const char *dir, int64_t *journal_from, line_visit *visit, void *arg,
                          sv_why *why) {
    char path[PATH_MAX];
    if (*journal_from == 0) {
        int64_t from = 0;
        SV_TRY(sv_pki_path(path, dir, "issued/index.ndjson", why));
        SV_TRY(each_line(path, &from, visit, arg, why));
    }
    SV_TRY(sv_pki_path(path, dir, "signer/journal.ndjson", why));
    return each_line(path, journal_from, visit, arg, why);
}

static bool time_of(const sv_json *line, const char *key, int64_t *out_us) {
    sv_text text = { 0 };
    return sv_json_text(sv_json_get(line, key), &text) && sv_time_parse(text, out_us) == SV_OK;
}

/// As OpenSSL writes the number: upper-case hexadecimal digits, two to a byte.
static bool is_serial(sv_text text) {
    for (size_t i = 0; i < text.len; i++) {
        bool digit = text.at[i] >= '0' && text.at[i] <= '9';
        bool letter = text.at[i] >= 'A' && text.at[i] <= 'F';
        if (!digit && !letter) {
            return false;
        }
    }
    return text.len > 0 && text.len % 2 == 0;
}

sv_err sv_pki_record_parse(const sv_json *line, sv_pki_record *out) {
    sv_pki_record record = { 0 };
    sv_text id = { 0 };
    sv_text role = { 0 };
    sv_text serial = { 0 };
    if (!sv_json_text(sv_json_get(line, "id"), &id)
        || !sv_json_text(sv_json_get(line, "role"), &role)
        || !sv_json_text(sv_json_get(line, "serial"), &serial)
        || !time_of(line, "not_before", &record.not_before_us)
        || !time_of(line, "not_after", &record.not_after_us) || !sv_id_is_valid(id)) {
        return SV_ERR_INVALID;
    }
    SV_TRY(sv_role_parse(role, &record.role, NULL));
    SV_TRY(sv_text_copy(id, record.id, sizeof record.id));
    if (!is_serial(serial)) {
        return SV_ERR_INVALID;
    }
    SV_TRY(sv_text_copy(serial, record.serial, sizeof record.serial));
    *out = record;
    return SV_OK;
}

typedef struct role_search {
    sv_map *wanted; ///< ids in lower case, to the ids as they were given
    sv_role role;
    const char *taken;
    sv_role taken_by;
} role_search;

/// Ids that differ in upper and lower case alone are one.
static sv_text lower(const char *id, char room[SV_ID_ROOM]) {
    size_t len = 0;
    for (; len < SV_ID_MAX && id[len] != '\0'; len++) {
        room[len] = (char) tolower((unsigned char) id[len]);
    }
    return (sv_text){ .at = room, .len = len };
}

static sv_err compare_role(void *arg, const sv_json *line, sv_why *why) {
    (void) why;
    role_search *search = arg;
    sv_pki_record record;
    char room[SV_ID_ROOM];
    SV_TRY(sv_pki_record_parse(line, &record));
    const char *wanted = sv_map_get(search->wanted, lower(record.id, room));
    if (wanted != NULL && record.role != search->role) {
        search->taken = wanted;
        search->taken_by = record.role;
    }
    return SV_OK;
}

sv_err sv_pki_index_check(const char *dir, const char *const *ids, size_t count, sv_role role,
                          sv_why *why) {
    uint8_t key[16];
    sv_random(key, sizeof key);
    SV_DEFER(sv_map_drop) sv_map *wanted = sv_map_new(count, key);
    for (size_t i = 0; i < count; i++) {
        char room[SV_ID_ROOM];
        SV_TRY(sv_map_put(wanted, lower(ids[i], room), (void *) (uintptr_t) ids[i]));
    }
    role_search search = { .wanted = wanted, .role = role };
    int64_t from = 0;
    SV_TRY(each_record(dir, &from, compare_role, &search, why));
    if (search.taken != NULL) {
        return sv_fail(why, SV_ERR_INVALID,
                       "'%s' is a %s already and cannot be a %s too; choose another id",
                       search.taken, sv_role_name(search.taken_by), sv_role_name(role));
    }
    return SV_OK;
}

sv_err sv_pki_serial(const X509 *certificate, char out[SV_PKI_SERIAL_ROOM], sv_why *why) {
    SV_DEFER(sv_bn_drop)
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
    char *hex = number != NULL ? BN_bn2hex(number) : NULL;
    sv_err err =
        hex != NULL ? sv_text_copy(sv_text_of(hex), out, SV_PKI_SERIAL_ROOM) : SV_ERR_INVALID;
    OPENSSL_free(hex);
    return err == SV_OK ? SV_OK : sv_fail_ssl(why, err, "cannot read a serial number");
}

static void add_time(sv_json_out *out, const char *key, int64_t at_us) {
    char room[40];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_time_add(&text, at_us);
    sv_json_add_text(out, key, sv_textbuf_text(&text));
}

void sv_pki_record_add(sv_textbuf *out, const sv_pki_record *record) {
    sv_json_out json = SV_JSON_OUT(out);
    sv_json_open_object(&json);
    sv_json_add_str(&json, "id", record->id);
    sv_json_add_str(&json, "role", sv_role_name(record->role));
    sv_json_add_str(&json, "serial", record->serial);
    add_time(&json, "not_before", record->not_before_us);
    add_time(&json, "not_after", record->not_after_us);
    sv_json_close_object(&json);
}

static sv_err store_certificate(const char *dir, const char *serial, const X509 *certificate,
                                sv_why *why) {
    char name[64];
    sv_textbuf text = SV_TEXTBUF(name);
    sv_textbuf_addf(&text, "issued/%s.crt", serial);
    SV_TRY(sv_textbuf_end(&text));
    char path[PATH_MAX];
    SV_TRY(sv_pki_path(path, dir, name, why));
    SV_DEFER(sv_textbuf_drop) sv_textbuf pem = SV_TEXTBUF_HEAP(SV_PKI_FILE_MAX);
    SV_TRY(sv_pem_cert_add(&pem, certificate, why));
    return sv_new_file(path, sv_textbuf_text(&pem), 0644, why);
}

sv_err sv_pki_record_of(const char *id, sv_role role, const X509 *certificate, sv_pki_record *out,
                        sv_why *why) {
    sv_pki_record record = { .role = role };
    SV_TRY(sv_text_copy(sv_text_of(id), record.id, sizeof record.id));
    SV_TRY(sv_pki_serial(certificate, record.serial, why));
    record.not_before_us = sv_asn1_time_us(X509_get0_notBefore(certificate));
    record.not_after_us = sv_asn1_time_us(X509_get0_notAfter(certificate));
    *out = record;
    return SV_OK;
}

sv_err sv_pki_index_add(const char *dir, const char *id, sv_role role, const X509 *certificate,
                        sv_why *why) {
    sv_pki_record record;
    SV_TRY(sv_pki_record_of(id, role, certificate, &record, why));
    SV_TRY(store_certificate(dir, record.serial, certificate, why));
    char room[512];
    sv_textbuf line = SV_TEXTBUF(room);
    sv_pki_record_add(&line, &record);
    sv_textbuf_add_char(&line, '\n');
    SV_TRY(sv_textbuf_end(&line));
    char path[PATH_MAX];
    SV_TRY(sv_pki_path(path, dir, "issued/index.ndjson", why));
    return sv_disk_append(path, sv_textbuf_text(&line), 0644, why);
}

typedef struct revocation {
    char id[SV_ID_ROOM]; ///< as it was written first
    int64_t before_us;
} revocation;

struct sv_pki_revoked {
    sv_map *before; ///< id in lower case to revocation, owned
};

void sv_pki_revoked_drop(sv_pki_revoked **revoked) {
    if (*revoked == NULL) {
        return;
    }
    for (size_t i = 0; i < sv_map_count((*revoked)->before); i++) {
        free(sv_map_at((*revoked)->before, i, NULL));
    }
    sv_map_drop(&(*revoked)->before);
    free(*revoked);
    *revoked = NULL;
}

static sv_err remember(void *arg, const sv_json *line, sv_why *why) {
    (void) why;
    sv_pki_revoked *revoked = arg;
    sv_text id = { 0 };
    int64_t before_us = 0;
    if (!sv_json_text(sv_json_get(line, "id"), &id) || !time_of(line, "before", &before_us)) {
        return SV_ERR_INVALID;
    }
    if (!sv_id_is_valid(id)) {
        return SV_OK; // no certificate is for it
    }
    revocation *fresh = sv_mem_new(sizeof *fresh);
    fresh->before_us = before_us;
    memcpy(fresh->id, id.at, id.len);
    char room[SV_ID_ROOM];
    sv_text key = lower(fresh->id, room);
    revocation *known = sv_map_get(revoked->before, key);
    if (known != NULL) {
        known->before_us = before_us > known->before_us ? before_us : known->before_us;
        free(fresh);
        return SV_OK;
    }
    sv_err err = sv_map_put(revoked->before, key, fresh);
    if (err != SV_OK) {
        free(fresh);
    }
    return err;
}

sv_err sv_pki_revoked_load(const char *dir, sv_pki_revoked **out, sv_why *why) {
    char path[PATH_MAX];
    SV_TRY(sv_pki_path(path, dir, "revoked.ndjson", why));
    uint8_t key[16];
    sv_random(key, sizeof key);
    SV_DEFER(sv_pki_revoked_drop) sv_pki_revoked *revoked = sv_mem_new(sizeof *revoked);
    revoked->before = sv_map_new(SV_PKI_REVOKED_MAX, key);
    int64_t from = 0;
    SV_TRY(each_line(path, &from, remember, revoked, why));
    *out = revoked;
    revoked = NULL;
    return SV_OK;
}

int64_t sv_pki_revoked_before_us(const sv_pki_revoked *revoked, const char *id) {
    char room[SV_ID_ROOM];
    const revocation *found = sv_map_get(revoked->before, lower(id, room));
    return found != NULL ? found->before_us : INT64_MIN;
}

sv_err sv_pki_revocations(const char *dir, sv_pki_revoked_visit *visit, void *arg, sv_why *why) {
    SV_DEFER(sv_pki_revoked_drop) sv_pki_revoked *revoked = NULL;
    SV_TRY(sv_pki_revoked_load(dir, &revoked, why));
    for (size_t i = 0; i < sv_map_count(revoked->before); i++) {
        const revocation *one = sv_map_at(revoked->before, i, NULL);
        visit(arg, sv_text_of(one->id), one->before_us);
    }
    return SV_OK;
}

typedef struct listing {
    sv_pki_visit *visit;
    void *arg;
    const sv_pki_revoked *revoked;
} listing;

static sv_err list_line(void *arg, const sv_json *line, sv_why *why) {
    (void) why;
    const listing *list = arg;
    sv_pki_record record;
    SV_TRY(sv_pki_record_parse(line, &record));
    record.revoked = record.not_before_us < sv_pki_revoked_before_us(list->revoked, record.id);
    list->visit(list->arg, &record);
    return SV_OK;
}

sv_err sv_pki_list(const char *dir, sv_pki_visit *visit, void *arg, sv_why *why) {
    int64_t from = 0;
    return sv_pki_list_from(dir, &from, visit, arg, why);
}

sv_err sv_pki_list_from(const char *dir, int64_t *journal_from, sv_pki_visit *visit, void *arg,
                        sv_why *why) {
    char path[PATH_MAX];
    SV_TRY(sv_pki_path(path, dir, "ca.crt", why));
    if (!sv_disk_exists(path)) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "'%s' is no PKI folder (no ca.crt)", dir);
    }
    SV_DEFER(sv_pki_revoked_drop) sv_pki_revoked *revoked = NULL;
    SV_TRY(sv_pki_revoked_load(dir, &revoked, why));
    listing list = { .visit = visit, .arg = arg, .revoked = revoked };
    return each_record(dir, journal_from, list_line, &list, why);
}

#include "certificates.h"

#include "registry.h"

#include <base/map.h>
#include <base/mem.h>
#include <crypto/random.h>
#include <stdlib.h>
#include <string.h>
#include <sys/disk.h>
#include <sys/log.h>
#include <sys/stat.h>

#define LOOK_US INT64_C(5000000)

struct sv_certificates {
    char dir[SV_PATH_MAX];
    sv_map *by_id;
    int64_t looked_mono_us;
    uint64_t seen;        ///< hash of the index files' times and sizes
    int64_t journal_from; ///< what the signer has issued is known up to there
    bool looked;
};

sv_certificates *sv_certificates_new(const char *dir) {
    sv_certificates *certificates = sv_mem_new(sizeof *certificates);
    uint8_t key[16];
    sv_random(key, sizeof key);
    certificates->by_id = sv_map_new(SV_FLEET_DEVICES_MAX, key);
    (void) sv_text_copy(sv_text_of(dir), certificates->dir, sizeof certificates->dir);
    return certificates;
}

void sv_certificates_drop(sv_certificates **certificates) {
    sv_certificates *old = *certificates;
    *certificates = NULL;
    if (old == NULL) {
        return;
    }
    for (size_t i = 0; i < sv_map_count(old->by_id); i++) {
        free(sv_map_at(old->by_id, i, NULL));
    }
    sv_map_drop(&old->by_id);
    free(old);
}

uint64_t sv_certificates_folder(const char *dir) {
    static const char *const FILES[] = { "issued/index.ndjson", "revoked.ndjson" };
    static const uint8_t KEY[16] = { 0 };
    int64_t facts[SV_COUNT(FILES)][3] = { 0 };
    for (size_t i = 0; i < SV_COUNT(FILES); i++) {
        char path[SV_PATH_MAX];
        struct stat info;
        if (sv_disk_join(path, sizeof path, dir, FILES[i]) == SV_OK && stat(path, &info) == 0) {
            facts[i][0] = info.st_size;
            facts[i][1] = info.st_mtim.tv_sec;
            facts[i][2] = info.st_mtim.tv_nsec;
        }
    }
    return sv_hash(KEY, facts, sizeof facts);
}

static void take_record(void *arg, const sv_pki_record *record) {
    sv_certificates *certificates = arg;
    sv_text id = sv_text_of(record->id);
    sv_pki_record *known = sv_map_get(certificates->by_id, id);
    if (known == NULL) {
        known = sv_mem_new(sizeof *known);
        if (sv_map_put(certificates->by_id, id, known) != SV_OK) {
            free(known);
            return;
        }
    }
    // Two files, each with the newest last.
    if (record->not_before_us >= known->not_before_us) {
        *known = *record;
    }
}

/// The signer's journal grows with every device that enrols; only what is new in it is read.
static bool journal_is_read(const sv_certificates *certificates) {
    char path[SV_PATH_MAX];
    struct stat info;
    return sv_disk_join(path, sizeof path, certificates->dir, "signer/journal.ndjson") != SV_OK
           || stat(path, &info) != 0 || info.st_size == certificates->journal_from;
}

static void look(sv_certificates *certificates) {
    uint64_t state = sv_certificates_folder(certificates->dir);
    bool same = certificates->looked && state == certificates->seen;
    if (same && journal_is_read(certificates)) {
        return;
    }
    certificates->journal_from = same ? certificates->journal_from : 0;
    sv_why why;
    if (sv_pki_list_from(certificates->dir, &certificates->journal_from, take_record, certificates,
                         &why)
        != SV_OK) {
        SV_LOG(warn, "certificates.unread", "%s", why.text);
    }
    certificates->seen = state;
}

const sv_pki_record *sv_certificates_of(sv_certificates *certificates, sv_text id,
                                        int64_t mono_us) {
    bool due = !certificates->looked || mono_us - certificates->looked_mono_us >= LOOK_US;
    if (certificates->dir[0] != '\0' && due) {
        look(certificates);
        certificates->looked = true;
        certificates->looked_mono_us = mono_us;
    }
    return sv_map_get(certificates->by_id, id);
}

#include "standing_folder.h"

#include "standing_own.h"

#include <base/mem.h>
#include <crypto/pki.h>
#include <string.h>
#include <sys/disk.h>
#include <sys/log.h>
#include <sys/stat.h>

typedef struct found {
    char id[SV_ID_ROOM];
    int64_t before_us;
} found;

typedef struct gathering {
    const sv_standing_log *log;
    found *list;
    size_t count;
    bool more;
} gathering;

static void gather(void *arg, sv_text id, int64_t before_us) {
    gathering *all = arg;
    if (!sv_id_is_valid(id) || before_us <= sv_standing_of(all->log, id).before_us) {
        return;
    }
    if (all->count == SV_STANDING_FOLDER_TURN) {
        all->more = true;
        return;
    }
    found *next = &all->list[all->count];
    next->before_us = before_us;
    all->count += sv_text_copy(id, next->id, sizeof next->id) == SV_OK;
}

static sv_err store(sv_fleet *fleet, const found *list, size_t count, sv_why *why) {
    for (size_t i = 0; i < count; i++) {
        sv_text id = sv_text_of(list[i].id);
        sv_standing now = sv_standing_of(fleet->standing, id);
        const sv_standing_order order = {
            .id = id,
            .state = now.state == SV_STANDING_RETIRED ? SV_STANDING_RETIRED : SV_STANDING_REVOKED,
            .folder_us = list[i].before_us,
            .reason = "revoked in the PKI folder",
            .by = "folder",
        };
        sv_standing_change change;
        SV_TRY(sv_standing_store(fleet, &order, &change, why));
    }
    return SV_OK;
}

static sv_err take(sv_fleet *fleet, const found *list, size_t count, sv_why *why) {
    SV_TRY(sv_db_begin(fleet->db, why));
    sv_err err = store(fleet, list, count, why);
    if (err == SV_OK) {
        err = sv_db_commit(fleet->db, why);
    } else {
        sv_db_rollback(fleet->db);
    }
    sv_standing_settle(fleet, err == SV_OK);
    return err;
}

/// Some at a time, so that a large folder holds nobody up.
static bool take_over(sv_fleet *fleet) {
    SV_DEFER(sv_mem_drop) found *list = sv_mem_array(SV_STANDING_FOLDER_TURN, sizeof *list);
    gathering all = { .log = fleet->standing, .list = list };
    sv_why why = { 0 };
    sv_err err = sv_pki_revocations(fleet->config.pki, gather, &all, &why);
    for (size_t i = 0; err == SV_OK && i < all.count; i += SV_STANDING_AT_ONCE_MAX) {
        size_t left = all.count - i;
        err = take(fleet, list + i, left < SV_STANDING_AT_ONCE_MAX ? left : SV_STANDING_AT_ONCE_MAX,
                   &why);
    }
    if (err != SV_OK) {
        SV_LOG(error, "standing.folder", "%s; it is tried again", why.text);
    }
    return err == SV_OK && !all.more;
}

void sv_standing_folder_turn(sv_fleet *fleet) {
    sv_standing_folder *folder = &fleet->standing->folder;
    int64_t mono_us = fleet->mono_us();
    char path[SV_PATH_MAX];
    struct stat info;
    if (fleet->config.pki[0] == '\0'
        || (!folder->more && folder->looked_mono_us > 0
            && mono_us - folder->looked_mono_us < SV_STANDING_FOLDER_US)) {
        return;
    }
    folder->looked_mono_us = mono_us;
    if (sv_disk_join(path, sizeof path, fleet->config.pki, "revoked.ndjson") != SV_OK
        || stat(path, &info) != 0) {
        return; // nobody was ever revoked there
    }
    int64_t facts[3] = { info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec };
    if (folder->more || memcmp(facts, folder->seen, sizeof facts) != 0) {
        folder->more = !take_over(fleet);
        memcpy(folder->seen, facts, sizeof facts);
    }
}

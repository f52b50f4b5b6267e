#include "beside_key.h"

#include <crypto/random.h>
#include <string.h>
#include <sys/disk.h>

static sv_err make_key(const char *path, uint8_t key[SV_AEAD_KEY_BYTES], sv_why *why) {
    sv_random(key, SV_AEAD_KEY_BYTES);
    return sv_disk_replace(path, (sv_text){ .at = (const char *) key, .len = SV_AEAD_KEY_BYTES },
                           0600, why);
}

sv_err sv_beside_key_open(const char *store, const char *name, const char *lost, sv_aead **out,
                          sv_why *why) {
    char path[SV_PATH_MAX];
    char room[SV_AEAD_KEY_BYTES + 1] = "";
    uint8_t key[SV_AEAD_KEY_BYTES];
    sv_textbuf file = SV_TEXTBUF(room);
    SV_TRY(sv_people_beside(store, name, path, why));
    sv_err err = sv_disk_read(path, &file, why);
    if (err == SV_ERR_NOT_FOUND) {
        SV_TRY(make_key(path, key, why));
    } else if (err != SV_OK || file.len != sizeof key) {
        return sv_fail(why, SV_ERR_INVALID, "'%s' is no key of %zu bytes; without it %s", path,
                       sizeof key, lost);
    } else {
        memcpy(key, room, sizeof key);
    }
    *out = sv_aead_new(key);
    explicit_bzero(key, sizeof key);
    explicit_bzero(room, sizeof room);
    return SV_OK;
}

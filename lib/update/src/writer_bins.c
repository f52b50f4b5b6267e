// Hash bins: names, and who falls into which.
#include <crypto/random.h>
#include <stdio.h>
#include <string.h>
#include <update/writer.h>

enum { HASH_BYTES = 32, FEW = 16 };

static const char BEFORE[] = "bin-";

bool sv_tuf_is_bin(sv_text role) {
    static const char DIGITS[] = "0123456789abcdef";
    size_t before = sizeof BEFORE - 1;
    bool sound =
        sv_text_starts(role, SV_TEXT("bin-")) && (role.len == before + 1 || role.len == before + 2);
    for (size_t i = before; sound && i < role.len; i++) {
        sound = memchr(DIGITS, role.at[i], sizeof DIGITS - 1) != NULL;
    }
    return sound;
}

void sv_tuf_bin_name(size_t count, size_t index, char room[SV_TUF_BIN_ROOM]) {
    (void) snprintf(room, SV_TUF_BIN_ROOM, "%s%0*x", BEFORE, count > FEW ? 2 : 1,
                    (unsigned) index & (SV_TUF_BINS_MAX - 1));
}

size_t sv_tuf_bins_count(const sv_tuf_metadata *targets) {
    const sv_json *roles = sv_json_get(sv_json_get(targets->content, "delegations"), "roles");
    size_t count = 0; // of bins as we make them: 16 or all
    for (size_t i = 0; i < sv_json_count(roles); i++) {
        const sv_json *role = sv_json_at(roles, i);
        sv_text name;
        bool bin = sv_json_text(sv_json_get(role, "name"), &name) && sv_tuf_is_bin(name)
                   && sv_json_get(role, "path_hash_prefixes") != NULL;
        count += bin ? 1 : 0;
    }
    return count == FEW || count == SV_TUF_BINS_MAX ? count : 0;
}

size_t sv_tuf_bin_of(size_t count, sv_text path) {
    uint8_t hash[HASH_BYTES];
    sv_sha256(path, hash);
    return count > FEW ? hash[0] : hash[0] / FEW;
}

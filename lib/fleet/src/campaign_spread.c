#include <fleet/campaign.h>

size_t sv_spread_pick(sv_spread *spread, uint64_t chance) {
    int64_t free = 0;
    for (size_t i = 0; i < spread->count; i++) {
        free += spread->left[i];
    }
    if (free == 0) {
        return spread->count - 1;
    }
    int64_t at = (int64_t) (chance % (uint64_t) free);
    size_t wave = 0;
    while (at >= spread->left[wave]) {
        at -= spread->left[wave++];
    }
    spread->left[wave]--;
    return wave;
}

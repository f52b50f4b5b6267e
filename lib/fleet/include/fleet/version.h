// Versions as people write them, in the order that Debian gives them: digits count as numbers,
// letters come before other signs, and `~` before everything, the end included: 1.0~rc1 is before
// 1.0, 1.9 before 1.10. Pure.
#ifndef SV_FLEET_VERSION_H
#define SV_FLEET_VERSION_H

#include <base/text.h>

/// Below 0, 0 or above 0, as `left` comes before `right`, beside it, or after it. [campaign-4]
int sv_version_compare(sv_text left, sv_text right);

#endif

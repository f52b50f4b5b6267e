#!/usr/bin/env bash
# A device whose slots are RAUC's, updated by a campaign: bundles signed, published and uploaded as any image, fetched through the gateway, installed by Debian's rauc, confirmed by the version that the device
# reports; one that is not healthy goes back, and the campaign pauses. [rauc-3] [rauc-4] [campaign-16]
set -euo pipefail
# shellcheck source=tests/support/rauc.sh
source "$SV_SOURCE/tests/support/rauc.sh"
# shellcheck source=tests/support/release_site.sh
source "$SV_SOURCE/tests/support/release_site.sh"
tell_story rauc_fleet_story.py

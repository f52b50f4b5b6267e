#!/usr/bin/env bash
# A device whose releases are trees, updated by a campaign: archives signed, published and uploaded as any image, fetched by the agent through the gateway, confirmed by the version that the device reports;
# one that is not healthy goes back, one that cannot be unpacked is said to be so. [updater-25] [slot-31] [slot-32]
set -euo pipefail
# shellcheck source=tests/support/updater_files.sh
source "$SV_SOURCE/tests/support/updater_files.sh"
# shellcheck source=tests/support/release_site.sh
source "$SV_SOURCE/tests/support/release_site.sh"
tell_story updater_files_fleet.py

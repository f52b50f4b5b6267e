#!/usr/bin/env bash
# An agent that somebody else has taken over, and a machine where links and devices lie in the way: whatever the agent says and gives, nothing that was not signed for this device is armed, and what runs stays.
# [updater-9] [updater-10] [updater-14] [updater-15] [updater-16] [updater-17]
set -euo pipefail
image_bytes=2000000
# shellcheck source=tests/support/updater.sh
source "$SV_SOURCE/tests/support/updater.sh"
story updater_attacks.py

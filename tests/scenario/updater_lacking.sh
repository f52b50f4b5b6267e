#!/usr/bin/env bash
# A release in which the boot loader's program or a key is missing has its starts, and is gone back from. [updater-40]
set -euo pipefail
# shellcheck source=tests/support/updater.sh
source "$SV_SOURCE/tests/support/updater.sh"
story updater_lacking_story.py

#!/usr/bin/env bash
# A device's updater and its agent: a whole update, as a delta and sealed; held, confirmed, rolled back by a verdict, by silence and by hand; a release that was tried is remembered; reports wait; its director has other keys; it goes on
# where it was killed. [updater-2] [updater-3] [updater-4] [updater-6] [updater-7] [updater-8] [updater-11] [updater-13] [director-7] [director-8]
set -euo pipefail
# shellcheck source=tests/support/updater.sh
source "$SV_SOURCE/tests/support/updater.sh"
story updater_story.py

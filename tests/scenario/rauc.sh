#!/usr/bin/env bash
# A device whose slots are RAUC's, with Debian's rauc on a bus of its own: a bundle that is confirmed, second boots that fail, what is not signed, what does not fit, kills of the updater and of RAUC in the middle of an
# installation, the way back by hand,
# a cancel in the middle of an installation, somebody who installs over a trial, a release in which RAUC is broken, a bus that goes, and RAUC without a statusfile. [rauc-1] [rauc-2] [rauc-3] [rauc-4] [rauc-6] [rauc-7] [rauc-8] [rauc-9] [rauc-10] [slot-43]
set -euo pipefail
# shellcheck source=tests/support/rauc.sh
source "$SV_SOURCE/tests/support/rauc.sh"
story rauc_story.py

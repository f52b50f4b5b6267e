#!/usr/bin/env bash
# Releases that are trees, with real archives: unpacked beside the one that runs, switched at a start, confirmed, gone back from by a verdict, by silence, by hand; damaged, made anew; refused.
# [updater-25] [updater-41] [slot-30] [slot-31] [slot-32]
set -euo pipefail
# shellcheck source=tests/support/updater_files.sh
source "$SV_SOURCE/tests/support/updater_files.sh"
story updater_files_story.py

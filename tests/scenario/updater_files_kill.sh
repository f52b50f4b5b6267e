#!/usr/bin/env bash
# With releases that are trees the updater, and what chooses the tree at a start, are killed at every change to the disk: the link always leads to a whole tree, and the update goes on to its end.
# [updater-8] [slot-31] [slot-32]
set -euo pipefail
# shellcheck source=tests/support/updater_files.sh
source "$SV_SOURCE/tests/support/updater_files.sh"
story updater_files_kill.py

#!/usr/bin/env bash
# The updater is killed at every change to the disk and at any moment, through whole updates: it always starts, goes on, and ends with the release that was assigned. [updater-8]
set -euo pipefail
image_bytes=1500000
# shellcheck source=tests/support/updater.sh
source "$SV_SOURCE/tests/support/updater.sh"
story updater_kill.py

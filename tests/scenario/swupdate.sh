#!/usr/bin/env bash
# A device whose slots Debian's swupdate writes, told by its sockets, and whose boot loader is U-Boot, with its environment in a file: a release that is confirmed, second boots that fail, what is not signed by us or by
# SWUpdate's key, kills of the updater and of swupdate in the middle of an installation, swupdate that is absent, that writes U-Boot's environment too, and a release in which it is broken; and the same device, with its agent, updated by a fleet server's campaigns: one is confirmed by the version that the device reports, one that is not
# healthy goes back and pauses, and of one that SWUpdate refuses its reason is told.
# [swupdate-1] [swupdate-2] [swupdate-3] [swupdate-4] [swupdate-5] [swupdate-6] [swupdate-7] [swupdate-8] [campaign-16]
set -euo pipefail
# shellcheck source=tests/support/swupdate.sh
source "$SV_SOURCE/tests/support/swupdate.sh"
story swupdate_story.py
# shellcheck source=tests/support/release_site.sh
source "$SV_SOURCE/tests/support/release_site.sh"
tell_story swupdate_fleet_story.py

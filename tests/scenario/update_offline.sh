#!/usr/bin/env bash
# A device begins and finishes an update while the link is down: its metadata, that there is no newer root, and the image are at its gateway, also after that was killed. [cache-6] [cache-8] [cache-10] [cache-12]
set -euo pipefail
# shellcheck source=tests/support/updater.sh
source "$SV_SOURCE/tests/support/updater.sh"
# shellcheck source=tests/support/release_site.sh
source "$SV_SOURCE/tests/support/release_site.sh"
as press-17 -t sensors/press-17/temperature -m '{"value":1,"timestamp":"2026-11-22T06:15:01","device_id":"press-17"}'
# shellcheck disable=SC2317 # called through within
known() { curl -fs -o /dev/null -H "Authorization: Bearer $(cat "$work/admin.token")" "http://127.0.0.1:$operator_port/api/v1/devices/press-17"; }
within 20 known || fail "the device is not known"
story_open update_offline_story.py
story_waits_for cut-the-link
die "$fleet"
die "$gateway"
start_gateway
touch link-is-cut
story_waits_for mend-the-link
start_fleet
within 20 curl -fs -o /dev/null "http://127.0.0.1:$operator_port/readyz" || fail "the fleet server does not come back"
touch link-is-mended
story_end

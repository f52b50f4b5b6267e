#!/usr/bin/env bash
# A device's whole way with the real programs: published, uploaded, assigned by an operator, called for at once, fetched through the gateway (sealed, as a delta), installed, started on trial, confirmed at the
# server; one whose health script fails goes back and the server says so; a gateway that is killed in the middle of a download delays it, no more.
# [ddid-9] [ddid-10] [ddid-11] [ddid-12] [ddid-13]
set -euo pipefail
# shellcheck source=tests/support/updater.sh
source "$SV_SOURCE/tests/support/updater.sh"
# shellcheck source=tests/support/release_site.sh
source "$SV_SOURCE/tests/support/release_site.sh"
story_open update_device_story.py
story_waits_for kill-the-gateway
die "$gateway"
within 20 grep -q update.waits agent.log || fail "the agent does not miss the gateway"
start_gateway
story_end

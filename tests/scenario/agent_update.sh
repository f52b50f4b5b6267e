#!/usr/bin/env bash
# A device's agent between its updater and a device door of the test's: a release that does not prove itself goes back and is reported, the retry succeeds over a line that is cut, while nothing that is said is
# taken; what is held is armed later. [ddid-6] [ddid-11] [ddid-12] [ddid-15] [ddid-16]
set -euo pipefail
# shellcheck source=tests/support/updater.sh
source "$SV_SOURCE/tests/support/updater.sh"
releases=$work
# shellcheck source=tests/support/site.sh
source "$SV_SOURCE/tests/support/site.sh"
trap 'rm -rf "$releases"; close_all' EXIT
site_open ""
issue press-17
issue door --role server --ip 127.0.0.1
cd "$releases"
story agent_update_story.py "$work" "$mqtt_port"

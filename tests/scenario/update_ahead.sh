#!/usr/bin/env bash
# A roll-out at night, with the real programs: the device downloads and writes the image by day, starts nothing, is shown as ready, and asks no more of the site when its window opens: it starts it then. A device
# whose agent is another has nothing before. The window opens by a change of the roll-out's hours on the server's disk.
# [campaign-50] [campaign-51] [ddid-15]
set -euo pipefail
# shellcheck source=tests/support/updater.sh
source "$SV_SOURCE/tests/support/updater.sh"
# shellcheck disable=SC2034 # for the next line
fleet_more='ddi: {poll: 2s}' # a call that is lost while the server is away is made up for
# shellcheck source=tests/support/release_site.sh
source "$SV_SOURCE/tests/support/release_site.sh"
story_open update_ahead_story.py
story_waits_for open-the-window
if [ -e open-the-window ]; then
  "$selvedge" update show 1 "${place[@]}" >shown || fail "update show ended with $?"
  grep -q '^ready  *1 have the image and wait for their window$' shown || fail "$(cat shown)"
  die "$fleet"
  sqlite3 -cmd '.timeout 10000' "$work/fleet.db" "UPDATE campaign SET plan = '$(cat open-the-window)'; UPDATE campaign_device SET hold_ms = 1 WHERE hold_ms > 0"
  start_fleet
fi
story_end

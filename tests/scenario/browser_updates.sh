#!/usr/bin/env bash
# Images and roll-outs on the dashboard in a real browser, with a pilot's machines: web/test/updates.mjs says what is looked at. The screens are kept in $SHOTS.
set -euo pipefail
. "$SV_SOURCE/tests/support/browser.sh"
work=$(mktemp -d)
trap 'kill "${pilot:-}" 2>/dev/null && wait "$pilot"; rm -rf "$work"' EXIT
pilot_open
export TMPDIR=$work
url=${login%%/#*}
api() { curl -fs -H "Authorization: Bearer $(cat "$(jq -r .token_file "$work/pilot/pilot.json")")" "$url/api/v1/$1"; }
for _ in $(seq 300); do
  running=$(api versions | jq '[.items[].devices] | add // 0')
  [ "$running" -lt 20 ] || break
  sleep 0.2
done
image=$(api images | jq -r '.items | sort_by(.counter) | last | .path')
SV_URL=$url SV_LOGIN=$login SV_IMAGE=$image SV_MACHINES=$running node "$web/test/updates.mjs"

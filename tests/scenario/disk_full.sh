#!/usr/bin/env bash
# A full disk: the gateway says so and ends with code 5, acknowledges nothing it could not keep, and when there is room
# again every reading is there once.
set -euo pipefail
if [ "${1:-}" != inside ]; then
  exec unshare --map-root-user --mount "$0" inside
fi
. "$SV_SOURCE/tests/support/site.sh"
mkdir "$work/disk"
mount -t tmpfs -o size=1m tmpfs "$work/disk"
trap 'umount -l "$work/disk"; close_all' EXIT
store_path=$work/disk/gateway.db
site_open ""
readings() { # readings FROM TO
  seq "$1" "$2" | sed 's/.*/{"value":&,"timestamp":"2026-11-22T06:15:04","device_id":"press-1","epoch":"e","seq":&}/' |
    as press-1 -t sensors/press-1/temperature -l
}
stored() { sqlite3 -readonly "$store_path" 'SELECT count(*), count(DISTINCT seq) FROM reading' 2>/dev/null; }
is_stored() { [ "$(stored)" = "$1|$1" ]; }

readings 1 20
within 10 is_stored 20 || fail "before: $(stored)"
dd if=/dev/zero of="$work/disk/filler" bs=4096 2>/dev/null || true
readings 21 600
code=0
wait "$gateway" || code=$?
[ $code = 5 ] || fail "the gateway ended with $code, not 5"
grep -q 'is full: free some space' "$work/gateway.log" || fail "it does not say why"
rm "$work/disk/filler"
start_gateway
within 20 is_stored 600 || fail "after: $(stored)"

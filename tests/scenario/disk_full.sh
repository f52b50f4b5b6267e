#!/usr/bin/env bash
# A full disk: the gateway says so, acknowledges nothing it could not keep and goes on serving; when there is room again
# every reading is there once, without anybody's doing.
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
    persistent press-1 sensors/press-1/temperature
}
stored() { sqlite3 -readonly "$store_path" 'SELECT count(*), count(DISTINCT seq) FROM reading_row' 2>/dev/null; }
is_stored() { [ "$(stored)" = "$1|$1" ]; }

readings 1 20
within 10 is_stored 20 || fail "before: $(stored)"
dd if=/dev/zero of="$work/disk/filler" bs=4096 2>/dev/null || true
readings 21 600 &
publisher=$!
started+=("$publisher")
is_full() { [ "$(curl -s -o "$work/health.txt" -w '%{http_code}' "http://127.0.0.1:$http_port/healthz")" = 503 ] && grep -q 'is full' "$work/health.txt"; }
within 20 is_full || fail "healthz does not say that the disk is full: $(cat "$work/health.txt")"
kill -0 "$gateway" || fail "the gateway has ended"
[ "$(grep -c 'is full: free some space' "$work/gateway.log")" = 1 ] || fail "the log does not say it once"
before=$(stored)
rm "$work/disk/filler"
within 20 is_stored 600 || fail "after: $(stored), before: $before"
wait "$publisher" || fail "the device was not told that all is kept"
grep -q 'store.room' "$work/gateway.log" || fail "the log does not say that there is room again"

# Nobody was served meanwhile, and who is killed now does not forget it.
is_known() { [ "$(sqlite3 -readonly "$store_path" 'SELECT down > 500000 FROM availability')" = 1 ]; }
within 20 is_known || fail "the store does not know that nobody was served"

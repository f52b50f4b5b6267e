#!/usr/bin/env bash
# An image at the real fleet server, devices at their gateway's door: who is to install it hears so at once and gets it, it comes over the link once, and while the server is away.
# [uplink-15] [cache-3] [cache-5] [cache-6] [cache-8] [cache-10]
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
fleet_choose
door_port=$(free_port)
door=https://127.0.0.1:$door_port
site_open "door: {bind: 127.0.0.1, port: $door_port}
fleet: {$fleet_link, every: 50ms}"
issue press-3
fleet_open
api() { # api METHOD PATH [curl's options...]
  local method=$1 path=$2
  shift 2
  curl -sS -X "$method" -H "Authorization: Bearer $(cat "$work/admin.token")" "$@" "127.0.0.1:$operator_port/api/v1/$path"
}
get() { # get DEVICE PATH curl's options...
  local id=$1 path=$2
  shift 2
  curl -s -m 30 --cacert "$work/pki/ca.crt" --cert "$work/keys/$id.crt" --key "$work/keys/$id.key" "$@" "$door$path"
}
status() { get "$1" "$2" -o "$work/said" -w '%{http_code}' || true; }

# The site's devices are known, and its gateway listens.
for id in press-1 press-2 press-3; do as "$id" -t "sensors/$id/a" -m "{\"value\":1,\"timestamp\":\"2026-11-22T06:15:04\",\"device_id\":\"$id\"}"; done
bound() { [ "$(status "$1" /v1/self)" = 200 ]; }
for id in press-1 press-2 press-3; do within 20 bound "$id" || fail "$id is not bound to its site"; done
stream_is_up() { curl -fs "127.0.0.1:$http_port/v1/status" | jq -e ".uplink.stream.up"; }
within 20 stream_is_up || fail "the stream does not open"

# A file of another update system is uploaded.
head -c 2500000 /dev/urandom >"$work/lathe-1.1.swu"
sha256=$(sha256sum "$work/lathe-1.1.swu" | cut -c1-64)
file=/artifacts/$sha256/lathe-1.1.swu
for at in 0 500000 1000000 1500000 2000000; do
  dd if="$work/lathe-1.1.swu" of="$work/part" bs=500000 skip=$((at / 500000)) count=1 2>/dev/null
  api PUT "images/parts/artifacts/$sha256/lathe-1.1.swu?offset=$at" -f --data-binary "@$work/part" >/dev/null || fail "it cannot be uploaded"
done
added() {
  api POST "images/files?sha256=$sha256&name=lathe-1.1.swu&product=lathe&version=1.1" >"$work/said"
  jq -e '.state == "done"' "$work/said"
}
within 20 added || fail "it is not taken in"
image=$(jq -r .path "$work/said")

# [uplink-15] Who is to install it hears so, which by itself nobody would, and nobody else does.
for id in press-1 press-2 press-3; do
  listens "$work/heard-$id" -h 127.0.0.1 -p "$mqtt_port" --cafile "$work/pki/ca.crt" --cert "$work/keys/$id.crt" --key "$work/keys/$id.key" -i "$id" -q 1 -t "updates/$id"
  grep -q '^Subscribed.* 1$' "$work/heard-$id" || fail "$id may not hear: $(cat "$work/heard-$id")"
done
for id in press-1 press-2; do
  api POST "devices/$id/updates" -f --data "{\"image\":\"$image\"}" >"$work/said" || fail "it cannot be assigned: $(api POST "devices/$id/updates" --data "{\"image\":\"$image\"}")"
  within 20 grep -q "\"sha256\":\"$sha256\"" "$work/heard-$id" || fail "$id does not hear that it shall look"
  grep -q '^{"version":"1.1",' "$work/heard-$id" || fail "not the version: $(cat "$work/heard-$id")"
done
! grep -q version "$work/heard-press-3" || fail "press-3 hears of it"

# [cache-3] [cache-8] Both get it, and it came once; who is not to install it gets nothing, though it is here.
for id in press-1 press-2; do
  get "$id" "$file" -o "$work/got" || fail "$id does not get it"
  cmp -s "$work/got" "$work/lathe-1.1.swu" || fail "$id gets another one: $(head -c 300 "$work/got")"
done
metric_is cache_up_bytes_total 2500001 || fail "$(metric cache_up_bytes_total) bytes came over the link" # with the one that says how long it is
[ "$(status press-3 "$file")" = 404 ] || fail "press-3 gets it"
# [campaign-41] [campaign-42] The server counts what went over its line: once for the two of them, with what was asked for before.
sent() { api GET updates | jq -e '.traffic.sent >= 2500000 and .traffic.sent < 2501000'; }
within 20 sent || fail "this went over the line: $(api GET updates | jq -c .traffic)"
etag() { curl -s -I -m 30 --cacert "$work/pki/ca.crt" --cert "$work/keys/press-1.crt" --key "$work/keys/press-1.key" "$1$file" | tr -d '\r' | awk 'tolower($1) == "etag:" { print $2 }'; }
[ "$(etag "$door")" = "\"$sha256/lathe-1.1.swu\"" ] || fail "the gateway's door has no name for it: $(etag "$door")"
[ "$(etag "$door")" = "$(etag "$fleet_url")" ] || fail "the two doors name it differently: $(etag "$door") $(etag "$fleet_url")"

# [cache-6] The server is gone and the gateway was killed: it is still here, for whom it was.
die "$fleet"
die "$gateway"
start_gateway
get press-1 "$file" -o "$work/got" || fail "it is not served while the server is away"
cmp -s "$work/got" "$work/lathe-1.1.swu" || fail "it is another one"
[ "$(status press-3 "$file")" = 503 ] || fail "press-3 is not told that the server is away"

#!/usr/bin/env bash
# A site downloads an image once, whatever goes wrong: twenty devices at once, bad chunks, a link that is cut, a gateway that is killed, a disk that is full or worn.
# [cache-1] [cache-3] [cache-4] [cache-5] [cache-6] [cache-7] [cache-8] [cache-10]
set -euo pipefail
if [ "${1:-}" != inside ]; then
  exec unshare --map-root-user --mount "$0" inside
fi
. "$SV_SOURCE/tests/support/site.sh"
mkdir "$work/disk" "$work/up"
mount -t tmpfs -o size=128m tmpfs "$work/disk"
trap 'umount -l "$work/disk"; close_all' EXIT
fleet_choose
door_port=$(free_port)
door=https://127.0.0.1:$door_port
devices=20
make_image() { python3 "$SV_SOURCE/tests/support/artifact_make.py" "$work/up" "$1" "$2"; }
one=$(make_image 3000001 1)
two=$(make_image 3000001 2)
three=$(make_image 8000001 3)
four=$(make_image 3000001 4)
mkdir -p "$work/up/tuf/image/metadata" "$work/up/tuf/director/press-1/metadata"
echo '{"signed":1}' >"$work/up/tuf/image/metadata/timestamp.json"
echo '{"signed":2}' >"$work/up/tuf/director/press-1/metadata/targets.json"

start_door() {
  run "$work/door.log" python3 "$SV_SOURCE/tests/support/artifact_door.py" "$fleet_port" "$work/pki/ca.crt" "$work/keys/fleet.crt" "$work/keys/fleet.key" "$work/up"
  fleet=$ran
  within 20 curl -s --cacert "$work/pki/ca.crt" --cert "$work/keys/gw.crt" --key "$work/keys/gw.key" "$fleet_url/" || fail "the door does not open"
}
site_open "door: {bind: 127.0.0.1, port: $door_port}
fleet: {$fleet_link}
cache: {dir: $work/disk/cache, bytes: 100MiB, rate: 4MiB}"
issue fleet --role server --ip 127.0.0.1
for i in $(seq 3 $devices); do issue "press-$i"; done
issue eve
start_door
: >"$work/up/log"

get() { # get DEVICE PATH curl's options...
  local id=$1 path=$2
  shift 2
  curl -s -m 60 --cacert "$work/pki/ca.crt" --cert "$work/keys/$id.crt" --key "$work/keys/$id.key" "$@" "$door$path"
}
status() { get "$1" "$2" -o "$work/said" -w '%{http_code}' || true; }
digest_of() { sha256sum "$1" | cut -c1-64; }
up() { awk -v kind="$1" -v path="$2" '$1 == kind && index($4, path) { n++; bytes += $3 } END { print n + 0, bytes + 0 }' "$work/up/log"; }
up_bytes() { up piece "$1" | cut -d' ' -f2; }

# [cache-3] [cache-8] Twenty devices at once: twenty questions, one index, the image once.
all_get() { # all_get PATH SHA256
  local i pids=()
  for i in $(seq 1 $devices); do
    get "press-$i" "$1" -o "$work/got-$i" &
    pids+=("$!")
  done
  for i in "${pids[@]}"; do wait "$i" || fail "a device does not get $1"; done
  for i in $(seq 1 $devices); do
    [ "$(digest_of "$work/got-$i")" = "$2" ] || fail "press-$i got another image"
  done
}
all_get "/artifacts/$one/raw" "$one"
[ "$(up piece "$one" | cut -d' ' -f2)" = 3000001 ] || fail "the image came more than once: $(up piece "$one")"
[ "$(up index "$one" | cut -d' ' -f1)" = 1 ] || fail "the index came more than once"
[ "$(up ask "$one" | cut -d' ' -f1)" = $devices ] || fail "not one question for each device: $(up ask "$one")"
metric_is cache_served_bytes_total $((devices * 3000001)) || fail "$(metric cache_served_bytes_total) bytes were served"

# [cache-8] Whom the fleet server refuses gets nothing that is here.
echo eve >"$work/up/deny"
[ "$(status eve "/artifacts/$one/raw")" = 403 ] || fail "eve gets it"

# [cache-1] A range, and the rest of a download that was broken off.
get press-1 "/artifacts/$one/raw" -r 65530-131080 -o "$work/part"
cmp -s "$work/part" <(tail -c +65531 "$work/up/artifacts/$one/raw" | head -c 65551) || fail "a range is another one"
head -c 1234567 "$work/up/artifacts/$one/raw" >"$work/part"
get press-2 "/artifacts/$one/raw" -C - -o "$work/part"
[ "$(digest_of "$work/part")" = "$one" ] || fail "a download does not go on where it was"
[ "$(up_bytes "$one")" = 3000001 ] || fail "it was fetched again"

# [cache-4] Bad chunks on the way: nobody gets one, and they are asked for again.
echo 2 >"$work/up/corrupt"
all_get "/artifacts/$two/raw" "$two"
[ "$(metric cache_wrong_total)" -ge 1 ] || fail "nobody has seen the bad chunks"
[ "$(up_bytes "$two")" -lt $((3000001 + 3 * 1048576)) ] || fail "bad chunks cost $(up_bytes "$two")"

# [cache-6] A link that is cut in the middle, and a gateway that is killed there.
get press-1 "/artifacts/$three/raw" -o "$work/got" &
client=$!
begun() { [ "$(stat -c %s "$work/got" 2>/dev/null || echo 0)" -gt "$1" ]; }
within 20 begun 1000000 || fail "it does not begin"
die "$fleet"
sleep 0.3
start_door
wait "$client" || fail "it does not go on when the link is back"
[ "$(digest_of "$work/got")" = "$three" ] || fail "it is another image"
[ "$(up_bytes "$three")" -le $((8000001 + 7 * 1048576)) ] || fail "the cut cost $(up_bytes "$three")"

# [cache-5] So for a file of another update system, and the gateway.
before=$(up_bytes "$three/image.swu")
rm -f "$work/got"
get press-1 "/artifacts/$three/image.swu" -o "$work/got" &
client=$!
within 20 begun 2000000 || fail "the file does not begin"
die "$gateway"
wait "$client" && fail "the client does not see that it was cut"
start_gateway
get press-1 "/artifacts/$three/image.swu" -C - -o "$work/got" || fail "the file does not go on after the kill"
[ "$(digest_of "$work/got")" = "$three" ] || fail "the file is another one"
[ $(($(up_bytes "$three/image.swu") - before)) -le $((8000001 + 2 * 1048576)) ] || fail "the kill cost $(up_bytes "$three/image.swu")"

# [cache-6] [cache-10] The link is down, and the gateway was killed before: what is here is served, and the metadata seen last.
[ "$(get press-1 /tuf/image/metadata/timestamp.json)" = '{"signed":1}' ] || fail "metadata does not come"
[ "$(get press-1 /tuf/director/press-1/metadata/targets.json)" = '{"signed":2}' ] || fail "the director's does not come"
die "$fleet"
die "$gateway"
start_gateway
all_get "/artifacts/$one/raw" "$one"
[ "$(get press-2 /tuf/image/metadata/timestamp.json)" = '{"signed":1}' ] || fail "the metadata seen last is not there"
[ "$(get press-1 /tuf/director/press-1/metadata/targets.json)" = '{"signed":2}' ] || fail "the director's seen last is not there"
[ "$(status press-2 /tuf/director/press-1/metadata/targets.json)" = 503 ] || fail "another device gets it"
[ "$(status eve "/artifacts/$one/raw")" = 503 ] || fail "nobody says that eve may, and she gets it"
[ "$(status press-1 "/artifacts/$four/raw")" = 503 ] || fail "what is not here is answered"
start_door

# [cache-4] A worn disk costs a chunk.
before=$(up_bytes "$one")
printf x | dd of="$work/disk/cache/$one/raw" bs=1 seek=200000 conv=notrunc 2>/dev/null
get press-1 "/artifacts/$one/raw" -o "$work/got"
[ "$(digest_of "$work/got")" = "$one" ] || fail "what the disk lost reaches a device"
metric_is cache_rotten_total 1 || fail "nobody has seen what the disk lost"
[ $(($(up_bytes "$one") - before)) = 65536 ] || fail "a chunk cost $(($(up_bytes "$one") - before))"

# [cache-7] A full disk: it is handed on, once for all who wait, and said.
dd if=/dev/zero of="$work/disk/filler" bs=1M 2>/dev/null || true
all_get "/artifacts/$four/raw" "$four"
[ "$(metric cache_unstored_total)" -gt 0 ] || fail "nobody says that the disk is full"
[ "$(grep -c 'event=cache.full' "$work/gateway.log")" -ge 1 ] || fail "the log does not say it"
"$selvedge" gateway status --port "$http_port" | grep -A4 '^cache ' >"$work/said"
grep -q 'NO ROOM' "$work/said" || fail "the status does not say it"
rm "$work/disk/filler"
all_get "/artifacts/$four/raw" "$four"
before=$(up_bytes "$four")
all_get "/artifacts/$four/raw" "$four"
[ "$(up_bytes "$four")" = "$before" ] || fail "with room again it is not kept"

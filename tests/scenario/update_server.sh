#!/usr/bin/env bash
# A release comes to the fleet server and from there to its device: uploaded with interruptions, judged, served at both doors over mutual TLS,
# with what the director says to each device and the content key for it alone.
# [images-1] [images-2] [images-3] [images-4] [images-5] [images-7] [images-9] [images-10] [images-11] [images-12] [images-13] [director-5] [director-6] [signer-12]
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
fleet_choose
door_port=$(free_port)
door=https://127.0.0.1:$door_port
site_open "door: {bind: 127.0.0.1, port: $door_port}"$'\n'"fleet: {$fleet_link, every: 100ms}"
fleet_open
echo 'images: {room: 100MiB}' >>"$work/fleet.yaml"
signer_open
cd "$work"
api=http://127.0.0.1:$operator_port
place=(--url "$api" --token-file admin.token)

update() { "$selvedge" update "$@" >said 2>&1 || fail "update $* ended with $?"; }
# says CODE WORDS update's arguments...
says() {
  local code=$1 words=$2 rc=0
  shift 2
  "$selvedge" update "$@" >said 2>&1 || rc=$?
  [ "$rc" = "$code" ] || fail "update $* ended with $rc instead of $code"
  grep -q -- "$words" said || fail "update $*: not '$words'"
}
# status_for DEVICE curl's arguments...
status_for() {
  local id=$1
  shift
  curl -s -m 30 --cacert pki/ca.crt --cert "keys/$id.crt" --key "keys/$id.key" -o answer -D head -w '%{http_code}' "$@" || true
}
# ask STATUS DEVICE URL curl's arguments...
ask() {
  local status=$1 id=$2 url=$3 got
  shift 3
  got=$(status_for "$id" "$@" "$url")
  [ "$got" = "$status" ] || fail "$got instead of $status for $id at $url: $(head -c 300 answer)"
}
# staff HEADER STATUS METHOD PATH curl's arguments...: at the operator door, as whom that header is of
staff() {
  local who=$1 status=$2 method=$3 path=$4 got
  shift 4
  got=$(curl -s -m 30 -X "$method" -H "$who" -H 'X-Selvedge: 1' -o answer -D head -w '%{http_code}' "$@" "$api$path" || true)
  [ "$got" = "$status" ] || fail "$got instead of $status for $method $path: $(head -c 300 answer)"
}
holds() { jq -e "$1" answer >/dev/null || fail "not '$1': $(head -c 500 answer)"; }
# follow CLIENT BASE: as press-1
follow() {
  "$SV_BIN/selvedge-tuf" --metadata-dir "$1" --metadata-url "$2" --ca pki/ca.crt --cert keys/press-1.crt --key keys/press-1.key refresh >said 2>&1
}
sha_of() { sha256sum "$1" | cut -d' ' -f1; }
signed() { jq "$2" <"$1/targets.json"; }
admin="Authorization: Bearer $(cat admin.token)"

# A release, sealed.
python3 - <<'PY'
import random
random.seed(9)
image = bytearray(random.randbytes(3_000_000))
open("old.img", "wb").write(image)
image[1_000_000:1_000_000] = b"news" * 5000
open("new.img", "wb").write(image)
PY
update keys init --dir release
update sign old.img --product lathe-ctl --version 2.0.0 --hardware rev-b --keys release
update publish --keys release --repo repo
old=$(sha_of old.img)
raw=repo/artifacts/$old/raw

# A viewer uploads nothing, and no name leads elsewhere.
staff "$admin" 201 POST /api/v1/users -d '{"name":"eve","role":"viewer"}' -H 'Content-Type: application/json'
link=$(sed -n 's/^Location: .*#login=//p' head | tr -d '\r')
staff 'X-Nobody: 1' 204 POST /api/v1/session -d "{\"token\":\"$link\"}" -H 'Content-Type: application/json'
viewer="Cookie: $(sed -n 's/^Set-Cookie: \([^;]*\).*/\1/p' head)"
staff "$viewer" 403 PUT '/api/v1/images/parts/metadata/timestamp.json?offset=0' --data-binary x
staff "$viewer" 403 POST /api/v1/images/publish
staff "$viewer" 403 PUT "/api/v1/images/keys/$old" --data-binary 00
staff "$viewer" 200 GET /api/v1/images
holds '.items == [] and .trust == null'
staff "$admin" 400 PUT '/api/v1/images/parts/metadata/root.json?offset=0' --data-binary x
staff "$admin" 409 POST /api/v1/images/publish
ask 404 press-1 "$fleet_url/tuf/image/metadata/timestamp.json"

# The server is killed in the middle of a file; what it has is not sent again.
head -c 1000000 "$raw" >half
staff "$admin" 200 PUT "/api/v1/images/parts/artifacts/$old/raw?offset=0" -H 'Content-Type: application/octet-stream' --data-binary @half
die "$fleet"
start_fleet
"$selvedge" update upload --repo repo "${place[@]}" --output json >uploaded 2>said || fail "the upload ended with $?"
missing=$(($(cat repo/artifacts/"$old"/* repo/metadata/*.json | wc -c) - 1000000))
[ "$(jq .bytes uploaded)" = "$missing" ] || fail "$(jq .bytes uploaded) bytes were sent, $missing were missing"
[ "$(jq .keys_missing uploaded)" = 1 ] || fail "it is not said that a content key is missing"
grep -q 'upload again with --keys KEYS' said || fail "nor what to do"
staff "$viewer" 200 GET /api/v1/images
holds '.items | length == 1 and .[0].complete and .[0].key == "missing" and .[0].path == "lathe-ctl/2.0.0.img" and (.[0].encodings | length) == 2'
holds '.trust.root_version == 1 and .trust.threshold >= 1'
says 0 'no key' images "${place[@]}"
update upload --repo repo --keys release "${place[@]}"
says 0 'ready  *lathe-ctl/2.0.0.img' images "${place[@]}"
key=$(sed -n 's/^key //p' release/content/"$old".key)
grep -rqa "$key" ./*.db* ./*.log && fail "the content key lies open at the server"

# And in the middle of a whole upload, which goes on by itself.
update sign new.img --product lathe-ctl --version 2.1.0 --hardware rev-b --from old.img --keys release
update publish --keys release --repo repo
new=$(sha_of new.img)
"$selvedge" update upload --repo repo --keys release "${place[@]}" >uploaded 2>&1 &
uploading=$!
started+=("$uploading")
begun() { [ -s images/artifacts/"$new"/raw.part ] || [ -e images/artifacts/"$new"/raw ]; }
within 20 begun || fail "no upload begins"
die "$fleet"
start_fleet
wait "$uploading" || fail "the upload does not get over the server's end: $(cat uploaded)"
grep -q '2 images are served' uploaded || fail "it is not said what is served"
[ -z "$(find images -name '*.part' -o -path 'images/metadata/*')" ] || fail "parts are left behind"

# What is changed on its way is not served, and nothing of the old is gone.
cp -a repo bent
printf x | dd of="bent/artifacts/$old/raw" bs=1 seek=70000 conv=notrunc status=none
python3 - <<'PY'
import json
text = open("bent/metadata/timestamp.json").read()
json.loads(text)
open("bent/metadata/timestamp.json", "w").write(text.replace('"version":', '"version":9', 1))
PY
bent=$(cat bent/metadata/timestamp.json)
staff "$admin" 200 PUT '/api/v1/images/parts/metadata/timestamp.json?offset=0' -H 'Content-Type: application/octet-stream' --data-binary "$bent"
until_judged() { curl -s -X POST -H "$admin" -o answer -w '%{http_code}' "$api/api/v1/images/publish" | grep -q "$1"; }
within 20 until_judged 422 || fail "changed metadata is not refused: $(cat answer)"
holds '.detail | test("timestamp")'
update upload --repo repo --keys release "${place[@]}"

# Removed, and uploaded again with a chunk changed: thrown away by its name.
update remove lathe-ctl/2.0.0.img "${place[@]}"
says 0 'not whole' images "${place[@]}"
cp repo/metadata/timestamp.json bent/metadata/timestamp.json
says 4 "artifacts/$old/raw: chunk 1 .*thrown away" upload --repo bent "${place[@]}"
rm -rf bent
update upload --repo repo --keys release "${place[@]}"

# A device follows the images' metadata over mutual TLS, directly and through its gateway.
as press-1 -t sensors/press-1/a -m '{"value":1,"timestamp":"2026-11-22T06:15:04","device_id":"press-1"}'
as press-2 -t sensors/press-2/a -m '{"value":1,"timestamp":"2026-11-22T06:15:04","device_id":"press-2"}'
named() { [ "$(status_for "$1" "$door/v1/self")" = 200 ]; }
for id in press-1 press-2; do within 20 named "$id" || fail "$id is not bound to its site"; done
for base in "$fleet_url" "$door"; do
  rm -rf client
  "$SV_BIN/selvedge-tuf" --metadata-dir client init release/metadata/1.root.json
  follow client "$base/tuf/image/metadata" || fail "the images' metadata is not followed at $base"
  cmp -s client/targets.json repo/metadata/"$(jq .signed.version client/targets.json)".targets.json || fail "it is another"
done

# The director has a root for provisioning, and says nothing yet.
"$SV_BIN/selvedge-tuf" --metadata-dir director init director-root.json
staff "$viewer" 200 GET /api/v1/director/root
cmp -s answer director-root.json || fail "two roots of the director"
follow director "$fleet_url/tuf/director/press-1/metadata" || fail "the director is not followed"
[ "$(signed director '.signed.targets')" = '{}' ] || fail "something is assigned: $(cat director/targets.json)"
ask 404 press-1 "$fleet_url/artifacts/$new/zstd"
ask 404 press-1 "$fleet_url/tuf/director/press-1/key/$new.cms"

# One image for one device: documents, key and bytes are its own.
staff "$viewer" 403 POST /api/v1/devices/press-1/updates -d '{"image":"lathe-ctl/2.1.0.img"}' -H 'Content-Type: application/json'
staff "$admin" 201 POST /api/v1/devices/press-1/updates -d '{"image":"lathe-ctl/2.1.0.img"}' -H 'Content-Type: application/json'
says 1 'need .lathe-ctl/2.1.0.img' remove lathe-ctl/2.1.0.img "${place[@]}"
for base in "$fleet_url" "$door"; do
  follow director "$base/tuf/director/press-1/metadata" || fail "the assignment is not followed at $base"
  [ "$(signed director '.signed.targets["lathe-ctl/2.1.0.img"].custom.selvedge.device')" = '"press-1"' ] || fail "not for this device: $(cat director/targets.json)"
  [ "$(signed director '.signed.targets["lathe-ctl/2.1.0.img"].hashes.sha256')" = "\"$new\"" ] || fail "another image"
  ask 200 press-1 "$base/tuf/director/press-1/key/$new.cms"
  openssl cms -decrypt -inform DER -in answer -recip keys/press-1.crt -inkey keys/press-1.key -out opened || fail "the key is not for this device"
  [ "$(xxd -p -c 64 opened)" = "$(sed -n 's/^key //p' release/content/"$new".key)" ] || fail "another key"
  ask 206 press-1 "$base/artifacts/$new/raw" -r 65552-131103
  dd if="repo/artifacts/$new/raw" bs=65552 skip=1 count=1 status=none of=wanted
  cmp -s wanted answer || fail "another range"
  ask 200 press-1 "$base/artifacts/$new/delta-$old"
  cmp -s answer "repo/artifacts/$new/delta-$old" || fail "another delta"
  ask 404 press-2 "$base/artifacts/$new/raw"
  ask 403 press-2 "$base/tuf/director/press-1/metadata/timestamp.json"
  ask 403 press-2 "$base/tuf/director/press-1/key/$new.cms"
  ask 404 press-2 "$base/tuf/director/press-2/key/$new.cms"
done
ask 200 press-1 "$fleet_url/artifacts/$new/raw" -r 0-9 -H 'If-Range: "another"'

# A restored database never goes back behind what devices have seen.
version=$(signed director .signed.version)
# Versions go by the clock; several in one second are ahead of it, and a backup is older than that.
passed() { [ "$(date +%s)" -gt "$(jq .signed.version director/timestamp.json)" ]; }
within 20 passed || fail "versions are far ahead of the clock"
staff "$admin" 200 DELETE /api/v1/devices/press-1/updates
python3 - <<'PY'
import sqlite3
db = sqlite3.connect("fleet.db", timeout=20)
db.execute("DELETE FROM director")
db.commit()
PY
follow director "$fleet_url/tuf/director/press-1/metadata" || fail "what came back from a backup is not followed"
[ "$(signed director .signed.version)" -ge "$version" ] || fail "a version went back"

# A file of SWUpdate is known by its hashes; what it does not say has to be said.
printf 'abc' >lathe.swu
says 2 'give --product and --version' upload lathe.swu "${place[@]}"
update upload lathe.swu --product lathe-ctl --version 3.0 --hardware rev-b "${place[@]}"
staff "$viewer" 200 GET /api/v1/images
holds '.items | map(select(.kind == "file")) | length == 1 and .[0].sha1 == "a9993e364706816aba3e25717850c26c9cd0d89d" and .[0].md5 == "900150983cd24fb0d6963f7d28e17f72"'
says 1 'other bytes' upload old.img --name lathe.swu --product lathe-ctl --version 3.0 "${place[@]}"
says 3 'no fleet server answers' images --url "http://127.0.0.1:$(free_port)" --token-file admin.token

# Every deed has its line.
for what in images.publish images.key images.file images.remove; do
  staff "$admin" 200 GET "/api/v1/audit?what=$what"
  holds '.items | length >= 1'
done

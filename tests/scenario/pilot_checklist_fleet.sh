#!/usr/bin/env bash
# What the checklist says of a fleet by its server, and of what is kept: a live site is mended where a pilot is lax, then broken in one place after the other.
# [checklist-13] [checklist-23] [checklist-24]
set -euo pipefail
. "$SV_SOURCE/tests/support/checklist.sh"

# A program that does not answer breaks more than one statement: for those of the fleet, its server alone is looked at.
mkdir "$work/d"
server_alone() { jq '.programs |= map(select(.name == "fleet server"))' "$site/pilot.json" >"$work/d/pilot.json"; }
operator() { "$SV_BIN/selvedge" "$@" --pilot "$site" >/dev/null 2>"$work/err2" || fail "$*"; }
holds() { look "$work/d" now; grep -qx "$1 holds" "$work/now"; }
# within SECONDS command...
within() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do [ $SECONDS -lt $end ] || return 1; done
}
program() { jq -r --arg name "$1" '.programs[] | select(.name == $name) | .pid' "$site/pilot.json"; }

# Nobody is told.
look "$site" before
grep -qx 'somebody-told does not hold' "$work/before" || fail "that nobody is told is not seen"
grep -qx 'versions-reported holds' "$work/before" || fail "not every device says its version: $(jq -c '.statements[] | select(.id == "versions-reported")' "$work/before.json")"
grep -qx 'backup-restores unknown' "$work/before" || fail "a copy that nobody named is not unknown"
head -c 32 /dev/urandom | base64 | sed 's/^/whsec_/' >"$site/fleet/hook.secret"
chmod 600 "$site/fleet/hook.secret"
[ "$user" != 65534 ] || chown 65534 "$site/fleet/hook.secret"
cat >>"$site/fleet/fleet.yaml" <<YAML
notify:
  channels: {hook: {webhook: 'https://hook.example/x', secret_file: $site/fleet/hook.secret}}
  routes: [{name: never, site: elsewhere, to: hook}]
YAML
kill -HUP "$(program 'fleet server')"
server_alone
within 10 holds somebody-told || fail "who is told is not seen: $(jq -c '.statements[] | select(.id == "somebody-told")' "$work/now.json"; tail -3 "$site/log/fleet.log")"

# A copy of the database.
sqlite3 "$site/fleet/fleet.db" ".backup $work/copy.db"
chmod 600 "$work/copy.db"
more=(--backup "$work/copy.db")
server_alone
look "$work/d" before
grep -qx 'backup-restores holds' "$work/before" || fail "a good copy is none: $(jq -c '.statements[] | select(.id == "backup-restores")' "$work/before.json")"
for id in revoked-refused certificates-renewed security-alerts-answered silence-noticed storage-bounded databases-whole somebody-told firmware-signed rollback-counted boot-confirmed; do
  grep -qx "$id holds" "$work/before" || fail "of a good fleet $id does not hold: $(jq -c ".statements[] | select(.id == \"$id\")" "$work/before.json")"
done
chmod 644 "$work/copy.db"
saw backup-restores 'others than its owner may read it' "$work/d"
chmod 600 "$work/copy.db"
touch -d '9 days ago' "$work/copy.db"
saw backup-restores 'is 9 days old' "$work/d"
touch "$work/copy.db"
cp "$work/copy.db" "$work/good.db"
dd if=/dev/zero of="$work/copy.db" bs=1024 seek=8 count=40 conv=notrunc status=none
saw backup-restores 'copy.db' "$work/d"
cp "$site/site-1/gateway.db" "$work/copy.db"
cp "$site/site-1/gateway.db-wal" "$work/copy.db-wal"
saw backup-restores "is no copy of a fleet server's database" "$work/d"
rm -f "$work"/copy.db*
cp "$work/good.db" "$work/copy.db"

# A decision that a gateway has not heard of.
kill -STOP "$(program 'gateway site-1')"
curl -fs -m 10 -H "Authorization: Bearer $(cat "$site/fleet/admin.token")" -H 'Content-Type: application/json' -d '{"state":"revoked","reason":"lost"}' \
  "$(jq -r .fleet.operator_url "$site/pilot.json")/api/v1/devices/lathe-01/standing" >/dev/null || fail "lathe-01 is not revoked"
saw revoked-refused 'gateway-1 has decision 0 in force, and 1 were taken' "$work/d"
kill -CONT "$(program 'gateway site-1')"
within 20 holds revoked-refused || fail "the gateway does not follow: $(jq -c '.statements[] | select(.id == "revoked-refused")' "$work/now.json")"

# An alert that waits too long: told by the gateway as of 26 hours ago.
at=$((($(date +%s) - 26 * 3600) * 1000))
id=$(printf 'waits' | md5sum | cut -c1-32)
curl -fs -m 10 --cacert "$site/pki/ca.crt" --cert "$site/keys/gateway-1/gateway-1.crt" --key "$site/keys/gateway-1/gateway-1.key" -H 'Content-Type: application/json' \
  "$(jq -r .fleet.device_url "$site/pilot.json")/v1/alerts" -d "{\"event\":\"raised\",\"id\":\"$id\",\"deviceId\":\"pump-02\",\"alertType\":\"SECURITY\",\"severity\":\"critical\",\"message\":\"One key at two places\",\"data\":{\"timestamp\":$at,\"deviceId\":\"pump-02\"},\"timestamp\":\"$(date -u -d @$((at / 1000)) +%Y-%m-%dT%H:%M:%SZ)\"}" >/dev/null \
  || fail "the alert is not taken"
saw security-alerts-answered 'pump-02, for 26 hours: One key at two places' "$work/d"
operator alert acknowledge "$id"
holds security-alerts-answered || fail "an alert that was acknowledged is still open"

# All that is measured goes up.
look "$site" before
sed -i 's/^uplink: .*/uplink: {default: all}/' "$site/site-1/gateway.yaml"
saw little-leaves 'sends every value of every sensor up'

# A device that sends readings and says nothing of itself.
"${as[@]}" "$SV_BIN/selvedge" pki issue --dir "$site/pki" --id mute-1 --out "$work/mute" 2>"$work/err2" || fail "no certificate for mute-1"
"${as[@]}" "$SV_BIN/selvedge" publish --gateway "$(jq -r '.gateways[0] | "\(.host):\(.port)"' "$site/pilot.json")" --ca "$work/mute/ca.crt" --cert "$work/mute/mute-1.crt" --key "$work/mute/mute-1.key" --id mute-1 temperature 20 2>"$work/err2" \
  || fail "mute-1 is not heard"
mute() { look "$work/d" now; jq -e '.statements[] | select(.id == "versions-reported") | .verdict == "does not hold" and (.seen | any(test("^mute-1 does not say")))' "$work/now.json" >/dev/null; }
within 20 mute || fail "a device that does not say its version is not seen: $(jq -c '.statements[] | select(.id == "versions-reported")' "$work/now.json")"

# It says what it runs by itself: what nobody has signed, with no counter, from a slot that is bad; each breaks one statement of the three.
tells() {
  curl -fs -m 10 --cacert "$site/pki/ca.crt" --cert "$work/mute/mute-1.crt" --key "$work/mute/mute-1.key" -H 'Content-Type: application/json' -X PUT \
    "$(jq -r .fleet.device_url "$site/pilot.json")/default/controller/v1/mute-1/configData" -d "{\"mode\":\"replace\",\"data\":$1}" >"$work/out2" 2>"$work/err2" || fail "it may not say what it runs"
}
# breaks ID PATTERN: this one of the three alone
breaks() {
  look "$work/d" now
  [ "$(grep -E '^(firmware-signed|rollback-counted|boot-confirmed) does not hold$' "$work/now")" = "$1 does not hold" ] || fail "not $1 alone: $(cat "$work/now")"
  jq -e --arg id "$1" --arg seen "$2" '.statements[] | select(.id == $id) | .seen | any(test($seen))' "$work/now.json" >/dev/null || fail "$1 does not say '$2': $(jq -c ".statements[] | select(.id == \"$1\")" "$work/now.json")"
}
image=$(api images | jq -r '.items[] | select(.version == "1.0") | .sha256')
counter=$(api images | jq -r '.items[] | select(.version == "1.0") | .counter')
runs() { echo "{\"product\":\"machine\",\"version\":\"$1\",\"sha256\":\"$2\",\"boot\":\"$3\",\"counter\":\"$4\"}"; }
tells "$(runs 0.9 "$(head -c 32 /dev/urandom | sha256sum | cut -c1-64)" confirmed "$counter")"
breaks firmware-signed '1 device runs machine 0.9, .* which is no image that the fleet server has'
tells "$(runs 1.0 "$image" confirmed "")"
breaks rollback-counted 'not each says its release counter'
tells "$(runs 1.0 "$image" bad "$counter")"
breaks boot-confirmed '1 from a slot that is not confirmed'
tells "$(runs 1.0 "$image" confirmed "$counter")"
look "$work/d" now
[ "$(grep -cE '^(firmware-signed|rollback-counted|boot-confirmed) holds$' "$work/now")" = 3 ] || fail "what is right again does not hold: $(cat "$work/now")"

#!/usr/bin/env bash
# Enrolment on bad days, with real programs: two fleet servers on one database race for one token; the signer's disk is full, then the fleet server's; the clock of
# the signer, of the fleet server and of the gateway says 1970. Whoever asks hears why, the event log says so, nothing is half done, and the same token is
# good once what was wrong has been put right. [enrol-2] [enrol-13] [enrol-19] [enrol-22] [enrol-23]
set -euo pipefail
if [ "${1:-}" != inside ]; then
  exec unshare --map-root-user --mount "$0" inside
fi
. "$SV_SOURCE/tests/support/site.sh"
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0
mkdir "$work/pki" "$work/disk"
mount -t tmpfs -o size=1m,mode=700 tmpfs "$work/pki"
mount -t tmpfs -o size=4m tmpfs "$work/disk"
trap 'umount -l "$work/pki" "$work/disk"; close_all' EXIT

# clock_of NAME SHIFT_S: its machine's clock is so far off
clock_of() {
  python3 -c 'import os, struct, sys
open(sys.argv[1], "r+b" if os.path.exists(sys.argv[1]) else "w+b").write(struct.pack("=qqqqq", 0, int(sys.argv[2]) * 1000000, 0, 0, 0))' "$work/$1.machine" "$2"
}
# on NAME SHIFT_S command...: on a machine whose clock is so far off
on() {
  clock_of "$1" "$2"
  run "$work/$1.log" env SV_MACHINE="$work/$1.machine" LD_PRELOAD="$SV_BIN/../tests/attacks_machine.so" "${@:3}"
}
in_1970=$((60 - $(date +%s)))
signer_at() {
  rm -f "$work/signer.sock"
  on signer "$1" "$SV_BIN/selvedge-signer" --config "$work/signer.yaml"
  signer=$ran
  within 20 test -S "$work/signer.sock" || fail "the signer does not become ready"
}
fleet_at() {
  on fleet "$1" "$SV_BIN/selvedge-fleet" --config "$work/fleet.yaml"
  fleet=$ran
  within 20 curl -fs "127.0.0.1:$operator_port/readyz" || fail "the fleet server does not become ready"
}
gateway_at() {
  on gateway "$1" "$SV_BIN/selvedge-gateway" --config "$work/gateway.yaml"
  gateway=$ran
  within 20 curl -fs "127.0.0.1:$http_port/healthz" || fail "the gateway does not become ready"
}
stop() {
  kill "$1"
  wait "$1" || true
}

fleet_choose
door_port=$(free_port)
site_open "door: {bind: 127.0.0.1, port: $door_port}"$'\n'"fleet: {$fleet_link, every: 100ms}"
fleet_open
stop "$fleet"
rm -f "$work"/fleet.db*
sed -i "s|$work/fleet.db|$work/disk/fleet.db|" "$work/fleet.yaml"
echo "signer: {socket: $work/signer.sock}" >>"$work/fleet.yaml"
printf 'pki: %s\nsocket: %s\n' "$work/pki" "$work/signer.sock" >"$work/signer.yaml"
signer_at 0
fleet_at 0

at=http://127.0.0.1:$operator_port/api/v1
place=(--url "http://127.0.0.1:$operator_port" --token-file "$work/admin.token")
api() { curl -s -H "Authorization: Bearer $(cat "$work/admin.token")" "$@"; }
token_of() { "$selvedge" device add "$1" --site north "${place[@]}" --output json 2>/dev/null | jq -r '.[0].token'; }
request() { openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/$1.key" -subj "/CN=$1" -out "$work/$1.csr" 2>/dev/null; }
# enrol NAME TOKEN DOOR: the status, what was said in $work/said
enrol() {
  curl -s -m 30 --cacert "$work/pki/ca.crt" -o "$work/said" -w '%{http_code}' -u "$1:$2" --data-binary "@$work/$1.csr" "$3/.well-known/est/simpleenroll" || true
}
# ends NAME TOKEN STATUS SENTENCE, at both doors
ends() {
  local place got
  for place in "$fleet_url" "https://127.0.0.1:$door_port"; do
    got=$(enrol "$1" "$2" "$place")
    [ "$got" = "$3" ] || fail "$got instead of $3 at $place: $(cat "$work/said")"
    grep -q -- "$4" "$work/said" || fail "not '$4' at $place: $(cat "$work/said")"
  done
}
# What was signed for nobody (the second server of a race, one that was killed) is known from the signer's record alone.
given() { api "$at/certificates?q=$1&limit=500" | jq '[.items[] | select(.how != "imported")] | length'; }
lines() { api "$at/audit?about=$1&what=enrolment.use" | jq "[.items[] | select(.outcome == \"$2\")] | length"; }
state() { api "$at/enrolments" | jq -r ".items[] | select(.id == \"$1\") | .state"; }
recorded() { "$selvedge" pki list --dir "$work/pki" --output json | jq --arg id "$1" '[.[] | select(.id == $id)] | length'; }
untouched() { [ "$(given "$1")$(recorded "$1")$(state "$1")" = 00open ] || fail "$1: $(given "$1") certificates, $(recorded "$1") on record, the token is $(state "$1")"; }
told() { [ "$(lines "$1" failed)" = "$2" ] || fail "the event log does not tell $2 times: $(api "$at/audit?about=$1")"; }
works() { [ "$(enrol "$@" "https://127.0.0.1:$door_port")" = 200 ]; }

# Two fleet servers, one database, one token.
second_port=$(free_port)
sed -e "s/operator: .*/operator: {port: $(free_port)}/" -e "s/port: $fleet_port/port: $second_port/" "$work/fleet.yaml" >"$work/second.yaml"
run "$work/second.log" "$SV_BIN/selvedge-fleet" --config "$work/second.yaml"
second=$ran
within 20 curl -s --cacert "$work/pki/ca.crt" "https://127.0.0.1:$second_port/.well-known/est/cacerts" || fail "no second server"
for round in 1 2 3; do
  token=$(token_of "race-$round")
  request "race-$round"
  racers=()
  for ((i = 0; i < 20; i++)); do
    curl -s -m 30 --cacert "$work/pki/ca.crt" -o /dev/null -w '%{http_code}\n' -u "race-$round:$token" --data-binary "@$work/race-$round.csr" \
      "https://127.0.0.1:$((i % 2 == 0 ? fleet_port : second_port))/.well-known/est/simpleenroll" >"$work/code.$i" &
    racers+=("$!")
  done
  for racer in "${racers[@]}"; do wait "$racer" || true; done
  [ "$(cat "$work"/code.* | grep -c '^200$')" = 1 ] || fail "two servers: $(sort "$work"/code.* | uniq -c)"
  [ "$(given "race-$round")$(lines "race-$round" "done")" = 11 ] || fail "two servers: $(given "race-$round") certificates are known"
done
stop "$second"

# The signer's disk is full: nothing is signed that is not on record.
token=$(token_of press-7)
request press-7
dd if=/dev/zero of="$work/pki/filler" bs=512 2>/dev/null || true
room_left() { "$SV_SOURCE/tests/support/signer_ask.py" "$work/signer.sock" issue "$1" "$work/none" >/dev/null; }
for ((n = 0; n < 60; n++)); do room_left "filler-$n" || break; done # the last page of its record
ends press-7 "$token" 503 'signer: '
untouched press-7
told press-7 2
rm "$work/pki/filler"
works press-7 "$token" || fail "there is room again: $(cat "$work/said")"

# The fleet server's is.
token=$(token_of press-8)
request press-8
dd if=/dev/zero of="$work/disk/filler" bs=512 2>/dev/null || true
ends press-8 "$token" 503 'full'
kill -0 "$fleet" || fail "the fleet server has ended"
grep -q 'full' "$work/fleet.log" || fail "its log does not say why"
rm "$work/disk/filler"
[ "$(given press-8)$(state press-8)" = 0open ] || fail "$(given press-8) certificates, the token is $(state press-8)"
works press-8 "$token" || fail "there is room again: $(cat "$work/said")"
[ "$(given press-8)$(lines press-8 "done")" = 11 ] || fail "$(given press-8) certificates after a full disk"

# 1970, at the signer, at the fleet server, at the gateway.
token=$(token_of press-9)
request press-9
stop "$signer"
signer_at "$in_1970"
ends press-9 "$token" 503 clock
untouched press-9
told press-9 2
stop "$signer"
signer_at 0
stop "$fleet"
sqlite3 "$work/disk/fleet.db" 'DELETE FROM belief' # it has never known better
fleet_at "$in_1970"
ends press-9 "$token" 503 clock
untouched press-9
told press-9 4
stop "$fleet"
fleet_at 0
stop "$gateway"
gateway_at "$in_1970"
works press-9 "$token" || fail "a gateway in 1970: $(cat "$work/said")"
[ "$(given press-9)" = 1 ] || fail "$(given press-9) certificates"

# And 2099: the fleet server and the gateway leap there, and start there, [clock-1] [clock-3] [clock-6].
in_2099=$((73 * 365 * 86400))
token=$(token_of press-10)
request press-10
clock_of fleet "$in_2099"
clock_of gateway "$in_2099"
within 10 grep -q clock.doubted "$work/fleet.log" || fail "the fleet server does not say that its clock leapt"
within 10 grep -q clock.doubted "$work/gateway.log" || fail "the gateway does not say that its clock leapt"
works press-10 "$token" || fail "in 2099: $(cat "$work/said")"
token=$(token_of press-11)
request press-11
stop "$fleet"
stop "$gateway"
fleet_at "$in_2099"
gateway_at "$in_2099"
works press-11 "$token" || fail "started in 2099: $(cat "$work/said")"
[ "$(api "$at/certificates?q=press-1" | jq '[.items[] | select(.state == "expired")] | length')" = 0 ] || fail "certificates have ended in 2099"

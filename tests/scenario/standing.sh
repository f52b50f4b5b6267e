#!/usr/bin/env bash
# From an operator's word to the end of a session: fleet server, signer, gateways and an agent. Fifty sessions end within seconds each; who was away has it when it
# returns; what was committed before kill -9 is pushed after it. [standing-8] [standing-9] [standing-11]
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
gateways='gw: north, gw-2: south'
fleet_choose
site_open "fleet: {$fleet_link, every: 200ms}"
issue gw-2 --role gateway --ip 127.0.0.1
fleet_open
signer_open
place=(--url "http://127.0.0.1:$operator_port" --token-file "$work/admin.token")
at=http://127.0.0.1:$operator_port/api/v1
api() { curl -s -m 10 -H "Authorization: Bearer $(cat "$work/admin.token")" "$@"; }
follows() { api "$at/standing" | jq -e ".version as \$v | .gateways[] | select(.id == \"$1\") | .connected and .version == \$v"; }
within 20 follows gw || fail "the gateway does not follow the log: $(api "$at/standing") $(cat "$work/fleet.log")"
device() {
  local wanted=$1 code=0
  shift
  "$selvedge" device "$@" "${place[@]}" >"$work/out" 2>"$work/said" || code=$?
  [ "$code" = "$wanted" ] || fail "exit code $code, not $wanted: device $*: $(cat "$work/out" "$work/said")"
}
told() { grep -q -e "$1" "$work/out" "$work/said" || fail "not told '$1': $(cat "$work/out" "$work/said")"; }
speaks() { as "$1" -t "sensors/$1/a" -m "{\"value\":1,\"timestamp\":\"2026-11-22T06:15:04\",\"device_id\":\"$1\"}"; }

# The command says where it is in force.
speaks press-1 || fail "press-1 cannot publish"
sleep 1.1 # certificates count in whole seconds
device 0 revoke press-1 --reason stolen
told '^  gw: in force after [0-9]\.[0-9] s$'
told '^  gw-2: not connected, will have it when it returns$'
if speaks press-1; then fail "a revoked device publishes"; fi
speaks press-2 || fail "the others must not suffer from a revocation"

# [standing-11] The list for others is signed, at both doors, and nobody has to log in.
serial=$(openssl x509 -in "$work/keys/press-1.crt" -noout -serial | cut -d= -f2)
listed() { curl -fs -m 10 "http://127.0.0.1:$operator_port/crl" -o "$work/list.der" && openssl crl -inform DER -in "$work/list.der" -noout -text | grep -qi "Serial Number: $serial"; }
within 10 listed || fail "press-1 is not on the list"
openssl crl -inform DER -in "$work/list.der" -CAfile "$work/pki/ca.crt" -noout 2>"$work/said" || fail "$(cat "$work/said")"
grep -q 'verify OK' "$work/said" || fail "the list is not signed: $(cat "$work/said")"
[ "$(curl -s -m 10 --cacert "$work/pki/ca.crt" --cert "$work/keys/gw.crt" --key "$work/keys/gw.key" "$fleet_url/crl" | sha256sum)" = "$(sha256sum <"$work/list.der")" ] || fail "the device door gives another list"

# Fifty live sessions.
worst=$(python3 "$SV_SOURCE/tests/support/kicks.py" "$work" "$mqtt_port" "$operator_port" 50 2>"$work/said") || fail "$(cat "$work/said")"
awk -v worst="$worst" 'BEGIN { exit !(worst < 2) }' || fail "it took $worst s to end a session"

# Committed, not pushed: the signer stands still, the server is killed. The gateway has it when they are back.
signing=$signer
kill -STOP "$signing"
device 3 revoke press-2 --wait 1
told 'have not said that it is in force'
speaks press-2 || fail "the gateway acts on what nobody has signed"
die "$fleet"
die "$signing"
start_signer
start_fleet
within 20 follows gw || fail "what was committed before kill -9 is not pushed after it: $(api "$at/standing")"
if speaks press-2; then fail "press-2 publishes"; fi

# A gateway that was away catches up, and keeps what it has without the fleet server.
kill "$gateway"
wait "$gateway" || true
issue press-9
speaks_9() { speaks press-9; }
device 0 quarantine press-9 --unknown
told '^  gw: not connected, will have it when it returns$'
start_gateway
within 20 follows gw || fail "a gateway that returns does not catch up: $(api "$at/standing")"
die "$fleet"
kill -9 "$gateway"
wait "$gateway" || true
start_gateway
within 10 speaks_9 || fail "a quarantined device must stay connected"
if speaks press-1; then fail "a restarted gateway has forgotten who is revoked"; fi
[ "$(sqlite3 -readonly "$work/gateway.db" "SELECT count(*) FROM stream WHERE device = 'press-9'")" = 0 ] || fail "what a quarantined device measures is stored"

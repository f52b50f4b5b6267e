#!/usr/bin/env bash
# A machine on its first day: the operator's line is typed on it, it gets its certificate through its gateway, its agent starts and its row turns green.
# No gateway speaks for another site's devices, and nobody gets the gateway's own certificate by it.
# [enrol-3] [enrol-4] [enrol-12] [enrol-15] [enrol-17] [enrol-21] [standing-8]
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
fleet_choose
door_port=$(free_port)
door=https://127.0.0.1:$door_port
gateways="gw: {site: north, door: '127.0.0.1:$door_port'}, far-gw: south"
site_open "door: {bind: 127.0.0.1, port: $door_port}"$'\n'"fleet: {$fleet_link, every: 100ms}"
fleet_open
kill "$fleet"
wait "$fleet" || true
echo "signer: {socket: $work/signer.sock}" >>"$work/fleet.yaml"
printf 'pki: %s\nsocket: %s\n' "$work/pki" "$work/signer.sock" >"$work/signer.yaml"
run "$work/signer.log" "$SV_BIN/selvedge-signer" --config "$work/signer.yaml"
within 20 test -S "$work/signer.sock" || fail "the signer does not become ready"
start_fleet

at=http://127.0.0.1:$operator_port/api/v1
place=(--url "http://127.0.0.1:$operator_port" --token-file "$work/admin.token")
api() { curl -s -H "Authorization: Bearer $(cat "$work/admin.token")" "$@"; }
device_is() { api "$at/devices/$1" | jq -e "$2" >/dev/null; }
token_of() { "$selvedge" device add "$1" --site "$2" "${place[@]}" --output json 2>/dev/null | jq -r '.[0].token'; }
request() { openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/$1.key" -subj "/CN=$1" -out "$work/$1.csr" 2>/dev/null; }
# ask STATUS SENTENCE OPERATION curl's arguments..., through the gateway
ask() {
  local status=$1 sentence=$2 got
  got=$(curl -s -m 30 --cacert "$work/pki/ca.crt" -o "$work/said" -w '%{http_code}' "${@:4}" "$door/.well-known/est/$3" || true)
  [ "$got" = "$status" ] || fail "$got instead of $status for $3 ${*:4}: $(cat "$work/said")"
  grep -q -- "$sentence" "$work/said" || fail "not '$sentence': $(cat "$work/said")"
}

# The line, as it is printed.
line=$("$selvedge" device add press-17 --site north "${place[@]}" 2>/dev/null)
[[ $line == *" --at 127.0.0.1:$door_port "* ]] || fail "the line names another door: $line"
device_is press-17 '.awaited and (.online | not) and .certificate == null' || fail "press-17 is not awaited"
(cd "$work" && PATH="$SV_BIN:$PATH" bash -c "$line --out $work/press-17" >"$work/enrolled" 2>&1) || fail "the line fails: $(cat "$work/enrolled")"
device_is press-17 '.awaited and .certificate.serial != null' || fail "no certificate is shown"
[ "$(stat -c %a "$work/press-17/press-17.key")" = 600 ] || fail "the key is readable: $(ls -l "$work/press-17")"
if (cd "$work" && PATH="$SV_BIN:$PATH" bash -c "$line --out $work/again" >"$work/enrolled" 2>&1); then fail "the line works twice"; fi
grep -q 'was used on' "$work/enrolled" || fail "it does not say why: $(cat "$work/enrolled")"
cat >"$work/press-17/agent.yaml" <<YAML
gateway: {host: 127.0.0.1, port: $mqtt_port}
id: press-17
tls: {ca: $work/press-17/ca.crt, cert: $work/press-17/press-17.crt, key: $work/press-17/press-17.key}
YAML
run "$work/agent.log" "$SV_BIN/selvedge-agent" --config "$work/press-17/agent.yaml"
within 20 device_is press-17 '.online and (.awaited | not) and .site == "north"' || fail "its row does not turn green: $(api "$at/devices/press-17")"

# curl, through the gateway: by token, then by the certificate itself, which the gateway passes on.
request press-18
ask 401 'token: simpleenroll needs one' simpleenroll --data-binary "@$work/press-18.csr"
ask 200 '' simpleenroll -u "press-18:$(token_of press-18 north)" --data-binary "@$work/press-18.csr"
base64 -d "$work/said" | openssl pkcs7 -inform DER -print_certs -out "$work/press-18.crt"
ask 200 '' simplereenroll --cert "$work/press-18.crt" --key "$work/press-18.key" --data-binary "@$work/press-18.csr"
api "$at/audit?about=press-18&what=certificate.renew" | jq -e '.items | length == 1 and .[0].outcome == "done" and .[0].from == "gw"' >/dev/null ||
  fail "the renewal is not in the event log: $(api "$at/audit?about=press-18")"

# A hostile gateway, and somebody behind a good one.
request mill-1
ask 403 'mill-1 is not of site north, which gateway gw speaks for' simpleenroll -u "mill-1:$(token_of mill-1 south)" --data-binary "@$work/mill-1.csr"
request gw
ask 401 '' simplereenroll --data-binary "@$work/gw.csr"
for path in gateway/simplereenroll gateway%2fsimplereenroll; do
  got=$(curl -s -m 30 --cacert "$work/pki/ca.crt" -o "$work/said" -w '%{http_code}' --path-as-is --data-binary "@$work/gw.csr" "$door/.well-known/est/$path" || true)
  case $got in 400 | 401 | 404) ;; *) fail "$got for $path: $(cat "$work/said")" ;; esac
done
[ "$(api "$at/certificates?q=gw&limit=500" | jq '[.items[] | select(.how != "imported")] | length')" = 0 ] || fail "somebody has a certificate of the gateway's"

# Who is revoked or set aside gets no certificate, at neither door; who counts again does. [enrol-15]
standing() { "$selvedge" device "$1" press-18 "${place[@]}" >/dev/null 2>&1 || fail "press-18: no $1"; }
# renews STATUS SENTENCE, at both doors
renews() {
  local got at
  for at in "$door" "$fleet_url"; do
    got=$(curl -s -m 30 --cacert "$work/pki/ca.crt" -o "$work/said" -w '%{http_code}' --cert "$work/press-18.crt" --key "$work/press-18.key" \
      --data-binary "@$work/press-18.csr" "$at/.well-known/est/simplereenroll" || true)
    [ "$got" = "$1" ] || fail "$got instead of $1 at $at: $(cat "$work/said")"
    grep -q -- "$2" "$work/said" || fail "not '$2' at $at: $(cat "$work/said")"
  done
}
standing quarantine
renews 403 'press-18.* quarantined'
standing release
renews 200 ''
base64 -d "$work/said" | openssl pkcs7 -inform DER -print_certs -out "$work/press-18.crt"
known=$(api "$at/certificates?q=press-18&limit=500" | jq '.items | length')
standing revoke
version_is_here() { [ "$(metric standing_version)" = 3 ]; }
within 20 version_is_here || fail "the gateway does not know: $(metric standing_version)"
renews 403 'press-18.* revoked'
[ "$(api "$at/certificates?q=press-18&limit=500" | jq '.items | length')" = "$known" ] || fail "who is revoked has another certificate"

# Guesses are slowed down for the id they are for, the right token with them, and raised once; nobody else is held up. [enrol-21]
request press-19
token=$(token_of press-19 north)
for ((i = 0; i < 20; i++)); do ask 401 'token: ' simpleenroll -u "press-19:$(openssl rand -base64 32 | tr -d '\n')" --data-binary "@$work/press-19.csr"; done
ask 429 'too many wrong ones' simpleenroll -u "press-19:$token" --data-binary "@$work/press-19.csr"
request press-20
ask 200 '' simpleenroll -u "press-20:$(token_of press-20 north)" --data-binary "@$work/press-20.csr"
base64 -d "$work/said" | openssl pkcs7 -inform DER -print_certs -out "$work/press-20.crt"
guessed() { api "$at/alerts?limit=500" | jq -e '[.items[] | select(.rule == "enrolment")] | length == 1 and .[0].type == "SECURITY"' >/dev/null; }
within 20 guessed || fail "the guesses are no alert: $(api "$at/alerts?limit=500")"

# Names that would be something elsewhere are text, and no line of their own in a log.
for name in "press-20' OR '1'='1" '<img src=x onerror=alert(1)>' $'a\e[2Jb' $'a\r\nlevel=error' 'a/#' "\$share"; do
  ask 401 'token: ' simpleenroll -u "$name:$(openssl rand -hex 32)" --data-binary "@$work/press-20.csr"
done
if LC_ALL=C grep -vE '^time=[ -~]*"$' "$work/fleet.log" "$work/gateway.log" >"$work/odd"; then fail "a name wrote into a log: $(cat -v "$work/odd")"; fi

# A gateway that counts no more speaks for nobody, whatever connection it has kept, and whose certificate it shows.
token=$(token_of press-21 north)
request press-21
"$selvedge" device revoke gw "${place[@]}" --reason "a test" >/dev/null 2>&1 || fail "the gateway cannot be revoked"
ask 403 "'gw' is revoked" simpleenroll -u "press-21:$token" --data-binary "@$work/press-21.csr"
ask 403 "'gw' is revoked" simplereenroll --cert "$work/press-20.crt" --key "$work/press-20.key" --data-binary "@$work/press-20.csr"

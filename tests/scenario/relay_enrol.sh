#!/usr/bin/env bash
# A device enrols through its gateway: curl and openssl, then the agent, with the fleet server and its signer behind it; while the fleet server
# is away both sides say so; a gateway speaks for the devices of its own site alone (attack row 54).
# [relay-10] [relay-11] [relay-12] [enrol-15] [enrol-26]
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
fleet_choose
door_port=$(free_port)
door=https://127.0.0.1:$door_port
site_open "door: {bind: 127.0.0.1, port: $door_port}"$'\n'"fleet: {$fleet_link, every: 100ms}"
issue far-gw --role gateway --ip 127.0.0.1
issue fleet --role server --ip 127.0.0.1
printf 'pki: %s\nsocket: %s\n' "$work/pki" "$work/signer.sock" >"$work/signer.yaml"
run "$work/signer.log" "$SV_BIN/selvedge-signer" --config "$work/signer.yaml"
within 20 grep -q event=signer.ready "$work/signer.log" || fail "no signer"
cat >"$work/fleet.yaml" <<YAML
id: fleet
store: {path: $work/fleet.db}
operator: {port: $operator_port}
device:
  port: $fleet_port
  tls: {ca: $work/pki/ca.crt, cert: $work/keys/fleet.crt, key: $work/keys/fleet.key}
gateways: {gw: {site: north, door: '127.0.0.1:$door_port'}, far-gw: {site: south}}
signer: {socket: $work/signer.sock}
pki: $work/pki
admin_token_file: $work/admin.token
YAML
start_fleet

# added ID SITE: $token is its token, $pin what the authority is known by
added() {
  "$selvedge" device add "$1" --site "$2" --url "http://127.0.0.1:$operator_port" --token-file "$work/admin.token" --output json >"$work/added" 2>"$work/said" \
    || fail "device add: $(cat "$work/said")"
  token=$(jq -r '.[0].token' "$work/added")
  pin=$(jq -r '.[0].pin' "$work/added")
}
request() { openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/keys/$1.key" -subj "/CN=$1" -out "$work/$1.csr" 2>/dev/null; }
# est STATUS PATH curl's arguments...
est() {
  local status=$1 path=$2 got
  shift 2
  got=$(curl -s -m 30 --cacert "$work/pki/ca.crt" -o "$work/said" -D "$work/head" -w '%{http_code}' "$@" "$door/.well-known/est/$path" || true)
  [ "$got" = "$status" ] || fail "$got instead of $status for $path: $(cat "$work/said")"
}
says() { grep -q "$1" "$work/said" || fail "not '$1': $(cat "$work/said")"; }
enrol() { est "$1" simpleenroll --data-binary "@$work/$2.csr" -H 'Content-Type: application/pkcs10' -H 'Content-Transfer-Encoding: base64' -u "$2:$3"; }
# took ID: its certificate is what came
took() {
  base64 -d "$work/said" | openssl pkcs7 -inform DER -print_certs -out "$work/keys/$1.crt"
  openssl verify -CAfile "$work/pki/ca.crt" "$work/keys/$1.crt" >/dev/null || fail "what $1 got does not verify"
}

# With curl and openssl, nothing else.
est 200 cacerts
base64 -d "$work/said" | openssl pkcs7 -inform DER -print_certs | openssl verify -CAfile "$work/pki/root/root.crt" >/dev/null || fail "cacerts are others"
est 200 csrattrs
added press-17 north
[ "$(jq -r '.[0].at' "$work/added")" = "127.0.0.1:$door_port" ] || fail "the operator is given another address than the gateway's"
request press-17
enrol 401 press-17 wrong
says 'token'
enrol 200 press-17 "$token"
took press-17
enrol 403 press-17 "$token"
says "was used on"
as press-17 -t sensors/press-17/a -m '{"value":1,"timestamp":"2026-11-22T06:15:04","device_id":"press-17"}' || fail "the new certificate does not count at the gateway"
[ "$(curl -s --cacert "$work/pki/ca.crt" --cert "$work/keys/press-17.crt" --key "$work/keys/press-17.key" "$door/v1/self" | jq -r '"\(.device) \(.via)"')" = "press-17 gw" ] || fail "it is somebody else"
grep -q "event=relay.enrolment.*simpleenroll for 127.0.0.1: status 200" "$work/gateway.log" || fail "the gateway's log does not tell of it"

# It renews by its certificate, through the same door.
cp "$work/keys/press-17.crt" "$work/first.crt"
est 200 simplereenroll --data-binary "@$work/press-17.csr" --cert "$work/keys/press-17.crt" --key "$work/keys/press-17.key"
took press-17
[ "$(openssl x509 -in "$work/first.crt" -noout -serial)" != "$(openssl x509 -in "$work/keys/press-17.crt" -noout -serial)" ] || fail "it is the same one"
est 401 simplereenroll --data-binary "@$work/press-17.csr"

# Row 54: a device of another site is nobody here, whatever it shows; and the far gateway does not speak for press-17.
added lathe-1 south
request lathe-1
enrol 403 lathe-1 "$token"
says 'lathe-1 is not of site north'
der=$(openssl x509 -in "$work/keys/press-17.crt" -outform DER | base64 -w0)
[ "$(curl -s -o "$work/said" -w '%{http_code}' --cacert "$work/pki/ca.crt" --cert "$work/keys/far-gw.crt" --key "$work/keys/far-gw.key" -H "Client-Cert: :$der:" \
  --data-binary "@$work/press-17.csr" "$fleet_url/.well-known/est/simplereenroll")" = 403 ] || fail "another site's gateway renews for press-17: $(cat "$work/said")"

# Nor does press-17's own gateway, with a key of its own: it holds the certificate, and not the key, [enrol-26].
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/evil.key" -subj /CN=press-17 -out "$work/evil.csr" 2>/dev/null
as_gateway() { curl -s -o "$work/said" -w '%{http_code}' --cacert "$work/pki/ca.crt" --cert "$work/keys/gw.crt" --key "$work/keys/gw.key" -H "Client-Cert: :$der:" \
  --data-binary "@$1" "$fleet_url/.well-known/est/simplereenroll"; }
[ "$(as_gateway "$work/evil.csr")" = 403 ] || fail "a gateway renews for press-17 with its own key: $(cat "$work/said")"
says 'key: through a gateway press-17 renews with the key it has'
[ "$(as_gateway "$work/press-17.csr")" = 200 ] || fail "the same key does not pass: $(cat "$work/said")"

# The agent, by the line that the operator is given.
added press-18 north
echo "$token" | "$SV_BIN/selvedge-agent" enrol press-18 --at "127.0.0.1:$door_port" --pin "$pin" --out "$work/agent" >"$work/said" 2>&1 || fail "the agent: $(cat "$work/said")"
openssl verify -CAfile "$work/pki/ca.crt" "$work/agent/press-18.crt" >/dev/null || fail "the agent's certificate does not verify"

# The fleet server away: the authorities are told, certificates are not, and both sides know why.
added press-19 north
request press-19
kill "$fleet"
wait "$fleet" || true
est 200 cacerts
enrol 503 press-19 "$token"
says 'the gateway cannot reach the fleet server'
grep -qi '^retry-after: [0-9]' "$work/head" || fail "no Retry-After"
grep -q 'event=relay.down.*simpleenroll for 127.0.0.1: the fleet server' "$work/gateway.log" || fail "the operator is not told"
if echo "$token" | "$SV_BIN/selvedge-agent" enrol press-19 --at "127.0.0.1:$door_port" --pin "$pin" --out "$work/agent" >"$work/said" 2>&1; then fail "it enrols with nobody"; fi
says 'cannot reach the fleet server'
start_fleet
enrol 200 press-19 "$token"
took press-19
for secret in "$token" "$(printf 'press-19:%s' "$token" | base64 -w0)"; do
  if grep -q "$secret" "$work/gateway.log" "$work/fleet.log"; then fail "a token is in a log"; fi
done

#!/usr/bin/env bash
# A new issuing CA under a running site, without touching a device: what was issued before and what is issued from now on
# work side by side, at the gateway and at the fleet server, and both can be revoked.
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
ask=$SV_SOURCE/tests/support/signer_ask.py
socket=$work/signer.sock
reading() { printf '{"value":1,"timestamp":"2026-11-22T06:15:04","device_id":"%s"}' "$1"; }
stored_more() { [ "$(metric readings_stored_total)" -gt "$1" ]; }
# door CERTIFICATE KEY: the fleet server's device door answers its owner
door() { curl -fsS --cacert "$work/device-ca.crt" --cert "$1" --key "$2" "$fleet_url/v1/self"; }

fleet_choose
site_open "fleet: {$fleet_link, every: 200ms}"
fleet_open
cp "$work/pki/ca.crt" "$work/device-ca.crt" # what devices have, and keep
printf 'pki: %s\nsocket: %s\n' "$work/pki" "$socket" >"$work/signer.yaml"
run "$work/signer.log" "$SV_BIN/selvedge-signer" --config "$work/signer.yaml"
signer=$ran
within 20 grep -q "event=signer.ready" "$work/signer.log" || fail "the signer does not become ready"
issue machine
cat >"$work/agent.yaml" <<YAML
id: machine
gateway: {host: 127.0.0.1, port: $mqtt_port}
tls: {ca: $work/device-ca.crt, cert: $work/keys/machine.crt, key: $work/keys/machine.key}
health: {interval: 1s}
machine: true
YAML
run "$work/agent.log" "$SV_BIN/selvedge-agent" --config "$work/agent.yaml"
agent=$ran
within 10 stored_more 0 || fail "no reading of the agent arrives"

issuer_of() { openssl x509 -in "$1" -noout -issuer; }
"$selvedge" pki rotate --dir "$work/pki" 2>"$work/said" || fail "$(cat "$work/said")"
grep -q "SIGHUP" "$work/said" || fail "it is not said what to do next"
[ "$(grep -c BEGIN "$work/pki/ca.crt")" = 3 ] || fail "ca.crt is not new, root, former"
[ "$(grep -c BEGIN "$work/pki/crl.pem")" = 2 ] || fail "a former issuer has no list"
kill -HUP "$gateway" "$fleet" "$signer"
within 20 grep -q "event=signer.reloaded" "$work/signer.log" || fail "the signer does not take the new key"

# What cannot be taken changes nothing. [signer-10]
chmod 644 "$work/pki/ca.key"
kill -HUP "$signer"
within 20 grep -q "event=signer.kept.*chmod 600" "$work/signer.log" || fail "a key that others may read is taken at a reload"
chmod 600 "$work/pki/ca.key"

# By hand and by the signer: the new one issues.
issue press-3
[ "$(issuer_of "$work/keys/press-3.crt")" != "$(issuer_of "$work/keys/press-1.crt")" ] || fail "the old CA still issues"
"$ask" "$socket" issue press-4 "$work/press-4.der"
openssl x509 -inform DER -in "$work/press-4.der" -out "$work/press-4.crt"
[ "$(issuer_of "$work/press-4.crt")" = "$(issuer_of "$work/keys/press-3.crt")" ] || fail "the signer signs with the old key"

# Both work, also with a gateway that has started anew and with one whose own certificate is new.
both() {
  as press-1 -t sensors/press-1/a -m "$(reading press-1)" && as press-3 -t sensors/press-3/a -m "$(reading press-3)"
}
within 20 both || fail "old and new do not both work"
door "$work/keys/press-1.crt" "$work/keys/press-1.key" | grep -q press-1 || fail "the fleet server refuses an old certificate"
door "$work/keys/press-3.crt" "$work/keys/press-3.key" | grep -q press-3 || fail "the fleet server refuses a new certificate"
"$selvedge" pki issue --dir "$work/pki" --out "$work/renewed" --id gw --role gateway --ip 127.0.0.1
cp "$work/renewed/gw.crt" "$work/renewed/gw.key" "$work/keys/"
kill "$gateway"
wait "$gateway" || true
start_gateway
both || fail "old and new do not both work with a gateway of the new CA"
mosquitto_pub -h 127.0.0.1 -p "$mqtt_port" --cafile "$work/device-ca.crt" --cert "$work/keys/press-1.crt" --key "$work/keys/press-1.key" \
  -q 1 -t sensors/press-1/b -m "$(reading press-1)" || fail "a device with the old ca.crt does not know the gateway"
before=$(metric readings_stored_total)
within 15 stored_more "$before" || fail "the agent does not come back"
kill -0 "$agent" || fail "the agent ended"

# Revoked by the CA of either time.
for id in press-1 press-3; do "$selvedge" pki revoke --dir "$work/pki" "$id"; done
"$selvedge" pki crl --dir "$work/pki" --out "$work/pki/crl.pem"
kill -HUP "$gateway"
refused_now() { ! as "$1" -t "sensors/$1/c" -m "$(reading "$1")"; }
within 20 refused_now press-1 || fail "a revoked device of the old CA is let in"
within 20 refused_now press-3 || fail "a revoked device of the new CA is let in"
as press-2 -t sensors/press-2/a -m "$(reading press-2)" || fail "the others must not suffer from a revocation"

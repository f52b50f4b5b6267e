#!/usr/bin/env bash
# From an operator's word to mosquitto: a device that is revoked at the fleet server gets no new connection at the broker. [broker-3] [broker-4]
set -euo pipefail
front=mosquitto
. "$SV_SOURCE/tests/support/site.sh"
fleet_choose
mqtt_port=$(free_port)
http_port=$(free_port)
make_pki
for id in press-1 press-2; do issue "$id"; done
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
gateways: {gw: north}
signer: {socket: $work/signer.sock}
pki: $work/pki
admin_token_file: $work/admin.token
YAML
start_fleet
site_config "fleet: {$fleet_link, every: 100ms}"
# Only the fleet server's word that something changed makes the gateway ask so soon again.
sed -i "s|^broker: .*|broker: {host: 127.0.0.1, port: $mqtt_port, crl: $work/broker.crl, pid_file: $work/mosquitto.pid, refresh: 1h}|" "$work/gateway.yaml"
run "$work/gateway.log" "$SV_BIN/selvedge-gateway" --config "$work/gateway.yaml"
within 20 test -s "$work/broker.crl" || fail "no list is fetched from the fleet server"
open_broker
within 30 curl -fs "127.0.0.1:$http_port/healthz" || fail "the gateway does not become ready"

publishes() { as "$1" -t "sensors/$1/a" -m "{\"value\":1,\"timestamp\":\"2026-11-22T06:15:04\",\"device_id\":\"$1\"}"; }
refuses() { ! publishes "$1"; }
publishes press-1 || fail "a good device is refused"
"$selvedge" device revoke press-1 --reason stolen --url "http://127.0.0.1:$operator_port" --token-file "$work/admin.token" >"$work/said" 2>&1 || fail "revoke: $(cat "$work/said")"
within 15 refuses press-1 || fail "a revoked device gets a new connection"
publishes press-2 || fail "a good device is refused as well"

#!/usr/bin/env bash
# Behind mosquitto: the revocation list comes from the fleet server, and a device that is on it gets no new connection. What the configuration
# that we print refuses, and what mosquitto cannot do. [broker-3] [broker-4] [broker-1]
set -euo pipefail
front=mosquitto
. "$SV_SOURCE/tests/support/site.sh"
mqtt_port=$(free_port)
http_port=$(free_port)
make_pki
for id in press-1 press-2 press-4; do issue "$id"; done
issue fleet --role server --ip 127.0.0.1

# list FILE [PKI]: its newest list in DER is what the fleet server gives from now on
list() {
  "$selvedge" pki crl --dir "${2:-$work/pki}" --out "$work/list.pem"
  openssl crl -in "$work/list.pem" -outform DER -out "$1"
}
give() { cp "$1" "$work/given.new" && mv "$work/given.new" "$work/given"; }
list "$work/first"
give "$work/first"
run "$work/giver.log" "$SV_SOURCE/tests/support/crl_giver.py" "$work/pki/ca.crt" "$work/keys/fleet.crt" "$work/keys/fleet.key" "$work/given" "$work/giver.port"
within 10 test -s "$work/giver.port" || fail "no server of lists"

crl=$work/broker.crl
pid_file=$work/mosquitto.pid
site_config "fleet: {url: 'https://127.0.0.1:$(cat "$work/giver.port")', every: 1s}"
sed -i "s|^broker: .*|broker: {host: 127.0.0.1, port: $mqtt_port, crl: $crl, pid_file: $pid_file, refresh: 1s}|" "$work/gateway.yaml"
# The gateway comes first: it fetches what mosquitto will not start without.
run "$work/gateway.log" "$SV_BIN/selvedge-gateway" --config "$work/gateway.yaml"
gateway=$ran
within 10 test -s "$crl" || fail "no list is fetched"
open_broker
within 30 curl -fs "127.0.0.1:$http_port/healthz" || fail "the gateway does not become ready"

# publishes DEVICE: it connects, and is heard
publishes() { as "$1" -t "sensors/$1/a" -m "{\"value\":1,\"timestamp\":\"2026-11-22T06:15:04\",\"device_id\":\"$1\"}"; }
refuses() { ! publishes "$1"; }
publishes press-1 || fail "a good device is refused"
publishes press-2 || fail "a good device is refused"

# [broker-4] Revoked: its next connection is refused; the live one goes on, which no list can change.
mosquitto_sub -h 127.0.0.1 -p "$mqtt_port" --cafile "$work/pki/ca.crt" --cert "$work/keys/press-4.crt" --key "$work/keys/press-4.key" -q 1 \
  -v -t 'commands/press-4/+' >"$work/live" 2>&1 &
live=$!
started+=("$live")
as gw -t commands/press-4/hello -m 1 -r
within 10 grep -q hello "$work/live" || fail "the live session hears nothing"
for id in press-1 press-4; do "$selvedge" pki revoke --dir "$work/pki" "$id"; done
list "$work/second"
give "$work/second"
within 10 refuses press-1 || fail "a revoked device gets a new connection"
publishes press-2 || fail "a good device is refused after the refresh"
kill -0 "$live" || fail "mosquitto has ended the live session: docs/guide/brokers.md says it does not"

# [broker-3] An older list, a stranger's and no list at all change nothing; the newer one that follows does.
sha256sum "$crl" >"$work/kept"
logs() { grep -q "event=$1.*$2" "$work/gateway.log"; }
# wrong FILE 'words': given now, it is refused with these words
wrong() {
  give "$1"
  within 10 logs crl.refused "$2" || fail "$1 is not refused: $2"
  sha256sum -c --quiet "$work/kept" || fail "$1 has changed the file"
}
wrong "$work/first" 'is older than the one there is'
"$selvedge" pki init --dir "$work/foreign" --org Somebody
for _ in 1 2 3 4; do list "$work/strange" "$work/foreign"; done
wrong "$work/strange" 'has signed the revocation list'
head -c 100 "$work/second" >"$work/half"
wrong "$work/half" 'no revocation list'
publishes press-2 || fail "a wrong list locks a good device out"
refuses press-1 || fail "a wrong list lets a revoked device in"

# A process that has got the number meanwhile is no mosquitto, and gets no signal.
sleep 600 &
stranger=$!
started+=("$stranger")
cp "$pid_file" "$work/right.pid"
echo "$stranger" >"$pid_file"
"$selvedge" pki revoke --dir "$work/pki" press-2
list "$work/third"
give "$work/third"
within 10 logs crl.untold 'is no mosquitto' || fail "the log does not say that nobody was told"
kill -0 "$stranger" || fail "somebody else got the signal"
publishes press-2 || fail "mosquitto was told after all"
cp "$work/right.pid" "$pid_file"
kill -HUP "$broker"
within 10 refuses press-2 || fail "a list that mosquitto was told of does not count"

# [broker-1] What the configuration that we print refuses at the handshake and above it.
tls() { openssl s_client -connect "127.0.0.1:$mqtt_port" -CAfile "$work/pki/ca.crt" -cert "$work/keys/gw.crt" -key "$work/keys/gw.key" "$@" </dev/null >"$work/said" 2>&1; }
tls -tls1_2 || fail "TLS 1.2 is refused"
tls -tls1_3 || fail "TLS 1.3 is refused"
if tls -tls1_1 -cipher 'ALL:@SECLEVEL=0'; then fail "TLS 1.1 is let in"; fi
if tls -tls1_2 -cipher ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA; then fail "a CBC suite is let in"; fi
if openssl s_client -connect "127.0.0.1:$mqtt_port" -CAfile "$work/pki/ca.crt" -tls1_2 </dev/null >"$work/said" 2>&1; then fail "nobody's handshake is let in"; fi
issue press-3
head -c 2500000 /dev/zero >"$work/large"
if as press-3 -t sensors/press-3/a -f "$work/large"; then fail "a packet of 2.5 MB is taken"; fi
# Sessions are of the certificate: whatever client id it says, nobody else's session ends.
ends=$(grep -c event=broker.down "$work/gateway.log" || true)
as press-3 -i gw -t sensors/press-3/a -m '{"value":1,"timestamp":"2026-11-22T06:15:04","device_id":"press-3"}' || fail "another client id ends the connection"
if [ "$(grep -c event=broker.down "$work/gateway.log" || true)" != "$ends" ]; then fail "the gateway's session was taken over"; fi
as press-3 -t sensors/press-3/a/deeper -m 1
as press-3 -t alerts/press-3 -m 1
[ "$(refused topic)" = 0 ] || fail "a topic that is nobody's reaches the gateway"

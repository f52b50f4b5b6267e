#!/usr/bin/env bash
# One line from an operator to a device that renews itself: 'device add' prints it, 'enrol' takes it through the gateway, the agent's certificate of ten seconds
# is renewed again and again while readings come and the fleet server goes away and comes back, and followed after its end, [renewal-2], [renewal-3], [renewal-6].
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
fleet_choose
door_port=$(free_port)
gateways="gw: {site: north, door: '127.0.0.1:$door_port'}"
site_open "door: {bind: 127.0.0.1, port: $door_port}"$'\n'"fleet: {$fleet_link, every: 100ms}"
cat >"$work/signer.yaml" <<YAML
pki: $work/pki
socket: $work/signer.sock
YAML
run "$work/signer.log" "$SV_BIN/selvedge-signer" --config "$work/signer.yaml"
within 10 test -S "$work/signer.sock" || fail "the signer does not start"
fleet_open
kill "$fleet"
wait "$fleet" || true
cat >>"$work/fleet.yaml" <<YAML
signer: {socket: $work/signer.sock}
enrolment: {lifetime: 10s, grace: 1h}
YAML
start_fleet

# The operator's line, as it is typed; a second time its token is used.
line=$("$selvedge" device add press-17 --site north --url "http://127.0.0.1:$operator_port" --token-file "$work/admin.token" 2>"$work/said")
device() { (cd "$work" && PATH="$SV_BIN:$PATH" bash -c "$line --gateway 127.0.0.1:$mqtt_port") >"$work/start" 2>"$work/said"; }
device || fail "not enrolled by: $line"
mv "$work/press-17/press-17.crt" "$work/kept.crt"
if device; then fail "a token works twice"; fi
grep -q 'not enrolled: token: .*was used' "$work/said" || fail "what was wrong with the token is not told"
mv "$work/kept.crt" "$work/press-17/press-17.crt"
echo 21500 >"$work/oil_temperature"
cat >>"$work/press-17/agent.yaml" <<YAML
machine: false
health: {interval: 1s}
sources:
  - {kind: file, path: $work/oil_temperature, sensor: oil_temperature, interval: 100ms}
YAML
start_agent() {
  run "$work/agent.log" "$SV_BIN/selvedge-agent" --config "$work/press-17/agent.yaml"
  agent=$ran
}
renewed() { [ "$(grep -c event=certificate.renewed "$work/agent.log")" -ge "$1" ]; }
start_agent
within 20 renewed 1 || fail "it is not renewed"
die "$fleet"
within 20 grep -q event=certificate.waits "$work/agent.log" || fail "it does not say that it waits"
start_fleet
within 20 renewed 2 || fail "it is not renewed when the fleet server is back"
kill "$agent"
wait "$agent" || fail "the agent ends with $?"

[ "$(sqlite3 -readonly "$work/fleet.db" 'SELECT count(*) FROM certificate WHERE proved = 1')" -ge 2 ] || fail "the old keys have not signed for the new ones, [renewal-7]"

# Off until after its end: the same key goes on.
ended() { ! openssl x509 -in "$work/press-17/press-17.crt" -noout -checkend 0; }
within 20 ended || fail "the certificate does not end"
key=$(openssl pkey -in "$work/press-17/press-17.key" -pubout)
start_agent
within 20 renewed 3 || fail "it is not renewed after its end"
[ "$key" = "$(openssl pkey -in "$work/press-17/press-17.key" -pubout)" ] || fail "after its end it has another key"
within 10 metric_is devices_online 1 || fail "it is not online"
kill "$agent"
wait "$agent" || fail "the agent ends with $?"

# Every number is there once.
numbers="SELECT epoch, count(*), count(DISTINCT seq), max(seq) FROM reading GROUP BY epoch"
while IFS='|' read -r epoch count distinct top; do
  if [ "$count" != "$top" ] || [ "$distinct" != "$top" ]; then fail "of the numbers 1 to $top of $epoch $count are there"; fi
done < <(sqlite3 -readonly "$work/gateway.db" "$numbers")
[ "$(sqlite3 -readonly "$work/gateway.db" 'SELECT count(*) > 100 FROM reading')" = 1 ] || fail "too few readings"
if grep -qE 'BEGIN|PRIVATE' "$work"/*.log; then fail "a log holds a secret"; fi

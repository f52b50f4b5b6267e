#!/usr/bin/env bash
# A device whose gateway goes away, and which is killed twice meanwhile and once while it catches up: what it had committed arrives, all of it and once;
# what is lost is younger than the spool's interval.
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
site_open ""
every_ms=500
echo 21500 >"$work/oil_temperature"
cat >"$work/agent.yaml" <<YAML
id: press-1
gateway: {host: 127.0.0.1, port: $mqtt_port}
tls: {ca: $work/pki/ca.crt, cert: $work/keys/press-1.crt, key: $work/keys/press-1.key}
health: {interval: 1s}
machine: false
spool: {path: $work/spool, every: ${every_ms}ms, free: 0, rate: 20}
sources:
  - {kind: file, path: $work/oil_temperature, sensor: oil_temperature, interval: 100ms}
  - {kind: file, path: $work/oil_temperature, sensor: oil_pressure, interval: 100ms}
YAML
"$SV_BIN/selvedge-agent" --config "$work/agent.yaml" --check-config
start_agent() {
  run "$work/agent.log" "$SV_BIN/selvedge-agent" --config "$work/agent.yaml"
  agent=$ran
}
sql() { sqlite3 -readonly "$work/gateway.db" "$1"; }
arrived() { [ "$(sql 'SELECT count(*) FROM reading_row')" -ge "$1" ]; }
# committed: a line "epoch seq" for each reading in the spool's files
committed() { cat "$work"/spool/*.seg 2>/dev/null | grep -ao '"epoch":"[0-9a-f]*","seq":[0-9]*' | sed 's/"epoch":"\(.*\)","seq":/\1 /' || true; }
# kill_agent: and note what is committed, and until when readings must have been kept
kill_agent() {
  die "$agent"
  date +%s%3N >>"$work/killed"
  committed >>"$work/committed"
}

# While all is well nothing is written.
start_agent
within 10 arrived 20 || fail "the sensors do not arrive"
[ "$(committed | wc -l)" = 0 ] || fail "what is delivered at once is written all the same"

# Away; twice the power goes.
front_end
sleep 2.2
kill_agent
start_agent
sleep 2.2
kill_agent
[ "$(sort -u "$work/committed" | cut -d' ' -f1 | uniq | wc -l)" = 2 ] || fail "not two starts in the spool"
# A power cut may leave a torn record at the end.
last=("$work"/spool/1-*.seg)
printf '\245\136torn' >>"${last[-1]}"
start_agent
sleep 1

# Killed while it catches up: what was sent and is still in a file comes again, and counts once.
front_start
up_again() { [ "$(grep -c 'event=gateway.up' "$work/agent.log")" = 2 ]; }
within 20 up_again || fail "the agent does not come back"
sleep 0.8
kill_agent
[ "$(committed | wc -l)" -gt 50 ] || fail "everything was sent already"
start_agent
drained() { grep -q 'event=spool.drained' "$work/agent.log" && [ "$(committed | wc -l)" = 0 ]; }
within 40 drained || fail "the spool is not emptied"
live=$(sql 'SELECT count(*) FROM reading_row')
within 20 arrived $((live + 10)) || fail "no new readings beside what had waited"
# Killed with nothing waiting, while there is a connection.
kill_agent
sleep 0.5

# missing: what was committed and is not at the gateway
missing() {
  sort -u "$work/committed" >"$work/wanted"
  sql "SELECT epoch || ' ' || seq FROM reading_row" | sort -u >"$work/stored"
  comm -23 "$work/wanted" "$work/stored"
}
[ "$(refused repeated)" -gt 0 ] || fail "nothing came twice, so this shows nothing about it"
[ "$(wc -l <"$work/committed")" -gt 50 ] || fail "only $(wc -l <"$work/committed") readings were committed"
none_is_missing() { [ -z "$(missing)" ]; }
within 20 none_is_missing || fail "committed and lost: $(missing | head)"
sql "SELECT epoch, min(seq), max(seq), count(*), count(DISTINCT seq), max(at) / 1000 FROM reading_row GROUP BY epoch ORDER BY min(at)" >"$work/epochs"
[ "$(wc -l <"$work/epochs")" = 4 ] || fail "not four starts: $(cat "$work/epochs")"
paste -d'|' "$work/epochs" "$work/killed" | while IFS='|' read -r epoch first last all different newest killed; do
  [ "$first $all" = "1 $last" ] || fail "epoch $epoch has gaps: $first to $last, $all readings"
  [ "$all" = "$different" ] || fail "epoch $epoch has readings twice"
  lost=$((killed - newest))
  [ $lost -le $((every_ms + 1500)) ] || fail "epoch $epoch: the last $lost ms are lost, the spool's interval is $every_ms ms"
done
if grep -q 'spool.damaged\|spool.full\|spool.un' "$work/agent.log"; then fail "the spool complains"; fi

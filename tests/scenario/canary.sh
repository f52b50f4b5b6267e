#!/usr/bin/env bash
# A sensor with `uplink: never` leaves the site in no byte. Its name and its values, which are like no others, are looked for in all that
# the gateway sends (opened and decompressed), in the fleet server's database and log, in the gateway's log and in both metrics; so is a
# sensor that becomes one of these while its readings wait. [spool-6] [traffic-1]
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
fleet_choose
proxy_port=$(free_port)
config() { # config UPLINK-OF-LATER
  echo "fleet: {url: 'https://127.0.0.1:$proxy_port', retry: 2s, every: 50ms}
uplink: {default: all, sensors: {canary_badge: never, later_badge: $1, minutes: change}}
stale: {sensors: {canary_badge: 1s}}
rate: {sensors: {canary_badge: {rise: 100}}}
thresholds: {default: {high: 80}}
commands: {allow: {default: [stop]}}
rules: {default: {guard: {when: canary_badge > 987000, message: 'badge {canary_badge}', then: {command: stop}}}}"
}
make_proxy() {
  run "$work/proxy.log" "$SV_SOURCE/tests/support/recording_proxy.py" "$proxy_port" "$fleet_port" "$work/pki/ca.crt" \
    "$work/keys/proxy.crt" "$work/keys/proxy.key" "$work/keys/gw.crt" "$work/keys/gw.key" "$work/sent"
  proxy=$ran
  within 10 bash -c ": < /dev/tcp/127.0.0.1/$proxy_port" || fail "the proxy does not start"
}
secret='canary_badge|later_badge|(^|[^0-9a-fA-F.])(987|876)[0-9]{3}([^0-9a-fA-FZ]|$)' # averages of them too; no fractions of a second, no fingerprints
site_open "$(config all)"
issue proxy --role server --ip 127.0.0.1
fleet_open
make_proxy
say() { as press-1 -t "sensors/press-1/$1" -m "$2"; } # say SENSOR PAYLOAD
reading() { echo "{\"value\":$1,\"timestamp\":\"2026-11-22T06:$2\",\"device_id\":\"press-1\",\"epoch\":\"e\",\"seq\":$3}"; }
status() { curl -fs "127.0.0.1:$http_port/v1/status" | jq -e "$1"; }
is_sent() { grep -aqE "$1" "$work/sent"; }

# What may be seen: averages, minutes, alerts. That they are in the record says that it is one.
say minutes "$(reading 41.125 15:04 1)"
say minutes "$(reading 41.125 17:04 2)"
say temperature "$(reading 31.4375 15:04 3)"
say temperature "$(reading 271.625 15:05 4)"
as press-1 -t health/press-1 -m '{"status":"healthy","alerts":[],"metrics":{"device_id":"press-1","timestamp":"2026-11-22T06:15:04"}}'
# What may not, in every form: with numbers and without, several at once, as SenML, as an alert of every kind, repeated, late.
say canary_badge "$(reading 987100.125 15:04 5)"
say canary_badge "$(reading 987100.125 15:04 5)"
say canary_badge "[$(reading 987900.5 15:50 6),$(reading 987900.25 17:04 7)]"
say canary_badge "$(reading 987654.5 14:04 2)"
say canary_badge '{"value":987654.75,"timestamp":"2026-11-22T06:18:04","device_id":"press-1"}'
say temperature '[{"n":"canary_badge","u":"badge","v":987654.5},{"n":"minutes","v":42.25}]'
# Broken, where nobody may write or listen, in a name that is too long.
say canary_badge '{"value":987654.125,'
say canary_badge '{"value":"987654","timestamp":"2026-11-22T06:18:04","device_id":"press-1"}'
say canary_badge "$(reading 987654 17:04 8 | sed s/press-1/press-2/)"
say canary_badge/canary_badge "$(reading 987654 17:04 9)"
say temperature '[{"n":"canary_badge/","v":987654}]'
as press-2 -t sensors/press-1/canary_badge -m "$(reading 987654 17:04 9)" || true
mosquitto_sub -h 127.0.0.1 -p "$mqtt_port" --cafile "$work/pki/ca.crt" --cert "$work/keys/press-2.crt" --key "$work/keys/press-2.key" \
  -t sensors/press-1/canary_badge -E -W 5 || true
of_canary() { [ "$(sqlite3 -readonly "$work/gateway.db" "SELECT count(*) FROM open_alert WHERE sensor = 'canary_badge'")" -ge "$1" ]; }
within 10 of_canary 2 || fail "the site itself does not see the sensor: $(sqlite3 -readonly "$work/gateway.db" 'SELECT * FROM open_alert')"
kept() { sqlite3 -readonly "$work/gateway.db" "$1"; }
of_guard() { [ "$(kept "SELECT count(*) FROM open_alert WHERE rule = 'guard' AND message LIKE 'badge 987%'")" = 1 ]; }
within 10 of_guard || fail "the rule has no alert: $(kept 'SELECT * FROM open_alert')"
has_acted() { [ "$(kept "SELECT count(*) FROM command WHERE rule = 'guard'")" -ge 1 ]; }
within 10 has_acted || fail "the rule has done nothing"
# Somebody at the site has seen it.
alert=$(kept "SELECT id FROM open_alert WHERE sensor = 'canary_badge' AND type = 0")
curl -fs -X POST -H 'X-Selvedge: 1' --data '{"by":"anna"}' "127.0.0.1:$http_port/v1/alerts/$alert/acknowledge" | jq -e .here >/dev/null || fail "the alert cannot be acknowledged at the site"
within 10 is_sent '"average".*31.4375' || fail "an average is not in the record"
within 10 is_sent '"summary".*41.125' || fail "a minute is not in the record"
within 10 is_sent 'exceeds high threshold' || fail "an alert is not in the record"

# While the link is down a sensor is still sent up; when it is back, no more.
die "$proxy"
say later_badge "$(reading 876543.125 17:05 10)"
say later_badge "$(reading 876543.125 17:06 11)"
say after "$(reading 32.5625 17:07 12)"
wait_in_spool() { [ "$(status '.uplink.spool')" -ge 3 ] && [ "$(status '.uplink.spool_alerts')" -ge 1 ]; }
within 10 wait_in_spool || fail "nothing waits: $(status .uplink)"
site_config "$(config never)"
kill -HUP "$gateway"
within 10 grep -q config.reloaded "$work/gateway.log" || fail "the configuration is not read again"
make_proxy
all_sent() { metric_is uplink_spool 0 && metric_is uplink_spool_alerts 0 && is_sent 32.5625; }
within 30 all_sent || fail "something waits for ever: $(status .uplink)"
[ "$(status '.uplink.dropped.rule')" = "$(jq -n '{minutes: 0, averages: 2, alerts: 1}')" ] || fail "what was held back is not counted: $(status .uplink.dropped)"

# Each sensor's share of the link: of these it is nothing.
streams() { curl -fs "127.0.0.1:$http_port/v1/streams" | jq -e "$1"; }
streams 'INDEX(.sensor) | .canary_badge.uplink == "never" and .canary_badge.bytes_in > 400 and .canary_badge.bytes_up == 0 and
  .later_badge.bytes_up == 0 and .minutes.bytes_up > 0 and .temperature.bytes_up > 300 and .after.bytes_up > 0' ||
  fail "a sensor's bytes: $(streams .)"
[ "$(streams 'map(.bytes_in) | add')" -lt "$(status .uplink.bytes_in)" ] || fail "more came in for sensors than came in"
[ "$(streams 'map(.bytes_up) | add')" -le "$(status .uplink.bytes_up)" ] || fail "more went up for sensors than went up"
[ "$(metric 'sensor_bytes_total{uplink="never",way="up"}')" = 0 ] || fail "the metric says that something went up"
[ "$(metric 'sensor_bytes_total{uplink="never",way="in"}')" -gt 400 ] || fail "the metric says that nothing came in"
"$selvedge" gateway status --port "$http_port" --sensors | grep -qE '^press-1 +canary_badge +never +[0-9]+ +[0-9.]+ B +0 B +0.0 %$' ||
  fail "selvedge gateway status --sensors: $("$selvedge" gateway status --port "$http_port" --sensors)"
[ "$("$selvedge" gateway status --port "$http_port" --sensors --device press-2 --output json)" = "[]" ] || fail "press-2 has said nothing"

# The same after a kill, which has the sensor's past read again.
die "$gateway"
start_gateway
say canary_badge "$(reading 987654.125 19:04 13)"
say again "$(reading 33.6875 19:04 14)"
within 10 is_sent 33.6875 || fail "nothing is sent after a kill"
# With the last beat and what follows a commit.
beats() { grep -ac '^POST /v1/health' "$work/sent" || true; } # none yet is a count too
before=$(beats)
more_beats() { [ "$(beats)" -gt $((before + 1)) ]; }
within 10 more_beats || fail "no beat"

leaks() { # leaks WHERE, of stdin
  grep -aEnm 5 "$secret" >"$work/leak" && fail "$1 says it: $(cut -c 1-400 "$work/leak")"
  return 0
}
leaks "a request of the gateway" <"$work/sent"
sqlite3 -readonly "$work/fleet.db" .dump | leaks "the fleet server's database"
cat "$work"/fleet.db* | leaks "a file of the fleet server's database"
leaks "the fleet server's log" <"$work/fleet.log"
leaks "the gateway's log" <"$work/gateway.log"
curl -fs "127.0.0.1:$http_port/metrics" | leaks "the gateway's metrics page"
curl -fs -H "Authorization: Bearer $(cat "$work/admin.token")" "127.0.0.1:$operator_port/metrics" | leaks "the fleet server's metrics page"

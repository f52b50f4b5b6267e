#!/usr/bin/env bash
# The fleet server is away for longer than there is room for what waits: the oldest averages go, every one of them is counted, also
# through a kill -9; the alerts stay; and when it is back, what it has and what was dropped is all there ever was. [spool-2] [spool-3] [spool-4] [spool-5]
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
fleet_choose
config() { # config BYTES
  echo "fleet: {$fleet_link, every: 50ms, spool: {bytes: $1, free: 0}}
uplink: {default: all}
thresholds: {sensors: {temperature: {high: 80}}}"
}
site_open "$(config 96KiB)"
readings() { # readings FROM TO: numbered, every 500th is an alert
  seq "$1" "$2" | awk '{ printf("{\"value\":%d,\"timestamp\":\"2026-11-22T06:%02d:%02d.%03d\",\"device_id\":\"press-1\",\"epoch\":\"e\",\"seq\":%d}\n", $1 % 500 == 0 ? 9000 : -20, int($1 / 60000), int($1 / 1000) % 60, $1 % 1000, $1) }' |
    persistent press-1 sensors/press-1/temperature
}
dropped() { metric "uplink_dropped_total{kind=\"$1\",reason=\"$2\"}"; }
status() { curl -fs "127.0.0.1:$http_port/v1/status" | jq -e "$1"; }
at_fleet() { sqlite3 -readonly "$work/fleet.db" "$1"; }

# More than fits, with a kill in the middle.
readings 1 1500
within 10 status '.uplink.dropped.bytes.averages > 0' || fail "nothing was dropped: $(status .uplink)"
die "$gateway"
start_gateway
readings 1501 3000
within 10 metric_is readings_stored_total 1500 || fail "not all is stored"
fits() { status '.uplink.spool_bytes <= .uplink.spool_bytes_max and .uplink.dropped.bytes.averages > 1000'; }
within 10 fits || fail "it does not stay within its bounds: $(status .uplink)"
[ "$(status '.uplink.dropped.bytes.minutes + .uplink.dropped.bytes.alerts + .uplink.dropped.age.averages')" = 0 ] || fail "the wrong things went: $(status .uplink.dropped)"
"$selvedge" gateway status --port "$http_port" | grep -q 'DROPPED by fleet.spool.bytes: [0-9]* averages, 0 minutes, 0 alerts' || fail "selvedge gateway status does not say it"
gone=$(dropped averages bytes)

# The site's programs hear of it at once, the fleet server as soon as it is back.
own_alert_says() { [ "$(sqlite3 -readonly "$1" "SELECT message LIKE 'Dropped before the fleet server had it: % averages' FROM $2 WHERE rule = 'spool' AND device = 'gw'")" = 1 ]; }
within 10 own_alert_says "$work/gateway.db" open_alert || fail "the gateway has no alert of its own: $(sqlite3 -readonly "$work/gateway.db" 'SELECT * FROM open_alert')"

# It is back: what is there and what was dropped is all there was, and nothing is missing in between.
fleet_open
all_sent() { metric_is uplink_spool 0 && metric_is uplink_spool_alerts 0; }
within 20 all_sent || fail "something waits for ever: $(status .uplink)"
numbers=$(sqlite3 -readonly "$work/gateway.db" "SELECT seq FROM sqlite_sequence WHERE name = 'outbox'")
[ "$(dropped averages bytes)" = "$gone" ] || fail "more was dropped while it was sent"
[ "$(at_fleet "SELECT coalesce(sum(n), 0) FROM point WHERE kind = 0")" = $((3000 - gone)) ] || fail "of 3000 averages $gone were dropped, $(at_fleet "SELECT sum(n) FROM point WHERE kind = 0") are at the fleet server"
[ "$(at_fleet "SELECT numbers FROM received")" = "1-$numbers" ] || fail "a number is neither there nor dropped: $(at_fleet "SELECT numbers FROM received") of $numbers"
[ "$(at_fleet "SELECT count(*) FROM alert WHERE type = 'HIGH'")" -ge 6 ] || fail "an alert is missing: $(at_fleet 'SELECT * FROM alert')"
own_alert_says "$work/fleet.db" alert || fail "the fleet server does not have the gateway's own alert: $(at_fleet 'SELECT * FROM alert')"
overview() { curl -fs -H "Authorization: Bearer $(cat "$work/admin.token")" "127.0.0.1:$operator_port/api/v1/overview" | jq -e ".sites[0].gateways[0] | $1"; }
within 10 overview ".dropped == {averages: $gone, minutes: 0, alerts: 0} and .spool == 0 and .full == false" || fail "the overview does not show it: $(overview .)"

# Too old: what has waited longer than fleet.spool.age.
die "$fleet"
readings 3001 3010
within 10 metric_is uplink_spool 10 || fail "nothing waits"
kill "$gateway"
wait "$gateway" || true
site_config "$(config 96KiB | sed 's/free: 0/free: 0, age: 1s/')"
sqlite3 "$work/gateway.db" "UPDATE outbox SET put = put - 10"
start_gateway
within 10 status '.uplink.dropped.age.averages >= 10' || fail "what is too old stays: $(status .uplink)"

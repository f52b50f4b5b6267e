#!/usr/bin/env bash
# What a candidate would have done is read out of a running gateway's store, packed or not, and is what the same readings say from a file. [backtest-1] [backtest-2]
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
store_more=', pack: 1s, rows: 100, free: 0'
site_open ""
start_s=$(($(date +%s) / 60 * 60 - 1200))

# readings FROM TO: of two sensors, one a second, numbered; hot from 301 to 420
lines() {
  seq "$1" "$2" | awk -v start="$start_s" -v sensor="$3" '{ hot = $1 > 300 && $1 <= 420
    printf "{\"value\":%s,\"timestamp\":\"%s\",\"device_id\":\"press-1\",\"sensor\":\"%s\"}\n", sensor == "flow" ? 3 : hot ? 91.25 : 60 + $1 % 7, strftime("%Y-%m-%dT%H:%M:%S", start + $1, 1), sensor }'
}
send() { # send FROM TO SENSOR
  lines "$@" | jq -c --arg epoch "$3" --argjson first "$1" '{value, timestamp, device_id, epoch: $epoch, seq: ($first + input_line_number - 1)}' |
    persistent press-1 "sensors/press-1/$3"
}
cat >"$work/new.yaml" <<'YAML'
thresholds: {sensors: {temperature: {high: 80, hysteresis: 5, hold: 10s}}}
YAML
cat >"$work/old.yaml" <<'YAML'
thresholds: {sensors: {temperature: {high: 65.5}}}
YAML

send 1 250 temperature
send 1 600 flow
sleep 1.2
send 251 400 temperature
sleep 2.2 # the table is closed
send 551 600 temperature
send 401 550 temperature # kept by the device for a while
status() { curl -fs "127.0.0.1:$http_port/v1/status" | jq -e "$1"; }
within 10 status '.store.packed.count > 0' || fail "nothing is packed: $(status .store)"
status '.store.packed.count < 1200' >/dev/null || fail "everything is packed; rows are to be read as well"

trip=$(date -u -d "@$((start_s + 301 + 3000))" +%Y-%m-%dT%H:%M:%S)
asked=(--config "$work/new.yaml" --against "$work/old.yaml" --trip "press-1@$trip" --output json)
{ lines 1 600 temperature; lines 1 600 flow; } | "$SV_BIN/selvedge" backtest "${asked[@]}" --summary >"$work/file.json"
"$SV_BIN/selvedge" backtest "${asked[@]}" --store "$work/gateway.db" >"$work/store.json"
jq -e '.readings == 1200 and .streams == 2 and .alerts == 1 and .without.alerts == 1 and .raised[0].sensor == "temperature" and .trips[0].before_s < 3000' "$work/store.json" >/dev/null || fail "$(cat "$work/store.json")"
cmp "$work/file.json" "$work/store.json" || fail "the store says otherwise: $(cat "$work/file.json" "$work/store.json")"

# A part of it; another device; what is no store.
part() { "$SV_BIN/selvedge" backtest --config "$work/new.yaml" --output json --store "$work/gateway.db" "$@"; }
at() { date -u -d "@$((start_s + $1))" +%Y-%m-%dT%H:%M:%S; }
part --from "$(at 101)" --to "$(at 200)" | jq -e '.readings == 200 and .alerts == 0' >/dev/null || fail "a part of the time"
part --device press-2 | jq -e '.readings == 0' >/dev/null || fail "of another device"
refused() { # refused WORDS FILE
  local code=0
  part --store "$2" 2>"$work/err" || code=$?
  { [ $code = 2 ] && grep -q "$1" "$work/err"; } || fail "$1: $code $(cat "$work/err")"
}
refused "there is no database" "$work/nothing.db"
refused "is not a database" "$work/new.yaml"
sqlite3 "$work/other.db" 'CREATE TABLE stream (id)'
refused "is not the store of a gateway" "$work/other.db"

#!/usr/bin/env bash
# What was recorded can be looked at: from rows, from blocks after the packing, and as minutes when the samples had to go.
set -euo pipefail
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0
. "$SV_SOURCE/tests/support/site.sh"
store_more=', pack: 1s, rows: 100, free: 0'
site_open ""
start_s=$(($(date +%s) / 60 * 60 - 600))

# readings FROM TO: one a second, numbered, with a spike at 77; a few at a time, so that they are packed in several stretches
readings() {
  seq "$1" "$2" | awk -v start="$start_s" '{ printf "{\"value\":%s,\"timestamp\":\"%s\",\"device_id\":\"press-1\",\"epoch\":\"e\",\"seq\":%d}\n", $1 == 77 ? 99.5 : 20 + $1 % 10 / 10, strftime("%Y-%m-%dT%H:%M:%S", start + $1, 1), $1 }' |
    persistent press-1 sensors/press-1/temperature
}
series() { curl -fs "127.0.0.1:$http_port/v1/series?device=press-1&sensor=temperature&from=${start_s}000&to=$((start_s + 600))000$1"; }
status() { curl -fs "127.0.0.1:$http_port/v1/status" | jq -e "$1"; }
whole='.minutes == [] and (.points | length) == 500 and .points[76][1] == 99.5 and .points[0][0] == '$((start_s + 1))000

readings 1 250
[ "$(series '' | jq '.points | length')" = 250 ] || fail "from rows: $(series '')"
sleep 1.2
readings 251 400
sleep 2.2 # the table is closed
readings 401 500
series '' | jq -e "$whole" >/dev/null || fail "from rows: $(series '')"
is_packed() { status '.store.packed.count > 0' && status '.store.packed.bytes / .store.packed.count < 4'; }
within 10 is_packed || fail "nothing is packed: $(status .store)"
series '' | jq -e "$whole" >/dev/null || fail "from blocks: $(series '')"
series '&points=10' | jq -e '(.points | length) <= 20 and any(.points[]; .[1] == 99.5)' >/dev/null || fail "the spike is lost: $(series '&points=10')"

# Another start, with a disk that has less room than wanted: what is packed goes, its minutes stay for now. That is looked at between two
# commits, which take two seconds each here.
kill "$gateway"
wait "$gateway" || true
store_more=', pack: 1s, rows: 100, free: 1000000GiB'
site_config ""
python3 -c 'import struct, sys; sys.stdout.buffer.write(struct.pack("=5q", 2000000, 0, 0, 0, 0))' >"$work/machine"
export SV_MACHINE=$work/machine LD_PRELOAD=$SV_BIN/../tests/attacks_machine.so
start_gateway
unset SV_MACHINE LD_PRELOAD
dropped() { status '.store.dropped.free.samples > 0 and .store.packed.count == 0 and .store.minutes.count > 0'; }
within 30 dropped || fail "nothing gave way: $(status .store)"
series '' | jq -e '([.minutes[][4]] | add) + (.points | length) == 500 and .minutes[1][3] == 99.5' >/dev/null || fail "as minutes: $(series '')"
[ "$(grep -c 'event=store.dropped.*oldest samples' "$work/gateway.log")" = 1 ] || fail "the log does not say it once"
[ "$(metric 'store_dropped_total{kind="samples",reason="free"}')" -gt 0 ] || fail "no metric"

# And questions that have no answer.
answer() { curl -s -o "$work/said" -w '%{http_code}' "127.0.0.1:$http_port/v1/series?$1"; }
[ "$(answer 'device=press-1&sensor=nothing')" = 404 ] || fail "an unknown stream"
[ "$(answer 'device=press-1')" = 400 ] || fail "no sensor"
[ "$(answer 'device=press-1&sensor=temperature&from=2&to=1')" = 400 ] || fail "time that goes back"
[ "$(answer 'device=press-1&sensor=temperature&points=0')" = 400 ] || fail "no points"

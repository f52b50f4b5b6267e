#!/bin/bash
# Many devices in one process, against a real broker: everything acknowledged or said so, a file's
# rows replayed as they are, faults of file, folder and gateway named with their exit code.
set -euo pipefail
# shellcheck source=tests/support/broker.sh
source "$SV_SOURCE/tests/support/broker.sh"
counts() { [ "$(grep -c -e "$2" "$3")" = "$1" ]; }
# ended_with CODE 'jq filter of the report': the run in the background
ended_with() {
    local code=0
    wait "$pid" || code=$?
    [ "$code" = "$1" ] || fail "exit code $code, not $1"
    jq -e "$2" out > /dev/null || fail "the report is $(cat out)"
}
simulate=("$selvedge" simulate --gateway "127.0.0.1:$port" --pki pki)

exits 2 '--gateway HOST:PORT is missing' "$selvedge" simulate --pki pki
exits 2 "--pki 'nowhere' is no PKI folder" "${simulate[@]}" --pki nowhere
exits 2 '--output is json or table' "${simulate[@]}" --output xml
exits 2 '--sensor x names the value of a --replay file' "${simulate[@]}" --sensor x
exits 3 'cannot connect to --gateway 127.0.0.1:1: lathe-01: connection refused' \
    "${simulate[@]}" --gateway 127.0.0.1:1 --devices 2
"$selvedge" pki init --dir other
exits 4 'certificate verify failed.*--pki must be the folder' "${simulate[@]}" --pki other --devices 2
printf 'timestamp,a,b\n2026-01-01 00:00:00,1,2\n2026-01-01 00:00:01,1,x\n' > bad.csv
exits 2 'bad.csv:3:23: b: "x" is not a finite number' "${simulate[@]}" --replay bad.csv
[ ! -s out ]

# Machines: readings, health, presence; a certificate of another CA makes way for a new one.
cp other/devices/pump-02.* pki/devices
listen machines 'sensors/#' 'health/+' 'presence/+'
exits 0 '' "${simulate[@]}" --devices 20 --seconds 4 --health --output json
jq -e '.devices == 20 and .connected == 20 and .published == .acknowledged and .lost == 0
    and .published >= 20 * 4 * 3 and .health_reports == 20 and .ack_ms.max >= .ack_ms.p50' out > /dev/null
"$selvedge" pki verify --ca pki/ca.crt pki/devices/pump-02.crt > /dev/null
within 20 counts 20 '"online":false' machines || fail "not every device said goodbye"
[ "$(grep -c '^sensors/' machines)" = "$(jq .published out)" ]
sed -n 's/^health\///p' machines | while read -r id payload; do
    jq -e --arg id "$id" '.status == "healthy" and .metrics.device_id == $id and .metrics.cpu_usage > 0' \
        <<< "$payload" > /dev/null
done
[ "$(sed -n 's/^health\/\([^ ]*\) .*/\1/p' machines | sort -u | wc -l)" = 20 ]
exits 0 '' "${simulate[@]}" --devices 3 --seconds 1 --output table
grep -q '^acknowledged  *[1-9]' out

# A file: every device sends every filled cell, in order, with the file's own times.
{
    echo 'datetime;Motor Current;flow'
    for i in $(seq 10 59); do echo "2020-02-08 13:30:$i;$i.5;$([ "$i" = 30 ] || echo "$i")"; done
} > recording.csv
listen replayed 'sensors/#'
exits 0 '' "${simulate[@]}" --devices 3 --replay recording.csv --rate 2000 --output json
jq -e '.rows == 50 and .published == 3 * 99 and .acknowledged == 3 * 99 and .lost == 0' out > /dev/null
within 20 counts 297 ^sensors/ replayed || fail "not every cell arrives"
for id in lathe-01 pump-02 compressor-03; do
    grep "^sensors/$id/Motor_Current " replayed | cut -d' ' -f2 | jq -r '"\(.timestamp) \(.value)"' > got
    for i in $(seq 10 59); do echo "2020-02-08T13:30:${i}Z $i.5"; done | diff - got
    [ "$(grep -c "^sensors/$id/flow " replayed)" = 49 ]
done
printf 'timestamp,value\n2026-01-01T00:00:00Z,1\n' | "${simulate[@]}" --devices 1 --replay /dev/stdin --sensor spindle > out
within 20 grep -q '^sensors/lathe-01/spindle ' replayed
# A pipe cannot be checked beforehand: what came before the fault is sent and reported.
exits 2 '/dev/stdin:3:23: b: "x"' "${simulate[@]}" --devices 1 --replay /dev/stdin --rate 100 --output json < <(cat bad.csv)
jq -e '.published == 2 and .acknowledged == 2 and .rows == 1' out > /dev/null

# runs FILE options...: in the background, until readings flow
runs() {
    listen "$1" 'sensors/#'
    "${simulate[@]}" "${@:2}" --output json > out 2> said &
    pid=$!
    started+=("$pid")
    within 20 grep -q '^sensors/' "$1" || fail "no reading arrives"
}

# ^C ends the run with its report.
runs interrupted --devices 5
kill -INT "$pid"
ended_with 0 '.published > 0 and .lost == 0'

# A broker killed in the middle: lost is lost and said, unless it comes back in time.
runs cut --devices 5 --seconds 5
kill -9 "$broker"
ended_with 1 '.lost > 0 and .published == .acknowledged + .lost'
start_broker
runs restored --devices 5 --seconds 6
kill -9 "$broker"
start_broker
ended_with 0 '.lost == 0 and .published == .acknowledged'
echo "simulate: ok"

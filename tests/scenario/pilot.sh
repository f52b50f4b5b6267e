#!/usr/bin/env bash
# The whole main job with the real programs: every hop works; a killed program comes back; nothing is left running.
set -euo pipefail
work=$(mktemp -d)
pilot=""
cleanup() { [ -z "$pilot" ] || kill -TERM "$pilot" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"; }
trap cleanup EXIT
selvedge=$SV_BIN/selvedge

"$selvedge" pilot --dir "$work/a" --check --seconds 25 --output json >"$work/check.json"
jq -e '.ok and (.checks | length) >= 10 and all(.checks[]; .ok)' "$work/check.json" >/dev/null
for pid in $(jq -r '.programs[].pid' "$work/a/pilot.json"); do
  if kill -0 "$pid" 2>/dev/null; then echo "process $pid was left running" >&2; exit 1; fi
done

# The data is kept and the next run goes on with it; a second pilot in the same folder is refused with a sentence.
"$selvedge" pilot --dir "$work/a" --seconds 40 >"$work/out" 2>"$work/err" &
pilot=$!
for _ in $(seq 200); do [ -s "$work/out" ] && break; sleep 0.1; done
grep -qE 'http://127.0.0.1:[0-9]+/#login=[A-Za-z0-9_-]{43}' "$work/out"
code=0; "$selvedge" pilot --dir "$work/a" 2>"$work/second" || code=$?
[ $code = 5 ] && grep -q 'is running in' "$work/second"

url=$(jq -r .fleet.operator_url "$work/a/pilot.json")
token=$(cat "$(jq -r .token_file "$work/a/pilot.json")")
ask() { printf 'header = "Authorization: Bearer %s"\n' "$token" | curl -sS -K - "$url$1"; }
[ "$(ask '/api/v1/alerts?state=all' | jq '.items | length')" -ge 1 ]

# kill -9 of the gateway: noticed, restarted, said; readings flow again.
gateway=$(jq -r '.programs[] | select(.name | startswith("gateway")) | .pid' "$work/a/pilot.json")
kill -9 "$gateway"
for _ in $(seq 100); do grep -q 'gateway site-1 was killed by signal 9' "$work/err" && break; sleep 0.1; done
grep -q 'gateway site-1 was killed by signal 9' "$work/err"
before=$(date +%s%3N)
for _ in $(seq 150); do
  last=$(ask "/api/v1/devices/lathe-01/series?sensor=temperature&points=10" | jq '.points | last | .[0] // 0')
  [ "${last%.*}" -gt $((before + 1000)) ] && break
  sleep 0.1
done
[ "${last%.*}" -gt $((before + 1000)) ]
kill -INT "$pilot"
wait "$pilot"
pilot=""

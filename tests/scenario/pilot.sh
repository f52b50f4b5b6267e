#!/usr/bin/env bash
# The whole main job with the real programs: every hop works; killed programs come back, each of them; data is kept; a
# second pilot is no trouble; nothing is left running.
set -euo pipefail
work=$(mktemp -d)
pilot=""
second=""
cleanup() {
  for pid in $pilot $second; do kill -TERM "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
selvedge=$SV_BIN/selvedge
fail() {
  echo "FAILED: $*" >&2
  tail -n 20 "$work"/err* >&2 || true
  exit 1
}
within() { # SECONDS command...
  local tries=$(($1 * 10))
  shift
  while ! "$@"; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || return 1
    sleep 0.1
  done
}
alive() { kill -0 "$1" 2>/dev/null; }
program() { jq -r --arg name "$1" '.programs[] | select(.name == $name) | .pid' "$work/a/pilot.json"; }

"$selvedge" pilot --dir "$work/a" --check --seconds 25 --output json >"$work/check.json" 2>"$work/err-check" ||
  fail "the check: $(cat "$work/check.json")"
jq -e '.ok and (.checks | length) >= 11 and all(.checks[]; .ok)' "$work/check.json" >/dev/null
for pid in $(jq -r '.programs[].pid' "$work/a/pilot.json"); do
  if alive "$pid"; then fail "process $pid was left running"; fi
done
[ "$(stat -c %a "$work/a/fleet/admin.token")" = 600 ] || fail "the token can be read by others"

# The next run goes on with the data; one in the same folder is refused with a sentence, one in another runs beside it.
"$selvedge" pilot --dir "$work/a" >"$work/out" 2>"$work/err" &
pilot=$!
within 20 grep -qE 'http://127.0.0.1:[0-9]+/#login=[A-Za-z0-9_-]{43}' "$work/out" || fail "no login link"
page=$(grep -oE 'http://127.0.0.1:[0-9]+/$' "$work/out") || fail "the gateway's own page is not said"
curl -sS "$page" | grep -q '<title>' || fail "there is no page at $page"
code=0
"$selvedge" pilot --dir "$work/a" 2>"$work/err-same" || code=$?
{ [ $code = 5 ] && grep -q 'is running in' "$work/err-same"; } || fail "two pilots in one folder: exit $code"
"$selvedge" pilot --dir "$work/b" --devices 3 >"$work/out-b" 2>"$work/err-b" &
second=$!
within 20 grep -q '#login=' "$work/out-b" || fail "no second pilot beside the first"
grep -qE 'port [0-9]+ for the dashboard is held by selvedge-fleet \(pid [0-9]+\); using' "$work/err-b" ||
  fail "it is not said who holds the port"
kill -INT "$second"
wait "$second" || fail "the second pilot ended with $?"
second=""

url=$(jq -r .fleet.operator_url "$work/a/pilot.json")
ask() { printf 'header = "Authorization: Bearer %s"\n' "$(cat "$work/a/fleet/admin.token")" | curl -sS -K - "$url$1"; }
count() { ask "/api/v1/alerts?state=$1&limit=500" | jq '.items | length'; }
[ "$(count all)" -ge 1 ] || fail "the alerts of the first run are gone"

# newer MS: the first machine's last reading at the fleet server is from after that moment
newer() { ask '/api/v1/devices/lathe-01/series?sensor=vibration&points=100' 2>/dev/null | jq -e --argjson at "$1" '(.points | last | .[0] // 0) > $at' >/dev/null 2>&1; }
new_pid() { local pid; pid=$(program "$1"); [ "$pid" != "$2" ] && alive "$pid"; }

# kill -9, one program after the other: noticed, said, started again, and readings flow to the end of the chain.
for name in signer 'gateway site-1' 'fleet server' 'machines site-1' agent; do
  pid=$(program "$name")
  kill -9 "$pid"
  within 10 grep -q "$name was killed by signal 9" "$work/err" || fail "the death of $name is not noticed"
  within 20 new_pid "$name" "$pid" || fail "$name is not started again"
  within 40 newer "$(($(date +%s%3N) + 500))" || fail "readings do not flow after the death of $name"
done
for db in fleet/fleet.db site-1/gateway.db; do
  [ "$(sqlite3 -readonly "$work/a/$db" 'PRAGMA integrity_check')" = ok ] || fail "$db is damaged"
done
[ "$(count all)" -ge 1 ] || fail "the alerts are gone"

# A fault that is over clears its alert.
cleared() { [ "$(count cleared)" -ge 1 ]; }
within 60 cleared || fail "no alert is cleared"

# Ctrl-C: everything ends, in time.
pids=$(jq -r '.programs[].pid' "$work/a/pilot.json")
kill -INT "$pilot"
wait "$pilot" || fail "Ctrl-C ended with $?"
pilot=""
for pid in $pids; do
  if alive "$pid"; then fail "process $pid was left running after Ctrl-C"; fi
done

# --fresh forgets what is the pilot's and nothing else.
echo mine >"$work/a/notes.txt"
"$selvedge" pilot --dir "$work/a" --fresh --check --devices 5 --sites 2 --seconds 20 >/dev/null 2>"$work/err-fresh" || fail "two sites"
[ "$(cat "$work/a/notes.txt")" = mine ] || fail "--fresh removed what is not the pilot's"

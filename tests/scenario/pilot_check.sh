#!/usr/bin/env bash
# `pilot --check` says no when a hop does not come back, and still leaves nothing running.
set -euo pipefail
work=$(mktemp -d)
pilot=""
cleanup() {
  [ -z "$pilot" ] || kill -TERM "$pilot" 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
fail() {
  echo "FAILED: $*" >&2
  cat "$work/err" >&2
  exit 1
}
"$SV_BIN/selvedge" pilot --dir "$work/p" --devices 3 --check --seconds 15 --output json >"$work/out" 2>"$work/err" &
pilot=$!
for _ in $(seq 200); do [ -s "$work/p/pilot.json" ] && break; sleep 0.1; done
pids=$(jq -r '.programs[].pid' "$work/p/pilot.json")
# Stopped, not dead: nothing to restart, and the hop stays broken.
kill -STOP "$(jq -r '.programs[] | select(.name == "gateway site-1") | .pid' "$work/p/pilot.json")"
code=0
wait "$pilot" || code=$?
pilot=""
[ $code = 1 ] || fail "exit code $code, not 1"
jq -e '.ok == false and any(.checks[]; .ok == false and .detail != "")' "$work/out" >/dev/null || fail "$(cat "$work/out")"
for pid in $pids; do
  if kill -0 "$pid" 2>/dev/null; then fail "process $pid was left running"; fi
done

#!/usr/bin/env bash
# People in a real browser against a real pilot: web/test/people.mjs says what is looked at. The screens are kept in $SHOTS.
set -euo pipefail
web=$SV_SOURCE/web
for needed in node /usr/bin/chromium "$web/node_modules/playwright-core"; do
  command -v "$needed" >/dev/null || [ -d "$needed" ] \
    || { echo "$needed is missing; ./dev test and ./dev web-test install what the browser test needs" >&2; exit 1; }
done
work=$(mktemp -d)
pilot=""
cleanup() { [ -z "$pilot" ] || kill -TERM "$pilot" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"; }
trap cleanup EXIT

"$SV_BIN/selvedge" pilot --dir "$work/pilot" --seconds 580 >"$work/out" 2>"$work/err" &
pilot=$!
link='https?://[^ ]+#login=[A-Za-z0-9_-]+'
for _ in $(seq 600); do
  ! grep -qE "$link" "$work/out" || break
  kill -0 "$pilot" 2>/dev/null || break
  sleep 0.1
done
login=$(grep -oE "$link" "$work/out" | head -1) || { echo "the pilot gave no login link; it said:" >&2; cat "$work/err" >&2; exit 1; }
export SHOTS=${SHOTS:-$SV_SOURCE/build/screens} TMPDIR=$work
SV_URL=${login%%/#*} SV_LOGIN=$login node "$web/test/people.mjs"
# What the page exported is the whole log.
"$SV_BIN/selvedge" audit verify --ca "$work/pilot/pki/ca.crt" --file "$work/audit.ndjson"

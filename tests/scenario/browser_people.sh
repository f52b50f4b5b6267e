#!/usr/bin/env bash
# People in a real browser against a real pilot: web/test/people.mjs says what is looked at. The screens are kept in $SHOTS.
set -euo pipefail
. "$SV_SOURCE/tests/support/browser.sh"
work=$(mktemp -d)
pilot=""
cleanup() { [ -z "$pilot" ] || kill -TERM "$pilot" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"; }
trap cleanup EXIT

pilot_open
export TMPDIR=$work
SV_URL=${login%%/#*} SV_LOGIN=$login node "$web/test/people.mjs"
# What the page exported is the whole log.
"$SV_BIN/selvedge" audit verify --ca "$work/pilot/pki/ca.crt" --file "$work/audit.ndjson"

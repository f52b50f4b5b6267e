#!/usr/bin/env bash
# How long a machine will last, on the dashboard in a real browser: web/test/life.mjs says what is looked at. The screens are kept in $SHOTS.
set -euo pipefail
. "$SV_SOURCE/tests/support/browser.sh"
. "$SV_SOURCE/tests/support/life.sh"
causes
life_open
kind_sign
model put "$work/kind.model" --name kind --signature "$work/kind.sig" --row 1m || fail "not taken: $(cat "$work/said")"
model live kind --site north || fail "not live: $(cat "$work/said")"
model live lathe --site north || fail "not live: $(cat "$work/said")"
within 20 at_gateway 'length == 2 and all(.[]; .mode == "live")' || fail "it is not run: $(at_gateway .)"
live 0 95
told() { api GET devices/lathe-01 | jq -e '.life.risk > 0.3 and .failure.risk > 0.3'; }
within 20 told || fail "no life: $(api GET devices/lathe-01)"
login=$(curl -fsi -X POST -H "Authorization: Bearer $(cat "$work/admin.token")" "127.0.0.1:$operator_port/api/v1/login-links" | tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
[ -n "$login" ] || fail "no login link"
export TMPDIR=$work
SV_URL=http://127.0.0.1:$operator_port SV_LOGIN=http://127.0.0.1:$operator_port$login SV_DEVICE=lathe-01 node "$web/test/life.mjs"

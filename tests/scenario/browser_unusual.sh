#!/usr/bin/env bash
# What is unusual, on the dashboard in a real browser: web/test/unusual.mjs says what is looked at. The screens are kept in $SHOTS.
set -euo pipefail
. "$SV_SOURCE/tests/support/browser.sh"
. "$SV_SOURCE/tests/support/unusual.sh"
unusual_open
live 0 5760 0
live 5760 5800 3
raised() { api GET 'alerts?state=open' | jq -e '.items | length == 1'; }
within 20 raised || fail "no alert: $(api GET 'alerts?state=open')"
login=$(curl -fsi -X POST -H "Authorization: Bearer $(cat "$work/admin.token")" "127.0.0.1:$operator_port/api/v1/login-links" | tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
[ -n "$login" ] || fail "no login link"
export TMPDIR=$work
SV_URL=http://127.0.0.1:$operator_port SV_LOGIN=http://127.0.0.1:$operator_port$login SV_DEVICE=lathe-01 node "$web/test/unusual.mjs"

#!/usr/bin/env bash
# A machine's health, on the dashboard in a real browser: web/test/machine.mjs says what is looked at. The screens are kept in $SHOTS.
set -euo pipefail
. "$SV_SOURCE/tests/support/browser.sh"
. "$SV_SOURCE/tests/support/machine.sh"
machine_open
as press-1 -t sensors/press-1/heat -m "{\"value\":9,\"timestamp\":\"$(date -u +%FT%T)\",\"device_id\":\"press-1\"}"
live 1520 1580 0.7
told() { api GET devices/lathe-01 | jq -e '.machine.health < 50'; }
within 20 told || fail "no health: $(api GET devices/lathe-01)"
raised() { api GET 'alerts?state=open' | jq -e 'any(.items[]; .rule == "unusual-together")'; }
within 20 raised || fail "no alert: $(api GET 'alerts?state=open')"
login=$(curl -fsi -X POST -H "Authorization: Bearer $(cat "$work/admin.token")" "127.0.0.1:$operator_port/api/v1/login-links" | tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
[ -n "$login" ] || fail "no login link"
export TMPDIR=$work
SV_URL=http://127.0.0.1:$operator_port SV_LOGIN=http://127.0.0.1:$operator_port$login SV_DEVICE=lathe-01 node "$web/test/machine.mjs"

#!/usr/bin/env bash
# A model on its way: trained, signed, put, in shadow at a site where it raises nothing, live with one FAILURE alert through a kill, a new life after a repair, back again; one with another signature is not run.
# [model-30] [model-31] [model-32] [model-33] [model-34] [model-35] [model-36] [model-38] [model-40] [model-41] [model-42] [uplink-21]
set -euo pipefail
. "$SV_SOURCE/tests/support/life.sh"
life_open
grep -q 'lathe version 1' "$work/said" || fail "it says: $(cat "$work/said")"

# In shadow: watched, recorded, silent.
model shadow lathe --site north || fail "no shadow: $(cat "$work/said")"
within 20 at_gateway 'length == 1 and .[0].mode == "shadow"' || fail "the gateway does not run it: $(at_gateway .)"
live 0 60
within 20 at_gateway '.[0].machines == 1 and .[0].alarms == 0' || fail "nobody is watched: $(at_gateway .)"
api GET devices/lathe-01 | jq -e '.life == null' >/dev/null || fail "a shadow speaks: $(api GET devices/lathe-01)"

# Live: how long it will last, then one alert.
model live lathe --site north || fail "not live: $(cat "$work/said")"
within 20 at_gateway '.[0].mode == "live"' || fail "it stays in shadow: $(at_gateway .)"
life() { api GET devices/lathe-01 | jq -ec ".life | $1"; }
within 20 life '.model == "lathe" and .version == 1 and .low_s <= .left_s and .left_s <= .high_s and .left_s > 1200 and .horizon_s == 1200' || fail "no life: $(life .)"
live 60 95
failing() { api GET 'alerts?state=all' | jq -e "[.items[] | select(.type == \"FAILURE\")] | length == 1 and (.[0] | $1)"; }
within 20 failing '.state == "open" and .rule == "remaining-life" and (.message | test("^Failure within 20 min: (over )?[0-9]+ % likely, [0-9]+ min left \\([0-9]+ min to [0-9]+ min\\); (heat|vibration) higher"))' \
  || fail "not one alert: $(api GET 'alerts?state=all')"
within 20 life '.risk > 0.3 and .left_s < 1200' || fail "life is told as $(life .)"

# A kill: the model, the life and the alert go on.
die "$gateway"
start_gateway
live 95 98
within 20 at_gateway '.[0].mode == "live" and .[0].machines == 1' || fail "after the kill: $(at_gateway .)"
failing '.state == "open"' >/dev/null || fail "the kill has ended or doubled it: $(api GET 'alerts?state=all')"

# Failed and repaired: it had said so.
"$selvedge" device renewed lathe-01 --failed --url "http://127.0.0.1:$operator_port" --token-file "$work/admin.token" >"$work/said" 2>&1 || fail "not said: $(cat "$work/said")"
within 20 failing '.state == "cleared"' || fail "it goes on: $(api GET 'alerts?state=all')"
within 20 at_gateway '.[0].machines == 0 and .[0].ended == 1 and .[0].wrong == 0' || fail "its life goes on: $(at_gateway .)"

# Another one, with a signature that is not its own: refused by the gateway, and the old one is live again.
"$selvedge" firmware keygen --out "$work/strange" --key ec >/dev/null
"$selvedge" firmware sign "$work/lathe.model" --key "$work/strange/firmware.key" --out "$work/strange.sig"
model put "$work/lathe.model" --name lathe --signature "$work/strange.sig" --row 1m --horizon 20m || fail "not taken: $(cat "$work/said")"
model live lathe --site north --version 2 || fail "not live: $(cat "$work/said")"
within 20 at_gateway 'length == 1 and .[0].mode == "refused" and (.[0].why | test("signature"))' || fail "it is believed: $(at_gateway .)"
model rollback lathe --site north || fail "no way back: $(cat "$work/said")"
within 20 at_gateway 'any(.[]; .version == 1 and .mode == "live")' || fail "the old one is not back: $(at_gateway .)"
model off lathe --site north || fail "not off: $(cat "$work/said")"
within 20 at_gateway 'length == 0' || fail "it runs: $(at_gateway .)"
code=0
model rollback lathe --site north || code=$?
[ "$code" = 1 ] || fail "exit code $code: $(cat "$work/said")"
code=0
model live none --site north || code=$?
[ "$code" = 2 ] || fail "exit code $code of a model that there is not: $(cat "$work/said")"

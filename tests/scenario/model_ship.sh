#!/usr/bin/env bash
# A model on its way: trained, signed, put, in shadow at a site where it raises nothing, live with one FAILURE alert through a kill, a new life after a repair, back again; one with another signature is not run.
# [model-30] [model-31] [model-32] [model-33] [model-34] [model-35] [model-36] [model-38] [model-40] [model-41] [model-42] [uplink-21]
set -euo pipefail
. "$SV_SOURCE/tests/support/life.sh"
life_open
grep -q 'lathe version 1' "$work/said" || fail "it says: $(cat "$work/said")"

# In shadow: watched, recorded, silent.
watched_in_shadow lathe life

# Live: how long it will last, then one alert.
model live lathe --site north || fail "not live: $(cat "$work/said")"
within 20 at_gateway '.[0].mode == "live"' || fail "it stays in shadow: $(at_gateway .)"
life() { api GET devices/lathe-01 | jq -ec ".life | $1"; }
within 20 life '.model == "lathe" and .version == 1 and .low_s <= .left_s and .left_s <= .high_s and .left_s > 1200 and .horizon_s == 1200' || fail "no life: $(life .)"
live 60 95
within 20 failing '.state == "open" and .rule == "remaining-life" and (.message | test("^Failure within 20 min: (over )?[0-9]+ % likely, [0-9]+ min left \\([0-9]+ min to [0-9]+ min\\); (heat|vibration) higher"))' \
  || fail "not one alert: $(api GET 'alerts?state=all')"
within 20 life '.risk > 0.3 and .left_s < 1200' || fail "life is told as $(life .)"

survives_a_kill 95 98

# Failed and repaired: it had said so.
failed_as_said
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

#!/usr/bin/env bash
# What a machine will fail of: learnt from lives with their causes, signed, in shadow at a site where it raises nothing, live with one FAILURE alert that names the kind, told to the server, judged by how the life ended, and gone.
# [model-14] [model-20] [model-30] [model-31] [model-32] [model-34] [model-38] [model-39] [model-40] [model-42] [uplink-21]
set -euo pipefail
. "$SV_SOURCE/tests/support/life.sh"

causes
grep -q '^classes: healthy bearing seal$' "$work/card" || fail "the card: $(cat "$work/card")"
grep -q '^true within: 20 rows of a life$' "$work/card" || fail "the card: $(cat "$work/card")"

# On files: a machine a line.
{ echo "id,heat,vibration,current" | sed 's/id/machine/'; rows 91 100 0 30 | sed 's/^/young,/'; rows 92 100 0 97 | sed 's/^/old,/'; } \
  | "$selvedge" model predict --model "$work/kind.model" >"$work/answers" || fail "no answers"
[ "$(wc -l <"$work/answers")" = 2 ] || fail "a line a machine: $(cat "$work/answers")"
cut -d, -f2 "$work/answers" | tr '\n' ' ' | grep -qx 'healthy bearing ' || fail "the answers: $(cat "$work/answers")"
code=0
"$selvedge" model train --task rul --within 20 --group machine --data "$work/causes.csv" --out "$work/none.model" >/dev/null 2>"$work/said" || code=$?
grep -q -- '--within belongs to --task class' "$work/said" || fail "exit code $code: $(cat "$work/said")"
[ "$code" = 2 ] || fail "exit code $code"

life_open
kind_sign
code=0
model put "$work/kind.model" --name kind --signature "$work/kind.sig" --row 1m --horizon 30m || code=$?
grep -q 'true within 20 rows, which is 1200 s' "$work/said" || fail "another horizon: $(cat "$work/said")"
[ "$code" = 2 ] || fail "exit code $code of another horizon"
model put "$work/kind.model" --name kind --signature "$work/kind.sig" --row 1m || fail "not taken: $(cat "$work/said")"

# In shadow: watched, silent.
watched_in_shadow kind failure
at_gateway '.[0].task == "class"' >/dev/null || fail "the gateway runs another kind: $(at_gateway .)"

# Live beside a model of remaining life: what it is, then one alert.
model live kind --site north || fail "not live: $(cat "$work/said")"
within 20 at_gateway '.[0].mode == "live"' || fail "it stays in shadow: $(at_gateway .)"
failure() { api GET devices/lathe-01 | jq -ec ".failure | $1"; }
within 20 failure '.model == "kind" and .risk < 0.3 and .horizon_s == 1200 and (.classes | map(.name)) == ["healthy", "bearing", "seal"]' || fail "it does not say: $(failure .)"
live 60 97
within 20 failing '.state == "open" and .rule == "remaining-life" and (.message | test("^Failure within 20 min: (over )?[0-9]+ % likely, bearing (over )?[0-9]+ %.*; (heat|vibration) higher \\([0-9]+ points less if it were as at first\\)"))' \
  || fail "not one alert: $(api GET 'alerts?state=all')"
within 20 failure '.risk > 0.3 and (.classes[1].probability > .classes[2].probability) and (.parts | length) > 0' || fail "it is told as $(failure .)"

survives_a_kill 97 99

# It failed, as was said; and the model goes.
failed_as_said
within 20 at_gateway '.[0].machines == 0 and .[0].wrong == 0' || fail "its life goes on: $(at_gateway .)"
model off kind --site north || fail "not off: $(cat "$work/said")"
within 20 at_gateway 'length == 0' || fail "it runs: $(at_gateway .)"
within 20 failure '. == null' || fail "it is still said: $(failure .)"

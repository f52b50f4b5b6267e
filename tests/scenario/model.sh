#!/usr/bin/env bash
# A model is learnt from a fleet that wore out, and judged by machines it has never seen: estimates,
# intervals, classes, and a clear word for whatever cannot work.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
selvedge=$SV_BIN/selvedge
fleet=$SV_SOURCE/tests/support/worn_fleet.py
fail() { echo "FAILED: $*" >&2; exit 1; }

# ---- remaining life -----------------------------------------------------------------------------
"$fleet" 1 40 whole csv >history.csv
"$fleet" 2 60 cut csv >now.csv
"$fleet" 2 60 rests cut >left
"$selvedge" model train --task rul --group machine --setting load --data history.csv --out press.model >card 2>said \
  || fail "training: $(cat said)"
grep -q "column 'row' is left out: it counts the rows" said || fail "the row number was learnt from: $(cat said)"
grep -q '^operating conditions: 3$' card || fail "three loads were not told apart: $(cat card)"
# [model-2] selvedge-train held every row against xgboost.
grep -qE '^largest difference from xgboost: 0 on [0-9]+ rows$' card || fail "the trees do not walk as xgboost does: $(cat card)"
[ "$(stat -c %s press.model)" -le 65536 ] || fail "the model has $(stat -c %s press.model) bytes"
"$selvedge" model show press.model | cmp - card || fail "show prints another card"
"$selvedge" model predict --model press.model <now.csv >estimates

# [model-5] [model-8] One line per machine; most lie in their interval, and near their estimate.
python3 - left estimates <<'PY' || fail "the estimates are no good"
import sys
rests = [float(x) for x in open(sys.argv[1])]
lines = [[float(x) for x in line.split(",")] for line in open(sys.argv[2])]
assert len(lines) == len(rests) == 60, (len(lines), len(rests))
mean = sum(rests) / len(rests)
rmse = lambda errors: (sum(e * e for e in errors) / len(errors)) ** 0.5
learnt, blind = rmse([l[0] - r for l, r in zip(lines, rests)]), rmse([mean - r for r in rests])
covered = sum(low <= r <= high for r, (_, low, high) in zip(rests, lines)) / len(rests)
print("rmse %.1f, of a blind guess %.1f; %.0f %% covered" % (learnt, blind, 100 * covered))
assert learnt < 0.7 * blind and 0.8 <= covered <= 1
assert all(0 <= low <= estimate <= high and estimate <= 125 for estimate, low, high in lines)
PY

# [model-9] The same files give the same model, and a prefix of the rows the same first machines.
"$selvedge" model train --task rul --group machine --setting load --data history.csv --out again.model >/dev/null 2>&1
cmp press.model again.model || fail "two trainings gave two models"
grep -E '^(machine|m-[1-9];)' now.csv | "$selvedge" model predict --model press.model | cmp - <(head -9 estimates) \
  || fail "other machines change an estimate"

# [model-8] NASA's format: the same fleet in other letters, units in any order.
"$fleet" 1 40 whole nasa >train.txt
"$fleet" 2 60 cut nasa >test.txt
"$selvedge" model train --task rul --format cmapss --data train.txt --out engine.model >/dev/null 2>&1
"$selvedge" model predict --model engine.model --format cmapss <test.txt >units
[ "$(wc -l <units)" = 60 ] || fail "$(wc -l <units) lines for 60 units"
sort -s -k1,1nr test.txt | "$selvedge" model predict --model engine.model --format cmapss | cmp - units \
  || fail "units do not come in the order of their numbers"

tac test.txt | "$selvedge" model predict --model engine.model --format cmapss >turned 2>said && fail "lives told from their end are estimated"
grep -q "a unit's rows are wanted in their order" said || fail "lives told from their end: $(cat said)"

# ---- classes ------------------------------------------------------------------------------------
"$fleet" 3 2500 windows >windows.csv
"$fleet" 4 500 windows >new.csv
"$selvedge" model train --task class --label state --data windows.csv --out state.model >card 2>said || fail "classes: $(cat said)"
grep -q "column 'id' is left out" said || fail "the rows' number was learnt from"
# An answer is there when its row is, and a device is no place for a model.
exec {rows}> >("$selvedge" model predict --model state.model >answers)
head -2 new.csv >&"$rows"
tries=200
until [ -s answers ]; do
  [ $((tries -= 1)) -gt 0 ] || fail "a row has no answer before the next one"
  sleep 0.05
done
exec {rows}>&-
mkdir folder.model
"$selvedge" model train --task class --label state --data windows.csv --out folder.model >/dev/null 2>said && fail "a folder was replaced"
grep -q "cannot write 'folder.model': it is no ordinary file" said || fail "a folder as the model: $(cat said)"
grep -q '^looked for: broken, ' card || fail "what is looked for: $(cat card)"
cut -d, -f1-5 new.csv | "$selvedge" model predict --model state.model >classes
# [model-6] [model-8]
paste -d, <(tail -n +2 new.csv) classes | awk -F, '$6 == $8 {right++} END {print right " of " NR " right"; exit !(NR == 500 && right > 475)}' \
  || fail "too many classes are wrong"
# A broken row costs its own line.
printf 'grade,torque,speed,temperature\nL,40,1500\nL,x,1500,300\nQ,70,1700,nan\n' | "$selvedge" model predict --model state.model >few 2>said
if [ "$(head -1 few)" != "nan," ] || [ "$(wc -l <few)" != 3 ]; then fail "broken rows: $(cat few)"; fi
grep -q "line 2: 3 cells, where the header names 4 columns" said || fail "$(cat said)"
grep -q "line 3: 'x' in column 'torque' is no number; it counts as missing" said || fail "$(cat said)"

# ---- what cannot work ---------------------------------------------------------------------------
# refused CODE SENTENCE command...
refused() {
  local code=$1 sentence=$2 got=0
  shift 2
  "$@" </dev/null >out 2>said || got=$?
  if [ "$got" != "$code" ] || ! grep -qF -- "$sentence" said; then fail "$* ended with $got: $(cat said)"; fi
}
train=("$selvedge" model train --out no.model)
# [model-10]
"$fleet" 5 4 whole csv >few.csv
refused 2 "4 machines that ran to their end are too few" "${train[@]}" --task rul --group machine --data few.csv
refused 2 "few.csv: there is no column 'unit' to tell machines apart by" "${train[@]}" --task rul --group unit --data few.csv
refused 2 "there is no column 'state' to learn" "${train[@]}" --task class --label state --data few.csv
refused 2 "column 'noise' has more values; a class is one of 2 to 16" "${train[@]}" --task class --label noise --data few.csv
refused 2 "cannot read 'absent.csv'" "${train[@]}" --task rul --group machine --data absent.csv
refused 2 "--task is rul or class, not 'both'" "${train[@]}" --task both --data few.csv
printf 'machine,a\nm,1\nm,1,2\n' >broken.csv
refused 2 "broken.csv: line 3: 3 cells" "${train[@]}" --task rul --group machine --data broken.csv
printf '1 1 2\n' >broken.txt
refused 2 "broken.txt: line 1: 3 numbers" "${train[@]}" --task rul --format cmapss --data broken.txt
[ ! -e no.model ] || fail "a refused training left a file"
predict() { "$selvedge" model predict --model "$1" <<<"$2"; }
refused 2 "there is no column 'load', which the model looks at" predict press.model "machine,vibration"
refused 1 "there was no row" predict state.model "$(head -n 1 new.csv)"
code=0
"$selvedge" model show state.model >/dev/full 2>said || code=$?
[ "$code" = 5 ] || fail "exit code $code with a card that nobody gets: $(cat said)"
refused 2 "few.csv: this is no model" predict few.csv x
refused 2 "cannot" predict absent.model x
cp press.model newer.model
printf '\x02' | dd of=newer.model bs=1 seek=8 conv=notrunc status=none
refused 2 "a model of version 2; this program reads version 1" predict newer.model x
head -c 4000 press.model >cut.model
refused 2 "the model says it has" predict cut.model x

# [model-11] Ended half-way, nothing is left: no file, no program.
"$fleet" 6 400 whole csv >large.csv
"$selvedge" model train --task rul --group machine --data large.csv --out half.model >/dev/null 2>said &
training=$!
child=
for _ in $(seq 200); do
  child=$(pgrep -P "$training" -x selvedge-train || true)
  [ -z "$child" ] || break
  sleep 0.05
done
[ -n "$child" ] || fail "selvedge-train did not start"
kill -TERM "$training"
wait "$training" && fail "an ended training succeeded"
for _ in $(seq 200); do [ -e "/proc/$child" ] || break; sleep 0.05; done
[ ! -e "/proc/$child" ] || fail "selvedge-train goes on alone"
[ -z "$(compgen -G 'half*' || true)" ] || fail "an ended training left $(compgen -G 'half*')"
echo "model: all well"

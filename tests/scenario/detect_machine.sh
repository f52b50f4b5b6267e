#!/bin/bash
# A machine with three sensors is learnt, heats up, and jams: `selvedge detect machine` row by row. [detect-29]
set -euo pipefail
# shellcheck source=tests/support/common.sh
source "$SV_SOURCE/tests/support/common.sh"
cd "$work"

# 600 rows: usual until 450, off until 520, usual again. The last two columns are labels.
awk 'function noise() { seed = (seed * 16807) % 2147483647; return seed / 2147483647 - 0.5 }
     BEGIN { seed = 7; print "time;flow, m3/h;bearing;pump;anomaly;Changepoint"
       for (i = 0; i < 600; i++) {
         off = i >= 450 && i < 520
         printf "2026-11-22 06:%02d:%02d;%.4f;%.4f;%.4f;%d;%d\n", i / 60 % 60, i % 60,
           32 + noise() - (off ? 4 : 0), 40 + i / 200 + 0.1 * noise(), 2 + 0.01 * noise(), off, i == 450 || i == 520 } }' > wide.csv

"$selvedge" detect machine --train-rows 400 < wide.csv > scores.csv
[ "$(wc -l < scores.csv)" = 601 ] || fail "not one row for each: $(wc -l < scores.csv)"
[ "$(head -n 1 scores.csv)" = timestamp,anomaly_score,anomaly,changepoint,top_sensor ]
awk -F, 'NR > 1 && NR <= 401 && ($2 != 0 || $3 != 0 || $4 != 0)' scores.csv | head -n 1 > learning
[ ! -s learning ] || fail "a row learnt from has a score: $(cat learning)"
awk -F, 'NR > 401 && NR <= 451 && $3' scores.csv > early
[ ! -s early ] || fail "a usual row is an anomaly: $(head -n 1 early)"
found=$(awk -F, 'NR > 451 && NR <= 521 && $3 && /"flow, m3\/h"$/' scores.csv | wc -l)
[ "$found" -ge 60 ] || fail "of 70 rows $found are anomalies of the flow"
awk -F, 'NR > 561 && $3' scores.csv > late
[ ! -s late ] || fail "it does not end: $(head -n 1 late)"
awk -F, 'NR > 451 && NR <= 471 && $4' scores.csv | grep -q . || fail "no change point where it begins"
awk -F, 'NR > 521 && NR <= 541 && $4' scores.csv | grep -q . || fail "no change point where it ends"

# Labels are no sensors; what separates the cells, and how lines end, is the same.
cut -d';' -f1-4 wide.csv | "$selvedge" detect machine > plain.csv
cmp scores.csv plain.csv
sed 's/flow, m3/flow m3/; s/;/,/g; s/$/\r/' wide.csv | "$selvedge" detect machine > comma.csv
sed 's/"flow, m3\/h"/flow m3\/h/' scores.csv | cmp - comma.csv

# A row is judged by the rows before it alone. [detect-20]
for rows in 100 401 455 530; do
  head -n $((rows + 1)) wide.csv | "$selvedge" detect machine > prefix.csv
  head -n $((rows + 1)) scores.csv | cmp - prefix.csv || fail "another score for the first $rows rows"
done

# It answers each row before the next one comes.
coproc filter { exec "$selvedge" detect machine; }
filter_pid=$!
started+=("$filter_pid")
exec {to}>&"${filter[1]}" {from}<&"${filter[0]}"
eval "exec ${filter[1]}>&-"
{ read -r line; printf '%s\n' "$line" >&$to; } < wide.csv
read -r -t 20 -u $from line || fail "no header"
for i in 1 2 3; do
  sed -n "$((i + 1))p" wide.csv >&$to
  read -r -t 20 -u $from line || fail "row $i is not answered"
  [ "$line" = "$(sed -n "$((i + 1))p" scores.csv)" ]
done
exec {to}>&-
wait "$filter_pid"

# What cannot be read costs its row alone; a sensor that is silent is no evidence.
awk -F';' -v OFS=';' 'NR == 440 { print "2026;1;2"; next } NR == 441 { $4 = "broken" } NR > 450 { $4 = "" } { print }' wide.csv |
  "$selvedge" detect machine > hurt.csv 2> told
[ "$(wc -l < hurt.csv)" = 601 ] || fail "rows are missing"
grep -q 'line 440' told || fail "nothing is said of line 440: $(cat told)"
grep -q 'line 441: pump is not a number' told || fail "nothing is said of line 441: $(cat told)"
[ "$(wc -l < told)" = 2 ] || fail "too much is said: $(cat told)"
awk -F, 'NR > 401 && NR <= 451 && $3' hurt.csv > early
[ ! -s early ] || fail "a broken row is an anomaly: $(head -n 1 early)"

# What cannot be.
refused() { # refused EXIT SENTENCE arguments, with stdin
  local code=0
  "$selvedge" detect machine "${@:3}" > said 2>&1 || code=$?
  [ "$code" = "$1" ] || fail "exit $code: $(cat said)"
  grep -qF -- "$2" said || fail "said: $(cat said)"
}
head -n 1 wide.csv | refused 1 "there was no row"
printf 'time,label\n' | refused 2 "the header names no sensor"
{ printf time; printf ',s%d' {1..65}; echo; } | refused 2 "a machine has 1 to 64 sensors, not 65"
refused 2 "--train-rows" --train-rows 10 < wide.csv
echo "detect machine: ok"

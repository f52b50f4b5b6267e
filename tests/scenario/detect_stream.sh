#!/bin/bash
# A sensor's daily wave has one peak and gets stuck: `selvedge detect stream` row by row. [detect-9]
set -euo pipefail
# shellcheck source=tests/support/common.sh
source "$SV_SOURCE/tests/support/common.sh"
cd "$work"

# Ten days, every five minutes; row 2001 is a peak, and from row 2501 on nothing changes.
awk 'function noise() { seed = (seed * 16807) % 2147483647; return seed / 2147483647 - 0.5 }
     BEGIN { seed = 7; print "timestamp,value"
       for (i = 0; i < 2880; i++) {
         value = 50 + 10 * sin(i * 6.2831853 / 288) + noise() + (i == 2000 ? 40 : 0)
         last = i < 2500 ? value : last
         printf "%d,%.4f\n", 1700000000 + 300 * i, last } }' > values.csv

"$selvedge" detect stream < values.csv > scores.csv
[ "$(wc -l < scores.csv)" = 2881 ] || fail "not one row for each: $(wc -l < scores.csv)"
[ "$(head -n 1 scores.csv)" = timestamp,value,anomaly_score,alert,expected_low,expected_high,reason ]
cut -d, -f1,2 scores.csv | cmp - values.csv
awk -F, 'NR > 1 && !($3 >= 0 && $3 <= 1)' scores.csv > wrong
[ ! -s wrong ] || fail "no score: $(head -n 1 wrong)"
awk -F, 'NR <= 52 && NR > 1 && $3 != 0' scores.csv > learning
[ ! -s learning ] || fail "a row of the first fifty has a score: $(cat learning)"
awk -F, 'NR > 1000 && NR != 2002 && NR <= 2501 && $4' scores.csv > early
[ ! -s early ] || fail "a usual row raises an alert: $(head -n 1 early)"
awk -F, 'NR == 2002 && $4 == 1 && /outside what was usual/' scores.csv | grep -q . || fail "the peak: $(sed -n 2002p scores.csv)"
awk -F, 'NR > 2501 && NR <= 2541 && $4 == 1 && /noise [0-9.]+ times the usual|stuck/' scores.csv | grep -q . || fail "no alert when it gets stuck: $(awk -F, 'NR > 2501 && $3 > 0' scores.csv)"
awk -F, 'NR > 2501 && NR <= 2641 && $3 > 0.5 && /stuck at [0-9.]+ for [0-9.]+ (min|h)/' scores.csv | grep -q . || fail "it is not said that it is stuck: $(awk -F, 'NR > 2501 && $3 > 0' scores.csv)"

# A row is judged by the rows before it alone.
for rows in 1 51 1999 2001 2600; do
  head -n $((rows + 1)) values.csv | "$selvedge" detect stream > prefix.csv
  head -n $((rows + 1)) scores.csv | cmp - prefix.csv || fail "another score for the first $rows rows"
done

# It answers each row before the next one comes.
coproc filter { exec "$selvedge" detect stream; }
filter_pid=$!
started+=("$filter_pid")
exec {to}>&"${filter[1]}" {from}<&"${filter[0]}"
eval "exec ${filter[1]}>&-"
head -n 1 values.csv >&$to
read -r -t 20 -u $from line || fail "no header"
for i in 1 2 3; do
  sed -n "$((i + 1))p" values.csv >&$to
  read -r -t 20 -u $from line || fail "row $i is not answered"
  [ "$line" = "$(sed -n "$((i + 1))p" scores.csv)" ]
done
exec {to}>&-
wait "$filter_pid"

# What cannot be read costs its row alone; a reading that was not made is none.
awk -F, -v OFS=, 'NR == 1440 { print "1;2"; next } NR == 1441 { $2 = "broken" } NR == 1442 { $1 = "noon" } NR == 1443 { $2 = "" } { print }' values.csv |
  "$selvedge" detect stream > hurt.csv 2> told
[ "$(wc -l < hurt.csv)" = 2881 ] || fail "rows are missing"
grep -q 'line 1440' told || fail "nothing is said of line 1440: $(cat told)"
grep -q 'line 1441: value is not a number' told || fail "nothing is said of line 1441: $(cat told)"
grep -q 'line 1442: the time cannot be read' told || fail "nothing is said of line 1442: $(cat told)"
[ "$(wc -l < told)" = 3 ] || fail "too much is said: $(cat told)"
awk -F, 'NR >= 1440 && NR <= 1443 && $3 != 0' hurt.csv > wrong
[ ! -s wrong ] || fail "what cannot be read has a score: $(cat wrong)"

# One knob. [detect-8]
for level in low normal high; do
  "$selvedge" detect stream --sensitivity $level < values.csv | awk -F, '$4 == 1' | wc -l
done > counts
sort -n -c counts || fail "alerts at low, normal, high: $(tr '\n' ' ' < counts)"
code=0
"$selvedge" detect stream --sensitivity shrill < values.csv > said 2>&1 || code=$?
[ "$code" = 2 ] || fail "exit $code: $(cat said)"
grep -q "low, normal or high, not 'shrill'" said || fail "said: $(cat said)"
# As many as are wanted, where more comes. [detect-16]
awk -F, -v OFS=, 'NR > 300 && NR % 97 == 0 { $2 += 15 + NR % 31 } { print }' values.csv > often.csv
"$selvedge" detect stream --sensitivity high < often.csv | awk -F, '$4 == 1' | wc -l > often
"$selvedge" detect stream --sensitivity high --alerts-per-week 0.1 < often.csv | awk -F, '$4 == 1' | wc -l > few
[ "$(cat few)" -lt "$(cat often)" ] || fail "$(cat few) alerts instead of $(cat often)"
code=0
"$selvedge" detect stream --alerts-per-week many < values.csv > said 2>&1 || code=$?
[ "$code" = 2 ] || fail "exit $code: $(cat said)"
grep -q "a number from 0.01 to 1000, not 'many'" said || fail "said: $(cat said)"
code=0
head -n 1 values.csv | "$selvedge" detect stream > said 2>&1 || code=$?
[ "$code" = 1 ] || fail "no row: exit $code"
echo "detect stream: ok"

# What people do: no header, the newest row first, a file named instead of read.
code=0
tail -n +2 values.csv | "$selvedge" detect stream > out 2> said || code=$?
[ "$code" = 2 ] || fail "exit code $code without a header"
grep -q 'the first line is a row; a header' said || fail "it says: $(cat said)"
{ head -n 1 values.csv; tail -n +2 values.csv | tac; } | "$selvedge" detect stream > out 2> said || fail "the newest first: $(cat said)"
[ "$(wc -l < out)" = 2881 ] || fail "rows are missing"
grep -q 'line 3: the time is before that of a row above.*sort the rows, oldest first' said || fail "it says: $(head -n 2 said)"
code=0
"$selvedge" detect stream values.csv > out 2> said < /dev/null || code=$?
[ "$code" = 2 ] || fail "exit code $code for a file"
grep -q "selvedge detect stream < 'values.csv'" said || fail "it says: $(cat said)"

#!/usr/bin/env bash
# A CSV may hold texts from outside: a time, a column's name, a class of a model. None of them is a formula in a spreadsheet, numbers stay
# as they are. The device page's own CSV: web/test/csv.mjs. [detect-9]
set -euo pipefail
# shellcheck source=tests/support/common.sh
source "$SV_SOURCE/tests/support/common.sh"
cd "$work"
# inert FILE: no cell begins like a formula, wherever a line is cut, unless it is a number
inert() {
  python3 - "$1" <<'END' || fail "$1 holds a formula"
import csv, re, sys
number = re.compile(r"[+-]?(\d+\.?\d*([eE][+-]?\d+)?|nan|inf)?$", re.I)
cells = [cell for row in csv.reader(open(sys.argv[1], newline="")) for cell in row]
bad = [cell for cell in cells if cell[:1] in tuple("=+-@\t\r") and cell and not number.match(cell)]
print(bad, file=sys.stderr)
sys.exit(bool(bad) or len(cells) < 10)
END
}

printf 'timestamp,value\n1700000000,-4.5\n=1+1,1\n"=HYPERLINK(""http://evil.example"",""x"")",2\n@SUM(A1),=2+3\n+cmd,-cmd\n"-1;=1",3\n' >values.csv
"$selvedge" detect stream <values.csv >scores.csv 2>/dev/null
inert scores.csv
sed -n 2p scores.csv | grep -q '^1700000000,-4.5,' || fail "a number is changed: $(sed -n 2p scores.csv)"
sed -n 3p scores.csv | grep -qF "\"'=1+1\"," || fail "a formula is not kept as a text: $(sed -n 3p scores.csv)"
sed -n 7p scores.csv | grep -qF "\"'-1;=1\"," || fail "a formula behind a semicolon: $(sed -n 7p scores.csv)"

# The sensor that is most unusual is named by the file.
awk 'BEGIN { srand(3); print "timestamp,=cmd,@b"
  for (i = 0; i < 600; i++) printf "%d,%.4f,%.4f\n", 1700000000 + i, rand() + (i > 500 ? 90 : 0), rand() }' >wide.csv
"$selvedge" detect machine --train-rows 300 <wide.csv >machine.csv
inert machine.csv
grep -qF "\"'=cmd\"" machine.csv || fail "the unusual sensor is not named: $(tail -n 1 machine.csv)"

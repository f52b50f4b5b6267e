#!/bin/bash
# A pump hums at 50 Hz and hisses; later something rubs at 380 Hz on one of its two sensors: `selvedge detect
# vibration` says so, and says what stands out. [detect-47]
set -euo pipefail
# shellcheck source=tests/support/common.sh
source "$SV_SOURCE/tests/support/common.sh"
cd "$work"

# sound SEED LOAD RUB WINDOWS: samples at 1,000 a second
sound() {
  awk -v seed="$1" -v load="$2" -v rub="$3" -v windows="$4" '
    function noise() { seed = (seed * 16807) % 2147483647; return seed / 2147483647 - 0.5 }
    BEGIN { print "time,front,rear"
      for (i = 0; i < windows * 1024; i++)
        printf "%d,%.5f,%.5f\n", i, load * (sin(0.314159 * i) + noise()),
          load * (sin(0.314159 * i + 1) + noise()) + rub * sin(2.38761 * i) + 7 }'
}
sound 1 1.0 0 12 > idle.csv
sound 2 1.3 0 12 > full.csv
judge() { "$selvedge" detect vibration --train idle.csv full.csv --rate 1000; }

sound 3 1.2 0 8 | judge > healthy.csv
[ "$(head -n 1 healthy.csv)" = window,anomaly_score,anomaly,channel,feature,deviation ]
[ "$(awk -F, 'NR > 1 && $3 == 0 && $2 < 0.5' healthy.csv | wc -l)" = 8 ] || fail "healthy: $(cat healthy.csv)"
sound 4 1.2 0.8 8 | judge > rubs.csv
[ "$(awk -F, 'NR > 1 && $3 == 1 && $2 >= 0.5 && $4 == "rear" && $5 == "band13 (375-406.25 Hz)" && $6 > 8' rubs.csv | wc -l)" = 8 ] ||
  fail "rubs: $(cat rubs.csv)"

# Once for each file is the same as all at once; what is less than a window is not judged, and a time says nothing.
sound 4 1.2 0.8 9 | head -n 9000 | cut -d, -f2,3 |
  "$selvedge" detect vibration --train idle.csv --train full.csv --rate 1000 | cmp - rubs.csv

# Rows for a model to be trained from, without how strong it was: that says which load it was.
"$selvedge" detect vibration --features --label 'worn, rear' < idle.csv > features.csv
[ "$(wc -l < features.csv)" = 13 ] || fail "not a row for each window"
head -n 1 features.csv | grep -q '^front_kurtosis,front_crest,front_envelope,front_band1,.*,rear_band16,label$' ||
  fail "header: $(head -n 1 features.csv)"
[ "$(grep -c '^\(-\?[0-9.e-]*,\)\{38\}"worn, rear"$' features.csv)" = 12 ] || fail "features: $(tail -n 1 features.csv)"

# A window that is mostly gaps is no evidence.
sound 5 1 0.8 2 | awk -F, -v OFS=, 'NR > 1 && NR < 1500 { $3 = "" } { print }' | judge > gaps.csv
[ "$(awk -F, 'NR > 1 { print $3, $4 }' gaps.csv)" = $'0 front\n0 front' ] || fail "gaps: $(cat gaps.csv)"

refused() { # refused EXIT SENTENCE arguments, with stdin
  local code=0
  "$selvedge" detect vibration "${@:3}" > said 2>&1 || code=$?
  [ "$code" = "$1" ] || fail "exit $code: $(cat said)"
  grep -qF -- "$2" said || fail "said: $(cat said)"
}
head -n 900 idle.csv > short.csv
refused 1 "there was no whole window of 1024 rows" --train idle.csv full.csv < short.csv
refused 1 "channel 1 has 0 healthy windows" --train short.csv < idle.csv
refused 2 "cannot open 'gone.csv'" --train gone.csv < idle.csv
refused 2 "give --train" < idle.csv
refused 2 "give one of them" --train idle.csv --features < full.csv
refused 2 "--label goes with --features" --train idle.csv --label a < full.csv
sed '1s/rear/back/' full.csv > other.csv
refused 2 "other.csv: channel 2 is 'back' and was 'rear' before" --train idle.csv other.csv < full.csv
{ printf c0; printf ',c%d' {1..8}; echo; } > wide.csv
refused 2 "there are more than 8 channels" --train wide.csv < idle.csv
echo "detect vibration: ok"

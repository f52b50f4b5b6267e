# shellcheck shell=bash
# What every story in a real browser needs. Sourced; SV_SOURCE and SV_BIN are set by ctest. Screens are kept in $SHOTS.
web=$SV_SOURCE/web
export SHOTS=${SHOTS:-$SV_SOURCE/build/screens}
for needed in node /usr/bin/chromium "$web/node_modules/playwright-core"; do
  command -v "$needed" >/dev/null || [ -d "$needed" ] \
    || { echo "$needed is missing; ./dev test and ./dev web-test install what the browser test needs" >&2; exit 1; }
done

# pilot_open: a pilot in $work/pilot, as process $pilot; $login is its link.
# shellcheck disable=SC2154 # $work is its caller's
pilot_open() {
  "$SV_BIN/selvedge" pilot --dir "$work/pilot" --seconds 880 >"$work/out" 2>"$work/err" &
  pilot=$!
  local link='https?://[^ ]+#login=[A-Za-z0-9_-]+'
  for _ in $(seq 600); do
    ! grep -qE "$link" "$work/out" || break
    kill -0 "$pilot" 2>/dev/null || break
    sleep 0.1
  done
  # shellcheck disable=SC2034 # for who sources this
  login=$(grep -oE "$link" "$work/out" | head -1) || { echo "the pilot gave no login link; it said:" >&2; cat "$work/err" >&2; exit 1; }
}

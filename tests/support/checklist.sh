# shellcheck shell=bash disable=SC2034
# A live pilot in $site, run by nobody in particular, and what `selvedge checklist` says of it before and after it was broken. Sourced; SV_BIN names the programs.
work=$(mktemp -d)
pilot=""
extra=""
more=() # options beside
cleanup() {
  for pid in $extra $pilot; do kill -TERM "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
fail() {
  echo "FAILED: $*" >&2
  tail -n 20 "$work"/err* >&2 || true
  exit 1
}
# Nobody should run it as root, and what is judged should not be decided by who runs the test.
as=()
user=$(id -u)
if [ "$user" = 0 ]; then
  user=65534
  as=(setpriv "--reuid=$user" "--regid=$user" --clear-groups)
  chown "$user:$user" "$work"
fi
site=$work/p
"${as[@]}" "$SV_BIN/selvedge" pilot --dir "$site" --devices 3 >"$work/out" 2>"$work/err" &
pilot=$!
for _ in $(seq 300); do grep -qs 'own page' "$work/out" && break; sleep 0.1; done
[ -s "$site/pilot.json" ] || fail "no pilot"
# Somebody has come in by the link, so that it does not wait any more.
curl -fs -m 10 -o /dev/null -H 'Content-Type: application/json' -d "{\"token\":\"$(grep -oE '#login=[A-Za-z0-9_-]+' "$work/out" | head -1 | cut -d= -f2)\"}" "$(jq -r .fleet.operator_url "$site/pilot.json")/api/v1/session" || fail "the pilot's link opens nothing"
# What is said of devices does not change any more once all three are there and have said what they run.
api() { curl -fs -m 5 -H "Authorization: Bearer $(cat "$site/fleet/admin.token")" "$(jq -r .fleet.operator_url "$site/pilot.json")/api/v1/$1"; }
for _ in $(seq 300); do
  online=$(api devices | jq '[.items[] | select(.online and .firmware_version)] | length') || online=0
  [ "$online" = 3 ] && break
  sleep 0.1
done
[ "$online" = 3 ] || fail "$online of 3 devices are online and have said what they run"
# And how their slots are: those that have an updater.
proved=no
for _ in $(seq 300); do
  [ "$(api versions | jq '[.items[] | select(.sha256)] | length > 0 and all(.[]; .boot.confirmed == .devices and .counter)')" = true ] && proved=yes && break
  sleep 0.1
done
[ $proved = yes ] || fail "not every device runs a release that has proved itself: $(api versions)"

# look DIR NAME: its verdicts into $work/NAME, whole in $work/NAME.json
look() {
  local code=0
  "$SV_BIN/selvedge" checklist --pilot "$1" --output json "${more[@]}" >"$work/$2.json" 2>"$work/err2" || code=$?
  jq -r '.statements[] | "\(.id) \(.verdict)"' "$work/$2.json" >"$work/$2" || fail "no report: exit $code"
  [ "$code" = "$(jq 'if .holds then 0 else 1 end' "$work/$2.json")" ] || fail "exit code $code is not what it says"
  jq -e '.holds == all(.statements[]; .verdict == "holds" or .verdict == "not applicable")' "$work/$2.json" >/dev/null || fail "it says another whole than its parts"
}
# saw ID PATTERN [DIR]: as it is now this statement does not hold and says why; all others are as before.
saw() {
  look "${3:-$site}" now
  local others
  grep -qx "$1 does not hold" "$work/now" || fail "$1 is not seen to be broken: $(jq -c ".statements[] | select(.id == \"$1\")" "$work/now.json")"
  jq -e --arg id "$1" --arg seen "$2" '.statements[] | select(.id == $id) | .seen | any(test($seen))' "$work/now.json" >/dev/null \
    || fail "$1 does not say '$2': $(jq -c ".statements[] | select(.id == \"$1\") | .seen" "$work/now.json")"
  # Logins are tried each time, and a server that was asked too often says so.
  others=$(diff <(grep -vE "^($1|no-default-credential) " "$work/before") <(grep -vE "^($1|no-default-credential) " "$work/now") || true)
  [ -z "$others" ] || fail "after $1 was broken others changed: $others"
}

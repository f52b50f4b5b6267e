#!/usr/bin/env bash
# The delivery ledger: what a device left out is named number by number, whoever is killed meanwhile, and when it has come the
# audit says complete. What came twice is stored once.
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
fleet_choose
site_open "fleet: {$fleet_link}"
fleet_open
left_s=$((86400 - $(date -u +%s) % 86400))
[ $left_s -gt 120 ] || sleep $((left_s + 1)) # all of the story lies in one day
day=$(date -u +%F)

reading() { echo "{\"value\":$1,\"timestamp\":\"2026-11-22T06:15:04.$1\",\"device_id\":\"press-1\",\"epoch\":\"e one\",\"seq\":$1}"; }
# numbers N...: one reading each
numbers() {
  local n
  for n in "$@"; do reading "$n"; done | as press-1 -t sensors/press-1/temperature -l
}
# audit CODE options...: its words are in $work/said, and in $work/errors
audit() {
  local wanted=$1 code=0
  shift
  "$selvedge" audit delivery --url "http://127.0.0.1:$operator_port" --token-file "$work/admin.token" "$@" >"$work/said" 2>"$work/errors" || code=$?
  [ $code = "$wanted" ]
}
# knows JQ: holds for the only epoch of press-1
knows() {
  audit "$1" --device press-1 --output json && jq -e ".epochs | length == 1 and (.[0] | $2)" "$work/said"
}

numbers 1 2 3 4 5 6 10
numbers 2 3 3
as press-1 -t sensors/press-1/temperature -m '{"value":"broken","timestamp":"2026-11-22T06:15:04","device_id":"press-1","epoch":"e one","seq":8}'
within 30 knows 1 '.missing == ["7-9"] and .received == 7 and .stored == 7 and .doubled == 0 and .repeated == 3 and .refused == 1' \
  || fail "7 to 9 are not missing: $(cat "$work/said" "$work/errors")"

# Both are killed; what was acknowledged is told once they are back.
numbers 11 12 13
die "$gateway"
die "$fleet"
start_gateway
numbers 12 14 15
start_fleet
numbers 15 16
within 60 knows 1 '.missing == ["7-9"] and .to == 16 and .received == 13 and .stored == 13 and .doubled == 0' \
  || fail "after the kills: $(cat "$work/said" "$work/errors")"
audit 1 --device press-1 --day "$day" || fail "the day is complete: $(cat "$work/said" "$work/errors")"
grep -qx '  missing  7-9' "$work/said" || fail "the gap is not named"
grep -qx 'NOT COMPLETE' "$work/said" || fail "the verdict is missing"
audit 1 --day "$day" --output json || fail "the fleet's day is complete"
jq -e '.[] | select(.device == "press-1") | .missing == 3 and .complete == false' "$work/said" >/dev/null || fail "the fleet's day does not count the gap"

numbers 9 8 7
within 30 knows 0 '.missing == [] and .received == 16 and .stored == 16 and .unknown_below == null' \
  || fail "what was sent is missing still: $(cat "$work/said" "$work/errors")"
audit 0 --device press-1 --day "$day" || fail "the day is not complete: $(cat "$work/said" "$work/errors")"
audit 0 --device press-1 --day 2020-01-01 || fail "a day without readings is not complete"
grep -qx 'no numbered readings are known' "$work/said" || fail "nothing is said of a day without readings"
audit 0 --day "$day" || fail "the fleet's day is not complete: $(cat "$work/said")"
grep -q '^press-1  *16  *0  *0  yes$' "$work/said" || fail "the fleet's day has no line for press-1"

# A row that stands twice in the gateway's store is found: it counts what it reads apart from the numbers.
die "$gateway"
sqlite3 "$work/gateway.db" 'DELETE FROM checkpoint; INSERT INTO reading (stream, received, at, value, epoch, seq) SELECT stream, received, at, value, epoch, seq FROM reading WHERE seq = 5'
start_gateway
within 60 knows 1 '.missing == [] and .received == 16 and .stored == 17 and .doubled == 1' || fail "the double is not found: $(cat "$work/said")"

# The pilot's description is enough; who cannot be asked, and why, is an exit code and a sentence.
says() { grep -q -e "$1" "$work/errors" || fail "wrong sentence, not '$1': $(cat "$work/errors")"; }
mkdir -p "$work/here/pilot"
jq -n --arg url "http://127.0.0.1:$operator_port" --arg token "$work/admin.token" --arg ca "$work/pki/ca.crt" \
  '{fleet: {operator_url: $url}, token_file: $token, ca: $ca}' >"$work/here/pilot/pilot.json"
(cd "$work/here" && "$selvedge" audit delivery --device press-2 >/dev/null 2>"$work/errors") && fail "an unknown device is complete"
says "there is no device 'press-2'"
(cd "$work/here" && "$selvedge" audit delivery --pilot pilot --day 2020-01-01 >"$work/said") || fail "the pilot's description is not enough"
audit 2 --device a/b || fail "a/b is a device"
audit 2 --device press-1 --day 2026-13-01 || fail "the 13th month"
says "is not a day such as"
audit 2 --pilot "$work/here/pilot" || fail "two places at once"
wrong=$work/wrong.token
echo no-such-token >"$wrong"
audit 4 --token-file "$wrong" || fail "a wrong token is not refused: $(cat "$work/errors")"
says "wrong.token"
audit 2 --token-file "$work/no.such" || fail "no token at all"
! grep -q no-such-token "$work/errors" || fail "the token is shown"
(cd "$work" && "$selvedge" audit delivery >/dev/null 2>"$work/errors") && fail "nobody was named"
says "whom to ask"
code=0
"$selvedge" audit delivery --url http://192.0.2.1:8443 --token-file "$work/admin.token" 2>"$work/errors" || code=$?
[ $code = 2 ] || fail "the token would go to another machine in the clear: $code"
says "use https"
# status PATH [curl's options...]
status() { curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$operator_port/api/v1/audit/delivery$1" "${@:2}"; }
token="Authorization: Bearer $(cat "$work/admin.token")"
[ "$(status "?day=$day")" = 401 ] || fail "a stranger is answered"
[ "$(status "" -H "$token")" = 400 ] || fail "neither device nor day, and not refused"
[ "$(status "?day=$day&cursor=a%20b" -H "$token")" = 400 ] || fail "a foreign cursor is not refused"
die "$fleet"
audit 3 --device press-1 || fail "nobody answers, but: $(cat "$work/errors")"
says "no fleet server answers"

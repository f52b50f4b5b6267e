#!/usr/bin/env bash
# An operator gives a site its rules: both gateways take them, refuse what is faulty, keep what they have through kills and without the
# link, catch up on their return, and go back to an older version.
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
gateways='gw: north, gw2: north, other: south'
fleet_choose
site_open "fleet: {$fleet_link, every: 50ms}
thresholds: {default: {high: 80}}"
issue gw2 --role gateway --ip 127.0.0.1
issue other --role gateway --ip 127.0.0.1
fleet_open
http2=$(free_port)
sed "s/^id: gw$/id: gw2/; s/port: $mqtt_port/port: $(free_port)/; s/mqtt.sock/mqtt2.sock/; s/keys\\/gw\\./keys\\/gw2./g; s/gateway.db/gateway2.db/; s/$http_port/$http2/" \
  "$work/gateway.yaml" >"$work/gateway2.yaml"
start_second() {
  run "$work/gateway2.log" "$SV_BIN/selvedge-gateway" --config "$work/gateway2.yaml"
  second=$ran
  within 20 curl -fs "127.0.0.1:$http2/healthz" || fail "the second gateway does not become ready"
}
start_second

place=(--site north --url "http://127.0.0.1:$operator_port" --token-file "$work/admin.token")
rules() {
  local verb=$1
  shift
  "$selvedge" rules "$verb" "$@" "${place[@]}" 2>"$work/said"
}
api() { curl -s -H "Authorization: Bearer $(cat "$work/admin.token")" "$@"; }
site_rules=http://127.0.0.1:$operator_port/api/v1/sites/north/rules
goes_by() { curl -fs "127.0.0.1:$1/v1/status" | jq -e ".rules.version == $2" >/dev/null; } # goes_by HTTP-PORT VERSION
both_go_by() { goes_by "$http_port" "$1" && goes_by "$http2" "$1"; }
fleet_says() { rules show --output json | jq -e "[.gateways[] | .rules.version] == [$1]" >/dev/null; } # in the order of ids
alerts() { api "http://127.0.0.1:$operator_port/api/v1/alerts?state=all&device=press-1" | jq '.items | length'; }
say() { as press-1 -t sensors/press-1/temperature -m "{\"value\":$1,\"timestamp\":\"2026-11-22T06:15:$2\",\"device_id\":\"press-1\"}"; }

# Nothing given yet: the files hold, and it says so.
[ -z "$(rules show)" ] || fail "there are rules before any were given"
[ "$(rules list --output json)" = "[]" ] || fail "the empty list is not []"
goes_by "$http_port" 0 || fail "it does not go by its file"
say 60 01
say 60 02

# [rules-1] [rules-3] [rules-5] [rules-7] Uploaded: in force at both gateways, with what the streams knew.
echo 'thresholds: {default: {high: 50}}' >"$work/one.yaml"
[ "$(rules put "$work/one.yaml" --comment 'for the summer')" = "version 1 of the rules of site north" ] || fail "not stored: $(cat "$work/said")"
within 10 both_go_by 1 || fail "version 1 is not in force at both gateways"
within 10 fleet_says 1,1 || fail "the fleet server does not know it"
cmp -s <(rules show) "$work/one.yaml" || fail "what is shown is not what was given"
rules list | grep -q '^ *1  .*admin .*for the summer$' || fail "who and why are not in the list: $(rules list)"
say 60 03
one_alert() { [ "$(alerts)" = 1 ]; }
within 10 one_alert || fail "the new threshold does not raise an alert"

# [rules-2] Faulty: refused whole, each fault with its place, and nothing is changed.
printf 'thresholds:\n  default: {high: 5o}\nuplnk: {default: never}\nlisten: {port: 1}\n' >"$work/faulty.yaml"
if rules put "$work/faulty.yaml"; then fail "a faulty file is taken"; fi
grep -q "^$work/faulty.yaml:2:19: high: a number is wanted here, or {warning: NUMBER, critical: NUMBER}$" "$work/said" || fail "the first fault is not told: $(cat "$work/said")"
grep -q "^$work/faulty.yaml:3:8: \"uplnk\" is not a key here; did you mean \"uplink\"?$" "$work/said" || fail "the second is not"
grep -q "^$work/faulty.yaml:4:9: \"listen\" is not a key here$" "$work/said" || fail "the third is not"
faults_in() { grep "^$work/faulty.yaml:" "$1" | sort; }
# Nobody has to be asked for that.
code=0
"$selvedge" rules check "$work/faulty.yaml" 2>"$work/checked" || code=$?
{ [ $code = 2 ] && [ "$(faults_in "$work/checked")" = "$(faults_in "$work/said")" ]; } || fail "a check says otherwise ($code): $(cat "$work/checked")"
[ "$("$selvedge" rules check "$work/one.yaml")" = "$work/one.yaml: no faults" ] || fail "a good file has faults"
# [edge-20] Of the fleet server's groups it is said by hand who is in them.
printf 'groups: {some: {group: pilots}, more: {group: west}}\nthresholds: {groups: {some: {high: 40}}}\n' >"$work/groups.yaml"
"$selvedge" rules check "$work/groups.yaml" --group pilots=press-1,press-2 >"$work/checked" || fail "groups of the fleet server are faults"
grep -qx 'group pilots: 2 devices' "$work/checked" || fail "who is in a group is not told: $(cat "$work/checked")"
grep -q '^group west: nobody was said to be in it' "$work/checked" || fail "an empty group is not told: $(cat "$work/checked")"
code=0
"$selvedge" rules check "$work/groups.yaml" --group east=press-1 2>"$work/checked" || code=$?
{ [ $code = 2 ] && grep -q -- '--group east: .*names no such group' "$work/checked"; } || fail "a group that the file does not name is taken ($code)"
api -X PUT -H 'If-Match: "1"' -H 'Content-Type: text/yaml' --data-binary "@$work/faulty.yaml" -o "$work/problem" -w '%{http_code}' "$site_rules" | grep -qx 422 || fail "not 422"
jq -e '.status == 422 and .count == 3 and .faults[0] == {"line":2,"column":19,"sentence":"high: a number is wanted here, or {warning: NUMBER, critical: NUMBER}"}' "$work/problem" >/dev/null || fail "$(cat "$work/problem")"
both_go_by 1 || fail "a faulty file changed something"

# [rules-9] Asked whether it would be taken: the same faults, and nothing is kept either way.
check() { api -X POST --data-binary "@$1" "$site_rules/check"; }
check "$work/faulty.yaml" | jq -e --slurpfile problem "$work/problem" '. == {count: 3, faults: $problem[0].faults}' >/dev/null || fail "the check says $(check "$work/faulty.yaml")"
[ "$(check "$work/one.yaml")" = '{"count":0,"faults":[]}' ] || fail "the check does not take what is taken: $(check "$work/one.yaml")"
rules list --output json | jq -e '[.[].version] == [1]' >/dev/null || fail "a check made a version"

# [rules-10] [ask-7] [ask-8] Tried on what each gateway has stored, before it is saved: what the command says of the same store.
seq 1 200 | awk -v start="$(($(date +%s) - 3600))" '{ printf "{\"value\":%s,\"timestamp\":\"%s\",\"device_id\":\"press-2\"}\n", $1 % 20 < 12 ? 95 : 20, strftime("%Y-%m-%dT%H:%M:%S", start + $1, 1) }' |
  persistent press-2 sensors/press-2/speed
echo 'thresholds: {default: {high: 80, hysteresis: 30, hold: 5s}}' >"$work/candidate.yaml"
try_it() { api -X POST --data-binary "@$1" "$site_rules/try?days=7" >"$work/tried"; }
from=$(date -u -d '7 days ago' +%Y-%m-%dT%H:%M:%S)
"$selvedge" backtest --config "$work/candidate.yaml" --against "$work/one.yaml" --store "$work/gateway.db" --from "$from" --output json >"$work/store.json"
jq -e '.readings >= 200 and .alerts > 0 and .without.alerts >= .alerts and .against.alerts > 0' "$work/store.json" >/dev/null || fail "the story says nothing: $(cat "$work/store.json")"
try_it "$work/candidate.yaml"
jq -e --slurpfile store "$work/store.json" '$store[0] as $s | .site == "north" and .days == 7 and (.gateways | length) == 2 and (.gateways[0] | .id == "gw" and .status == 200 and .why == null
  and (.found | .readings == $s.readings and .streams == $s.streams and .left_out == 0 and .alerts == $s.alerts and .without == $s.without and .in_force == $s.against.alerts
    and [.raised[] | [.device, .sensor, .type, .severity, .message, .raised_at / 1000 | tostring]] == [$s.raised[] | [.deviceId, .sensor, .alertType, .severity, .message, (.raised | sub("[.][0-9]+Z?$"; "") | sub("Z$"; "") + "Z" | fromdate) | tostring]]))
  and .gateways[1].status == 200 and .gateways[1].found.readings == 0' "$work/tried" >/dev/null || fail "tried: $(cat "$work/tried"), the store: $(cat "$work/store.json")"
rules try "$work/candidate.yaml" --days 7 >"$work/words" || fail "the command does not try it: $(cat "$work/said")"
"$selvedge" backtest --config "$work/candidate.yaml" --store "$work/gateway.db" --from "$from" | grep '^  ' >"$work/store.words"
jq -r '"gateway gw: \(.alerts) alert\(if .alerts == 1 then "" else "s" end) in 7 days; \(.without.alerts) without hysteresis and hold; \(.against.alerts) with the rules in force"' "$work/store.json" | cmp - <(head -1 "$work/words") || fail "the command says: $(cat "$work/words")"
cmp "$work/store.words" <(sed -n '3,/^gateway/{/^gateway/d;p}' "$work/words") || fail "the command lists other alerts: $(cat "$work/words" "$work/store.words")"
code=0
rules try "$work/faulty.yaml" || code=$?
{ [ "$code" = 2 ] && grep -q "^$work/faulty.yaml:2:19: high: " "$work/said"; } || fail "the command takes a faulty file: $code $(cat "$work/said")"
try_it "$work/faulty.yaml"
jq -e --slurpfile problem "$work/problem" '.status == 422 and .faults == $problem[0].faults' "$work/tried" >/dev/null || fail "a faulty candidate: $(cat "$work/tried")"
for days in 0 32 x; do
  [ "$(api -X POST --data-binary "@$work/one.yaml" -o /dev/null -w '%{http_code}' "$site_rules/try?days=$days")" = 400 ] || fail "days=$days is taken"
done
die "$second"
one_is_away() { try_it "$work/candidate.yaml" && jq -e '.gateways[0].status == 200 and .gateways[1].status == 503 and (.gateways[1].why | startswith("gateway gw2 is not connected now"))' "$work/tried" >/dev/null; }
within 20 one_is_away || fail "the one that is away: $(cat "$work/tried")"
start_second
rules list --output json | jq -e '[.[].version] == [1]' >/dev/null || fail "what was tried is kept"
both_go_by 1 || fail "what was tried is in force"

# Somebody else was faster.
put_if() { api -X PUT "$@" --data-binary "@$work/one.yaml" -o /dev/null -w '%{http_code}' "$site_rules"; }
[ "$(put_if -H 'If-Match: "0"')" = 412 ] || fail "an edit of what is no longer there is taken"
[ "$(put_if)" = 428 ] || fail "an edit of nobody knows what is taken"
code=0
rules put "$work/one.yaml" --replaces 0 || code=$?
[ "$code" = 1 ] || fail "the command does not say 1 but $code"
head -c 1048577 /dev/zero | tr '\0' '#' >"$work/large"
[ "$(api -X PUT -H 'If-Match: "1"' --data-binary "@$work/large" -o /dev/null -w '%{http_code}' "$site_rules")" = 413 ] || fail "an endless file is taken"

# [rules-6] In force after a kill, with the fleet server away; one of the two is away as well.
die "$fleet"
die "$gateway"
die "$second"
start_gateway
goes_by "$http_port" 1 || fail "after a kill without the link version 1 is not in force"

# Announced while one gateway is away and the other is killed in the middle: both have it in the end.
start_fleet
sed 's/50/55/' "$work/one.yaml" >"$work/two.yaml"
rules put "$work/two.yaml" >/dev/null
die "$gateway"
start_gateway
start_second
within 20 both_go_by 2 || fail "version 2 is not in force on their return"
within 10 fleet_says 2,2 || fail "the fleet server does not know it"

# What came down is not what was announced: refused whole, and the fleet server shows the sentence.
kill "$fleet"
wait "$fleet" || true
sqlite3 "$work/fleet.db" "INSERT INTO site_rules SELECT site, 3, at_ms, user, comment, sha256, text || '# more' FROM site_rules WHERE version = 2"
for id in gw gw2; do
  sqlite3 "$work/fleet.db" "UPDATE push_mark SET last = last + 1, kept = kept + 1 WHERE gateway = '$id'"
  sqlite3 "$work/fleet.db" "INSERT INTO push SELECT gateway, last, 4102444800000000, 'rules', json_object('version', 3, 'sha256', (SELECT sha256 FROM site_rules WHERE version = 3)) FROM push_mark WHERE gateway = '$id'"
done
start_fleet
digest_refused() { rules show --output json | jq -e '[.gateways[].rules | .version == 2 and .refused.version == 3 and (.refused.why | startswith("the digest of what came is"))] == [true, true]' >/dev/null; }
within 20 digest_refused || fail "a wrong digest is not refused: $(rules show --output json)"
rules list | grep -q '^gateway gw: version 2, since .*; refused version 3: the digest' || fail "the list does not say so: $(rules list)"

# [rules-8] Back to version 1, as version 4.
[ "$(rules rollback --to 1)" = "version 4 of the rules of site north" ] || fail "no way back: $(cat "$work/said")"
within 10 both_go_by 4 || fail "version 4 is not in force"
cmp -s <(rules show) "$work/one.yaml" || fail "version 4 is not version 1 again"
within 10 fleet_says 4,4 || fail "the fleet server does not know it"
rules show --output json | jq -e '.comment == "version 1 again" and ([.gateways[].rules.refused] == [null, null])' >/dev/null || fail "$(rules show --output json)"
rules list --output json | jq -e '[.[].version] == [4, 3, 2, 1]' >/dev/null || fail "the list is another one"
if rules rollback --to 9; then fail "a version that never was comes again"; fi

# SIGHUP keeps working, and a site may keep to its own file.
kill -HUP "$gateway"
within 10 grep -q 'event=rules.kept' "$work/gateway.log" || fail "SIGHUP is not heard"
goes_by "$http_port" 4 || fail "SIGHUP took the fleet server's rules away"
echo 'rules_from: file' >>"$work/gateway.yaml"
kill -HUP "$gateway"
within 10 goes_by "$http_port" 0 || fail "its own file does not come in force"
rules put "$work/two.yaml" >/dev/null
within 10 fleet_says 0,5 || fail "only one of them should follow: $(rules show --output json)"
refusal_is_told() { rules list | grep -q 'gateway gw: goes by its own file, .*; refused version 5: .*rules_from: file'; }
within 10 refusal_is_told || fail "its refusal is not told: $(rules list)"

# [rules-4] Who is not that gateway gets nothing; other sites hear of nothing.
config_of() { curl -s --cacert "$work/pki/ca.crt" --cert "$work/keys/$1.crt" --key "$work/keys/$1.key" "${@:3}" "$fleet_url/v1/gateway/$2"; }
[ "$(config_of other gw/config -o /dev/null -w '%{http_code}')" = 403 ] || fail "another gateway reads a site's rules"
[ "$(config_of press-1 gw/config -o /dev/null -w '%{http_code}')" = 404 ] || fail "a device reads a site's rules"
[ "$(config_of other gw/ask?id=0123456789abcdef0123456789abcdef -o /dev/null -w '%{http_code}')" = 403 ] || fail "another gateway reads what it is not asked"
[ "$(config_of gw gw/ask?id=0123456789abcdef0123456789abcdef -o /dev/null -w '%{http_code}')" = 404 ] || fail "there is a text of no question"
[ "$(config_of other other/config -o /dev/null -w '%{http_code}')" = 404 ] || fail "another site has rules"
[ "$(config_of gw 'gw/config?version=x' -o /dev/null -w '%{http_code}')" = 400 ] || fail "a broken number is taken"
config_of gw 'gw/config?version=1' | jq -e '.version == 1 and .rules == "thresholds: {default: {high: 50}}\n"' >/dev/null || fail "version 1 is not given"
[ "$(config_of other 'other/events?after=0&poll=1')" = "[]" ] || fail "another site heard of it"

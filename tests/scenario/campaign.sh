#!/usr/bin/env bash
# Twenty devices get an image in three waves: one fails, one rolls back, one lies about its success, one falls silent, links are cut at random
# and the server is killed again and again. The campaign pauses by itself and says why with the numbers, and what it says in the end is the truth
# on the devices.
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
fleet_choose
make_pki
: >"$work/truth"
fates=()
for n in $(seq 20); do
  id=$(printf 'press-%02d' "$n")
  issue "$id"
  case $n in
  3) fate=failed ;;
  8) fate=rolled_back ;;
  11) fate=unproved ;;
  17) fate=silent ;;
  *) fate=confirmed ;;
  esac
  fates+=("$id=$fate")
done
fleet_open
die "$fleet"
sql() { sqlite3 -cmd '.timeout 10000' "$work/fleet.db" "$1"; }
for fate in "${fates[@]}"; do echo "INSERT INTO device (id, site) VALUES ('${fate%=*}', 'north');"; done | sqlite3 "$work/fleet.db"
sql "INSERT INTO image (path, kind, product, version, hardware, length, sha256, sha1, md5, file, complete, at_us)
  VALUES ('lathe/1.1', 'file', 'lathe', '1.1', '', 4, '$(printf 1.1 | sha256sum | cut -c1-64)', '$(printf 1.1 | sha1sum | cut -c1-40)', '$(printf 1.1 | md5sum | cut -c1-32)', 'lathe-1.1.swu', 1, 1)"
start_fleet

place=(--url "http://127.0.0.1:$operator_port" --token-file "$work/admin.token")
update() { "$selvedge" update "$@" "${place[@]}" 2>"$work/said"; }
api() { curl -s -m 10 -H "Authorization: Bearer $(cat "$work/admin.token")" "http://127.0.0.1:$operator_port/api/v1$1"; }
state() { api /updates/1 | jq -r .state; }

run "$work/devices.log" "$SV_SOURCE/tests/support/ddi_devices.py" "$fleet_url" "$work/pki/ca.crt" "$work/keys" "$work/truth" 7 "${fates[@]}"
known() { [ "$(api '/query?q=version=1.0' | jq .devices)" = 20 ]; }
within 20 known || fail "not every device has said what it runs: $(cat "$work/devices.log")"

# [campaign-1] Groups and queries from a terminal; mistakes with their place.
"$selvedge" group set presses --query 'id ~ press-* and version < 1.1' "${place[@]}" | grep -q '^presses: 20 devices fit' || fail "the group is not set"
if "$selvedge" group set wrong --query 'sit = north' "${place[@]}" 2>"$work/said"; then fail "a wrong query is taken"; fi
grep -q "line 1, column 1: 'sit' .*did you mean site" "$work/said" || fail "$(cat "$work/said")"

# [campaign-30] Whom it would mean, before anything starts; then it starts.
how=(--image lathe/1.1 --group presses --wave 4 --wave 30% --stop any=1 --at-once 6)
update start "${how[@]}" --dry-run | grep -q '^it would be for 20 devices: 4 in wave 1, 6 in wave 2, 10 in wave 3$' || fail "the dry run: $(cat "$work/said")"
[ "$(api /updates | jq '.items | length')" = 0 ] || fail "a dry run started something"
update start "${how[@]}" --name first | grep -q '^campaign 1: ' || fail "not started: $(cat "$work/said")"
update list | grep -q 'first  (lathe/1.1)' || fail "not listed"

# [campaign-31] The server is killed while devices speak; whenever the campaign pauses somebody looks and lets it go on.
kills=0
restart() {
  die "$fleet"
  start_fleet
}
count() { api /updates/1 | jq ".counts | $1"; }
nobody_owes() { [ "$(count '.installed + .trial')" = 0 ]; }
# Half an hour passes while the server is away: for who is silent, and who does not prove his success. Who was just about to speak does so when the
# server is back, and is waited for from then on: for him another half hour has to pass.
let_time_pass() {
  die "$fleet"
  sql 'UPDATE action SET due_us = due_us - 3600000000 WHERE due_us IS NOT NULL'
  start_fleet
  within 10 nobody_owes || passes=$((passes + 1))
  [ $passes -le 3 ] || fail "somebody is waited for still: $(api /updates/1)"
}
passes=0
for _ in $(seq 300); do
  case $(state) in
  paused)
    api /updates/1 | jq -r .why >>"$work/whys"
    update resume 1 >/dev/null || fail "not resumed: $(cat "$work/said")"
    ;;
  'done') break ;;
  esac
  if [ $kills -lt 4 ] && [ "$(wc -l <"$work/truth")" -ge $((kills * 4 + 2)) ]; then
    restart
    kills=$((kills + 1))
  fi
  if [ "$(count '.waiting + .downloading')" = 0 ] && ! nobody_owes; then let_time_pass; fi
  sleep 0.1
done
[ "$(state)" = 'done' ] || fail "it is $(state): $(api /updates/1)"
[ $kills -ge 3 ] || fail "the server was killed $kills times"

# [campaign-16] It paused by itself, each time with the numbers.
[ -s "$work/whys" ] || fail "it never paused"
if grep -vE '^paused itself: [0-9]+ devices? came to grief \([^)]+\), the rule stops at 1$|^paused itself after wave [0-9]: [0-9]+ of [0-9]+ devices confirmed, [0-9]+ are wanted' "$work/whys"; then fail "a pause without its numbers"; fi
api /updates/1 | jq -e '.why | test("^16 of 20 devices confirmed: 1 failed, 1 rolled back, 1 silent after the reboot, 1 said success and did not prove it$")' >/dev/null || fail "$(api /updates/1 | jq .why)"

# [campaign-10] [campaign-19] What it says of each device is the truth, and its counts are a recount.
api '/updates/1/devices?limit=100' | jq -r '.items[] | "\(.device)=\(.state)"' | sort >"$work/told"
printf '%s\n' "${fates[@]}" | sort | diff - "$work/told" || fail "this is not the truth"
[ "$(sql 'SELECT count(*) FROM campaign_device WHERE campaign = 1')" = 20 ] || fail "devices are lost"
api /updates/1 | jq -e '.counts | .devices == 20 and .confirmed == 16 and .failed == 2 and .unproved == 1 and .rolled_back == 1 and .silent == 1 and .planned == 0' >/dev/null || fail "$(api /updates/1 | jq .counts)"
# [campaign-40] [campaign-42] What they fetched is counted once, though the server was killed: of all but the one that failed before it had it, and none of it packed.
api /updates/1 | jq -e '.traffic | .image == 4 * 19 and .fetched == .image' >/dev/null || fail "$(api /updates/1 | jq -c .traffic)"
# [cli-6] What is told by the exit code.
if update wait 1; then fail "a campaign with four that came to grief is a success"; fi
update show 1 | grep -q '^all .* 20 ' || fail "update show: $(cat "$work/said")"
update devices 1 --state failed --output json | jq -e 'map(.device) == ["press-03", "press-11"]' >/dev/null || fail "the devices that failed"
# [running-3] [running-4] Who runs something else than it should is one query, and so is who runs something older; an image that went wrong is marked.
for query in diverges 'version < 1.1'; do
  "$selvedge" device list --query "$query" --output json "${place[@]}" | jq -e 'map(.id) == ["press-03", "press-08", "press-11", "press-17"]' >/dev/null || fail "$query: $("$selvedge" device list --query "$query" "${place[@]}")"
done
"$selvedge" device versions "${place[@]}" 2>"$work/said" | grep -q '^lathe *1.1 *16  (went wrong on 4)$' || fail "device versions: $("$selvedge" device versions "${place[@]}")"
grep -q '^4 devices run something else than they should: selvedge device list --query diverges$' "$work/said" || fail "$(cat "$work/said")"
update list --state 'done' --output json | jq -e 'length == 1' >/dev/null || fail "update list"

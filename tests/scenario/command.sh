#!/usr/bin/env bash
# A command from the operator's command to a machine and its answer back, also when the gateway or the fleet server is killed on
# the way; nobody answers for another device, and what answers nothing does no harm.
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
fleet_choose
more="fleet: {$fleet_link, every: 50ms}"
site_open "$more"
fleet_open
api() { curl -fs -H "Authorization: Bearer $(cat "$work/admin.token")" "127.0.0.1:$operator_port/api/v1/$1"; }
# device CODE VERB...: what `selvedge device` says goes to $work/said
device() {
  local wanted=$1 verb=$2 code=0
  shift 2
  "$selvedge" device "$verb" --url "http://127.0.0.1:$operator_port" --token-file "$work/admin.token" "$@" >"$work/said" 2>"$work/errors" || code=$?
  [ $code = "$wanted" ] || { echo "exit $code, not $wanted: $(cat "$work/said" "$work/errors")" >&2; return 1; }
}
local_has() { curl -fs "127.0.0.1:$http_port/v1/commands" | jq -e "any(.[]; $1)"; }
fleet_has() { api "devices/$1/commands" | jq -e "any(.items[]; $2)"; } # fleet_has DEVICE JQ
passed() { metric 'results_total{end="passed"}'; }
results_refused() { metric 'results_total{end="refused"}'; }
stream_is_up() { curl -fs "127.0.0.1:$http_port/v1/status" | jq -e '.uplink.stream.up'; }

run "$work/machines.log" "$selvedge" simulate --gateway "127.0.0.1:$mqtt_port" --pki "$work/pki" --devices 2 --fault-after -1
as press-1 -t sensors/press-1/temperature -m '{"value":20,"timestamp":"2026-11-22T06:15:10","device_id":"press-1"}'
within 20 stream_is_up || fail "the stream does not open"
within 20 api devices/lathe-01 || fail "the machines are not there"
within 20 api devices/press-1 || fail "press-1 is not there"

# [command-1] [command-7] [command-11] Asked, done, answered, shown: at the fleet server and at the gateway.
device 0 command lathe-01 ping --wait --within 20 || fail "no answer to ping"
grep -q '^answered: {"id":"[0-9a-f]*","state":"running"}$' "$work/said" || fail "another answer: $(cat "$work/said")"
current() { curl -fs "127.0.0.1:$http_port/v1/streams?device=lathe-01" | jq '.[] | select(.sensor == "current").value * 100 | floor'; }
device 0 command lathe-01 stop '{"why":"</script><img src=x onerror=alert(1)>"}' --wait --within 20 || fail "it does not stop"
is_idle() { [ "$(current)" -lt 360 ]; }
within 20 is_idle || fail "it is not idle: $(current)"
fleet_has lathe-01 '.name == "stop" and .state == "answered" and .by == "admin" and .rule == null and .answer.state == "stopped" and .payload.why == "</script><img src=x onerror=alert(1)>"
  and .sent_at >= .asked_at - 1 and .ended_at >= .sent_at and .until == .asked_at + 20000' >/dev/null || fail "the fleet server knows it otherwise: $(api devices/lathe-01/commands)"
local_has '.name == "stop" and .state == "answered" and .by == "admin" and .device == "lathe-01"' >/dev/null || fail "the gateway knows it otherwise"
device 0 commands lathe-01 || fail "no list"
grep -q 'stop  *answered  by admin: {.*"state":"stopped"}' "$work/said" || fail "another list: $(cat "$work/said")"
device 1 command pump-02 dance --wait --within 20 || fail "it dances"
grep -q '^failed: this machine knows' "$work/said" || fail "another reason: $(cat "$work/said")"

# [command-11] Nobody there: it is sent, and expires.
device 1 command press-1 open --wait --within 1 || fail "who is not there has answered"
grep -q '^expired: nobody answered in time' "$work/said" || fail "another end: $(cat "$work/said")"
device 2 command press-9 open || fail "a command to nobody is taken"
device 2 command press-1 open '{' || fail "broken JSON is taken"
device 2 command press-1 || fail "a command without a name is taken"

# [command-2] press-2 cannot answer for press-1, whatever it says where.
device 0 command press-1 open --within 300 --output json || fail "it is not queued"
id=$(jq -r .id "$work/said")
within 10 local_has ".id == \"$id\" and .state == \"sent\"" || fail "it is not sent"
before=$(results_refused)
as press-2 -t results/press-2/open -m "{\"id\":\"$id\",\"by\":\"press-2\"}"
as press-2 -t results/press-1/open -m "{\"id\":\"$id\",\"by\":\"press-2\"}" || true
refused_one_more() { [ "$(results_refused)" = $((before + 1)) ]; }
within 10 refused_one_more || fail "it was not refused: $(results_refused)"
grep -q 'event=result.refused .*results/press-2/open: it answers what another device' "$work/gateway.log" || fail "it is in no log"

# Too large, a flood of what answers nothing, and what is no JSON: the command waits on, the gateway too.
{ printf '{"id":"%s","x":"' "$id"; head -c 5000 /dev/zero | tr '\0' x; echo '"}'; } >"$work/large"
as press-1 -t results/press-1/open -f "$work/large"
before=$(passed)
for n in $(seq 1 3000); do echo "{\"id\":\"$(printf %032x "$n")\"}"; done | as press-1 -t results/press-1/open -l
for n in '' '{' '[]' '{"id":7}'; do as press-1 -t results/press-1/open -m "$n"; done
passed_all() { [ "$(passed)" = $((before + 3004)) ]; }
within 20 passed_all || fail "the flood is not counted: $(passed)"
[ "$(sqlite3 "$work/gateway.db" 'SELECT count(*) FROM command')" -le 6 ] || fail "the flood left something"
local_has ".id == \"$id\" and .state == \"sent\"" >/dev/null || fail "something of it answered"

# [command-8] [command-5] Killed in between: the answer is taken after it, and told when there is somebody to be told.
die "$gateway"
start_gateway
die "$fleet"
as press-1 -t results/press-1/open -m "{\"id\":\"$id\",\"error\":\"stuck\"}"
within 10 local_has ".id == \"$id\" and .state == \"failed\" and .why == \"stuck\"" || fail "the answer is not taken after a kill"
start_fleet
within 30 fleet_has press-1 ".id == \"$id\" and .state == \"failed\" and .why == \"stuck\" and .answer.error == \"stuck\"" || fail "the answer does not go up"

# [command-3] A site may hold the fleet server to its list.
site_config "$more
commands: {fleet: listed, allow: {devices: {press-1: [close]}}}"
kill -HUP "$gateway"
within 10 grep -q event=config.reloaded "$work/gateway.log" || fail "it does not read its rules again"
within 20 stream_is_up || fail "the stream does not come back"
device 1 command press-1 open --wait --within 20 || fail "what is not listed is given"
grep -q '^refused: not in commands: allow' "$work/said" || fail "another reason: $(cat "$work/said")"
device 0 command press-1 close --output json --within 20 || fail "what is listed is not queued"
id=$(jq -r .id "$work/said")
within 10 local_has ".id == \"$id\" and .state == \"sent\"" || fail "what is listed is not given"
[ "$(metric 'commands_total{end="refused"}')" = 1 ] || fail "the refusal is not counted"

#!/usr/bin/env bash
# What a site's rules have its machines do: stopped and answered with the link up and down; refused where nothing allows it, or too
# often; not lost by kill -9; and the fleet server knows all of it afterwards, once.
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
fleet_choose
site_open "fleet: {$fleet_link, every: 50ms}
uplink: {sensors: {badge: never}}
commands: {rate: 2, within: 1h, allow: {devices: {lathe-01: [stop], press-2: [ping]}}}
rules:
  devices:
    press-1:
      guard: {when: door > 0, severity: critical, message: the guard is open, then: {command: stop, device: lathe-01, payload: {why: guard}}}
      wrong: {when: pressure > 9, then: {command: explode, device: lathe-01}}
      secret: {when: badge > 4711, then: {command: ping, device: press-2, payload: canary-4712}}
      level: {when: level < 1, then: {command: ping, device: press-2}}"
fleet_open
api() { curl -fs -H "Authorization: Bearer $(cat "$work/admin.token")" "127.0.0.1:$operator_port/api/v1/$1"; }
commands() { curl -fs "127.0.0.1:$http_port/v1/commands"; }
count() { commands | jq "[.[] | select($1)] | length"; }
counts() { [ "$(count "$1")" = "$2" ]; }         # counts JQ NUMBER
ends() { metric "commands_total{end=\"$1\"}"; } # since the start
say() { as press-1 -t "sensors/press-1/$1" -m "{\"value\":$2,\"timestamp\":\"$(date -u +%Y-%m-%dT%H:%M:%S.%6N)\",\"device_id\":\"press-1\"}"; }
alerts() { curl -fs "127.0.0.1:$http_port/v1/alerts" | jq -r ".items[] | select(.rule == \"$1\") | .id"; }
is_raised() { [ -n "$(alerts "$1")" ]; }
is_over() { [ -z "$(alerts "$1")" ]; }
link_is() { curl -fs "127.0.0.1:$http_port/v1/status" | jq -e ".uplink.up == $1"; }
current() { curl -fs "127.0.0.1:$http_port/v1/streams?device=lathe-01" | jq '.[] | select(.sensor == "current").value * 100 | floor'; }
is_idle() { [ "$(current)" -lt 360 ]; }
as press-2 -t sensors/press-2/x -m '{"value":1,"timestamp":"2026-11-22T06:15:10","device_id":"press-2"}'
# What is asked of press-2, in a session that outlives its connection.
hears "$work/heard" -h 127.0.0.1 -p "$mqtt_port" --cafile "$work/pki/ca.crt" --cert "$work/keys/press-2.crt" --key "$work/keys/press-2.key" -i press-2 \
  -t 'commands/press-2/#' -F '%p'
run "$work/machines.log" "$selvedge" simulate --gateway "127.0.0.1:$mqtt_port" --pki "$work/pki" --devices 1 --fault-after -1

within 20 link_is true || fail "there is no link"
within 20 api devices/lathe-01 || fail "the machine is not there"
within 20 api devices/press-2 || fail "press-2 is not there"

# The guard is open: the machine stops and says so. The fleet server has it, by rule and alert.
say door 1
within 10 counts '.name == "stop" and .state == "answered" and .answer.state == "stopped"' 1 || fail "it is not stopped: $(commands)"
within 20 is_idle || fail "it is not idle: $(current)"
guard=$(alerts guard)
commands | jq -e ".[] | select(.name == \"stop\") | .rule == \"guard\" and .alert == \"$guard\" and .payload == {\"why\":\"guard\"} and .by == null" >/dev/null || fail "asked otherwise: $(commands)"
fleet_has() { api "devices/$1/commands" | jq -e "[.items[] | select($2)] | length == $3"; } # fleet_has DEVICE JQ NUMBER
within 20 fleet_has lathe-01 ".name == \"stop\" and .state == \"answered\" and .rule == \"guard\" and .alert == \"$guard\"" 1 || fail "the fleet server knows it otherwise: $(api devices/lathe-01/commands)"
say door 1
say door 0
within 10 is_over guard || fail "it is not cleared"
counts '.name == "stop"' 1 || fail "asked again for one alert"

# [command-5] Without the link it is the same.
die "$fleet"
within 20 link_is false || fail "the link is up still"
say door 1
within 10 counts '.name == "stop" and .state == "answered"' 2 || fail "not stopped without the link: $(commands)"
say door 0
within 10 is_over guard || fail "it is not cleared"

# [command-4] The third in a minute is refused. [command-3] So is what is not listed, each recorded once.
say door 1
within 10 counts '.name == "stop" and .state == "refused" and .why == "more than 2 a minute"' 1 || fail "not refused: $(commands)"
for n in 10 1 10 1; do say pressure $n; done
within 10 counts '.name == "explode" and .state == "refused" and (.why | startswith("not in commands: allow"))' 1 || fail "not refused: $(commands)"
[ "$(ends refused)" = 3 ] || fail "$(ends refused) refusals are counted"
[ "$(ends answered)" = 2 ] || fail "$(ends answered) answers are counted"

# [command-5] Killed as soon as the reading is acknowledged: what it caused is asked, and heard.
for n in 1 2 3 4 5; do
  say level 0
  die "$gateway"
  start_gateway
  within 10 counts '.rule == "level" and .state == "sent"' "$n" || fail "round $n: $(commands)"
  say level 5
  within 10 is_over level || fail "it is not cleared"
done
[ "$(commands | jq '[.[] | select(.rule == "level") | .id] | unique | length')" = 5 ] || fail "an alert asks more than once: $(commands)"
say badge 4712
within 10 counts '.rule == "secret" and .state == "sent"' 1 || fail "what stays is not asked"
heard_all() { cmp -s <(jq -r .id "$work/heard" | sort -u) <(commands | jq -r '.[] | select(.device == "press-2") | .id' | sort); }
within 20 heard_all || fail "press-2 heard another: $(cat "$work/heard")"

# The fleet server is back: every command and refusal, once, but for what stays at the site.
start_fleet
all_told() { diff <(commands | jq -cS '.[] | select(.rule != "secret") | [.id, .name, .rule, .state, .why]' | sort) \
  <({ api 'devices/lathe-01/commands?limit=100' && api 'devices/press-2/commands?limit=100'; } | jq -cS '.items[] | [.id, .name, .rule, .state, .why]' | sort); }
within 20 all_told || fail "the fleet server knows otherwise: $(all_told)"
[ "$(count 'true')" = 10 ] || fail "$(count true) rows"
if grep -qa 'canary-4712' "$work"/fleet.db* "$work/fleet.log"; then fail "what stays at the site has left it"; fi

#!/usr/bin/env bash
# The gateway's own page while the link is down: alerts are acknowledged there, also when it is killed right after; when the link is
# back the fleet server has them once, by whom, and of two acknowledgements the earlier one. Other sites' pages cannot reach it.
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
fleet_choose
site_open "fleet: {$fleet_link, every: 50ms}
thresholds: {default: {high: 80}}"
fleet_open
page=http://127.0.0.1:$http_port
api() { curl -fs -X "$1" -H "Authorization: Bearer $(cat "$work/admin.token")" "127.0.0.1:$operator_port/api/v1/$2"; }
here() { curl -fs "$page/v1/$1"; }
say() { as "$1" -t "sensors/$1/temperature" -m "{\"value\":$2,\"timestamp\":\"2026-11-22T06:15:11\",\"device_id\":\"$1\"}"; }
# code [curl's options...] PATH: the status alone; the body goes to $work/said
code() { curl -s -o "$work/said" -w '%{http_code}' "${@:1:$#-1}" "$page${!#}"; }
acknowledge() { code -X POST -H 'X-Selvedge: 1' --data "{\"by\":\"$2\"}" "/v1/alerts/$1/acknowledge"; } # acknowledge ID NAME
is_open() { here alerts | jq -er ".items[] | select(.device == \"$1\") | .id"; }
link_is() { here status | jq -e ".uplink.up == $1"; }
knows() { api GET "alerts?state=all" | jq -e "[.items[] | select(.id == \"$1\" and ($2))] | length == 1"; } # knows ID JQ
hears "$work/local" --unix "$work/mqtt.sock" -i panel -t 'alerts/#'
heard() { jq -s "[.[] | select(.event == \"acknowledged\" and .id == \"$1\")] | length" "$work/local"; }

# [page-3] What the page is made of, and what it may do.
curl -fsi "$page/" >"$work/html"
grep -qi "^content-security-policy: default-src 'none'; script-src 'self';" "$work/html" || fail "no policy: $(cat "$work/html")"
if grep -qiE '<script>| on[a-z]+=|style=|https?://' <(sed '1,/^\r$/d' "$work/html"); then fail "the page does more than its policy lets it"; fi
[ "$(code /page.js)$(code /page.css)$(code /favicon.svg)" = 200200200 ] || fail "a part of the page is missing"
[ "$(code /page.map)" = 404 ] || fail "there is more than there should be"
for path in / /v1/status /v1/alerts /v1/devices /v1/commands; do
  [ "$(code -X PUT $path)" = 405 ] || fail "PUT $path is taken"
  # [page-1] A name that somebody else lets point here.
  for name in evil.example "evil.example:$http_port" 127.0.0.1.evil.example; do
    [ "$(code -H "Host: $name" $path)" = 421 ] || fail "$path is told to $name"
  done
  [ "$(code -H "Host: localhost:$http_port" $path)" = 200 ] || fail "$path is not told to localhost"
done
[ "$(code -H 'Host: gateway.plant' /metrics)" = 200 ] || fail "Prometheus is turned away"

# One alert before the link is cut, one after.
say press-1 91
within 10 is_open press-1 || fail "no alert of press-1"
first=$(is_open press-1)
within 10 knows "$first" true || fail "the fleet server does not know of it"
die "$fleet"
within 20 link_is false || fail "the link is up still"
say press-2 92
within 10 is_open press-2 || fail "no alert of press-2"
second=$(is_open press-2)
within 10 sh -c "curl -fs $page/v1/status | jq -e '.uplink.spool_alerts == 1'" || fail "it does not wait"
here "devices?limit=1" | jq -e '.total == 2 and .online == 0 and (.items | length) == 1' >/dev/null || fail "other devices: $(here devices)"

# [page-2] Nobody acknowledges by having a browser sent here.
way=/v1/alerts/$second/acknowledge
post=(-X POST --data '{"by":"eve"}')
[ "$(code "${post[@]}" "$way")" = 403 ] || fail "taken without the header"
[ "$(code "${post[@]}" -H 'X-Selvedge: 1' -H 'Origin: http://evil.example' "$way")" = 403 ] || fail "taken from another site's page"
[ "$(code "${post[@]}" -H 'X-Selvedge: 1' -H 'Origin: null' "$way")" = 403 ] || fail "taken from a page of nowhere"
[ "$(code "${post[@]}" -H 'X-Selvedge: 1' -H 'Host: evil.example' -H 'Origin: http://evil.example' "$way")" = 421 ] || fail "taken by a name that points here"
[ "$(code -X OPTIONS -H 'Origin: http://evil.example' "$way")" = 405 ] || fail "a browser that asks first is let"
[ "$(code "$way")" = 405 ] || fail "GET acknowledges"
[ "$(acknowledge "$second" '')" = 400 ] || fail "nobody acknowledges"
[ "$(acknowledge 00000000000000000000000000000000 anna)" = 404 ] || fail "what is not there is acknowledged"
here alerts | jq -e 'all(.items[]; .acknowledged == null)' >/dev/null || fail "eve has acknowledged"

# [page-4] By whom, and on disk when it is answered: killed right after.
[ "$(acknowledge "$second" anna)" = 200 ] || fail "it is not acknowledged: $(cat "$work/said")"
die "$gateway"
start_gateway
here alerts | jq -e ".items[] | select(.id == \"$second\") | .acknowledged.by == \"anna\" and .acknowledged.here" >/dev/null || fail "the kill has undone it: $(here alerts)"
[ "$(acknowledge "$second" ben)" = 200 ] || fail "ben was not answered: $(cat "$work/said")"
[ "$(jq -r .by "$work/said")" = anna ] || fail "ben was not told that anna has: $(cat "$work/said")"
[ "$(acknowledge "$first" 'Zoë of the night shift')" = 200 ] || fail "the other is not acknowledged: $(cat "$work/said")"
here alerts | jq -e '.open == 2 and (.items | length) == 2' >/dev/null || fail "it is not open any more"

# The fleet server is back and does not hear the site yet: somebody acknowledges the first there, later.
kill -STOP "$gateway"
start_fleet
api POST "alerts/$first/acknowledge" | jq -e '.acknowledged_by == "admin"' >/dev/null || fail "not acknowledged at the fleet server"
kill -CONT "$gateway"

# [alert-5] Merged: the earlier of the two, each once.
within 60 knows "$first" '.state == "acknowledged" and .acknowledged_by == "Zoë of the night shift at gw"' || fail "not the earlier one: $(api GET 'alerts?state=all')"
within 60 knows "$second" '.state == "acknowledged" and .acknowledged_by == "anna at gw"' || fail "not by anna: $(api GET 'alerts?state=all')"
within 60 sh -c "curl -fs $page/v1/status | jq -e '.uplink.up and .uplink.stream.up and .uplink.spool_alerts == 0'" || fail "something waits still: $(here status)"
api GET 'alerts?state=all' | jq -e '.items | length == 2' >/dev/null || fail "doubled: $(api GET 'alerts?state=all')"
here alerts | jq -e "all(.items[]; .acknowledged.here)" >/dev/null || fail "the gateway has another one: $(here alerts)"
[ "$(heard "$first")" = 1 ] || fail "the site hears of the first $(heard "$first") times: $(cat "$work/local")"
[ "$(heard "$second")" -ge 1 ] || fail "the site does not hear of the second"
[ "$(metric uplink_resets_total)" = 0 ] || fail "something was lost"

# What is cleared stays so, and keeps who had seen it.
for _ in $(seq 12); do say press-2 20; done
within 20 knows "$second" '.state == "cleared" and .acknowledged_by == "anna at gw"' || fail "cleared otherwise: $(api GET 'alerts?state=all')"
[ "$(acknowledge "$second" ben)" = 404 ] || fail "what is cleared is acknowledged"

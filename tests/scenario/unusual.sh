#!/usr/bin/env bash
# A pressure that no threshold sees is unusual: one alert with its reason, through a kill, to the fleet server with the band; what may not leave the site does not; somebody says that it was normal.
# [edge-18] [detect-10] [detect-11] [detect-12] [detect-13]
set -euo pipefail
. "$SV_SOURCE/tests/support/unusual.sh"
unusual_open

live 0 5760 0
curl -fs "127.0.0.1:$http_port/v1/alerts" | jq -e '.open == 0' >/dev/null || fail "the usual is unusual: $(curl -fs "127.0.0.1:$http_port/v1/alerts")"
live 5760 5770 3
here() { curl -fs "127.0.0.1:$http_port/v1/alerts"; }
here | jq -e '.open == 2 and ([.items[].sensor] | sort) == ["pressure", "secret"]' >/dev/null || fail "not both and nothing else: $(here)"

streams() { curl -fs "127.0.0.1:$http_port/v1/streams?device=lathe-01"; }
streams | jq -e 'map({(.sensor): .}) | add | .pressure.detect == "normal" and .pressure.score >= 0 and .pressure.score <= 100 and .pressure.expected[0] < .pressure.expected[1]
  and .badge.detect == "off" and (.badge | has("score") | not) and .secret.expected[0] < 50' >/dev/null || fail "the site is not told: $(streams)"

# The kill comes before any copy but those of the alerts: the alerts go on, and the episode is not told again.
die "$gateway"
start_gateway
here | jq -e '.open == 2' >/dev/null || fail "the kill has ended an alert: $(here)"
live 5770 5775 3

one() { api GET 'alerts?state=all' | jq -e "[.items[] | select(.type == \"ANOMALY\")] | length == 1 and (.[0] | $1)"; }
within 20 one '.rule == "unusual" and .sensor == "pressure" and .state == "open"' || fail "not one alert at the fleet server: $(api GET 'alerts?state=all')"
one '.score >= 50 and .score <= 100 and .expected[0] < 6 and .expected[1] > 6 and .expected[1] < 9 and .severity == "warning"' >/dev/null \
  || fail "no score or band: $(api GET 'alerts?state=all')"
one '.message | test("^Value [0-9.]+ outside what was usual.* \\([0-9.]+ to [0-9.]+\\) for the last 4 days$")' >/dev/null || fail "no reason: $(api GET 'alerts?state=all')"

series() { api GET "devices/lathe-01/series?sensor=$1&from=$(((began - 86400) * 1000))&to=$((began * 1000))&points=2000"; }
banded() { series pressure | jq -e '(.expected | length) > 10 and all(.expected[]; .[1] < .[2]) and any(.scores[]; .[1] >= 50)'; }
within 20 banded || fail "no band: $(series pressure | jq -c '[.expected, .scores]' | head -c 500)"
# The band holds nearly all of a usual day.
series pressure | jq -e --argjson until "$(((began - 2400) * 1000))" '.expected as $e | [.points[] | select(.[0] < $until) | . as $p | [$e[] | select(.[0] <= $p[0])] | last | select(. != null)
  | $p[1] >= .[1] and $p[1] <= .[2]] | length > 100 and (map(select(.)) | length) / length > 0.95' >/dev/null || fail "the usual lies outside the band"
series badge | jq -e '.expected == [] and .scores == []' >/dev/null || fail "what is not looked for has a band"
stays secret

# It was normal: remembered, ended, told once.
alert=$(api GET 'alerts?state=open' | jq -r '.items[] | select(.sensor == "pressure") | .id')
place=(--url "http://127.0.0.1:$operator_port" --token-file "$work/admin.token")
"$selvedge" alert normal "$alert" "${place[@]}" >"$work/said" || fail "not taken"
"$selvedge" alert normal "$alert" "${place[@]}" >"$work/said" || fail "not twice: $(cat "$work/said")"
learnt() { grep -q 'usual.normal.*lathe-01/pressure: admin says' "$work/gateway.log"; }
within 20 learnt || fail "the gateway has not heard of it"
live 5775 5780 3
within 20 one '.state == "cleared" and .normal_by == "admin"' || fail "it goes on: $(api GET 'alerts?state=all')"
here | jq -e '.open == 1' >/dev/null || fail "its alert is open at the gateway: $(here)"
[ "$(grep -c usual.normal "$work/gateway.log")" = 1 ] || fail "it was told twice"
# A rule's alert is nothing to learn from.
as press-1 -t sensors/press-1/heat -m "{\"value\":900,\"timestamp\":\"$(date -u +%FT%T)\",\"device_id\":\"press-1\"}"
high() { api GET 'alerts?state=open' | jq -er '.items[] | select(.type == "HIGH") | .id'; }
within 20 high || fail "no alert of a threshold"
code=0
"$selvedge" alert normal "$(high)" "${place[@]}" >"$work/said" 2>&1 || code=$?
[ "$code" = 1 ] || fail "exit code $code: $(cat "$work/said")"
grep -q 'is not about what is unusual' "$work/said" || fail "it says: $(cat "$work/said")"
code=0
"$selvedge" alert normal 0123 "${place[@]}" >"$work/said" 2>&1 || code=$?
[ "$code" = 2 ] || fail "exit code $code of an alert that there is not"

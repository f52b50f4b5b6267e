#!/usr/bin/env bash
# A machine's sensors together: a health at the site and the fleet server, one alert for what no sensor says by itself, through a kill; what may not leave the site takes no part; somebody says that it was normal.
# [detect-60] [detect-61] [detect-62] [detect-64] [detect-65] [detect-67] [uplink-20]
set -euo pipefail
. "$SV_SOURCE/tests/support/machine.sh"
machine_open

here() { curl -fs "127.0.0.1:$http_port/v1/devices" | jq -ec "[.items[] | select(.id == \"lathe-01\") | .machine] | length == 1 and (.[0] | $1)"; }
there() { api GET devices/lathe-01 | jq -ec ".machine | $1"; }
here '.state == "watching" and .health >= 50' >/dev/null || fail "the site is not told: $(curl -fs "127.0.0.1:$http_port/v1/devices")"
within 20 there '.state == "watching" and .health >= 50' || fail "the fleet server is not told: $(api GET devices/lathe-01)"
curl -fs "127.0.0.1:$http_port/v1/alerts" | jq -e '.open == 0' >/dev/null || fail "the usual is unusual: $(curl -fs "127.0.0.1:$http_port/v1/alerts")"

live 1520 1580 0.7
together() { api GET 'alerts?state=all' | jq -e "[.items[] | select(.rule == \"unusual-together\")] | length == 1 and (.[0] | $1)"; }
within 20 together '.state == "open" and .type == "ANOMALY" and .severity == "warning" and (.sensor // "") == "" and .score >= 66' || fail "not one alert: $(api GET 'alerts?state=all')"
together '.message | test("^Unusual together: s[0-9]+ higher \\([0-9]+ %\\)(, s[0-9]+ higher \\([0-9]+ %\\))*$")' >/dev/null || fail "no reason: $(api GET 'alerts?state=all')"
within 20 there '.health < 50 and (.parts | length) > 0 and all(.parts[]; .deviation > 0 and (.sensor | test("^s[0-9]+$")))' || fail "its health is told as $(there .)"
api GET 'devices?sort=machine' | jq -e '.items[0].id == "lathe-01"' >/dev/null || fail "it is not the first: $(api GET 'devices?sort=machine')"

# The kill: the alert goes on, is not raised again, and the machine is not learnt again.
die "$gateway"
start_gateway
live 1580 1585 0.7
here '.state == "watching" and .health < 50' >/dev/null || fail "after the kill: $(curl -fs "127.0.0.1:$http_port/v1/devices")"
together '.state == "open"' >/dev/null || fail "the kill has ended or doubled it: $(api GET 'alerts?state=all')"
stays secret

# It was normal: remembered, ended.
alert=$(api GET 'alerts?state=open' | jq -r '.items[] | select(.rule == "unusual-together") | .id')
place=(--url "http://127.0.0.1:$operator_port" --token-file "$work/admin.token")
"$selvedge" alert normal "$alert" "${place[@]}" >"$work/said" || fail "not taken: $(cat "$work/said")"
within 20 together '.state == "cleared" and .normal_by == "admin"' || fail "it goes on: $(api GET 'alerts?state=all')"
live 1585 1640 0.7
within 20 there '.health >= 50' || fail "it is not learnt: $(there .)"
together '.state == "cleared"' >/dev/null || fail "it was raised again: $(api GET 'alerts?state=all')"

#!/usr/bin/env bash
# How often what is unusual would have fired, from a gateway's own store and from the same readings as a file, held against what is known.
# [backtest-7] [backtest-8]
set -euo pipefail
. "$SV_SOURCE/tests/support/unusual.sh"
unusual_open
live 0 5760 0
live 5760 5790 3
at() { date -u -d "@$1" +%FT%T; }
backtest() { "$selvedge" backtest --detect "$@" >"$work/told" 2>"$work/said" || fail "backtest $*: $(cat "$work/said")"; }
json() { jq -e "$1" "$work/told" >/dev/null || fail "not so: $1: $(cat "$work/told")"; }

# Without a configuration the badge is looked at as well; with the gateway's it is not.
backtest --store "$work/gateway.db" --output json
json '.unusual.alerts == .alerts and ([.unusual.streams[] | select(.alerts == 1) | .sensor] | sort) == ["pressure", "secret"]'
cp "$work/told" "$work/of-store"
backtest --config "$work/gateway.yaml" --store "$work/gateway.db"
grep -qE '^what is unusual would have fired 2 times in 4 days, on 2 of 3 streams$' "$work/told" || fail "not said: $(cat "$work/told")"
# As the gateway did: the same message.
message=$(curl -fs "127.0.0.1:$http_port/v1/alerts" | jq -r '.items[] | select(.sensor == "pressure") | .message')
grep -qF "ANOMALY (unusual), warning, open at the end: $message" "$work/told" || fail "the gateway said $message, not: $(cat "$work/told")"

{ minutes 0 5760 0; minutes 5760 5790 3 | tail -n +2; } >"$work/all.csv"
backtest --replay "$work/all.csv" --device lathe-01 --output json
jq -S 'del(.from, .to)' "$work/told" >"$work/a"
jq -S 'del(.from, .to)' "$work/of-store" | cmp - "$work/a" || fail "a file comes to something else: $(diff "$work/a" <(jq -S 'del(.from, .to)' "$work/of-store"))"

printf 'from,to,device,sensor\n%s,%s,lathe-01,pressure\n%s,%s,,\n' "$(at $((began - 2640)))" "$(at "$began")" "$(at $((began - 200000)))" "$(at $((began - 190000)))" >"$work/labels.csv"
backtest --config "$work/gateway.yaml" --store "$work/gateway.db" --labels "$work/labels.csv" --output json
json '.labels.told == 1 and .labels.outside == 1 and .labels.stretches[0].after_s < 600 and .labels.stretches[1].after_s == null'
code=0
printf 'from,to\n2026-11-01,yesterday\n' | "$selvedge" backtest --detect --labels /dev/stdin --store "$work/gateway.db" >"$work/told" 2>"$work/said" || code=$?
[ "$code" = 2 ] || fail "exit code $code for a label that is none"
grep -q 'line 2: from and to are times' "$work/said" || fail "it says: $(cat "$work/said")"
code=0
"$selvedge" backtest --store "$work/gateway.db" >"$work/told" 2>"$work/said" || code=$?
[ "$code" = 2 ] || fail "exit code $code without rules"

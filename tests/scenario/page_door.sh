#!/usr/bin/env bash
# The gateway's page on another address than loopback: HTTPS with its own certificate, nothing without the token, changes from no
# other site's page; a new token ends what the old one opened.
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
page_port=$(free_port)
token=$work/page.token
door="page: {bind: 127.0.0.1, port: $page_port, token_file: $token}"
site_open "thresholds: {default: {high: 80}}
$door"
page=https://127.0.0.1:$page_port
# code [curl's options...] PATH: the status alone; the body goes to $work/said
code() { curl -s --cacert "$work/pki/ca.crt" -o "$work/said" -w '%{http_code}' "${@:1:$#-1}" "$page${!#}"; }
bearer() { echo "Authorization: Bearer $(cat "$token")"; }
log_in() { code -c "$work/jar" -X POST -H 'X-Selvedge: 1' --data "{\"token\":\"$1\"}" /v1/session; }
as press-1 -t sensors/press-1/temperature -m '{"value":91,"timestamp":"2026-11-22T06:15:11","device_id":"press-1"}'

# [page-5] A token for its owner alone; the page's files are no secret, all else is.
[ "$(stat -c %a "$token")" = 600 ] || fail "the token is there for $(stat -c %a "$token")"
for path in / /page.js /page.css; do [ "$(code $path)" = 200 ] || fail "$path is not told"; done
for path in /v1/status /v1/alerts /v1/devices /v1/commands /v1/streams '/v1/series?device=press-1&sensor=temperature' /metrics /healthz /v1/nothing; do
  [ "$(code "$path")" = 401 ] || fail "$path is told to everybody"
  [ "$(code -H 'Authorization: Bearer wrong' "$path")" = 401 ] || fail "$path is told for a wrong token"
  [ "$(code -H 'Authorization: Bearer ' "$path")" = 401 ] || fail "$path is told for none"
  [ "$(code -H 'Cookie: selvedge-page=' "$path")" = 401 ] || fail "$path is told for an empty cookie"
done
grep -q 'event=page.refused .*a wrong token, from 127.0.0.1' "$work/gateway.log" || fail "a wrong token is in no log"
if grep -qFe "$(cat "$token")" "$work/gateway.log"; then fail "the token is in the log"; fi
if curl -fs "http://127.0.0.1:$page_port/" >/dev/null 2>&1; then fail "it is served without TLS"; fi
[ "$(code -H "$(bearer)" /v1/alerts)" = 200 ] || fail "the token opens nothing"
id=$(jq -r '.items[0].id' "$work/said")

# [page-6] A session, as a browser has it.
[ "$(log_in wrong)" = 401 ] || fail "a wrong token logs in"
[ "$(code -X POST --data "{\"token\":\"$(cat "$token")\"}" /v1/session)" = 403 ] || fail "another site's page may log in"
[ "$(log_in "$(cat "$token")")" = 204 ] || fail "the token does not log in: $(cat "$work/said")"
grep -q '#HttpOnly_127.0.0.1.*TRUE.*selvedge-page' "$work/jar" || fail "a script can read the cookie: $(cat "$work/jar")"
[ "$(code -b "$work/jar" /v1/status)" = 200 ] || fail "the session opens nothing"
way=/v1/alerts/$id/acknowledge
[ "$(code -b "$work/jar" -X POST --data '{"by":"eve"}' "$way")" = 403 ] || fail "acknowledged from another page"
[ "$(code -b "$work/jar" -X POST -H 'X-Selvedge: 1' -H 'Origin: https://evil.example' --data '{"by":"eve"}' "$way")" = 403 ] || fail "acknowledged from another site's page"
[ "$(code -X POST -H 'X-Selvedge: 1' --data '{"by":"eve"}' "$way")" = 401 ] || fail "acknowledged by nobody"
[ "$(code -b "$work/jar" -X POST -H 'X-Selvedge: 1' -H "Origin: $page" --data '{"by":"anna"}' "$way")" = 200 ] || fail "not acknowledged: $(cat "$work/said")"
[ "$(jq -r .by "$work/said")" = anna ] || fail "acknowledged by another: $(cat "$work/said")"
cp "$work/jar" "$work/old"
[ "$(code -b "$work/jar" -X DELETE -H 'X-Selvedge: 1' /v1/session)" = 204 ] || fail "it cannot be left"
[ "$(code -b "$work/old" /v1/status)" = 401 ] || fail "a session that was left opens something"

# Another token ends what the old one opened; one that others may read changes nothing.
[ "$(log_in "$(cat "$token")")" = 204 ] || fail "the token does not log in again"
old=$(cat "$token")
rm "$token"
kill -HUP "$gateway"
ended() { [ "$(code -b "$work/jar" /v1/status)" = 401 ]; }
within 10 ended || fail "a session outlives its token"
[ "$(code -H "Authorization: Bearer $old" /v1/status)" = 401 ] || fail "the old token opens something"
[ "$(code -H "$(bearer)" /v1/status)" = 200 ] || fail "the new token opens nothing"
chmod 644 "$token"
kill -HUP "$gateway"
within 10 grep -q 'event=page.kept .*chmod 600' "$work/gateway.log" || fail "a token that others may read is taken"
[ "$(code -H "$(bearer)" /v1/status)" = 200 ] || fail "the page has gone"
refuses() { # refuses WORDS
  if timeout 10 "$SV_BIN/selvedge-gateway" --config "$work/gateway.yaml" >"$work/said" 2>&1; then fail "it starts"; fi
  grep -q "$1" "$work/said" || fail "not for '$1': $(cat "$work/said")"
}
kill "$gateway"
wait "$gateway" || true
refuses 'others may read'
site_config "page: {port: $page_port}"
refuses 'nobody may use it without a token'

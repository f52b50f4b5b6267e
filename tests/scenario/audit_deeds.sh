#!/usr/bin/env bash
# Every deed has its line: each is done once here, and its line found, with who, from where, about whom, and of a change what was there
# before and what is there after. Whatever is in a field, it stays a field. [audit-2] [audit-5] [audit-18]
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
fleet_choose
make_pki
issue press-1
fleet_open
hook_port=$(free_port)
(umask 077 && echo "whsec_$(head -c 24 /dev/urandom | base64)" >"$work/hook.secret")
cp "$work/fleet.yaml" "$work/fleet.base"
notify_config() { # notify_config SEVERITY
  cat "$work/fleet.base" - >"$work/fleet.yaml" <<YAML
signer: {socket: $work/signer.sock}
notify:
  channels: {hook: {webhook: "http://127.0.0.1:$hook_port/", secret_file: $work/hook.secret, allow_private: true}}
  routes: [{name: all, severity: $1, to: hook}]
YAML
}
notify_config warning
printf 'pki: %s\nsocket: %s\n' "$work/pki" "$work/signer.sock" >"$work/signer.yaml"
start_signer
kill "$fleet"
wait "$fleet" || true
start_fleet
at=http://127.0.0.1:$operator_port/api/v1

# api METHOD PATH STATUS [curl's options]: the answer is in $work/said
api() {
  local method=$1 path=$2 wanted=$3 got
  shift 3
  got=$(curl -s -m 10 -o "$work/said" -w '%{http_code}' -X "$method" -H "Authorization: Bearer $(cat "$work/admin.token")" "$@" "$at/$path")
  [ "$got" = "$wanted" ] || fail "$got, not $wanted: $method $path: $(cat "$work/said")"
}
# gateway PATH BODY: what gw says
gateway() {
  curl -fs -m 10 --cacert "$work/pki/ca.crt" --cert "$work/keys/gw.crt" --key "$work/keys/gw.key" -d "$2" "$fleet_url$1" >"$work/said" || fail "POST $1"
}
# line SQL: exactly one line of the log is so
line() {
  local count
  count=$(sqlite3 -readonly "$work/fleet.db" "SELECT count(*) FROM event_log WHERE $1")
  [ "$count" = 1 ] || fail "$count lines with $1: $(sqlite3 -readonly "$work/fleet.db" 'SELECT seq, who, "from", what, about, outcome, detail, "before", "after" FROM event_log ORDER BY seq DESC LIMIT 8')"
}
by_admin="who = 'admin' AND \"from\" = '127.0.0.1' AND outcome = 'done'"

# By itself.
line "what = 'audit.genesis' AND who = 'fleet' AND about = 'fleet'"
line "what = 'server.start' AND detail LIKE 'version %, configuration SHA-256 $(sha256sum "$work/fleet.base" | cut -c1-64)'"
line "what = 'server.start' AND detail LIKE 'version %, configuration SHA-256 $(sha256sum "$work/fleet.yaml" | cut -c1-64)'"
imported() { [ "$(sqlite3 -readonly "$work/fleet.db" "SELECT count(*) FROM event_log WHERE what = 'certificate.import' AND who = 'fleet' AND about = 'press-1'")" = 1 ]; }
within 15 imported || fail "nothing tells of the certificate of press-1"

# Who knocks.
curl -s -m 10 -o "$work/said" -d '{"user":"eve\r\n\u001b[31mroot; DROP TABLE event_log","password":"x"}' "$at/session"
line "what = 'session.begin' AND outcome = 'refused' AND \"from\" = '127.0.0.1'"

curl -s -m 10 -o "$work/said" -H 'Authorization: Bearer wrong' "$at/devices?secret=1"
line "what = 'access.refuse' AND outcome = 'refused' AND who = '' AND \"from\" = '127.0.0.1' AND about = 'GET /api/v1/devices'"
api POST users 201 -D "$work/head" -d '{"name":"vic","role":"viewer"}'
line "what = 'user.add' AND about = 'vic' AND $by_admin"
token=$(sed -n 's/^Location: .*#login=\([A-Za-z0-9_-]*\).*/\1/ip' "$work/head")
curl -s -m 10 -c "$work/cookies" -o "$work/said" -d "{\"token\":\"$token\"}" "$at/session"
line "what = 'session.begin' AND who = 'vic' AND outcome = 'done' AND \"from\" = '127.0.0.1'"
[ "$(curl -s -m 10 -b "$work/cookies" -H 'X-Selvedge: 1' -o "$work/said" -w '%{http_code}' -d '{}' "$at/enrolments")" = 403 ] || fail "a viewer adds devices: $(cat "$work/said")"
line "what = 'access.refuse' AND who = 'vic' AND about = 'POST /api/v1/enrolments' AND outcome = 'refused'"

# Identities.
api POST enrolments 201 -d '{"devices":[{"id":"lathe-1","site":"north"},{"id":"lathe-2","site":"north"}]}'
line "what = 'enrolment.add' AND about = 'lathe-1' AND $by_admin"
api DELETE enrolments/lathe-2 204
line "what = 'enrolment.withdraw' AND about = 'lathe-2' AND $by_admin"
gateway /v1/health '{"gateway":{},"devices":[{"device_id":"press-1","online":true},{"device_id":"lathe-1","online":true}]}'
api POST devices/press-1/standing 200 -d '{"state":"quarantined","reason":"<script>alert(1)</script>"}'
line "what = 'standing.quarantine' AND about = 'press-1' AND detail = '<script>alert(1)</script>' AND $by_admin"
api POST devices/press-1/standing 200 -d '{"state":"active"}'
line "what = 'standing.release' AND about = 'press-1' AND $by_admin"
api POST devices/press-1/replacement 201 -d '{}'
line "what = 'device.replace' AND about = 'press-1' AND $by_admin"
api POST devices/lathe-1/standing 200 -d '{"state":"revoked","reason":"stolen"}'
line "what = 'standing.revoke' AND about = 'lathe-1' AND $by_admin"

# Work on a device and a site.
api PUT devices/press-1/maintenance 200 -d '{"for_s":600,"why":"new bearing"}'
line "what = 'maintenance.begin' AND about = 'press-1' AND \"before\" = '' AND \"after\" LIKE '%new bearing%' AND $by_admin"
api DELETE devices/press-1/maintenance 204
line "what = 'maintenance.end' AND about = 'press-1' AND \"before\" LIKE '%new bearing%' AND \"after\" = '' AND $by_admin"
api PUT devices/press-1/maintenance 200 -d '{"for_s":1}'
over() { [ "$(sqlite3 -readonly "$work/fleet.db" "SELECT count(*) FROM event_log WHERE what = 'maintenance.end' AND who = 'fleet' AND about = 'press-1' AND detail = 'its time is over'")" = 1 ]; }
within 10 over || fail "nobody says that its time was over"
api PUT sites/north/maintenance 200 -d '{"for_s":600}'
line "what = 'maintenance.begin' AND about = 'north' AND $by_admin"
api DELETE sites/north/maintenance 204
line "what = 'maintenance.end' AND about = 'north' AND $by_admin"

# Rules: what was there before, and what is there now; a large file is named by its hash.
rules() { printf 'rules:\n  - {name: hot, when: "avg > %s", severity: warning}\n' "$1"; }
rules 80 >"$work/rules.yaml"
api POST sites/north/rules/check 200 --data-binary "@$work/rules.yaml"
if ! jq -e '.count == 0' "$work/said" >/dev/null; then
  printf 'thresholds: {default: {high: 80}}\n' >"$work/rules.yaml"
fi
api PUT sites/north/rules 200 -H 'If-Match: "0"' -H 'Content-Type: text/yaml' --data-binary "@$work/rules.yaml"
line "what = 'rules.put' AND about = 'north' AND \"before\" = '' AND \"after\" = '$(sed ':a;N;$!ba;s/\n/\\n/g' "$work/rules.yaml")\\n' AND $by_admin"
{ cat "$work/rules.yaml"; for n in $(seq 200); do echo "# $n: nothing"; done; } >"$work/large.yaml"
api PUT 'sites/north/rules?comment=hotter' 200 -H 'If-Match: "1"' -H 'Content-Type: text/yaml' --data-binary "@$work/large.yaml"
line "what = 'rules.put' AND detail = 'version 2: hotter' AND length(\"before\") > 0 AND length(\"after\") <= 1024 AND \"after\" LIKE '%... ($(wc -c <"$work/large.yaml") bytes, SHA-256 $(sha256sum "$work/large.yaml" | cut -c1-64))'"
api POST sites/north/rules/versions/1/again 200 -H 'If-Match: "2"'
line "what = 'rules.put' AND detail = 'version 3: version 1 again' AND $by_admin"

# Commands, and what became of them; also one that a gateway's rule gave.
api POST devices/press-1/commands/open 202 -d '{"speed":7}'
id=$(jq -r .id "$work/said")
line "what = 'command.send' AND about = 'press-1' AND detail = 'open, id $id: {\"speed\":7}' AND $by_admin"
api POST devices/press-1/commands/close 202 -d $'{"\\u001b[31m":\r\n\t7}'
line "what = 'command.send' AND detail = 'close, id $(jq -r .id "$work/said"): {\"\\u001b[31m\":???7}' AND $by_admin"
now=$(date +%s)000
gateway /v1/commands "{\"items\":[{\"id\":\"$id\",\"device_id\":\"press-1\",\"name\":\"open\",\"payload\":{\"speed\":7},\"state\":\"failed\",\"why\":\"stuck\",\"at\":$now,\"until\":$((now + 1000)),\"sent\":$now,\"ended\":$now}]}"
line "what = 'command.end' AND who = 'press-1' AND \"from\" = 'gw' AND about = 'press-1' AND outcome = 'failed' AND detail = 'open, id $id: failed stuck'"
gateway /v1/commands "{\"items\":[{\"id\":\"00000000000000000000000000000007\",\"device_id\":\"press-1\",\"name\":\"stop\",\"payload\":{},\"rule\":\"hot\",\"state\":\"sent\",\"at\":$now,\"until\":$((now + 1000)),\"sent\":$now}]}"
line "what = 'command.send' AND who = 'gw' AND about = 'press-1' AND detail = 'stop, id 00000000000000000000000000000007: by rule hot'"

# Alerts, here and at the gateway's own page.
raise() { "$SV_SOURCE/tests/support/raise_alerts.py" "$fleet_port" "$work/pki/ca.crt" "$work/keys/gw.crt" "$work/keys/gw.key" "$@"; }
raise raised 1 1
alert=$(echo -n press-1 | md5sum | cut -d' ' -f1)
api POST "alerts/$alert/acknowledge" 200
api POST "alerts/$alert/acknowledge" 200 # twice is once
line "what = 'alert.acknowledge' AND about = 'press-1' AND detail LIKE 'alert $alert: Value 91.2%' AND $by_admin"
api DELETE "alerts/$alert/acknowledge" 200
line "what = 'alert.unacknowledge' AND about = 'press-1' AND $by_admin"

# Notifications: nobody listens at the hook, so the test is given up and can be sent again.
api POST notify/channels/hook/test 202
message=$(jq -r '.items[0].id' "$work/said")
line "what = 'notify.test' AND about = 'hook' AND detail = 'message $message' AND $by_admin"
given_up() { api GET "notifications/$message" 200 && jq -e '.state == "failed"' "$work/said"; }
within 20 given_up || fail "the test is not given up: $(cat "$work/said")"
api POST "notifications/$message/retry" 200
line "what = 'notify.retry' AND about = 'hook' AND detail = 'message $message' AND $by_admin"

# Configuration: read again, or refused.
notify_config critical
kill -HUP "$fleet"
is_reloaded() { grep -q event=notify.reloaded "$work/fleet.log"; }
within 10 is_reloaded || fail "the configuration is not read again"
line "what = 'config.reload' AND outcome = 'done' AND \"before\" LIKE '%\"severity\":\"warning\"%' AND \"after\" LIKE '%\"severity\":\"critical\"%'"
echo 'nonsense: 1' >>"$work/fleet.yaml"
kill -HUP "$fleet"
is_refused() { grep -q event=notify.refused "$work/fleet.log"; }
within 10 is_refused || fail "nonsense is read"
line "what = 'config.reload' AND outcome = 'failed' AND detail LIKE '%nonsense%'"

# What was taken away, and all of it is whole.
"$selvedge" audit export --url "http://127.0.0.1:$operator_port" --token-file "$work/admin.token" >"$work/export.ndjson"
line "what = 'audit.export' AND about = 'fleet' AND detail = 'lines behind 0' AND $by_admin"
"$selvedge" audit verify --db "$work/fleet.db" --ca "$work/pki/ca.crt" >"$work/said" || fail "$(cat "$work/said")"
"$selvedge" audit verify --file "$work/export.ndjson" --ca "$work/pki/ca.crt" >"$work/said" || fail "$(cat "$work/said")"
"$selvedge" audit list --url "http://127.0.0.1:$operator_port" --token-file "$work/admin.token" --limit 1000 >"$work/said"
! LC_ALL=C grep -q $'[\x01-\x09\x0b-\x1f\x7f]' "$work/said" "$work/export.ndjson" || fail "a control character came through"

#!/usr/bin/env bash
# Alerts reach people: a signed webhook over TLS and a mail server that wants STARTTLS and a password; a storm is one message; what
# fails is tried again, given up, sent again; nothing is lost when the fleet server is killed; nobody private is called. [notify-1] [notify-2] [notify-5]
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
fleet_choose
hook_port=$(free_port)
mail_port=$(free_port)
make_pki
issue taker --role server --dns localhost --ip 127.0.0.1
umask 077
echo "whsec_$(head -c 24 /dev/urandom | base64)" >"$work/hook.secret"
echo 'open sesame' >"$work/mail.password"
echo "https://localhost:$hook_port/services/T0/s3cr3t" >"$work/chat.url"
umask 022
echo 200 >"$work/hook.control"
echo '250 ok' >"$work/mail.control"
: >"$work/hooks"
: >"$work/mails"
run "$work/hook.log" python3 "$SV_SOURCE/tests/support/hook_taker.py" "$work/keys/taker.crt" "$work/keys/taker.key" "$hook_port" \
  "$work/hook.secret" "$work/hook.control" "$work/hooks"
run "$work/mail.log" python3 "$SV_SOURCE/tests/support/mail_taker.py" "$work/keys/taker.crt" "$work/keys/taker.key" "$mail_port" \
  "fleet:open sesame" "$work/mail.control" "$work/mails"
fleet_open
kill "$fleet"
wait "$fleet" || true
cp "$work/fleet.yaml" "$work/fleet.base"
notify_config() { # notify_config GIVE_UP [MORE ROUTE KEYS]
  cat "$work/fleet.base" - >"$work/fleet.yaml" <<YAML
notify:
  gather: 2s
  give_up: $1
  match: all
  channels:
    hook: {webhook: "https://localhost:$hook_port/hook", secret_file: $work/hook.secret, allow_private: true, ca: $work/pki/ca.crt}
    mail: {smtp: "localhost:$mail_port", ca: $work/pki/ca.crt, user: fleet, password_file: $work/mail.password, from: fleet@example.com, to: [ann@example.com, bob@example.com]}
    chat: {slack: $work/chat.url, ca: $work/pki/ca.crt}
  routes:
  - {name: all, site: nor*, to: hook}
  - {name: bad, severity: critical, to: mail}
YAML
}
notify_config 1h
start_fleet
within 10 bash -c ": < /dev/tcp/127.0.0.1/$hook_port" || fail "the webhook's other end does not start"
within 10 bash -c ": < /dev/tcp/127.0.0.1/$mail_port" || fail "the mail server does not start"

api() { # api METHOD PATH
  curl -fs -X "$1" -H "Authorization: Bearer $(cat "$work/admin.token")" "127.0.0.1:$operator_port/api/v1/$2"
}
alerts() { "$SV_SOURCE/tests/support/raise_alerts.py" "$fleet_port" "$work/pki/ca.crt" "$work/keys/gw.crt" "$work/keys/gw.key" "$@"; }
hooked() { jq -es "any(.[]; $1)" "$work/hooks"; }
hooks() { jq -s 'length' "$work/hooks"; }
none_waits() { api GET 'notifications?state=waiting' | jq -e '.items == []' && api GET 'notifications?state=gathering' | jq -e '.items == []'; }
fate() { api GET "alerts/$(echo -n "$1" | md5sum | cut -d' ' -f1)/timeline" | jq -e "any(.items[]; $2)"; }

# 100 devices, one cause: one signed message, which names twenty and counts the rest.
alerts raised 1 100
within 20 hooked '.body.notice.event == "raised"' || fail "nobody is told: $(tail -n 5 "$work/fleet.log")"
within 10 none_waits || fail "something waits still"
[ "$(hooks)" = 1 ] || fail "a storm of one cause became $(hooks) messages"
hooked '.signed and .path == "/hook" and .body.notice.count == 100 and (.body.notice.alerts | length) == 20 and .id == .body.id
  and (.body.title | startswith("warning: 100 devices at site north: HIGH temperature, first press-"))' >/dev/null || fail "another message: $(cat "$work/hooks")"
fate press-100 '.event == "notified" and .channel == "hook" and .about == "raised"' >/dev/null || fail "its fate is not on the alert's timeline"
[ ! -s "$work/mails" ] || fail "a route was taken that does not fit"
alerts cleared 1 100
within 20 hooked '.body.notice.event == "recovered" and .body.notice.count == 100' || fail "the end is not told"
[ "$(hooks)" = 2 ] || fail "the end came $(($(hooks) - 1)) times"

# [notify-9] A mail, under TLS and with the password, whole and without defects.
alerts raised 501 1 critical
mailed() { jq -es "any(.[]; $1)" "$work/mails"; }
within 20 mailed '.from == "<fleet@example.com>" and .to == ["<ann@example.com>","<bob@example.com>"] and .defects == []
  and .subject == "critical: press-501 at site north: HIGH temperature: Value 91.2 exceeds high threshold"
  and (.text | startswith("press-501: Value 91.2 exceeds high threshold (critical, since ")) and (.id | endswith("@example.com>"))' ||
  fail "no such mail: $(cat "$work/mails") $(tail -n 5 "$work/fleet.log")"

# [notify-10] Send test: its fate says what happened, also when that is a refusal.
tested() { api GET "notifications/$1" | jq -e "$2"; }
id=$(api POST notify/channels/mail/test | jq -r '.items[0].id')
within 20 tested "$id" '.state == "sent" and .tries == 1' || fail "the test is not sent"
echo '550 not from you' >"$work/mail.control"
id=$(api POST notify/routes/bad/test | jq -r '.items[0].id')
within 20 tested "$id" '.state == "failed" and .tries == 1 and .error == "sender: the mail server answers 550 not from you"' || fail "the test's refusal is not said"
echo '250 ok' >"$work/mail.control"
[ "$(curl -s -o /dev/null -w '%{http_code}' -X POST -H "Authorization: Bearer $(cat "$work/admin.token")" "127.0.0.1:$operator_port/api/v1/notify/channels/none/test")" = 404 ] ||
  fail "a test over nothing"

# The same from the command line.
notify() { # notify CODE VERB...: what `selvedge notify` says goes to $work/said
  local wanted=$1 code=0
  shift
  "$selvedge" notify "$@" --url "http://127.0.0.1:$operator_port" --token-file "$work/admin.token" >"$work/said" 2>"$work/errors" || code=$?
  [ $code = "$wanted" ] || fail "notify $*: exit $code, not $wanted: $(cat "$work/said" "$work/errors")"
}
notify 0 test bad
[ "$(cat "$work/said")" = "mail: sent" ] || fail "another answer: $(cat "$work/said")"
notify 1 test chat --channel --output json
jq -e 'length == 1 and .[0].channel == "chat" and .[0].state == "failed"' "$work/said" >/dev/null || fail "another answer: $(cat "$work/said")"
notify 2 test nobody
grep -q "there is no route 'nobody'" "$work/errors" || fail "an unknown route is not named: $(cat "$work/errors")"
notify 0 list --state failed
{ [ "$(wc -l <"$work/said")" = 2 ] && grep -q 'failed .*chat .*loopback address' "$work/said"; } || fail "another list: $(cat "$work/said")"
notify 1 retry "$(api GET 'notifications?state=sent&limit=1' | jq -r '.items[0].id')"

# [notify-7] An address that leads to this machine is not connected to unless that is allowed, and a redirect is not followed.
id=$(api POST notify/channels/chat/test | jq -r '.items[0].id')
within 20 tested "$id" '.state == "failed" and (.error | contains("127.0.0.1 is a loopback address"))' || fail "a private address is called: $(api GET "notifications/$id")"
echo "302 https://localhost:$hook_port/elsewhere" >"$work/hook.control"
id=$(api POST notify/channels/hook/test | jq -r '.items[0].id')
within 20 tested "$id" '.state == "failed" and (.error | contains("redirects are not followed"))' || fail "a redirect is followed"
if hooked '.path == "/elsewhere"' >/dev/null; then fail "a redirect was followed"; fi

# A 500 is tried again with the same id; a kill -9 in the middle loses nothing and tells nothing twice.
echo 500 >"$work/hook.control"
alerts raised 601 3
within 20 hooked '.status == "500" and .body.notice.count == 3' || fail "the failure was not tried"
within 20 fate press-601 '.event == "retrying" and .error == "the answer is 500"' || fail "the retry is not on the timeline"
die "$fleet"
start_fleet
echo 200 >"$work/hook.control"
within 30 hooked '.status == "200" and .body.notice.count == 3' || fail "it was not tried again after a kill"
jq -es '[.[] | select(.body.notice.count == 3)] | (map(.id) | unique | length) == 1 and ([.[] | select(.status == "200")] | length) == 1' "$work/hooks" >/dev/null ||
  fail "it came twice, or as another"

# Killed at whatever moment, while alerts come: each is told, and none under two ids.
for n in 1 2 3 4 5 6; do
  alerts raised $((700 + n)) 1
  sleep "0.$((n * 3 % 10))"
  die "$fleet"
  start_fleet
done
told() { jq -s "[.[] | select(.body.notice.event == \"raised\") | .id as \$id | .body.notice.alerts[] | select(.device == \"$1\") | \$id] | unique | length" "$work/hooks"; }
is_told() { [ "$(told "$1")" = 1 ]; }
within 30 none_waits || fail "something waits still"
for n in 1 2 3 4 5 6; do
  within 10 is_told "press-$((700 + n))" || fail "press-$((700 + n)) was told under $(told "press-$((700 + n))") ids"
done

# [notify-11] Read again as a whole or not at all. What nobody takes is given up, shown, and sent again by hand.
notify_config 20 # no unit: refused
kill -HUP "$fleet"
within 10 grep -q 'event=notify.refused .*give_up' "$work/fleet.log" || fail "a broken section is not refused"
notify_config 6s
kill -HUP "$fleet"
within 10 grep -q 'event=notify.reloaded' "$work/fleet.log" || fail "the section is not read again"
echo 503 >"$work/hook.control"
alerts raised 801 1
failed() { api GET 'notifications?state=failed&channel=hook' | jq -e '.items[0] | select(.event == "raised" and .error == "the answer is 503")'; }
within 30 failed || fail "it is not given up: $(api GET 'notifications?channel=hook&limit=1')"
fate press-801 '.event == "failed" and .channel == "hook"' >/dev/null || fail "the timeline does not say that it was given up"
id=$(failed | jq -r .id)
echo 200 >"$work/hook.control"
api POST "notifications/$id/retry" >/dev/null
within 20 tested "$id" '.state == "sent"' || fail "it cannot be sent again"
hooked ".id == \"$id\" and .status == \"200\" and .signed" >/dev/null || fail "sent again under another id"

# A receiver that never answers holds up neither the server nor the other channel.
echo hang >"$work/hook.control"
alerts raised 901 1 critical
within 10 hooked '.status == "hang"' || fail "it was not asked"
began=$(date +%s)
curl -fs -m 2 "127.0.0.1:$operator_port/readyz" >/dev/null || fail "the server is held up"
within 10 mailed '.subject | startswith("critical: press-901")' || fail "the mail waits for the webhook"
[ $(($(date +%s) - began)) -lt 14 ] || fail "the mail came only after the webhook's time was over"

# No secret is anywhere.
api GET notify | jq -e '[.channels[] | {name, to}] == [{name:"hook",to:["localhost"]},{name:"mail",to:["ann@example.com","bob@example.com"]},{name:"chat",to:["localhost"]}]' >/dev/null ||
  fail "another set-up: $(api GET notify)"
for secret in s3cr3t 'open sesame' "$(cut -c7- <"$work/hook.secret")"; do
  if grep -qF "$secret" "$work/fleet.log" <(api GET notify) <(api GET 'notifications?limit=200'); then fail "a secret is shown"; fi
  if tr '\0' '\n' <"/proc/$fleet/cmdline" | grep -qF "$secret"; then fail "a secret is in the command line"; fi
done

#!/usr/bin/env bash
# What operators do reaches the site: an acknowledgement its local programs, a command its device; in order, also when the fleet
# server or the gateway is killed in the middle, or the gateway was away.
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
fleet_choose
site_open "fleet: {$fleet_link, every: 50ms}
apps: {hmi: [alerts/#]}
thresholds: {default: {high: 80}}"
issue hmi --role app
issue other --role gateway --ip 127.0.0.1
fleet_open
api() { # api METHOD PATH [curl's options...]
  local method=$1 path=$2
  shift 2
  curl -fs -X "$method" -H "Authorization: Bearer $(cat "$work/admin.token")" "$@" "127.0.0.1:$operator_port/api/v1/$path"
}
status() { # status METHOD PATH [curl's options...]: the code alone
  local method=$1 path=$2
  shift 2
  curl -s -o /dev/null -w '%{http_code}' -X "$method" -H "Authorization: Bearer $(cat "$work/admin.token")" "$@" "127.0.0.1:$operator_port/api/v1/$path"
}
command_to() { api POST "devices/$1/commands/$2" --data "$3"; } # command_to DEVICE NAME JSON
stream_is() { curl -fs "127.0.0.1:$http_port/v1/status" | jq -e ".uplink.stream.up == $1"; }
taken() { metric "uplink_events_total{end=\"$1\"}"; }
events_of() { # events_of GATEWAY-OF-THE-CERTIFICATE PATH [curl's options...]
  local id=$1 path=$2
  shift 2
  curl -s --cacert "$work/pki/ca.crt" --cert "$work/keys/$id.crt" --key "$work/keys/$id.key" "$@" "$fleet_url/v1/gateway/$path"
}
over_tls() { echo -h 127.0.0.1 -p "$mqtt_port" --cafile "$work/pki/ca.crt" --cert "$work/keys/$1.crt" --key "$work/keys/$1.key" -i "$1"; }
if [ "$front" = door ]; then local_way=(--unix "$work/mqtt.sock" -i panel); else read -ra local_way <<<"$(over_tls hmi)"; fi
read -ra device_way <<<"$(over_tls press-1)"
as press-1 -t sensors/press-1/temperature -m '{"value":20,"timestamp":"2026-11-22T06:15:10","device_id":"press-1"}'
hears "$work/local" "${local_way[@]}" -t 'alerts/#'
hears "$work/device" "${device_way[@]}" -t 'commands/press-1/#' -F '%t %p'
say() { as press-2 -t sensors/press-2/temperature -m "{\"value\":$1,\"timestamp\":\"2026-11-22T06:15:11\",\"device_id\":\"press-2\"}"; }
heard() { jq -es "any(.[]; $1)" "$work/local"; }
within 20 stream_is true || fail "the stream does not open"

# An operator acknowledges: the site's own programs see it, once, and only while the alert is open.
say 91.2
within 10 heard '.event == "raised"' || fail "no alert"
alert=$(jq -rs '.[0].id' "$work/local")
within 10 api POST "alerts/$alert/acknowledge" || fail "it cannot be acknowledged"
within 20 heard ".event == \"acknowledged\" and .id == \"$alert\" and .by == \"admin\" and .data.value == 91.2 and .severity == \"warning\"" ||
  fail "the site does not hear of it: $(cat "$work/local")"
api POST "alerts/$alert/acknowledge" >/dev/null

# [api-3] A command reaches its device, with the id that was answered; in order with what the API took before.
answer=$(command_to press-1 start '{"speed":7}')
id=$(jq -r .id <<<"$answer")
within 20 grep -q "^commands/press-1/start {\"id\":\"$id\",.*\"payload\":{\"speed\":7}}" "$work/device" || fail "the command does not come: $(cat "$work/device") $answer"
[ "$(jq -rs '[.[] | select(.event == "acknowledged")] | length' "$work/local")" = 1 ] || fail "acknowledged twice"
grep -q "event=command.queued .*admin asks press-1 for start .*$id" "$work/fleet.log" || fail "the command is in no log"
[ "$(status POST devices/press-9/commands/x --data 1)" = 404 ] || fail "a command to nobody is taken"
[ "$(status POST devices/press-1/commands/a.b --data 1)" = 400 ] || fail "a name outside the grammar is taken"
[ "$(status POST devices/press-1/commands/x --data '{')" = 400 ] || fail "broken JSON is taken"
head -c 5000 /dev/zero | tr '\0' 1 >"$work/large"
[ "$(status POST devices/press-1/commands/x --data "@$work/large")" = 413 ] || fail "a large payload is taken"

# Who is not that gateway gets nothing.
[ "$(events_of other gw/events -o /dev/null -w '%{http_code}')" = 403 ] || fail "a foreign gateway may listen"
[ "$(events_of gw other/events -o /dev/null -w '%{http_code}')" = 403 ] || fail "a gateway may listen to another's"
[ "$(events_of press-1 press-1/events -o /dev/null -w '%{http_code}')" = 404 ] || fail "a device may listen"
[ "$(events_of gw 'gw/events?after=x' -o /dev/null -w '%{http_code}')" = 400 ] || fail "a broken number is taken"
events_of gw 'gw/events?after=0&poll=1' | jq -e --arg id "$id" 'length == 2 and .[0].event == "acknowledged" and .[1].event == "command" and .[1].data.id == $id and .[1].id > .[0].id' >/dev/null ||
  fail "the list is another one"

# Kills on both sides while commands come: every one that was answered 202 arrives, in order.
: >"$work/sent"
for n in $(seq 1 60); do
  case $n in
    15) die "$gateway" ;;
    20) start_gateway ;;
    30) die "$fleet"; start_fleet ;;
    45) die "$gateway"; die "$fleet"; start_fleet; start_gateway ;;
  esac
  command_to press-1 "n$n" "$n" | jq -r .id >>"$work/sent" || fail "command $n is not taken"
done
arrived() { grep -o '^commands/press-1/n[0-9]* {"id":"[0-9a-f]*' "$work/device" | sed 's/.*"//'; }
all_there() { arrived | sort -u | cmp -s - <(sort "$work/sent"); }
within 30 all_there || fail "of 60 commands $(arrived | sort -u | wc -l) arrived"
# A PUBLISH that was under way at a kill may come again; the first of each stands in order.
arrived | awk '!seen[$0]++' | cmp -s - "$work/sent" || fail "they come out of order"
[ "$(arrived | wc -l)" -le 70 ] || fail "they come again and again: $(arrived | wc -l)"

# Away for a while: it goes on where it was; what is no longer worth doing is left out.
within 20 stream_is true || fail "the stream does not come back"
before=$(arrived | wc -l)
kill "$gateway"
wait "$gateway" || true
api POST 'devices/press-1/commands/now?within=0' --data '"too late"' >/dev/null
sleep 0.1
command_to press-1 n61 61 | jq -r .id >>"$work/sent"
start_gateway
within 10 all_there || fail "what was sent while it was away does not come"
[ "$(arrived | wc -l)" = $((before + 1)) ] || fail "what had come came again after a good end"
if grep -q 'commands/press-1/now' "$work/device"; then fail "a command came too late"; fi
[ "$(taken idle)" = 1 ] || fail "the late command is not counted"
[ "$(metric uplink_resets_total)" = 0 ] || fail "something was lost"

# A second stream ends the first; the gateway takes its own back.
events_of gw gw/events -N --max-time 1 >"$work/second" || true
grep -q '^event: command' "$work/second" || fail "a second stream tells nothing"
within 20 stream_is true || fail "the stream was not taken back"

# What is gone is said: the gateway goes on with what there is.
kill "$fleet"
wait "$fleet" || true
sqlite3 "$work/fleet.db" 'UPDATE push_mark SET last = last + 5, gone = last + 5; DELETE FROM push'
start_fleet
command_to press-1 n62 62 | jq -r .id >>"$work/sent"
within 20 all_there || fail "after a reset nothing comes"
[ "$(metric uplink_resets_total)" = 1 ] || fail "the reset is not counted"

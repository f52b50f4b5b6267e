# shellcheck shell=bash
# The same story behind whichever broker: sourced after site.sh by a scenario that says how its broker is configured (configure_broker) and started
# (start_broker, which sets $broker). Devices are press-1 and press-2; $front is neither door nor mosquitto.
# shellcheck source=tests/support/site.sh
. "$SV_SOURCE/tests/support/site.sh"

open_broker() {
  configure_broker
  start_broker
}

broker_listens() { within 120 bash -c ": < /dev/tcp/127.0.0.1/$mqtt_port" || fail "the broker does not start"; }

# readings DEVICE FROM TO VALUE: numbered, a line each
readings() {
  seq "$2" "$3" | awk -v id="$1" -v value="$4" '{ printf "{\"value\":%s,\"timestamp\":\"2026-11-28T10:%02d:%02d\",\"device_id\":\"%s\",\"epoch\":\"e\",\"seq\":%d}\n", value, int($1 / 60) % 60, $1 % 60, id, $1 }'
}
# publishes DEVICE SENSOR FROM TO VALUE
publishes() { readings "$1" "$3" "$4" "$5" | as "$1" -i "$1" -l -t "sensors/$1/$2"; }

sql() { sqlite3 -readonly "$work/gateway.db" "$1"; }
stored() { [ "$(sql "SELECT count(*), count(DISTINCT seq), max(seq) FROM reading JOIN stream ON stream.id = stream WHERE device = '$1'")" = "$2|$2|$2" ]; }
stored_once() { within 20 stored "$1" "$2" || fail "$1: $(sql "SELECT device, count(*), count(DISTINCT seq), max(seq) FROM reading JOIN stream ON stream.id = stream GROUP BY device" | tr '\n' ' ')"; }

listen_as() {
  : >"$work/heard"
  listens "$work/heard" -h 127.0.0.1 -p "$mqtt_port" --cafile "$work/pki/ca.crt" --cert "$work/keys/$1.crt" --key "$work/keys/$1.key" -i "$1" -q 1 -v \
    -t "alerts/$1" -t "acks/$1"
  listener=$ran
}
has_heard() { within 20 grep -q "$1" "$work/heard" || fail "nothing like '$1' is heard: $(cat "$work/heard")"; }

told_again() { [ "$(grep -c '^acks/' "$work/heard")" -gt "$told" ]; }

# What a device says on its own topic, and what one says for another, which the broker has to keep from the gateway.
tell_and_hear() {
  listen_as press-1
  publishes press-2 oil 1 300 20 || fail "press-2 cannot publish"
  stored_once press-2 300
  readings press-1 1 20 95 | as press-1 -l -t sensors/press-1/oil || fail "press-1 cannot publish"
  stored_once press-1 20
  has_heard '^alerts/press-1 .*"HIGH".*exceeds high threshold'
  has_heard '^acks/press-1 {"epoch":"e","seq":20}'
  # Sent again, because the device did not hear: it is told again, and nothing is stored.
  told=$(grep -c '^acks/' "$work/heard")
  readings press-1 1 20 95 | as press-1 -l -t sensors/press-1/oil || fail "press-1 cannot publish again"
  within 10 told_again || fail "who sends again is not told that it is on disk"
  stored_once press-1 20
}

# Killed under a gateway that stands still, so that what it has taken comes again and counts once. The gateway comes back by itself, is told of new readings, and publishes.
lose_the_broker() {
  local took=yes
  kill -STOP "$gateway"
  publishes press-2 oil 301 400 20 || took=no
  die "$broker"
  kill -CONT "$gateway"
  [ $took = yes ] || fail "press-2 cannot publish while the gateway stands still"
  kill "$listener" 2>/dev/null || true
  within 10 grep -q broker.down "$work/gateway.log" || fail "the gateway does not notice"
  start_broker
  within 20 curl -fs "127.0.0.1:$http_port/healthz" || fail "the gateway does not come back"
  stored_once press-2 400
  listen_as press-1
  publishes press-2 oil 401 500 20 || fail "press-2 cannot publish any more"
  stored_once press-2 500
  readings press-1 21 40 96 | as press-1 -l -t sensors/press-1/water || fail "press-1 cannot publish any more"
  stored_once press-1 40
  has_heard '^alerts/press-1 .*"sensor":"water"'
  if grep -q broker.subscribe "$work/gateway.log"; then fail "the broker refuses a subscription"; fi
}

# With the gateway away the broker takes and acknowledges, and is killed: it has kept what it acknowledged, and the gateway's session.
lose_both() {
  die "$gateway"
  publishes press-2 oil 501 600 20 || fail "press-2 cannot publish while the gateway is away"
  die "$broker"
  start_broker
  start_gateway
  stored_once press-2 600
}

#!/usr/bin/env bash
# NATS with JetStream between the devices and the gateway.
set -euo pipefail
front=nats
# shellcheck source=tests/support/other_broker.sh
. "$SV_SOURCE/tests/support/other_broker.sh"
nats_port=$(free_port)

# A user per certificate, named like its whole subject. In topics `/` is `.` here; QoS 1 needs $MQTT.sub.>, which MQTT clients cannot subscribe to themselves.
device() {
  cat <<CONF
  {user: "CN=$1,O=Scenario", permissions: {
    publish: ["sensors.$1.*", "health.$1", "presence.$1", "results.$1.*"]
    subscribe: ["\$MQTT.sub.>", "alerts.$1", "acks.$1", "updates.$1", "commands.$1.*"]}}
CONF
}

configure_broker() {
  cat >"$work/nats.conf" <<CONF
server_name: site
listen: 127.0.0.1:$nats_port
jetstream: {store_dir: "$work/nats"}
mqtt: {
  listen: 127.0.0.1:$mqtt_port
  tls: {ca_file: "$work/pki/ca.crt", cert_file: "$work/keys/broker.crt", key_file: "$work/keys/broker.key", verify_and_map: true}
  ack_wait: 30s
  max_ack_pending: 10000
}
authorization: {users: [
  {user: "CN=gw,O=Scenario", permissions: {
    publish: ["alerts.*", "acks.*", "updates.*", "commands.>"]
    subscribe: ["\$MQTT.sub.>", "sensors", "sensors.>", "health.*", "presence.*", "results", "results.>"]}}
$(device press-1)
$(device press-2)
]}
CONF
}

start_broker() {
  run "$work/nats.log" nats-server -c "$work/nats.conf"
  broker=$ran
  broker_listens
}

site_open "thresholds: {default: {high: 80}}"
tell_and_hear
# It acknowledges and drops.
readings press-1 21 21 95 | as press-2 -l -t sensors/press-1/oil || fail "NATS says no to what it may drop in silence: the guide says otherwise"
stored_once press-1 20
lose_the_broker
lose_both

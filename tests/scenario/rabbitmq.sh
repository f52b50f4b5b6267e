#!/usr/bin/env bash
# RabbitMQ between the devices and the gateway.
set -euo pipefail
front=rabbitmq
# shellcheck source=tests/support/other_broker.sh
. "$SV_SOURCE/tests/support/other_broker.sh"
names_port=$(free_port)

# A user per certificate, named like its CN, without a password; what it may do follows from its name. In topics `/` is `.` here.
definitions() {
  python3 - gw press-1 press-2 <<'PY'
import json, sys

gateway, *devices = sys.argv[1:]
users = [gateway, *devices]


def rights(user):
    queue = f"mqtt-subscription-{user}qos[01]"
    exchange_or_queue = f"^(amq\\.topic|{queue})$"
    return {"user": user, "vhost": "/", "configure": f"^{queue}$", "write": exchange_or_queue, "read": exchange_or_queue}


def topics(user, write, read):
    return {"user": user, "vhost": "/", "exchange": "amq.topic", "write": f"^({write})$", "read": f"^({read})$"}


def of_device(user):
    write = f"sensors\\.{user}\\..+|health\\.{user}|presence\\.{user}|results\\.{user}\\..+"
    return topics(user, write, f"(alerts|acks|updates)\\.{user}|commands\\.{user}\\..+")


of_gateway = topics(gateway, "(alerts|acks|updates|commands)\\..+", "(sensors|health|presence|results)\\..+")
print(json.dumps({
    "vhosts": [{"name": "/"}],
    "users": [{"name": u, "password_hash": "", "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": ""} for u in users],
    "permissions": [rights(u) for u in users],
    "topic_permissions": [of_gateway] + [of_device(d) for d in devices],
}, indent=1))
PY
}

configure_broker() {
  mkdir "$work/rabbitmq"
  definitions >"$work/rabbitmq/definitions.json"
  echo '[rabbitmq_mqtt].' >"$work/rabbitmq/enabled_plugins"
  cat >"$work/rabbitmq/rabbitmq.conf" <<CONF
listeners.tcp = none
mqtt.listeners.tcp = none
mqtt.listeners.ssl.default = 127.0.0.1:$mqtt_port
mqtt.allow_anonymous = false
mqtt.ssl_cert_login = true
ssl_cert_login_from = common_name
ssl_options.cacertfile = $work/pki/ca.crt
ssl_options.certfile = $work/keys/broker.crt
ssl_options.keyfile = $work/keys/broker.key
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = true
load_definitions = $work/rabbitmq/definitions.json
CONF
  # Erlang's directory of nodes, which otherwise is started on a well-known port and stays.
  run "$work/epmd.log" epmd -port "$names_port" -address 127.0.0.1
}

start_broker() {
  local dir=$work/rabbitmq
  # "Under systemd" the script becomes the server instead of watching over it.
  run "$work/rabbitmq.log" env HOME="$dir" ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT="$names_port" ERL_CRASH_DUMP=/dev/null RABBITMQ_DIST_PORT="$(free_port)" \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}' RABBITMQ_CONF_ENV_FILE=/dev/null \
    RABBITMQ_CONFIG_FILE="$dir/rabbitmq.conf" RABBITMQ_ENABLED_PLUGINS_FILE="$dir/enabled_plugins" RABBITMQ_NODENAME=selvedge@localhost \
    RABBITMQ_MNESIA_BASE="$dir/data" RABBITMQ_LOG_BASE="$dir/log" RABBITMQ_LOGS=- RABBITMQ_PID_FILE="$dir/pid" RUNNING_UNDER_SYSTEMD=true \
    /usr/lib/rabbitmq/bin/rabbitmq-server
  broker=$ran
  broker_listens
}

site_open "thresholds: {default: {high: 80}}"
tell_and_hear
# It says no by closing the connection.
if as press-2 -m "$(readings press-1 21 21 95)" -t sensors/press-1/oil 2>>"$work/denied.log"; then fail "RabbitMQ takes what one device says for another"; fi
grep -q "access_refused.*sensors.press-1.oil.*press-2" "$work/rabbitmq.log" || fail "RabbitMQ refused it for something else"
stored_once press-1 20
lose_the_broker
lose_both

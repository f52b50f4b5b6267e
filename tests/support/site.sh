# shellcheck shell=bash disable=SC2034
# A real site for a scenario: PKI, a gateway (behind mosquitto when $front says so) and, where it is
# wanted, a fleet server, on free loopback ports. Sourced.
# shellcheck source=tests/support/common.sh
. "$SV_SOURCE/tests/support/common.sh"

# site_config [more lines of YAML]: the gateway's configuration anew
site_config() { gateway_yaml "http: {port: $http_port}"$'\n'"$*"; }

start_gateway() {
  run "$work/gateway.log" "$SV_BIN/selvedge-gateway" --config "$work/gateway.yaml"
  gateway=$ran
  within 20 curl -fs "127.0.0.1:$http_port/healthz" || fail "the gateway does not become ready"
}

# site_open [more lines of YAML]: with the devices press-1 and press-2
site_open() {
  mqtt_port=$(free_port)
  http_port=$(free_port)
  make_pki
  issue press-1
  issue press-2
  site_config "$@"
  [ "$front" = door ] || open_broker
  start_gateway
}

# What devices are connected to: its id, its good end, its return, and a new revocation list.
front_pid() { if [ "$front" = door ]; then echo "$gateway"; else echo "$broker"; fi; }
front_end() {
  local pid
  pid=$(front_pid)
  kill "$pid"
  wait "$pid" || true
}
front_start() { if [ "$front" = door ]; then start_gateway; else start_broker; fi; }

# as DEVICE mosquitto_pub's options...
as() {
  local id=$1
  shift
  mosquitto_pub -h 127.0.0.1 -p "$mqtt_port" --cafile "$work/pki/ca.crt" --cert "$work/keys/$id.crt" --key "$work/keys/$id.key" -q 1 "$@"
}

# persistent DEVICE TOPIC: every line of stdin, until all are acknowledged, whatever happens to the connection
persistent() {
  "$SV_SOURCE/tests/support/publish_lines.py" "$mqtt_port" "$work/pki/ca.crt" "$work/keys/$1.crt" "$work/keys/$1.key" "$1" "$2"
}

# metric NAME: its value at the gateway
metric() { curl -fs "127.0.0.1:$http_port/metrics" | awk -v name="selvedge_gateway_$1" '$1 == name { print $2 }'; }
refused() { metric "refused_total{reason=\"$1\"}"; }
metric_is() { [ "$(metric "$1")" = "$2" ]; }

# The fleet server: fleet_choose before site_open, which gets "fleet: {$fleet_link}"; fleet_open after it.
fleet_choose() {
  fleet_port=$(free_port)
  operator_port=$(free_port)
  fleet_url=https://127.0.0.1:$fleet_port
  fleet_link="url: $fleet_url, retry: 2s"
}

start_fleet() {
  run "$work/fleet.log" "$SV_BIN/selvedge-fleet" --config "$work/fleet.yaml"
  fleet=$ran
  within 20 curl -fs "127.0.0.1:$operator_port/readyz" || fail "the fleet server does not become ready"
}

start_signer() {
  rm -f "$work/signer.sock"
  run "$work/signer.log" "$SV_BIN/selvedge-signer" --config "$work/signer.yaml"
  signer=$ran
  within 20 test -S "$work/signer.sock" || fail "the signer does not start"
}

# signer_open: the signer, and the fleet server anew with it
signer_open() {
  printf 'pki: %s\nsocket: %s\n' "$work/pki" "$work/signer.sock" >"$work/signer.yaml"
  echo "signer: {socket: $work/signer.sock}" >>"$work/fleet.yaml"
  start_signer
  kill "$fleet"
  wait "$fleet" || true
  start_fleet
}

fleet_open() {
  issue fleet --role server --ip 127.0.0.1
  cat >"$work/fleet.yaml" <<YAML
id: fleet
store: {path: $work/fleet.db}
operator: {port: $operator_port}
device:
  port: $fleet_port
  tls: {ca: $work/pki/ca.crt, cert: $work/keys/fleet.crt, key: $work/keys/fleet.key}
gateways: {${gateways:-gw: north}}
pki: $work/pki
admin_token_file: $work/admin.token
YAML
  start_fleet
}

# stays NAME: a sensor of this name is nowhere in what the fleet server keeps. A column of people's own is called totp_secret.
stays() {
  local left
  left=$(sqlite3 "$work/fleet.db" .dump | grep -v totp_secret | grep -- "$1" || true)
  [ -z "$left" ] || fail "what never leaves the site has left it: ${left:0:300}"
}

# shellcheck shell=bash disable=SC2034
# A real site for a scenario: PKI, mosquitto with mutual TLS and a gateway, on free loopback ports in
# the folder $site. Sourced; SV_BIN names the programs. Everything started here is stopped by its id.
selvedge=$SV_BIN/selvedge
site=$(mktemp -d)
site_pids=()

site_close() {
  local pid
  for pid in "${site_pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
  for pid in "${site_pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$site"
}
trap site_close EXIT

fail() {
  echo "FAILED: $*" >&2
  tail -n 20 "$site"/*.log >&2 2>/dev/null || true
  exit 1
}

free_port() { python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'; }

# within SECONDS command...: until it succeeds
within() {
  local tries=$(($1 * 20))
  shift
  while ! "$@" >/dev/null 2>&1; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || return 1
    sleep 0.05
  done
}

issue() { "$selvedge" pki issue --dir "$site/pki" --out "$site/keys" --id "$@"; }

# site_config [more lines of YAML]: the gateway's configuration, on the ports chosen before
site_config() {
  cat >"$site/gateway.yaml" <<YAML
id: gw
site: north
broker: {host: 127.0.0.1, port: $mqtt_port}
tls: {ca: $site/pki/ca.crt, cert: $site/keys/gw.crt, key: $site/keys/gw.key, crl: $site/pki/crl.pem}
store: {path: ${store_path:-$site/gateway.db}}
http: {port: $http_port}
$*
YAML
}

start_broker() {
  mosquitto -c "$site/mosquitto.conf" >>"$site/mosquitto.log" 2>&1 &
  broker=$!
  site_pids+=("$broker")
}

start_gateway() {
  "$SV_BIN/selvedge-gateway" --config "$site/gateway.yaml" >>"$site/gateway.log" 2>&1 &
  gateway=$!
  site_pids+=("$gateway")
  within 20 curl -fs "127.0.0.1:$http_port/healthz" || fail "the gateway does not become ready"
}

# site_open [more lines of YAML]
site_open() {
  mqtt_port=$(free_port)
  http_port=$(free_port)
  "$selvedge" pki init --dir "$site/pki" --org Scenario
  "$selvedge" pki crl --dir "$site/pki" --out "$site/pki/crl.pem"
  issue gw --role gateway
  issue broker --role server --ip 127.0.0.1
  issue press-1
  issue press-2
  site_config "$@"
  "$SV_BIN/selvedge-gateway" --print-mosquitto-config --config "$site/gateway.yaml" --acl "$site/acl" --data "$site" \
    --broker-cert "$site/keys/broker.crt" --broker-key "$site/keys/broker.key" >"$site/mosquitto.conf"
  start_broker
  start_gateway
}

# as DEVICE mosquitto_pub's options...
as() {
  local id=$1
  shift
  mosquitto_pub -h 127.0.0.1 -p "$mqtt_port" --cafile "$site/pki/ca.crt" --cert "$site/keys/$id.crt" --key "$site/keys/$id.key" -q 1 "$@"
}

# metric NAME: its value at the gateway
metric() { curl -fs "127.0.0.1:$http_port/metrics" | awk -v name="selvedge_gateway_$1" '$1 == name { print $2 }'; }
refused() { metric "refused_total{reason=\"$1\"}"; }
metric_is() { [ "$(metric "$1")" = "$2" ]; }

# The fleet server of the site, where a scenario wants one: before site_open, with "fleet: {url: $fleet_url}" in its YAML.
fleet_choose() {
  fleet_port=$(free_port)
  operator_port=$(free_port)
  fleet_url=https://127.0.0.1:$fleet_port
}

fleet_config() {
  issue fleet --role server --ip 127.0.0.1
  cat >"$site/fleet.yaml" <<YAML
id: fleet
store: {path: $site/fleet.db}
operator: {port: $operator_port}
device:
  port: $fleet_port
  tls: {ca: $site/pki/ca.crt, cert: $site/keys/fleet.crt, key: $site/keys/fleet.key}
gateways: {gw: north}
pki: $site/pki
admin_token_file: $site/admin.token
YAML
}

start_fleet() {
  "$SV_BIN/selvedge-fleet" --config "$site/fleet.yaml" >>"$site/fleet.log" 2>&1 &
  fleet=$!
  site_pids+=("$fleet")
  within 20 curl -fs "127.0.0.1:$operator_port/readyz" || fail "the fleet server does not become ready"
}

# die PID: as the power would end it
die() {
  kill -9 "$1"
  wait "$1" 2>/dev/null || true
}

# shellcheck shell=bash disable=SC2034
# What every scenario with real programs needs: a folder of its own, $work, gone at the end; programs
# that are stopped by their id; ports that are free; a PKI. Sourced; SV_BIN names the programs.
selvedge=$SV_BIN/selvedge
mqtt_port=0
# What devices come to: the gateway's own door, or mosquitto with the gateway behind it.
front=${front:-door}
work=$(mktemp -d)
started=()

close_all() {
  local pid
  for pid in "${started[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
  for pid in "${started[@]}"; do kill -CONT "$pid" 2>/dev/null || true; done # what stands still hears nothing, and would be waited for
  for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap close_all EXIT
# A script that ends without a word says where.
set -E
trap 'echo "FAILED: line $LINENO: $BASH_COMMAND ended with $?" >&2' ERR

# What was said comes before the reason, which whoever reads of a failure finds at its end.
fail() {
  tail -n 20 "$work"/*.log "$work/said" >&2 2>/dev/null || true
  echo "FAILED: $*" >&2
  exit 1
}

free_port() { python3 "$SV_SOURCE/tests/support/ports.py"; }

# within SECONDS command...: until it succeeds
within() {
  local tries=$(($1 * 20))
  shift
  until "$@" >/dev/null 2>&1; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || return 1
    sleep 0.05
  done
}

# run LOG command...: in the background; its id is $ran afterwards
run() {
  local log=$1
  shift
  "$@" >>"$log" 2>&1 &
  ran=$!
  started+=("$ran")
}

# story PROGRAM arguments...: one of tests/support in Python, told to its end; its last line is why it failed
story() {
  python3 -u "$SV_SOURCE/tests/support/$1" "${@:2}" 2>&1 | tee "$work/story.log" || fail "$(tail -n 1 "$work/story.log" | sed 's/^FAILED: //')"
}

# listens FILE mosquitto_sub's options...: its id is $ran; what it wants is subscribed to when this returns. FILE has its debug lines too.
listens() {
  run "$1" stdbuf -oL mosquitto_sub -d "${@:2}"
  within 20 grep -q '^Subscribed' "$1" || fail "nobody can listen: $(tail -n 3 "$1")"
}

# hears FILE mosquitto_sub's options...: a program that comes back when its connection is lost, to the session it had. The session is there
# when this returns, so that whatever is said from then on waits for it.
hears() {
  local file=$1
  shift
  mosquitto_sub "$@" -c -q 1 -E -W 20 >>"$file" || fail "nobody can listen"
  come_back "$file" "$@" &
  started+=("$!")
}
come_back() {
  local file=$1 sub=
  shift
  trap 'kill "$sub" 2>/dev/null; exit' TERM
  while :; do
    mosquitto_sub "$@" -c -q 1 >>"$file" 2>/dev/null &
    sub=$!
    wait "$sub" || true
    sleep 0.1
  done
}

# die PID: as the power would end it
die() {
  kill -9 "$1"
  wait "$1" 2>/dev/null || true
}

issue() { "$selvedge" pki issue --dir "$work/pki" --out "$work/keys" --id "$@"; }

# make_pki: with the gateway gw and a certificate for its broker
make_pki() {
  "$selvedge" pki init --dir "$work/pki" --org Scenario
  "$selvedge" pki crl --dir "$work/pki" --out "$work/pki/crl.pem"
  issue gw --role gateway --ip 127.0.0.1
  issue broker --role server --ip 127.0.0.1
}

# gateway_yaml [more lines of YAML]: the gateway's configuration, devices come to $mqtt_port
gateway_yaml() {
  local way="broker: {host: 127.0.0.1, port: $mqtt_port}"
  if [ "$front" = door ]; then
    way="listen: {bind: 127.0.0.1, port: $mqtt_port, socket: $work/mqtt.sock, classic_certificates: ${classic:-refuse}}"
  fi
  cat >"$work/gateway.yaml" <<YAML
id: gw
site: north
$way
tls: {ca: $work/pki/ca.crt, cert: $work/keys/gw.crt, key: $work/keys/gw.key, crl: $work/pki/crl.pem}
store: {path: ${store_path:-$work/gateway.db}${store_more:-}}
$*
YAML
}

start_broker() {
  run "$work/mosquitto.log" mosquitto -c "$work/mosquitto.conf"
  broker=$ran
  within 10 bash -c ": < /dev/tcp/127.0.0.1/$mqtt_port" || fail "mosquitto does not start"
}

# open_broker: mosquitto, configured as the gateway prints it
open_broker() {
  "$selvedge" gateway mosquitto-config --config "$work/gateway.yaml" --acl "$work/acl" --data "$work" \
    --broker-cert "$work/keys/broker.crt" --broker-key "$work/keys/broker.key" >"$work/mosquitto.conf"
  start_broker
}

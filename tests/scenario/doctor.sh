#!/usr/bin/env bash
# `selvedge doctor` at a device, a gateway, a server and a desk: nothing is wrong while nothing is, and each thing that
# is broken (configuration, permission, certificate, clock, disk, port, socket, name, TCP, TLS, token) is named with its
# remedy, and nothing else is.
set -euo pipefail
if [ "${1:-}" != inside ]; then
  exec unshare --map-root-user --mount "$0" inside
fi
. "$SV_SOURCE/tests/support/site.sh"
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0

fleet_choose
mkdir "$work/disk" "$work/agent"
mount -t tmpfs -o size=100m tmpfs "$work/disk"
trap 'umount -l "$work/disk"; close_all' EXIT
store_path=$work/disk/gateway.db
site_open "fleet: {$fleet_link, every: 200ms}"
fleet_open
signer_open
cp "$work/keys/press-1.crt" "$work/keys/press-1.key" "$work/agent/"
# agent_yaml HOST PORT CA
agent_yaml() {
  cat >"$work/agent.yaml" <<YAML
id: press-1
gateway: {host: $1, port: $2}
tls: {ca: $3, cert: $work/agent/press-1.crt, key: $work/agent/press-1.key}
enrolment: {at: '127.0.0.1:$fleet_port'}
YAML
}
agent_yaml 127.0.0.1 "$mqtt_port" "$work/pki/ca.crt"

# doctor ARGUMENTS...: its findings in $work/found
doctor() {
  code=0
  "${as_whom[@]}" "$selvedge" doctor --output json "$@" >"$work/found" 2>"$work/said" || code=$?
}
as_whom=()
faults() { jq -r '[.[] | select(.verdict == "no") | .step] | unique | join(" ")' "$work/found"; }
healthy() {
  doctor "$@"
  [ "$code$(faults)" = 0 ] || fail "doctor $* exits $code and finds: $(cat "$work/found" "$work/said")"
}
# finds STEPS WORDS ARGUMENTS...: these faults, exit code 1, a sentence with these words and a remedy
finds() {
  local steps=$1 words=$2
  shift 2
  doctor "$@"
  [ $code = 1 ] || fail "doctor $* exits $code: $(cat "$work/said")"
  [ "$(faults)" = "$steps" ] || fail "doctor $* finds '$(faults)' instead of '$steps': $(cat "$work/found")"
  jq -e --arg words "$words" 'any(.[]; .verdict == "no" and (.saw + .remedy | test($words)) and (.remedy | length) > 10)' "$work/found" >"$work/said" ||
    fail "doctor $* does not say '$words': $(cat "$work/found")"
}
desk=(--url "http://127.0.0.1:$operator_port" --token-file "$work/admin.token")

# Nothing is wrong, from either end; a session that is there is not ended. [doctor-1]
known() { curl -fs -H "Authorization: Bearer $(cat "$work/admin.token")" "http://127.0.0.1:$operator_port/api/v1/overview" >/dev/null; }
within 10 known || fail "the fleet server does not answer"
healthy "$work/agent.yaml"
healthy "$work/gateway.yaml" "$work/fleet.yaml" "$work/signer.yaml" "${desk[@]}"
[ "$(jq '[.[] | select(.step == "listen")] | length' "$work/found")" = 4 ] || fail "not every port is looked at"
jq -e 'any(.[]; .of == "the fleet server, 127.0.0.1:'"$fleet_port"'" and .step == "token" and .verdict == "ok")' "$work/found" >/dev/null || fail "the gateway's place at the fleet server is not looked at"
"$selvedge" doctor "$work/agent.yaml" >"$work/said" || fail "as text: $?"
grep -q "Nothing is wrong" "$work/said" || fail "no last line"

# Configuration. [doctor-2]
cp "$work/gateway.yaml" "$work/good.yaml"
sed -i 's/^site: .*/&\nthresholds: {default: {high: 8o}}/' "$work/gateway.yaml"
finds "configuration" 'a number is wanted here' "$work/gateway.yaml"
cp "$work/good.yaml" "$work/gateway.yaml"
echo "a: b" >"$work/other.yaml"
finds "configuration" 'is no configuration' "$work/other.yaml"
finds "configuration" 'absent' "$work/absent.yaml"

# Permission: a key that others may read, one that is missing.
chmod 644 "$work/agent/press-1.key"
finds "permission" 'chmod 600' "$work/agent.yaml"
chmod 600 "$work/agent/press-1.key"
mv "$work/agent/press-1.key" "$work/key"
finds "permission" 'No such file' "$work/agent.yaml"
mv "$work/key" "$work/agent/press-1.key"

# Certificate: key and certificate of two devices; another authority; another id; one that has ended.
cp "$work/keys/press-2.key" "$work/agent/press-1.key"
finds "certificate" 'made for each other' "$work/agent.yaml"
cp "$work/keys/press-1.key" "$work/agent/press-1.key"
sed -i 's/^id: .*/id: press-9/' "$work/agent.yaml"
finds "certificate" "is of 'press-1'" "$work/agent.yaml"
agent_yaml 127.0.0.1 "$mqtt_port" "$work/pki/ca.crt"
"$selvedge" pki init --dir "$work/pki-2" --org Other
agent_yaml 127.0.0.1 "$mqtt_port" "$work/pki-2/ca.crt"
finds "certificate" 'ca.crt' "$work/agent.yaml"
agent_yaml 127.0.0.1 "$mqtt_port" "$work/pki/ca.crt"
as_whom=(faketime -f "+800d")
finds "certificate" 'has ended' "$work/agent.yaml"

# Clock: a board that woke in 1990; a server whose clock is elsewhere.
as_whom=(faketime "1990-01-01 00:00:00")
finds "clock" '1990-01-01.*time service|set the clock' "$work/agent.yaml"
as_whom=(faketime -f "+300s")
finds "clock" 'seconds before this one' "${desk[@]}"
as_whom=()

# Disk.
dd if=/dev/zero of="$work/disk/filler" bs=1M count=60 status=none
finds "disk" 'MiB are free' "$work/gateway.yaml"
rm "$work/disk/filler"

# Name, TCP, TLS.
agent_yaml no-such-host.invalid "$mqtt_port" "$work/pki/ca.crt"
finds "name" 'no-such-host' "$work/agent.yaml"
agent_yaml 127.0.0.1 "$(free_port)" "$work/pki/ca.crt"
finds "tcp" 'nothing listens there' "$work/agent.yaml"
agent_yaml localhost "$mqtt_port" "$work/pki/ca.crt"
finds "tls" "stands in the server's certificate" "$work/agent.yaml"
agent_yaml 127.0.0.1 "$http_port" "$work/pki/ca.crt"
finds "tls" 'does not speak TLS|TLS' "$work/agent.yaml"
agent_yaml 127.0.0.1 "$mqtt_port" "$work/pki/ca.crt"
"$selvedge" pki revoke --dir "$work/pki" press-1
"$selvedge" pki crl --dir "$work/pki" --out "$work/pki/crl.pem"
kill -HUP "$gateway"
revoked() {
  doctor "$work/agent.yaml"
  faults | grep -q "tls"
}
within 10 revoked || fail "a revoked device is not told"
jq -e 'any(.[]; .step == "tls" and .verdict == "no" and (.saw | test("revoked")) and (.remedy | test("selvedge device show")))' "$work/found" >/dev/null || fail "$(cat "$work/found")"

# Token: not the server's; a gateway that it does not know.
printf 'sv_0000000000000000000000000000000000000000\n' >"$work/wrong.token"
chmod 600 "$work/wrong.token"
finds "token" 'answers 401' --url "http://127.0.0.1:$operator_port" --token-file "$work/wrong.token"
sed -i 's/^gateways: .*/gateways: {other: north}/' "$work/fleet.yaml"
kill "$fleet"
wait "$fleet" || true
start_fleet
finds "token" 'gateways:' "$work/gateway.yaml"

# Socket and port: programs that do not run.
kill "$signer"
wait "$signer" || true
finds "socket" 'start selvedge-signer' "$work/fleet.yaml"
kill "$gateway"
wait "$gateway" || true
finds "listen token" 'start selvedge-gateway' "$work/gateway.yaml"

# Whom to look at?
cd "$work"
if [ ! -e /etc/selvedge ]; then
  doctor
  [ $code = 2 ] || fail "without anybody to look at: $code"
  grep -q "whom to look at" "$work/said" || fail "no question"
fi

#!/usr/bin/env bash
# The gateway's own certificate and the fleet server's renew themselves; nobody restarts anything, and nobody notices when the old ones end.
# [renewal-20] [renewal-21]
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
fleet_choose
door_port=$(free_port)
make_pki
for id in press-1 press-2; do issue "$id"; done

# short ID ROLE USAGES: its certificate anew, most of whose life is over
short() {
  local id=$1
  cat >"$work/short.cnf" <<CNF
[ca]
default_ca = c
[c]
database = $work/short-index
new_certs_dir = $work
certificate = $work/pki/ca.crt
private_key = $work/pki/ca.key
rand_serial = yes
default_md = sha256
policy = p
x509_extensions = e
[p]
commonName = supplied
[e]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = URI:spiffe://selvedge.local/$2/$id, IP:127.0.0.1, DNS:$id.example
extendedKeyUsage = $3
CNF
  : >"$work/short-index"
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/keys/$id.key" -subj "/CN=$id" -out "$work/short.csr" 2>/dev/null
  openssl ca -batch -notext -config "$work/short.cnf" -in "$work/short.csr" -out "$work/keys/$id.crt" -startdate "$(date -u -d '-40 seconds' +%Y%m%d%H%M%SZ)" \
    -enddate "$(date -u -d '+20 seconds' +%Y%m%d%H%M%SZ)" 2>"$work/said" || fail "$(cat "$work/said")"
  sed -n '1,/END CERT/p' "$work/pki/ca.crt" >>"$work/keys/$id.crt"
}
serial_of() { openssl x509 -in "$work/keys/$1.crt" -noout -serial; }
shown() { openssl s_client -connect "127.0.0.1:$1" -CAfile "$work/pki/ca.crt" </dev/null 2>/dev/null | openssl x509 -noout -serial; }
changed() { [ "$(serial_of "$1")" != "$2" ]; }
shows() { [ "$(shown "$1")" = "$(serial_of "$2")" ]; }

printf 'pki: %s\nsocket: %s\nroles: [device, gateway, server]\n' "$work/pki" "$work/signer.sock" >"$work/signer.yaml"
run "$work/signer.log" "$SV_BIN/selvedge-signer" --config "$work/signer.yaml"
within 20 grep -q event=signer.ready "$work/signer.log" || fail "no signer"
issue fleet --role server --ip 127.0.0.1
short fleet server serverAuth
short gw gateway serverAuth,clientAuth
ends=$(($(date +%s) + 20))
first_fleet=$(serial_of fleet)
first_gw=$(serial_of gw)
cat >"$work/fleet.yaml" <<YAML
id: fleet
store: {path: $work/fleet.db}
operator: {port: $operator_port}
device:
  port: $fleet_port
  tls: {ca: $work/pki/ca.crt, cert: $work/keys/fleet.crt, key: $work/keys/fleet.key}
gateways: {gw: north}
signer: {socket: $work/signer.sock}
pki: $work/pki
admin_token_file: $work/admin.token
YAML
mqtt_port=$(free_port)
http_port=$(free_port)
site_config "door: {bind: 127.0.0.1, port: $door_port}"$'\n'"fleet: {$fleet_link, every: 100ms}"
start_fleet
start_gateway

within 15 changed fleet "$first_fleet" || fail "the fleet server's certificate is not renewed"
within 15 changed gw "$first_gw" || fail "the gateway's certificate is not renewed"
[ "$(stat -c %a "$(readlink -f "$work/keys/gw.key")")" = 600 ] || fail "the new key may be read by others"
# [renewal-21] New handshakes see the new ones, and they have the names that the old ones had.
within 10 shows "$fleet_port" fleet || fail "the fleet server shows the old one"
within 10 shows "$mqtt_port" gw || fail "the front door shows the old one"
within 10 shows "$door_port" gw || fail "the device door shows the old one"
for id in fleet gw; do
  openssl x509 -in "$work/keys/$id.crt" -noout -ext subjectAltName >"$work/said"
  for name in 'IP Address:127.0.0.1' "DNS:$id.example"; do grep -q "$name" "$work/said" || fail "$id has lost its name $name"; done
  openssl verify -CAfile "$work/pki/ca.crt" "$work/keys/$id.crt" >/dev/null || fail "the new one of $id does not verify"
done
grep -q "event=certificate.renewed msg=\"this gateway's own" "$work/gateway.log" || fail "the gateway's log does not tell of it"
sqlite3 -readonly "$work/fleet.db" "SELECT detail FROM event_log WHERE what = 'certificate.renew' AND about = 'fleet'" | grep -q own || fail "the event log does not tell of it"

# [renewal-20] Beyond the end of the old ones: what goes up goes up, what is passed on is passed on.
while [ "$(date +%s)" -le "$ends" ]; do sleep 0.2; done
as press-1 -t sensors/press-1/a -m '{"value":1,"timestamp":"2026-11-22T06:15:04","device_id":"press-1"}' || fail "the front door is shut"
went_up() { [ "$(curl -fs -H "Authorization: Bearer $(cat "$work/admin.token")" "127.0.0.1:$operator_port/api/v1/devices/press-1" | jq -r .site)" = north ]; }
within 20 went_up || fail "what goes up does not arrive"
passed_on() { curl -fs --cacert "$work/pki/ca.crt" --cert "$work/keys/press-1.crt" --key "$work/keys/press-1.key" "https://127.0.0.1:$door_port/v1/self" | jq -e '.via == "gw"'; }
within 10 passed_on || fail "what devices ask is not passed on"
if grep -qE 'event=(tls.refused|relay.down)' "$work/gateway.log"; then fail "somebody noticed"; fi

#!/usr/bin/env bash
# Who gets in: a device of this CA, and nobody else, however its certificate is made up.
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
site_open ""
reading='{"value":1,"timestamp":"2026-11-22T06:15:04","device_id":"press-1"}'

as press-1 -t sensors/press-1/a -m "$reading"
within 5 metric_is readings_stored_total 1 || fail "a proper device cannot publish"

# try NAME certificate key: must not get in
try() {
  if timeout 10 mosquitto_pub -h 127.0.0.1 -p "$mqtt_port" --cafile "$site/pki/ca.crt" --cert "$2" --key "$3" -q 1 \
    -t sensors/press-1/a -m "$reading" 2>"$site/said"; then
    fail "$1 was let in"
  fi
}

"$selvedge" pki init --dir "$site/foreign" --org Somebody
"$selvedge" pki issue --dir "$site/foreign" --id press-1 --out "$site/stranger"
try "a certificate of another CA" "$site/stranger/press-1.crt" "$site/stranger/press-1.key"
try "a server's certificate" "$site/keys/broker.crt" "$site/keys/broker.key"
try "the issuing certificate itself" "$site/pki/ca.crt" "$site/pki/ca.key"

# Expired and not yet valid, signed by the right CA with the classic command.
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$site/old.key" -subj /CN=press-1 -out "$site/old.csr" 2>/dev/null
dated() { # dated OUT from to
  mkdir -p "$site/ca"
  : >"$site/ca/index.txt"
  cat >"$site/ca.cnf" <<CNF
[ca]
default_ca = c
[c]
database = $site/ca/index.txt
new_certs_dir = $site/ca
certificate = $site/pki/ca.crt
private_key = $site/pki/ca.key
rand_serial = yes
default_md = sha256
policy = p
[p]
commonName = supplied
CNF
  openssl ca -batch -notext -config "$site/ca.cnf" -in "$site/old.csr" -out "$1" -startdate "$2" -enddate "$3" 2>"$site/said" || fail "$(cat "$site/said")"
}
dated "$site/old.crt" 20200101000000Z 20210101000000Z
try "an expired certificate" "$site/old.crt" "$site/old.key"
dated "$site/future.crt" 20900101000000Z 20910101000000Z
try "a certificate that is not valid yet" "$site/future.crt" "$site/old.key"

# Revoked: refused once the broker has read the new list.
"$selvedge" pki revoke --dir "$site/pki" press-2
"$selvedge" pki crl --dir "$site/pki" --out "$site/pki/crl.pem"
kill -HUP "$broker"
refused_now() { ! as press-2 -t sensors/press-2/a -m '{"value":1,"timestamp":"2026-11-22T06:15:04","device_id":"press-2"}'; }
within 5 refused_now || fail "a revoked device is let in"
as press-1 -t sensors/press-1/b -m "$reading" || fail "the others must not suffer from a revocation"

# The classic commands, verbatim, and the device they make.
cd "$site/pki"
openssl genrsa -out device.key 2048 2>/dev/null
openssl req -new -key device.key -subj "/CN=device-001/O=Acme/C=IN/ST=Maharashtra/L=Pune" -out device.csr
openssl x509 -req -in device.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out device.crt -days 365 -sha256 2>/dev/null
openssl verify -CAfile ca.crt device.crt >/dev/null
cp device.crt "$site/keys/device-001.crt"
cp device.key "$site/keys/device-001.key"
before=$(metric readings_stored_total)
as device-001 -t sensors/device-001/a -m '{"value":1,"timestamp":"2026-11-22T06:15:04","device_id":"device-001"}'
within 5 metric_is readings_stored_total $((before + 1)) || fail "a classic device's reading is missing"

# Nobody gets in through the server: no TLS 1.1, no plain text.
if openssl s_client -connect "127.0.0.1:$mqtt_port" -tls1_1 -cipher 'ALL:@SECLEVEL=0' </dev/null >"$site/said" 2>&1; then fail "TLS 1.1 is spoken"; fi
if timeout 5 mosquitto_pub -h 127.0.0.1 -p "$mqtt_port" -t sensors/press-1/a -m x 2>/dev/null; then fail "plain text is spoken"; fi

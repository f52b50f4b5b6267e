#!/usr/bin/env bash
# Who gets in: a device of this CA, and nobody else, however its certificate is made up.
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
site_open ""
reading='{"value":1,"timestamp":"2026-11-22T06:15:04","device_id":"press-1"}'

as press-1 -t sensors/press-1/a -m "$reading"
within 20 metric_is readings_stored_total 1 || fail "a proper device cannot publish"

# try NAME certificate key: must not get in
try() {
  if timeout 10 mosquitto_pub -h 127.0.0.1 -p "$mqtt_port" --cafile "$work/pki/ca.crt" --cert "$2" --key "$3" -q 1 \
    -t sensors/press-1/a -m "$reading" 2>"$work/said"; then
    fail "$1 was let in"
  fi
}

"$selvedge" pki init --dir "$work/foreign" --org Somebody
"$selvedge" pki issue --dir "$work/foreign" --id press-1 --out "$work/stranger"
try "a certificate of another CA" "$work/stranger/press-1.crt" "$work/stranger/press-1.key"
try "a server's certificate" "$work/keys/broker.crt" "$work/keys/broker.key"
try "the issuing certificate itself" "$work/pki/ca.crt" "$work/pki/ca.key"

# Expired and not yet valid, signed by the right CA with the classic command.
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/old.key" -subj /CN=press-1 -out "$work/old.csr" 2>/dev/null
dated() { # dated OUT from to
  mkdir -p "$work/ca"
  : >"$work/ca/index.txt"
  cat >"$work/ca.cnf" <<CNF
[ca]
default_ca = c
[c]
database = $work/ca/index.txt
new_certs_dir = $work/ca
certificate = $work/pki/ca.crt
private_key = $work/pki/ca.key
rand_serial = yes
default_md = sha256
policy = p
[p]
commonName = supplied
CNF
  openssl ca -batch -notext -config "$work/ca.cnf" -in "$work/old.csr" -out "$1" -startdate "$2" -enddate "$3" 2>"$work/said" || fail "$(cat "$work/said")"
}
dated "$work/old.crt" 20200101000000Z 20210101000000Z
try "an expired certificate" "$work/old.crt" "$work/old.key"
dated "$work/future.crt" 20900101000000Z 20910101000000Z
try "a certificate that is not valid yet" "$work/future.crt" "$work/old.key"

# Revoked: refused once the new list has been read.
"$selvedge" pki revoke --dir "$work/pki" press-2
"$selvedge" pki crl --dir "$work/pki" --out "$work/pki/crl.pem"
kill -HUP "$(front_pid)"
refused_now() { ! as press-2 -t sensors/press-2/a -m '{"value":1,"timestamp":"2026-11-22T06:15:04","device_id":"press-2"}'; }
within 20 refused_now || fail "a revoked device is let in"
as press-1 -t sensors/press-1/b -m "$reading" || fail "the others must not suffer from a revocation"

# Nobody gets in through the server: no TLS 1.1, no plain text.
if openssl s_client -connect "127.0.0.1:$mqtt_port" -tls1_1 -cipher 'ALL:@SECLEVEL=0' </dev/null >"$work/said" 2>&1; then fail "TLS 1.1 is spoken"; fi
if timeout 5 mosquitto_pub -h 127.0.0.1 -p "$mqtt_port" -t sensors/press-1/a -m x 2>/dev/null; then fail "plain text is spoken"; fi

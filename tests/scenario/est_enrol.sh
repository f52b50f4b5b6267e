#!/usr/bin/env bash
# A device gets its certificate with nothing but curl and openssl, and with strongSwan's own EST client; one token gives one certificate, whatever happens.
# [enrol-12] [enrol-13] [enrol-14] [enrol-16] [enrol-17] [enrol-18] [enrol-19] [enrol-25] [est-1]
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
fleet_choose
make_pki
# A manufacturer of machines, with a CA of its own.
"$selvedge" pki init --dir "$work/maker" --org Maker
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/born.key" -subj '/CN=Press 5/serialNumber=SN-0815' -out "$work/born.csr" 2>/dev/null
printf 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid' >"$work/born.ext"
openssl x509 -req -in "$work/born.csr" -CA "$work/maker/ca.crt" -CAkey "$work/maker/ca.key" -set_serial 0x1234 -days 3650 -extfile "$work/born.ext" -out "$work/born.crt" 2>/dev/null
fleet_open
kill "$fleet"
wait "$fleet" || true
cat >>"$work/fleet.yaml" <<YAML
signer: {socket: $work/signer.sock}
enrolment: {lifetime: ${lifetime:-90d}, grace: 1h, manufacturers: $work/maker/ca.crt}
YAML
printf 'pki: %s\nsocket: %s\n' "$work/pki" "$work/signer.sock" >"$work/signer.yaml"
start_signer() {
  run "$work/signer.log" "$SV_BIN/selvedge-signer" --config "$work/signer.yaml"
  signer=$ran
  within 20 test -S "$work/signer.sock" || fail "the signer does not become ready"
}
start_signer
start_fleet

est=$fleet_url/.well-known/est
at=http://127.0.0.1:$operator_port/api/v1
place=(--url "http://127.0.0.1:$operator_port" --token-file "$work/admin.token")
api() { curl -s -H "Authorization: Bearer $(cat "$work/admin.token")" "$@"; }
token_of() { "$selvedge" device add "$1" --site north "${place[@]}" "${@:2}" --output json 2>/dev/null | jq -r '.[0].token'; }
key_of() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/$1.key" 2>/dev/null; }
csr_of() { openssl req -new -key "$work/${2:-$1}.key" -subj "/O=Acme/CN=$1" "${@:3}" -outform DER -out "$work/$1.csr"; }
# ask STATUS SENTENCE OPERATION curl's arguments...
ask() {
  local status=$1 sentence=$2 got
  got=$(curl -s -m 30 --cacert "$work/pki/ca.crt" -o "$work/said" -w '%{http_code}' "${@:4}" "$est/$3" || true)
  [ "$got" = "$status" ] || fail "$got instead of $status for $3 ${*:4}: $(cat "$work/said")"
  grep -q -- "$sentence" "$work/said" || fail "not '$sentence': $(cat "$work/said")"
}
# take NAME: the certificate that was answered
take() {
  base64 -d "$work/said" | openssl pkcs7 -inform DER -print_certs -out "$work/$1.crt"
  openssl verify -CAfile "$work/pki/root/root.crt" -untrusted "$work/pki/ca.crt" "$work/$1.crt" >/dev/null || fail "$1's certificate does not chain"
  [ "$(openssl x509 -in "$work/$1.crt" -noout -pubkey)" = "$(openssl pkey -in "$work/$1.key" -pubout)" ] || fail "$1's certificate is for another key"
}
body() { base64 -w0 "$work/$1.csr" >"$work/$1.b64"; }

# [enrol-12] curl and openssl, with base64 in every form, with its header and without. [est-1]
n=0
for form in 'base64 -w64' 'base64 -w76' 'base64 -w0' 'base64 -w64 | sed "s/\$/\r/"' 'openssl req -inform DER -in /dev/stdin'; do
  n=$((n + 1))
  key_of "press-$n"
  csr_of "press-$n"
  sh -c "$form" <"$work/press-$n.csr" >"$work/press-$n.b64"
  header=(-H 'Content-Type: application/pkcs10')
  if [ $((n % 2)) = 0 ]; then header+=(-H 'Content-Transfer-Encoding: base64'); fi
  ask 200 '' simpleenroll -u "press-$n:$(token_of "press-$n")" "${header[@]}" --data-binary "@$work/press-$n.b64"
  take "press-$n"
done
openssl x509 -in "$work/press-1.crt" -noout -text | grep -q 'URI:spiffe://selvedge.local/device/press-1' || fail "no identity in the certificate"
openssl x509 -in "$work/press-1.crt" -noout -subject | grep -q 'O = Acme' || fail "the subject's text is lost"

# [enrol-19] What is refused costs no token.
token=$(token_of press-9)
key_of press-9
csr_of other press-9; body other
ask 403 "request: it asks for 'other'; this is for 'press-9' alone" simpleenroll -u "press-9:$token" --data-binary "@$work/other.b64"
csr_of press-9 press-9 -addext basicConstraints=critical,CA:TRUE; body press-9
ask 400 'CA:TRUE' simpleenroll -u "press-9:$token" --data-binary "@$work/press-9.b64"
csr_of press-9 press-9 -addext subjectAltName=DNS:fleet.local; body press-9
ask 400 'subjectAltName' simpleenroll -u "press-9:$token" --data-binary "@$work/press-9.b64"
csr_of press-9; python3 - "$work/press-9.csr" <<'PY'
import sys
data = bytearray(open(sys.argv[1], "rb").read()); data[-1] ^= 1; open(sys.argv[1], "wb").write(data)
PY
body press-9
ask 403 'proof of possession' simpleenroll -u "press-9:$token" --data-binary "@$work/press-9.b64"
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out "$work/weak.key" 2>/dev/null
csr_of press-9 weak; body press-9
ask 400 '1024 bits' simpleenroll -u "press-9:$token" --data-binary "@$work/press-9.b64"
csr_of press-9 press-1; body press-9
ask 409 'key: this key belongs to another certificate already' simpleenroll -u "press-9:$token" --data-binary "@$work/press-9.b64" # [enrol-14]
csr_of press-9; body press-9
ask 403 'token: this token is for another id' simpleenroll -u "press-1:$token" --data-binary "@$work/press-9.b64"
head -c 10000000 /dev/zero | tr '\0' A >"$work/long"
got=$(curl -s -m 30 --cacert "$work/pki/ca.crt" -o /dev/null -w '%{http_code}' -u "press-9:$token" --data-binary "@$work/long" "$est/simpleenroll" || true)
[ "$got" = 413 ] || [ "$got" = 000 ] || fail "10 MB are answered $got"
within 20 grep -q 'event=device.unfinished' "$work/fleet.log" || fail "10 MB are not in the log" # [enrol-25]
told=$(grep -c event=device.unfinished "$work/fleet.log")
# Half a request: the connection ends, nothing else does.
(printf 'POST /.well-known/est/simpleenroll HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nMIIB'; sleep 0.2) | timeout 5 openssl s_client -quiet -connect "127.0.0.1:$fleet_port" -CAfile "$work/pki/ca.crt" >/dev/null 2>&1 || true
half_told() { [ "$(grep -c event=device.unfinished "$work/fleet.log")" = $((told + 1)) ]; }
within 15 half_told || fail "half a request is not in the log"
head -c 70000 "$work/long" >"$work/longish"
ask 413 'request: the body has 70000 bytes; 65536 are taken' simpleenroll -u "press-9:$token" --data-binary "@$work/longish"
grep -q 'event=certificate.refused .*the body has 70000 bytes' "$work/fleet.log" || fail "a body that is too long is not in the log"
api "$at/enrolments" | jq -e '.items[0] | .id == "press-9" and .state == "open"' >/dev/null || fail "the token is not open: $(api "$at/enrolments")"
[ "$(api "$at/audit?about=press-9&what=enrolment.use" | jq '[.items[] | select(.outcome == "refused")] | length')" -ge 6 ] || fail "not all is in the event log"

# [enrol-13] A hundred at once: one certificate. The signer and the server are killed among them.
for ((i = 0; i < 100; i++)); do
  curl -s -m 30 --cacert "$work/pki/ca.crt" -o "$work/race.$i" -w '%{http_code}\n' -u "press-9:$token" --data-binary "@$work/press-9.b64" "$est/simpleenroll" >"$work/code.$i" &
  racers[i]=$!
done
for racer in "${racers[@]}"; do wait "$racer" || true; done
[ "$(cat "$work"/code.* | grep -c '^200$')" = 1 ] || fail "a hundred at once: $(sort "$work"/code.* | uniq -c)"
rm "$work"/code.* "$work"/race.*
for round in 1 2 3; do
  token=$(token_of "race-$round")
  key_of "race-$round"; csr_of "race-$round"; body "race-$round"
  for ((i = 0; i < 20; i++)); do
    curl -s -m 30 --cacert "$work/pki/ca.crt" -o /dev/null -w '%{http_code}\n' -u "race-$round:$token" --data-binary "@$work/race-$round.b64" "$est/simpleenroll" >"$work/code.$i" 2>/dev/null &
    racers[i]=$!
  done
  die "$([ $round = 2 ] && echo "$signer" || echo "$fleet")"
  for ((i = 0; i < 20; i++)); do wait "${racers[i]}" || true; done
  if [ $round = 2 ]; then start_signer; else start_fleet; fi
  given=$(cat "$work"/code.* | grep -c '^200$' || true)
  state=$(api "$at/enrolments" | jq -r ".items[0].state")
  [ "$given" -le 1 ] || fail "$given certificates for one token"
  if [ "$state" = open ]; then
    [ "$given" = 0 ] || fail "a certificate was given, and the token is open"
    tried() { [ "$(curl -s -m 30 --cacert "$work/pki/ca.crt" -o "$work/said" -w '%{http_code}' -u "race-$round:$token" --data-binary "@$work/race-$round.b64" "$est/simpleenroll")" = 200 ]; }
    within 10 tried || fail "the token is open and gives none: $(cat "$work/said")"
  fi
  ask 403 'was used on' simpleenroll -u "race-$round:$token" --data-binary "@$work/race-$round.b64"
done

# [enrol-16] The manufacturer's certificate instead of a token, once.
born=(--cert "$work/born.crt" --key "$work/born.key")
"$selvedge" device add mill-5 --site north --idevid SN-0815 "${place[@]}" >/dev/null 2>&1
key_of mill-5; csr_of mill-5; body mill-5
ask 200 '' simpleenroll "${born[@]}" --data-binary "@$work/mill-5.b64"
take mill-5
ask 403 "certificate: the token for mill-5 was used on" simpleenroll "${born[@]}" --data-binary "@$work/mill-5.b64"

# [enrol-17] Renewal by the certificate itself, with the same key and with a new one.
mine=(--cert "$work/press-1.crt" --key "$work/press-1.key")
csr_of press-1; body press-1
ask 200 '' simplereenroll "${mine[@]}" --data-binary "@$work/press-1.b64"
cp "$work/press-1.key" "$work/old-1.key"; cp "$work/press-1.crt" "$work/old-1.crt"
take press-1
key_of press-1; csr_of press-1; body press-1
ask 200 '' simplereenroll --cert "$work/old-1.crt" --key "$work/old-1.key" --data-binary "@$work/press-1.b64"
take press-1
csr_of press-2 press-1; body press-2
ask 403 "request: it asks for 'press-2'" simplereenroll --cert "$work/press-1.crt" --key "$work/press-1.key" --data-binary "@$work/press-2.b64"
openssl req -new -key "$work/press-1.key" -subj /O=Other/CN=press-1 -outform DER | base64 -w0 >"$work/press-1.b64"
ask 403 'O in its subject is not what' simplereenroll --cert "$work/press-1.crt" --key "$work/press-1.key" --data-binary "@$work/press-1.b64"
ask 401 'goes by the one' simplereenroll --data-binary "@$work/press-1.b64"
ask 401 'gateway/simplereenroll' simplereenroll --cert "$work/keys/gw.crt" --key "$work/keys/gw.key" --data-binary "@$work/press-1.b64"

# [enrol-15] A gateway renews its own at a path of its own, and keeps its names.
openssl req -new -key "$work/keys/gw.key" -subj /O=Scenario/CN=gw -outform DER | base64 -w0 >"$work/gw.b64"
ask 200 '' gateway/simplereenroll --cert "$work/keys/gw.crt" --key "$work/keys/gw.key" --data-binary "@$work/gw.b64"
cp "$work/keys/gw.key" "$work/gw.key"
take gw
openssl x509 -in "$work/gw.crt" -noout -ext subjectAltName | grep -q 'IP Address:127.0.0.1' || fail "the gateway's address is lost"
ask 403 'this is for gateways' gateway/simplereenroll "${mine[@]}" --data-binary "@$work/gw.b64"

# strongSwan's own client: the authorities, a first certificate by token, and the next one.
key_of swan-1; csr_of swan-1
token=$(token_of swan-1)
# By the name that the server's certificate has beside its address.
pki --estca --url "https://127.0.0.1:$fleet_port" --cacert "$work/pki/root/root.crt" --caout "$work/swan-ca" --outform pem >"$work/swan.log" 2>&1 || fail "pki --estca: $(cat "$work/swan.log")"
ls "$work"/swan-ca* >/dev/null || fail "no authorities from pki --estca: $(cat "$work/swan.log")"
swan() { pki --est --url "https://127.0.0.1:$fleet_port" --in "$work/swan-1.csr" --cacert "$work/pki/root/root.crt" --cacert "$work/issuing.crt" --outform pem "$@" 2>"$work/swan.log"; }
openssl x509 -in "$work/pki/ca.crt" -out "$work/issuing.crt"
swan --userpass "swan-1:$token" >"$work/swan-1.crt" || fail "pki --est: $(cat "$work/swan.log")"
openssl verify -CAfile "$work/pki/root/root.crt" -untrusted "$work/pki/ca.crt" "$work/swan-1.crt" >/dev/null || fail "strongSwan's certificate does not chain"
swan --cert "$work/swan-1.crt" --key "$work/swan-1.key" >"$work/swan-2.crt" || fail "pki --est again: $(cat "$work/swan.log")"
[ "$(openssl x509 -in "$work/swan-2.crt" -noout -serial)" != "$(openssl x509 -in "$work/swan-1.crt" -noout -serial)" ] || fail "no new certificate"

# What was given is listed, and who did what.
api "$at/certificates?q=press-1&limit=500" | jq -e '[.items[] | select(.how == "renewed")] | length == 2' >/dev/null || fail "$(api "$at/certificates?q=press-1")"
"$selvedge" audit list --about press-1 "${place[@]}" | grep -q 'done .*certificate.renew .*press-1' || fail "no renewal in the event log"
if grep -rqs "$token" "$work"/*.log; then fail "a token is in a log"; fi

#!/usr/bin/env bash
# The device door gives its authorities to anybody, and says in one sentence why there is no certificate.
# [enrol-10] [enrol-19] [enrol-22] [enrol-24]
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
fleet_choose
make_pki
fleet_open
est=$fleet_url/.well-known/est
api() { curl -s -H "Authorization: Bearer $(cat "$work/admin.token")" "$@"; }
# expect STATUS SENTENCE curl's arguments...
expect() {
  local status=$1 sentence=$2 got
  shift 2
  got=$(curl -s -m 20 --cacert "$work/pki/ca.crt" -o "$work/said" -D "$work/head" -w '%{http_code}' "$@" || true)
  [ "$got" = "$status" ] || fail "$got instead of $status for $*: $(cat "$work/said")"
  grep -q "$sentence" "$work/said" || fail "not '$sentence' for $*: $(cat "$work/said")"
}
head_says() { grep -qi "^$1" "$work/head" || fail "no '$1' in $(cat "$work/head")"; }

# [enrol-10] To anybody.
expect 200 '' "$est/cacerts"
head_says 'Content-Type: application/pkcs7-mime; smime-type=certs-only'
head_says 'Content-Transfer-Encoding: base64'
base64 -d "$work/said" | openssl pkcs7 -inform DER -print_certs -out "$work/cacerts.pem"
[ "$(grep -c BEGIN "$work/cacerts.pem")" = 2 ] || fail "not the issuing certificate and the root"
openssl verify -CAfile "$work/pki/root/root.crt" "$work/cacerts.pem" >/dev/null || fail "cacerts do not chain"
expect 200 '' "$est/csrattrs"
base64 -d "$work/said" | openssl asn1parse -inform DER | grep -q prime256v1 || fail "no P-256 in csrattrs"

# Nobody else is served without a certificate, and nothing else is there.
expect 401 'shown no certificate' "$fleet_url/v1/self"
expect 404 'EST here is' "$est/serverkeygen"
expect 405 'use POST' "$est/simpleenroll"
expect 405 'use GET' -X POST -d x "$est/cacerts"

openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/press-1.key" -subj /CN=press-1 -out "$work/press-1.csr" 2>/dev/null
enrol=(--data-binary "@$work/press-1.csr" -H 'Content-Type: application/pkcs10' "$est/simpleenroll")
expect 401 'token: simpleenroll needs one' "${enrol[@]}"
head_says 'WWW-Authenticate: Basic'
expect 401 'token: there is no such token' -u press-1:wrong "${enrol[@]}"
expect 401 'token: Authorization is not Basic' -H 'Authorization: Bearer x' "${enrol[@]}"
expect 401 'goes by the one' --data-binary "@$work/press-1.csr" "$est/simplereenroll"
expect 403 'Client-Cert is for what gateways pass on' -H 'Client-Cert: :AAAA:' "${enrol[@]}"
head -c 70000 /dev/zero | tr '\0' A >"$work/long"
expect 413 'request: the body has 70000 bytes' -u press-1:wrong --data-binary "@$work/long" "$est/simpleenroll"

# [enrol-22] Without a signer: 503, the token stays, and the event log says so.
token=$("$selvedge" device add press-1 --site north --url "http://127.0.0.1:$operator_port" --token-file "$work/admin.token" --output json 2>/dev/null | jq -r '.[0].token')
expect 503 'signer: ' -u "press-1:$token" "${enrol[@]}"
head_says 'Retry-After: 5'
[ "$(api "http://127.0.0.1:$operator_port/api/v1/enrolments" | jq -r '.items[0] | "\(.state) \(.last.peer)"')" = "open 127.0.0.1" ] || fail "the token is not open"
grep -q "event=certificate.refused msg=\"press-1 at 127.0.0.1: signer: " "$work/fleet.log" || fail "not logged"
if grep -q "$token" "$work/fleet.log"; then fail "the token is in the log"; fi

# [enrol-24] Strangers have places of their own: with 400 of them at the door a gateway is served, and a large body of one is cut.
head -c 10000000 /dev/zero | tr '\0' A >"$work/long"
got=$(curl -s -m 30 --cacert "$work/pki/ca.crt" -o /dev/null -w '%{http_code}' -u "press-1:$token" --data-binary "@$work/long" "$est/simpleenroll" || true)
[ "$got" = 413 ] || [ "$got" = 000 ] || fail "10 MB of a stranger are answered $got"
cat >"$work/strangers.py" <<'PY'
import signal, socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
kept = []
for _ in range(400):
    link = context.wrap_socket(socket.create_connection(("127.0.0.1", int(sys.argv[1]))), server_hostname="127.0.0.1")
    link.sendall(b"GET /.well-known/est/csrattrs HTTP/1.1\r\nHost: x\r\n\r\n")
    link.setblocking(False)
    kept.append(link)
print("there", flush=True)
signal.pause()
PY
run "$work/strangers.log" python3 "$work/strangers.py" "$fleet_port" "$work/pki/ca.crt"
within 30 grep -q there "$work/strangers.log" || fail "the strangers do not get in at all: $(cat "$work/strangers.log")"
expect 200 '' --cert "$work/keys/gw.crt" --key "$work/keys/gw.key" "$fleet_url/v1/gateway/gw/maintenance"
sockets=$(find "/proc/$fleet/fd" -lname 'socket:*' | wc -l)
[ "$sockets" -le 280 ] || fail "$sockets sockets: all strangers are in"

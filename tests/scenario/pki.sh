#!/bin/bash
# A PKI folder from its making to a revocation, judged by the openssl command; the classic commands
# run in it verbatim, and requests get nothing they must not have.
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
selvedge=$SV_BIN/selvedge

refuses() { # words of the reason, then the command
    local words=$1
    shift
    if "$selvedge" "$@" > /dev/null 2> said; then
        echo "expected a refusal: $*" >&2
        exit 1
    fi
    grep -q -e "$words" said || { echo "wrong reason for $*:" >&2; cat said >&2; exit 1; }
}
shows() { openssl x509 -in "$1" -noout -text | grep -q -e "$2"; }

# [pki-1] [pki-2]
"$selvedge" pki init --dir pki --org Acme --domain plant.example
refuses 'holds a PKI already' pki init --dir pki
[ "$(stat -c %a pki/ca.key)" = 600 ]
grep -q 'BEGIN ENCRYPTED PRIVATE KEY' pki/root/root.key
shows pki/ca.crt 'CA:TRUE, pathlen:0'

# [pki-3] [pki-4] [pki-5]
"$selvedge" pki issue --dir pki --id device-001 --out device
"$selvedge" pki issue --dir pki --id gw-1 --role gateway --dns gw.example --ip 127.0.0.1 --out gw
openssl verify -CAfile pki/ca.crt device/device-001.crt
[ "$(stat -c %a device/device-001.key)" = 600 ]
shows device/device-001.crt 'URI:spiffe://plant.example/device/device-001'
shows gw/gw-1.crt 'DNS:gw.example, IP Address:127.0.0.1'
"$selvedge" pki verify --ca pki/ca.crt gw/gw-1.crt | grep -q '^gateway gw-1$'
refuses 'is a gateway already' pki issue --dir pki --id gw-1 --out x
refuses 'x/y' pki issue --dir pki --id x/y --out x
refuses 'exists already' pki issue --dir pki --id device-001 --out device

# What a request asks for beyond its key and its name stays behind. [pki-8]
openssl ecparam -name prime256v1 -genkey -noout -out greedy.key
openssl req -new -key greedy.key -subj '/O=Line 4/CN=device-002' -out greedy.csr \
    -addext basicConstraints=critical,CA:TRUE \
    -addext subjectAltName=URI:spiffe://plant.example/server/fleet
"$selvedge" pki sign --dir pki --csr greedy.csr --out greedy.crt
shows greedy.crt 'CA:FALSE'
shows greedy.crt 'O = Line 4'
shows greedy.crt 'URI:spiffe://plant.example/device/device-002'
if shows greedy.crt 'server/fleet'; then exit 1; fi
openssl req -in greedy.csr -outform DER -out greedy.der
"$selvedge" pki sign --dir pki --csr greedy.der --out der.crt

openssl req -new -key greedy.key -subj '/CN=a/CN=b' -out two.csr
refuses 'more than one CN' pki sign --dir pki --csr two.csr --out x.crt
# [pki-7]
openssl req -new -newkey rsa:1024 -nodes -keyout weak.key -subj /CN=weak -out weak.csr 2> /dev/null
refuses '1024 bits' pki sign --dir pki --csr weak.csr --out x.crt
openssl req -in greedy.csr -outform DER | head -c -1 > broken.der
printf '\377' >> broken.der
refuses '' pki sign --dir pki --csr broken.der --out x.crt

# The classic commands.
(
    cd pki
    openssl ecparam -name prime256v1 -genkey -noout -out device.key
    openssl req -new -key device.key -subj /CN=device-009 -out device.csr
    openssl x509 -req -in device.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out device.crt -days 365 -sha256
    openssl verify -CAfile ca.crt device.crt
) > /dev/null 2>&1
"$selvedge" pki verify --ca pki/ca.crt pki/device.crt | grep -q '^device device-009 (classic'

# Revoked is what was issued until now, not what comes after. [pki-9]
"$selvedge" pki revoke --dir pki device-001
"$selvedge" pki issue --dir pki --id device-001 --out again
"$selvedge" pki crl --dir pki --out one.pem
"$selvedge" pki crl --dir pki --out crl.pem
openssl crl -in one.pem -noout -crlnumber | grep -qi '=0x0*1$\|=0*1$'
openssl crl -in crl.pem -noout -crlnumber | grep -qi '=0x0*2$\|=0*2$'
check=(openssl verify -crl_check -CAfile pki/ca.crt -CRLfile crl.pem)
if "${check[@]}" device/device-001.crt > /dev/null 2>&1; then exit 1; fi
"${check[@]}" again/device-001.crt
"$selvedge" pki list --dir pki --output json | jq -e 'map(select(.revoked)) | length == 1' > /dev/null

"$selvedge" pki init --dir stranger
"$selvedge" pki issue --dir stranger --id device-001 --out theirs
code=0
"$selvedge" pki verify --ca pki/ca.crt theirs/device-001.crt 2> said || code=$?
[ "$code" = 1 ]
echo "pki: ok"

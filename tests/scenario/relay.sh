#!/usr/bin/env bash
# Devices at the fleet server's device door and at their gateway's: everybody is taken for who they are, whatever they write.
# [relay-1] [relay-2] [relay-3] [relay-4] [relay-5] [relay-6] [relay-7] [relay-8] [relay-9] [relay-12]
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
fleet_choose
door_port=$(free_port)
door=https://127.0.0.1:$door_port
site_open "door: {bind: 127.0.0.1, port: $door_port}"$'\n'"fleet: {$fleet_link, every: 100ms}"
issue far-gw --role gateway --ip 127.0.0.1
for name in press-3 newcomer; do issue "$name"; done
fleet_open
sed -i "s|gateways: .*|gateways: {gw: north, far-gw: south}|; s|fleet.key}|fleet.key, crl: $work/pki/crl.pem}|" "$work/fleet.yaml"
kill "$fleet"
wait "$fleet" || true
start_fleet

# ask WHO URL curl's options...: the status; the answer is in $work/said, its headers in $work/head
ask() {
  local id=$1 url=$2
  shift 2
  curl -s -m 30 --cacert "$work/pki/ca.crt" --cert "$work/keys/$id.crt" --key "$work/keys/$id.key" -o "$work/said" -D "$work/head" \
    -w '%{http_code}' "$@" "$url" || true
}
says() { jq -e "$1" "$work/said" >/dev/null || fail "not '$1': $(cat "$work/said")"; }
expect() { # expect STATUS ask's arguments...
  local status=$1 got
  shift
  got=$(ask "$@")
  [ "$got" = "$status" ] || fail "$got instead of $status for $*: $(cat "$work/said")"
}
der64() { openssl x509 -in "$1" -outform DER | base64 -w0; }
cert_of() { der64 "$work/keys/$1.crt"; }
logged() { grep -q "$2" "$work/$1.log" || fail "the $1 does not log $2"; }

# Whom no gateway has named yet is served directly, and through no gateway; a reading binds it.
expect 200 newcomer "$fleet_url/v1/self"
says '.device == "newcomer" and .site == null and .via == null'
expect 403 newcomer "$door/v1/self"
says '.detail | test("no site yet")'
for id in press-1 press-2 press-3; do as "$id" -t "sensors/$id/a" -m "{\"value\":1,\"timestamp\":\"2026-11-22T06:15:04\",\"device_id\":\"$id\"}"; done
bound() { [ "$(ask "$1" "$door/v1/self")" = 200 ]; }
for id in press-1 press-2 press-3; do within 20 bound "$id" || fail "$id is not bound to its site: $(cat "$work/said")"; done

# [relay-7] Both ways say the same but for the way.
end_ms=$(($(date -d "$(openssl x509 -in "$work/keys/press-1.crt" -noout -enddate | cut -d= -f2)" +%s) * 1000))
expect 200 press-1 "$fleet_url/v1/self"
says ".device == \"press-1\" and .site == \"north\" and .via == null and .certificate.not_after == $end_ms"
expect 200 press-1 "$door/v1/self"
says ".device == \"press-1\" and .site == \"north\" and .via == \"gw\" and .certificate.not_after == $end_ms"
grep -qi '^cache-control: no-store' "$work/head" || fail "the answer's headers are lost"
expect 200 press-1 "$door/v1/self?a=b&c"
expect 200 press-1 "$door/v1/self" -I
[ "$(awk 'tolower($1) == "content-length:" { print $2 + 0 }' "$work/head")" -gt 50 ] || fail "HEAD forgets the length"
expect 405 press-1 "$door/v1/self" -X PUT -d x
expect 405 press-1 "$door/v1/self" -X PATCH -d x

# [relay-5] Who says that it is another one is nobody, or itself.
spoof="Client-Cert: :$(cert_of press-2):"
expect 403 press-1 "$fleet_url/v1/self" -H "$spoof"
logged fleet 'event=security.client-cert.*press-1'
expect 403 press-1 "$fleet_url/v1/self" -H "Client-Cert;"
expect 200 press-1 "$door/v1/self" -H "$spoof" -H "client-cert: :$(cert_of press-3):" -H 'Client-Cert-Chain: ::' \
  -H 'Forwarded: for=press-2' -H "Connection: close, Client-Cert"
says '.device == "press-1" and .via == "gw"'
logged gateway 'event=security.client-cert.*press-1'
expect 403 press-1 "$fleet_url/v1/health" -d '{}'
expect 403 gw "$fleet_url/v1/self"
expect 403 gw "$door/v1/self"

# [relay-1] A gateway speaks for devices of its own site, with certificates that the fleet server judges by itself.
expect 200 gw "$fleet_url/v1/self" -H "$spoof"
says '.device == "press-2" and .via == "gw"'
expect 403 far-gw "$fleet_url/v1/self" -H "$spoof"
says '.detail | test("belongs to site north")'
expect 403 gw "$fleet_url/v1/health" -H "$spoof" -d '{"gateway":{},"devices":[]}'
expect 403 gw "$fleet_url/v1/self" -H "Client-Cert: :$(cert_of far-gw):"
expect 403 gw "$fleet_url/v1/self" -H "Client-Cert: :$(cert_of fleet):"
expect 400 gw "$fleet_url/v1/self" -H 'Client-Cert;'
for broken in ':' '::' ':AAAA:' ":$(cert_of press-2)" ":$(cert_of press-2):;a" ":$(cert_of press-2 | tr '+/' '-_'):x" \
  ":$( (openssl x509 -in "$work/keys/press-2.crt" -outform DER && echo more) | base64 -w0):"; do
  expect 400 gw "$fleet_url/v1/self" -H "Client-Cert: $broken"
done
expect 400 gw "$fleet_url/v1/self" -H "$spoof" -H "$spoof"
"$selvedge" pki init --dir "$work/foreign" --org Somebody
"$selvedge" pki issue --dir "$work/foreign" --id press-2 --out "$work/stranger"
expect 403 gw "$fleet_url/v1/self" -H "Client-Cert: :$(der64 "$work/stranger/press-2.crt"):"
says '.detail | test("not from a CA we trust")'

# Expired, at both doors and behind a gateway.
cat >"$work/old.cnf" <<CNF
[ca]
default_ca = c
[c]
database = $work/old-index
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
subjectAltName = URI:spiffe://selvedge.local/device/press-3
extendedKeyUsage = clientAuth
CNF
: >"$work/old-index"
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/keys/old.key" -subj /CN=press-3 -out "$work/old.csr" 2>/dev/null
openssl ca -batch -notext -config "$work/old.cnf" -in "$work/old.csr" -out "$work/keys/old.crt" -startdate 20200101000000Z \
  -enddate 20210101000000Z 2>"$work/said" || fail "$(cat "$work/said")"
for url in "$fleet_url" "$door"; do
  expect 403 old "$url/v1/self"
  says '.detail | test("certificate has expired .press-3.; all it is good for is simplereenroll")'
done
expect 403 gw "$fleet_url/v1/self" -H "Client-Cert: :$(cert_of old):"
says '.detail | test("certificate has expired .press-3")'

# [relay-12] Whoever has no certificate is told what to do; one of another CA ends the handshake.
nobody() { curl -s -m 30 --cacert "$work/pki/ca.crt" -o "$work/said" -w '%{http_code}' "$@" || true; }
[ "$(nobody "$door/v1/self")" = 401 ] || fail "nobody is not sent to enrol"
says '.detail | test("to get one, enrol")'
cp "$work/stranger/press-2.crt" "$work/keys/stranger.crt"
cp "$work/stranger/press-2.key" "$work/keys/stranger.key"
expect 000 stranger "$door/v1/self"

# [relay-3] Paths that mean something else to somebody else, or that are none of a device's business.
for path in /tuf/%2e%2e/v1/self /tuf/../v1/health /tuf/%2E%2e/%2e%2e/v1/health /tuf/./a /tuf//a //v1/self /v1//self /tuf/a%2fb /tuf/a%5cb \
  /tuf/a%00b /tuf/a%0d%0aX:%20y '/tuf/a\b' /v1/self/ /tuf/%zz /tuf/%ff; do
  expect 400 press-1 "$door$path" --path-as-is
done
for path in /v1/health /v1/readings /v1/alerts /v1/ledger /v1/self/x /tuf /artifacts /api/v1/devices /default/controller/v2/press-1 \
  /default/controller/v1 /.well-known/other /v1/gateway/gw/events; do
  expect 404 press-1 "$door$path" --path-as-is
  grep -q 'passes on nothing' "$work/said" || fail "$path went up: $(cat "$work/said")"
done
for path in /default/controller/v1/press-1/deploymentBase/1 /tuf/image/root.json /artifacts/a/b; do
  expect 404 press-1 "$door$path"
  grep -q 'passes on nothing' "$work/said" && fail "$path did not go up: $(cat "$work/said")"
done
expect 200 press-1 "$door/default/controller/v1/press-1"
says '.config.polling.sleep != null'
expect 200 press-1 "$door/.well-known/est/cacerts"
expect 200 press-1 "$door/%76%31/self"
expect 414 press-1 "$door/tuf/$(head -c 3000 /dev/zero | tr '\0' a)"

# raw WHO PORT text: what the server answers until it closes
raw() {
  local id=$1 port=$2
  printf %b "$3" >"$work/request"
  (cat "$work/request"; sleep 0.3) | timeout 20 openssl s_client -quiet -connect "127.0.0.1:$port" -CAfile "$work/pki/ca.crt" \
    -cert "$work/keys/$id.crt" -key "$work/keys/$id.key" 2>/dev/null >"$work/said" || true
}
answers() { grep -ao 'HTTP/1\.1 [0-9]' "$work/said" | wc -l; }
# smuggled text: is refused, once, and the connection closed, at both doors
smuggled() {
  local port
  for port in "$door_port" "$fleet_port"; do
    raw press-1 "$port" "$1"
    [ "$(answers)" = 1 ] || fail "$(answers) answers on $port to $(cat "$work/request"): $(cat "$work/said")"
    grep -q '^HTTP/1.1 400' "$work/said" || fail "not refused on $port: $(cat "$work/request"): $(cat "$work/said")"
  done
}
inner='GET /v1/self HTTP/1.1\r\nHost: x\r\n\r\n'
smuggled "POST /v1/self HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 37\r\n\r\n$inner"
smuggled "POST /v1/self HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello$inner"
smuggled "POST /v1/self HTTP/1.1\r\nHost: x\r\nContent-Length: 41\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n$inner"
smuggled "POST /v1/self HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n$inner"
smuggled "POST /v1/self HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n$inner"
smuggled "POST /v1/self HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n$inner"
smuggled "POST /v1/self HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello$inner"
raw press-1 "$door_port" "POST /v1/self HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n${inner/Host: x/Connection: close}"
[ "$(answers)" = 2 ] || fail "plain chunks are not understood: $(cat "$work/said")"

# [relay-8] Large bodies.
head -c 900000 /dev/zero >"$work/body"
expect 405 press-1 "$door/v1/self" -X POST --data-binary @"$work/body"
head -c 3000000 /dev/zero >"$work/body"
expect 413 press-1 "$door/v1/self" -X POST --data-binary @"$work/body" -H 'Expect:'
expect 400 press-1 "$door/v1/self" -H "X-Large: $(head -c 20000 /dev/zero | tr '\0' a)"

expect 431 press-1 "$door/v1/self" -H "Accept: $(head -c 13000 /dev/zero | tr '\0' a)"
raw press-1 "$door_port" "GET /v1/self HTTP/1.1\r\nHost: x\r\nAccept: a\rClient-Cert: ::\r\nConnection: close\r\n\r\n"
grep -q '^HTTP/1.1 4' "$work/said" || fail "a line break in a header goes up: $(cat "$work/said")"

# [relay-6] A hundred at once, five of each device, each answered as its own device.
for i in $(seq 20); do
  issue "many-$i"
  as "many-$i" -t "sensors/many-$i/a" -m "{\"value\":1,\"timestamp\":\"2026-11-22T06:15:04\",\"device_id\":\"many-$i\"}"
done
for i in $(seq 20); do within 20 bound "many-$i" || fail "many-$i is not bound to its site"; done
# together FILE URL COUNT DEVICE...: so many requests at once, the devices taken in turn
together() {
  local name=$1 url=$2 count=$3 i id
  shift 3
  local ids=("$@")
  for i in $(seq "$count"); do
    id=${ids[$((i % ${#ids[@]}))]}
    [ "$i" = 1 ] || echo next
    printf 'url = "%s"\ncacert = "%s"\ncert = "%s"\nkey = "%s"\noutput = "%s"\n' "$url" "$work/pki/ca.crt" "$work/keys/$id.crt" \
      "$work/keys/$id.key" "$work/$name-$i.$id"
  done >"$work/$name"
  curl -s -m 60 --parallel --parallel-immediate --parallel-max "$count" -K "$work/$name" 2>/dev/null
}
together hundred "$door/v1/self" 100 many-{1..20} || fail "a hundred at once"
for file in "$work"/hundred-*; do
  jq -e --arg id "${file##*.}" '.device == $id and .via == "gw"' "$file" >/dev/null || fail "$file: $(cat "$file")"
done

# [relay-9] Revoked: the fleet server's list decides even while the gateway has not read it, then the gateway's own.
"$selvedge" pki revoke --dir "$work/pki" press-2
"$selvedge" pki crl --dir "$work/pki" --out "$work/pki/crl.pem"
kill -HUP "$fleet"
out() { [ "$(ask press-2 "$fleet_url/v1/self")" = 000 ]; }
within 20 out || fail "a revoked device is let in by the fleet server"
expect 403 press-2 "$door/v1/self"
says '.detail | test("certificate is revoked .press-2")'
kill -HUP "$gateway"
shut() { [ "$(ask press-2 "$door/v1/self")" = 000 ]; }
within 20 shut || fail "a revoked device is let in"
expect 200 press-1 "$door/v1/self"

# [relay-8] Without the fleet server, and with it again.
kill "$fleet"
wait "$fleet" || true
expect 503 press-1 "$door/v1/self"
says '.status == 503 and (.detail | test("fleet server at https://127.0.0.1"))'
grep -qi '^retry-after: [0-9]' "$work/head" || fail "no Retry-After"
start_fleet
expect 200 press-1 "$door/v1/self"

# A fleet server that is stuck costs what is asked meanwhile, not the gateway; of one device no more than eight wait.
kill -STOP "$fleet"
together stuck "$door/v1/self" 12 press-3 &
stuck=$!
sleep 0.5
as press-1 -t sensors/press-1/b -m '{"value":2,"timestamp":"2026-11-22T06:15:05","device_id":"press-1"}' || fail "the gateway is stuck too"
wait "$stuck" || true
kill -CONT "$fleet"
[ "$(jq -s 'map(.status) | sort == [range(4) | 429] + [range(8) | 503]' "$work"/stuck-*)" = true ] || fail "stuck: $(cat "$work"/stuck-*)"
within 20 bound press-1 || fail "it does not recover"
[ "$(metric relay_failed_total)" = 9 ] || fail "$(metric relay_failed_total) failed instead of 9"

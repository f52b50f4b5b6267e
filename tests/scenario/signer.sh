#!/usr/bin/env bash
# The issuing key in a process of its own: the fleet server works without being able to read it, strangers and rude
# packets get nothing, a signer that is killed comes back with everything it made on record.
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
ask=$SV_SOURCE/tests/support/signer_ask.py
socket=$work/signer.sock

# signer_yaml [more lines]
signer_yaml() {
  printf 'pki: %s\nsocket: %s\n%s\n' "$work/pki" "$socket" "$*" >"$work/signer.yaml"
}
start_signer() {
  run "$work/signer.log" "$SV_BIN/selvedge-signer" --config "$work/signer.yaml"
  signer=$ran
  within 20 grep -q "event=signer.ready" "$work/signer.log" || fail "the signer does not become ready"
}
recorded() { "$selvedge" pki list --dir "$work/pki" --output json | jq --arg id "$1" '[.[] | select(.id == $id)] | length'; }

site_open ""
signer_yaml "lifetime_max: 100d"

# A key that others may read is refused with the remedy. [signer-9]
chmod 644 "$work/pki/ca.key"
code=0
"$SV_BIN/selvedge-signer" --config "$work/signer.yaml" 2>"$work/said" || code=$?
[ "$code" = 2 ] || fail "a readable key is taken: $code"
grep -q "run: chmod 600" "$work/said" || fail "no remedy is told"
chmod 600 "$work/pki/ca.key"
start_signer
[ "$(stat -c %a "$socket")" = 600 ] || fail "the socket has mode $(stat -c %a "$socket")"
grep -qE "^NoNewPrivs:\s1" "/proc/$signer/status" || fail "the signer may gain rights"
grep -qE "^Seccomp:\s2" "/proc/$signer/status" || fail "the signer is not in its box"

"$ask" "$socket" issue press-7 "$work/press-7.der"
openssl verify -CAfile "$work/pki/ca.crt" <(openssl x509 -inform DER -in "$work/press-7.der") >"$work/said" || fail "the certificate does not verify"
openssl x509 -inform DER -in "$work/press-7.der" -noout -subject -ext subjectAltName | grep -q "spiffe://selvedge.local/device/press-7" || fail "no identity"
[ "$(recorded press-7)" = 1 ] || fail "press-7 is not on record"
if "$ask" "$socket" issue ca "$work/no.der" >"$work/said"; then fail "'ca' was issued"; fi
grep -q "CA's own files" "$work/said" || fail "wrong sentence"
"$ask" "$socket" rude || fail "a rude packet was answered"
"$ask" "$socket" issue press-8 "$work/press-8.der"
grep -q "event=signer.cut" "$work/signer.log" || fail "no rude packet was told of"

# One signer for one folder.
code=0
"$SV_BIN/selvedge-signer" --config "$work/signer.yaml" 2>"$work/said" || code=$?
[ "$code" = 5 ] || fail "a second signer started: $code"

# Killed and started again: what it made is on record, and it goes on.
die "$signer"
: >"$work/signer.log"
start_signer
[ "$(recorded press-7)$(recorded press-8)" = 11 ] || fail "the journal lost something"
"$ask" "$socket" issue press-9 "$work/press-9.der"
kill "$signer"
wait "$signer" || fail "the signer ends with $?"

# Attack row 53. The fleet server runs where it cannot read the issuing key; only the user it runs as may ask.
fleet_choose
issue fleet --role server --ip 127.0.0.1
mkdir "$work/own"
cp "$work/keys/fleet.key" "$work/keys/fleet.crt" "$work/own/"
cat >"$work/own/fleet.yaml" <<YAML
id: fleet
store: {path: $work/own/fleet.db}
operator: {port: $operator_port}
device:
  port: $fleet_port
  tls: {ca: $work/pki/ca.crt, cert: $work/own/fleet.crt, key: $work/own/fleet.key}
gateways: {gw: north}
pki: $work/pki
signer: {socket: $socket}
admin_token_file: $work/own/admin.token
YAML
: >"$work/signer.log"
as_fleet=()
if [ "$(id -u)" = 0 ]; then
  as_fleet=(setpriv --reuid=65534 --regid=65534 --clear-groups)
  signer_yaml "allow_uid: 65534"
  chmod 711 "$work"
  chown -R 65534:65534 "$work/own"
fi
start_signer
if [ "$(id -u)" = 0 ]; then
  "$ask" "$socket" cut || fail "another user is answered"
  within 20 grep -q "event=signer.stranger" "$work/signer.log" || fail "no stranger was told of"
else
  chmod 000 "$work/pki/ca.key" # the signer has read it
fi
if "${as_fleet[@]}" cat "$work/pki/ca.key" >/dev/null 2>&1; then fail "the fleet server's user can read the issuing key"; fi
run "$work/fleet.log" "${as_fleet[@]}" "$SV_BIN/selvedge-fleet" --config "$work/own/fleet.yaml"
within 20 curl -fs "127.0.0.1:$operator_port/readyz" || fail "the fleet server does not become ready"
signer_up() { curl -fs -H "Authorization: Bearer $(cat "$work/own/admin.token")" "127.0.0.1:$operator_port/metrics" | grep -qx "selvedge_fleet_signer_up $1"; }
within 20 signer_up 1 || fail "the fleet server does not reach the signer"
# It lives on without the signer and finds it again. [signer-8]
die "$signer"
within 20 signer_up 0 || fail "a signer that is gone is said to be there"
curl -fs "127.0.0.1:$operator_port/readyz" >/dev/null || fail "the fleet server died with the signer"
if [ "$(id -u)" != 0 ]; then chmod 600 "$work/pki/ca.key"; fi
: >"$work/signer.log"
start_signer
within 20 signer_up 1 || fail "the signer is not found again"

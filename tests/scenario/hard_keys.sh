#!/usr/bin/env bash
# Keys that nobody can copy: an issuing key in a token, a device with its key in a TPM and one with its key in a token publish
# over TLS 1.3 and 1.2; a copy of the disk beside another TPM does not. [keys-4] [keys-7] [keys-8] [keys-9]
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
. "$SV_SOURCE/tests/support/hard.sh"
make_token

make_pki() {
  "$selvedge" pki init --dir "$work/pki" --org Scenario --ca-key "$(in_token issuing)"
  grep -q BEGIN "$work/pki/ca.key" && fail "the issuing key is on the disk"
  "$selvedge" pki crl --dir "$work/pki" --out "$work/pki/crl.pem"
  issue gw --role gateway --ip 127.0.0.1
}
site_open ""

start_tpm "$work/tpm"
export SELVEDGE_TPM=$tpm_name

# enrol ID PLACE: by a request whose key never leaves the place
enrol() {
  "$selvedge" pki request --id "$1" --key "$2" --out "$work/$1.csr"
  "$selvedge" pki sign --dir "$work/pki" --csr "$work/$1.csr" --out "$work/keys/$1.crt"
  cat >"$work/$1.yaml" <<YAML
id: $1
gateway: {host: 127.0.0.1, port: $mqtt_port}
tls: {ca: $work/pki/ca.crt, cert: $work/keys/$1.crt, key: "$2"}
machine: false
sources:
  - {kind: file, path: $work/$1.value, sensor: level, interval: 100ms}
YAML
}
rm "$work/keys/press-1.key" "$work/keys/press-2.key"
enrol press-1 "tpm2:$work/press-1.tpm"
enrol press-2 "$(in_token press-2)"
for id in press-1 press-2; do "$SV_BIN/selvedge-agent" --config "$work/$id.yaml" --check-config; done

start_agent() { # start_agent ID
  run "$work/$1.log" "$SV_BIN/selvedge-agent" --config "$work/$1.yaml"
  agent=$ran
}
stop_agent() {
  kill "$agent"
  wait "$agent" || fail "SIGTERM ended with $?"
}
arrives() { curl -fs "127.0.0.1:$http_port/v1/streams?device=$1" | jq -e "any(.[]; .value == $2)"; }
maps() { grep -cE 'libtss2|libsofthsm2' "/proc/$agent/maps" || true; }

value=20
publishes() { # publishes ID
  value=$((value + 1))
  echo $value >"$work/$1.value"
  start_agent "$1"
  within 15 arrives "$1" $value || fail "$1 does not publish: $(cat "$work/$1.log")"
  [ "$(maps)" -gt 0 ] || fail "$1 has its key from elsewhere"
  stop_agent
}
publishes press-1
publishes press-2

# The same when the gateway knows no TLS 1.3.
kill "$gateway"
wait "$gateway" || true
printf '%s\n' 'openssl_conf = all' '[all]' 'ssl_conf = ssl' '[ssl]' 'system_default = old' '[old]' 'MaxProtocol = TLSv1.2' >"$work/old.cnf"
export OPENSSL_CONF=$work/old.cnf
start_gateway
unset OPENSSL_CONF
openssl s_client -connect "127.0.0.1:$mqtt_port" -tls1_3 </dev/null >"$work/said" 2>&1 || true
grep -q 'alert protocol version' "$work/said" || fail "the gateway still speaks TLS 1.3"
publishes press-1
publishes press-2

# The disk is stolen: beside another TPM it is worth nothing.
start_tpm "$work/other"
code=0
SELVEDGE_TPM=$tpm_name "$SV_BIN/selvedge-agent" --config "$work/press-1.yaml" >"$work/said" 2>&1 || code=$?
[ $code != 0 ] || fail "a copy of the disk connects"
grep -q 'it was made in another TPM' "$work/said" || fail "the reason is not said"
metric_is devices_online 0 || fail "a copy of the disk is online"
# Nor does a program start whose TPM is away; it says so.
code=0
SELVEDGE_TPM=swtpm:host=127.0.0.1,port=1 "$SV_BIN/selvedge-agent" --config "$work/press-1.yaml" >"$work/said" 2>&1 || code=$?
[ $code != 0 ] || fail "an agent starts without its TPM"
grep -q "no TPM answers at 'swtpm:host=127.0.0.1,port=1'" "$work/said" || fail "a TPM that is away is not said"
# In our sentence alone, unless somebody wants to hear the libraries too.
if grep -q '^ERROR\|^WARNING' "$work/said"; then fail "a library talks: $(cat "$work/said")"; fi
SELVEDGE_TPM=swtpm:host=127.0.0.1,port=1 TSS2_LOG=all+error "$SV_BIN/selvedge-agent" --config "$work/press-1.yaml" >"$work/said" 2>&1 || true
grep -q '^ERROR' "$work/said" || fail "TSS2_LOG is not heeded"

# Who has a key in a file pays nothing for it.
issue press-3
sed "s#press-1#press-3#g; s#tpm2:$work/press-3.tpm#$work/keys/press-3.key#" "$work/press-1.yaml" >"$work/press-3.yaml"
echo 50 >"$work/press-3.value"
start_agent press-3
within 15 arrives press-3 50 || fail "a device with a key file does not publish"
[ "$(maps)" = 0 ] || fail "a key file loads the libraries of TPM or token"
stop_agent

# The PIN is nowhere.
if grep -rl $token_pin "$work"/*.log "$work/said" "$work"/*.yaml; then fail "a PIN is written down"; fi

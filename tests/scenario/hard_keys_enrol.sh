#!/usr/bin/env bash
# A device whose key is in a TPM or a token enrols with a one-time token and renews its certificate by that key, while it publishes. [keys-8] [renewal-1]
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
. "$SV_SOURCE/tests/support/hard.sh"
site_open ""
make_token
start_tpm "$work/tpm"
export SELVEDGE_TPM=$tpm_name

issue door --role server --ip 127.0.0.1
door_port=$(free_port)
one=Qm9vayBvZiBzZWNyZXRzIHdyaXR0ZW4gZG93biA0Mg0
two=T3RoZXIgYm9vayBvZiBzZWNyZXRzIHdyaXR0ZW4gMDE
run "$work/door.log" "$SV_SOURCE/tests/support/est_door.py" "$door_port" "$work/pki" "$work/keys/door.crt" "$work/keys/door.key" 9 \
  "press-17:$one" "press-18:$two"
within 10 curl -fsk "https://127.0.0.1:$door_port/.well-known/est/cacerts" || fail "the EST server does not start"
pin=sha256:$(openssl x509 -in "$work/pki/root/root.crt" -outform DER | sha256sum | cut -d' ' -f1)

enrol() { # enrol ID TOKEN PLACE
  (cd "$work" && echo "$2" | "$SV_BIN/selvedge-agent" enrol "$1" --at "127.0.0.1:$door_port" --pin "$pin" \
    --gateway "127.0.0.1:$mqtt_port" --key "$3") >"$work/said" 2>&1 || fail "$1 does not enrol with its key at $3"
  echo 20 >"$work/$1.value"
  cat >>"$work/$1/agent.yaml" <<YAML
machine: false
sources:
  - {kind: file, path: $work/$1.value, sensor: level, interval: 100ms}
YAML
}
public_key() { openssl x509 -in "$work/$1/$1.crt" -noout -pubkey; }
enrol press-17 "$one" "tpm2:$work/press-17.tpm"
enrol press-18 "$two" "$(in_token press-18)"

renewed() { [ "$(grep -c event=certificate.renewed "$work/$1.log")" -ge 2 ]; }
agents=()
for id in press-17 press-18; do
  public_key $id >"$work/$id.pub"
  run "$work/$id.log" "$SV_BIN/selvedge-agent" --config "$work/$id/agent.yaml"
  agents+=("$ran")
done
for id in press-17 press-18; do
  within 40 renewed $id || fail "$id is not renewed: $(cat "$work/$id.log")"
  cmp <(public_key $id) "$work/$id.pub" || fail "$id has another key"
done
for agent in "${agents[@]}"; do
  kill "$agent"
  wait "$agent" || fail "the agent ends with $?"
done
# Every number that the agents gave out is there, once.
[ "$(sqlite3 -readonly "$work/gateway.db" "SELECT count(DISTINCT epoch), count(*) > 100, count(*) = count(DISTINCT epoch || seq) FROM reading")" = '2|1|1' ] ||
  fail "readings are lost or doubled"
if grep -qE "BEGIN|$one|$two|$token_pin" "$work"/*.log "$work/said"; then fail "a log holds a secret"; fi

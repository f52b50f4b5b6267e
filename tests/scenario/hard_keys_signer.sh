#!/usr/bin/env bash
# The signer's issuing key is in a token: what it makes counts, from its box, and the folder's line or its own configuration say where the key is. [keys-9] [signer-9]
set -euo pipefail
. "$SV_SOURCE/tests/support/common.sh"
. "$SV_SOURCE/tests/support/hard.sh"
make_token
ask=$SV_SOURCE/tests/support/signer_ask.py
"$selvedge" pki init --dir "$work/pki" --org Scenario --ca-key "$(in_token issuing)"
issued() { # issued ID more lines of YAML: by a signer with them
  printf '%s\n' "pki: $work/pki" "socket: $work/signer.sock" "${@:2}" >"$work/signer.yaml"
  : >"$work/signer.log"
  run "$work/signer.log" "$SV_BIN/selvedge-signer" --config "$work/signer.yaml"
  within 20 grep -q event=signer.ready "$work/signer.log" || fail "the signer does not become ready"
  grep -qE "^Seccomp:\s2" "/proc/$ran/status" || fail "the signer is not in its box"
  for n in 1 2 3; do "$ask" "$work/signer.sock" issue "$1-$n" "$work/$1-$n.der" || fail "$1-$n is not issued"; done
  openssl verify -CAfile "$work/pki/ca.crt" <(openssl x509 -inform DER -in "$work/$1-3.der") >"$work/said" || fail "the certificate does not verify"
  kill "$ran"
  wait "$ran" || fail "the signer ends with $?"
}
issued press
rm "$work/pki/ca.key"
issued pump "key: \"$(in_token issuing)\""
if grep -rl $token_pin "$work"/*.log "$work/said" "$work"/*.yaml; then fail "a PIN is written down"; fi

#!/usr/bin/env bash
# A machine becomes a device at an EST server that is none of ours, [est-2] to [est-6]: each step that fails is named, a token is told to nobody; its certificate
# is renewed while it publishes and nothing is lost, [renewal-2], [renewal-3]; whenever it is killed meanwhile, key and certificate fit, [renewal-1].
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0
# machine SHIFT_S: the wall clock of this agent's machine is so far off
machine() { python3 -c 'import os, struct, sys
open(sys.argv[1], "r+b" if os.path.exists(sys.argv[1]) else "w+b").write(struct.pack("=qqqqq", 0, int(sys.argv[2]) * 1000000, 0, 1, 0))' "$work/machine" "$1"; }
on_machine() { env SV_MACHINE="$work/machine" LD_PRELOAD="$SV_BIN/../tests/attacks_machine.so" "$@"; }
open_door() { # open_door SECONDS ID:TOKEN...
  run "$work/door.log" "$SV_SOURCE/tests/support/est_door.py" "$door_port" "$work/pki" "$work/keys/door.crt" "$work/keys/door.key" "$@"
  door=$ran
  within 10 curl -fsk "https://127.0.0.1:$door_port/.well-known/est/cacerts" || fail "the EST server does not start"
}
# enrol CODE TOKEN more words...: ends with the code
enrol() {
  local wanted=$1 token=$2 code=0
  shift 2
  (cd "$work" && echo "$token" | "${prefix[@]}" "$SV_BIN/selvedge-agent" enrol "$@") >"$work/line" 2>"$work/said" || code=$?
  [ $code = "$wanted" ] || fail "'enrol $*' gives $code"
  ! grep -q "$token" "$work/said" "$work/line" || fail "the token is repeated"
}
says() { grep -q "$1" "$work/said" || fail "not said: $1"; }
prefix=()
good=Qm9vayBvZiBzZWNyZXRzIHdyaXR0ZW4gZG93biA0Mg0
other=T3RoZXIgYm9vayBvZiBzZWNyZXRzIHdyaXR0ZW4gMDE

site_open ""
issue door --role server --ip 127.0.0.1
door_port=$(free_port)
open_door 3600 "press-17:$good" "press-18:$other"
pin=sha256:$(openssl x509 -in "$work/pki/root/root.crt" -outform DER | sha256sum | cut -d' ' -f1)
at=(--at "127.0.0.1:$door_port")

# Each failing step.
enrol 3 "$good" press-17 --at no.such.name.invalid --pin "$pin"
says 'not enrolled: name resolution: .*no.such.name.invalid'
enrol 3 "$good" press-17 --at 127.0.0.1:1 --pin "$pin"
says 'not enrolled: TCP: .*refused.*127.0.0.1:1'
enrol 3 "$good" press-17 --at "127.0.0.1:$http_port" --pin "$pin"
says 'not enrolled: TLS: [^:]*$'
enrol 4 "$good" press-17 "${at[@]}" --pin "sha256:$(printf '%064d' 7)"
says "not enrolled: pin: the server's root is $pin"
[ ! -e "$work/press-17/ca.crt" ] || fail "a root that was not pinned is kept"
enrol 4 "$good" press-17 --at "localhost:$door_port" --pin "$pin"
says 'not enrolled: TLS: .*hostname'
enrol 4 "${good%0}1" press-17 "${at[@]}" --pin "$pin"
says 'not enrolled: token: .*not known'
enrol 4 "$other" press-17 "${at[@]}" --pin "$pin"
says 'not enrolled: token: .*for another id'
echo "503 signer: the signer is away" >"$work/pki/refuse"
enrol 3 "$good" press-17 "${at[@]}" --pin "$pin"
says 'not enrolled: signer: the signer is away'
rm "$work/pki/refuse"
prefix=(on_machine)
machine $((70 * 366 * 86400))
enrol 4 "$good" press-17 "${at[@]}" --pin "$pin"
says 'not enrolled: clock: .*expired'
says "this machine's clock says 20[89].*, the server's says $(date -u +%Y)"
prefix=()
enrol 2 "$good" press-17 "${at[@]}" --pin "$pin" --token "$good"
says 'a token is no argument'
enrol 2 "not a token" press-17 "${at[@]}" --pin "$pin"
! grep -q simpleenroll "$work/door.log" || [ "$(grep -c 'simpleenroll press' "$work/door.log")" = 0 ] || fail "a certificate was issued"
[ ! -e "$work/press-17/press-17.crt" ] || fail "a failed enrolment leaves a certificate"

# What failed is taken up again, also by a clock in 1970.
key=$(sha256sum "$work/press-17/press-17.key")
prefix=(on_machine)
machine $((60 - $(date +%s)))
enrol 0 "$good" press-17 "${at[@]}" --pin "$pin" --gateway "127.0.0.1:$mqtt_port"
says "this machine's clock says 1970"
prefix=()
[ "$key" = "$(sha256sum "$work/press-17/press-17.key")" ] || fail "the key that was made is not used"
[ "$(stat -c %a "$work/press-17/press-17.key")" = 600 ] || fail "the key is open to others"
"$selvedge" pki verify --ca "$work/pki/ca.crt" "$work/press-17/press-17.crt" >/dev/null
[ "$(cat "$work/line")" = "selvedge-agent --config $work/press-17/agent.yaml" ] || fail "said: $(cat "$work/line")"
"$SV_BIN/selvedge-agent" --config "$work/press-17/agent.yaml" --check-config >/dev/null
enrol 2 "$good" press-17 "${at[@]}" --pin "$pin"
says 'this device is enrolled'
mv "$work/press-17/press-17.crt" "$work/moved.crt"
enrol 4 "$good" press-17 "${at[@]}" --pin "$pin"
says 'not enrolled: token: .*was used'
mv "$work/moved.crt" "$work/press-17/press-17.crt"

# Nine seconds long, renewed while it publishes.
die "$door"
open_door 9 "press-18:$other"
enrol 0 "$other" press-18 "${at[@]}" --pin "$pin" --gateway "127.0.0.1:$mqtt_port"
echo 21500 >"$work/oil_temperature"
cat >>"$work/press-18/agent.yaml" <<YAML
machine: false
health: {interval: 1s}
sources:
  - {kind: file, path: $work/oil_temperature, sensor: oil_temperature, interval: 100ms}
  - {kind: file, path: $work/oil_temperature, sensor: oil_level, interval: 100ms}
YAML
run "$work/agent.log" "$SV_BIN/selvedge-agent" --config "$work/press-18/agent.yaml"
agent=$ran
renewed() { [ "$(grep -c event=certificate.renewed "$work/agent.log")" -ge "$1" ]; }
within 30 renewed 2 || fail "it is not renewed"
kill "$agent"
wait "$agent" || fail "the agent ends with $?"
pair_fits() { cmp -s <(openssl x509 -in "$1/$2.crt" -noout -pubkey) <(openssl pkey -in "$1/$2.key" -pubout); }
pair_fits "$work/press-18" press-18 || fail "key and certificate do not fit"
[ "$(grep -c 'simplereenroll press-18' "$work/door.log")" -ge 2 ] || fail "it was not renewed by its certificate"
# Every number that the agent gave out is there, once.
[ "$(sqlite3 -readonly "$work/gateway.db" "SELECT count(*) > 150, count(*) = max(seq), count(DISTINCT seq) = max(seq), count(DISTINCT epoch) FROM reading")" = '1|1|1|1' ] ||
  fail "$(sqlite3 -readonly "$work/gateway.db" "SELECT count(*), max(seq), count(DISTINCT seq), count(DISTINCT epoch) FROM reading")"

# Killed at any moment of a renewal, which begins at each start: this machine's clock is ahead.
die "$door"
open_door 3600
machine 3000
machine_agent() { run "$work/agent.log" env SV_MACHINE="$work/machine" LD_PRELOAD="$SV_BIN/../tests/attacks_machine.so" "$SV_BIN/selvedge-agent" --config "$work/press-18/agent.yaml"; }
# Once in peace: the certificate of nine seconds must not end meanwhile, however long the kills take.
so_far=$(grep -c event=certificate.renewed "$work/agent.log")
machine_agent
within 20 renewed $((so_far + 1)) || fail "a clock that is ahead renews nothing"
die "$ran"
# What is seen of a renewal: the question at the door, or, of one that was killed before, that what came then is taken up.
steps() { echo $(($(grep -c 'simplereenroll press-18' "$work/door.log") + $(grep -c event=certificate "$work/agent.log"))); }
has_begun() { [ "$(steps)" -gt "$before" ]; }
for n in $(seq 40); do
  before=$(steps)
  machine_agent
  # Every other time at the moment when it begins, or soon after.
  if [ $((n % 2)) = 0 ]; then within 15 has_begun || fail "round $n begins no renewal"; fi
  sleep "0.$(printf %02d $(((n * 37) % 40)))"
  die "$ran"
  pair_fits "$work/press-18" press-18 || fail "after kill $n key and certificate do not fit"
done
machine 0
ups() { grep -c event=gateway.up "$work/agent.log"; }
before=$(ups) # that a device is online is said of one that was killed a moment ago, too
run "$work/agent.log" "$SV_BIN/selvedge-agent" --config "$work/press-18/agent.yaml"
agent=$ran
is_back() { [ "$(ups)" -gt "$before" ]; }
within 20 is_back || fail "after 40 kills it does not come back"
within 10 metric_is devices_online 1 || fail "the gateway does not see it"
kill "$agent"
wait "$agent" || fail "the agent ends with $?"
if grep -qE "BEGIN|$good|$other" "$work"/*.log; then fail "a log holds a secret"; fi

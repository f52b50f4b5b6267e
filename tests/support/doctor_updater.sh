# shellcheck shell=bash
# An updater with the configuration updater.yaml of the current folder, and what the doctor finds at it. Sourced, with $work, $selvedge and an empty $pid.
: "${selvedge:?}"
start() {
  "$SV_BIN/selvedge-updater" --config updater.yaml "$@" 2>>updater.log &
  pid=$!
  for _ in $(seq 400); do
    [ ! -S updater.sock ] || break
    sleep 0.02
  done
}
stop() {
  kill "$pid"
  wait "$pid" || true
  pid=
  rm -f updater.sock
}
doctor() {
  code=0
  "$selvedge" doctor --output json "$@" >found 2>said || code=$?
}
faults() { jq -r '[.[] | select(.verdict == "no") | .step] | unique | join(" ")' found; }
healthy() {
  doctor "$1"
  [ "$code$(faults)" = 0 ] || fail "doctor $1 exits $code and finds: $(cat found said)"
}
# finds STEPS WORDS [FILE]
finds() {
  doctor "${3:-updater.yaml}"
  [ "$code" = 1 ] || fail "doctor exits $code: $(cat found said)"
  [ "$(faults)" = "$1" ] || fail "doctor finds '$(faults)' instead of '$1': $(cat found)"
  jq -e --arg words "$2" 'any(.[]; .verdict == "no" and (.saw + .remedy | test($words)) and (.remedy | length) > 10)' found >said || fail "doctor does not say '$2': $(cat found)"
}

# shellcheck shell=bash disable=SC2034
# A broker alone for a scenario, with mutual TLS on the loopback port $port; $work is the current
# folder. Sourced.
# shellcheck source=tests/support/common.sh
. "$SV_SOURCE/tests/support/common.sh"
cd "$work" || exit 1

# exits CODE 'words of stderr, or nothing' command...
exits() {
    local code=0 wanted=$1 words=$2
    shift 2
    "$@" > out 2> said || code=$?
    [ "$code" = "$wanted" ] || fail "exit code $code, not $wanted: $*"
    [ -z "$words" ] || grep -q -e "$words" said || fail "wrong sentence, not '$words': $*"
}

front=mosquitto
mqtt_port=$(free_port)
port=$mqtt_port
make_pki
gateway_yaml ""
open_broker

listener_is_ready() {
    mosquitto_pub -h 127.0.0.1 -p "$port" --cafile pki/ca.crt --cert keys/ready.crt --key keys/ready.key \
        -t presence/ready -m ready
    grep -q '^presence/ready' "$1"
}

# listen FILE TOPIC...: what arrives for the gateway goes to FILE, one `topic payload` per line. There
# is one listener at a time, for it has the gateway's client id.
listener=
listen() {
    local file=$1 topic filters=()
    shift
    [ -z "$listener" ] || { kill "$listener" 2> /dev/null || true; wait "$listener" || true; }
    for topic in "$@"; do filters+=(-t "$topic"); done
    mosquitto_sub -h 127.0.0.1 -p "$port" --cafile pki/ca.crt --cert keys/gw.crt --key keys/gw.key \
        -q 1 -v "${filters[@]}" -t presence/ready > "$file" 2>> sub.log &
    listener=$!
    started+=("$listener")
    [ -e keys/ready.crt ] || issue ready
    within 10 listener_is_ready "$file" || fail "nothing arrives at the listener"
}

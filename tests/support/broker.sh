# shellcheck shell=bash
# A broker for a scenario: a PKI and mosquitto with mutual TLS on a free loopback port, configured as
# the gateway prints it, in a folder of its own, which becomes the current one. Sourced; SV_BIN names
# the programs. What is started here is stopped by its id.
selvedge=$SV_BIN/selvedge
work=$(mktemp -d)
cd "$work" || exit 1
started=()

broker_close() {
    local pid
    for pid in "${started[@]}"; do kill -TERM "$pid" 2> /dev/null || true; done
    for pid in "${started[@]}"; do wait "$pid" 2> /dev/null || true; done
    rm -rf "$work"
}
trap broker_close EXIT

fail() {
    echo "FAILED: $*" >&2
    tail -n 20 ./*.log said >&2 2> /dev/null || true
    exit 1
}

# exits CODE 'words of stderr, or nothing' command...
exits() {
    local code=0 wanted=$1 words=$2
    shift 2
    "$@" > out 2> said || code=$?
    [ "$code" = "$wanted" ] || fail "exit code $code, not $wanted: $*"
    [ -z "$words" ] || grep -q -e "$words" said || fail "wrong sentence, not '$words': $*"
}

# within SECONDS command...: until it succeeds
within() {
    local tries=$(($1 * 20))
    shift
    until "$@" > /dev/null 2>&1; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || return 1
        sleep 0.05
    done
}

issue() { "$selvedge" pki issue --dir pki --out keys --id "$@"; }

broker_start() {
    mosquitto -c mosquitto.conf >> mosquitto.log 2>&1 &
    broker=$!
    started+=("$broker")
    within 10 bash -c ": < /dev/tcp/127.0.0.1/$port" || fail "mosquitto does not start"
}

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$selvedge" pki init --dir pki --org Scenario
issue broker --role server --ip 127.0.0.1
issue gw --role gateway
cat > gateway.yaml << YAML
id: gw
site: north
broker: {host: 127.0.0.1, port: $port}
tls: {ca: $work/pki/ca.crt, cert: $work/keys/gw.crt, key: $work/keys/gw.key}
store: {path: $work/gateway.db}
YAML
"$selvedge" gateway mosquitto-config --config gateway.yaml --acl "$work/acl" --data "$work" \
    --broker-cert "$work/keys/broker.crt" --broker-key "$work/keys/broker.key" > mosquitto.conf
broker_start

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

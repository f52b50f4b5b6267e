#!/usr/bin/env bash
# Somebody else's program becomes a device: the client library is installed, the two examples are compiled as a user compiles
# them, and what the library calls acknowledged is in the gateway's store once, however the gateway ends meanwhile.
# $SV_CLIENT holds prefix/ and tsan/, the library installed twice.
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
prefix=$SV_CLIENT/prefix
flags=(-Wall -Wextra -Werror -O1)
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig

# Compiled in every way somebody might.
cd "$work"
read -ra shared < <(pkg-config --cflags --libs selvedge-client)
read -ra alone < <(pkg-config --static --cflags --libs selvedge-client)
for example in thermometer valve; do
  cc "${flags[@]}" "$SV_SOURCE/examples/$example.c" -o "$example" "${shared[@]}"
done
# glibc warns that a static getaddrinfo loads its parts at run time.
cc "${flags[@]}" -static "$SV_SOURCE/examples/thermometer.c" -o thermometer.static "${alone[@]}" 2>cc.log || fail "-static: $(cat cc.log)"
cc "${flags[@]}" -std=c99 -pedantic -c "$SV_SOURCE/examples/thermometer.c" -o c99.o "${shared[@]}"
if command -v clang-14 >/dev/null; then
  clang-14 "${flags[@]}" -Weverything -Wno-declaration-after-statement -Wno-padded -Wno-unsafe-buffer-usage -Wno-unknown-warning-option \
    "$SV_SOURCE/examples/thermometer.c" -o thermometer.clang "${shared[@]}"
  clang-14 "${flags[@]}" "$SV_SOURCE/examples/valve.c" -o valve.clang "${alone[@]/#-lselvedge-client/-l:libselvedge-client.a}"
fi
printf '#include <selvedge/client.h>\nint main() { selvedge_client *none = nullptr; return selvedge_client_close(&none, 0, nullptr); }\n' >one.cc
g++ "${flags[@]}" -pedantic one.cc -o one "${shared[@]}"
LD_LIBRARY_PATH=$prefix/lib ./one || fail "closing nothing is not fine"

# Nothing of ours but selvedge_* is to be seen, and the program finds the library by its soname.
names() { nm "$@" | awk '$2 ~ /[TDBRVW]/ { sub(/@.*/, "", $3); print $3 }' | grep -v '^SELVEDGE_CLIENT_0$' | grep -v '^selvedge_' || true; }
for seen in "$(names -D --defined-only "$prefix/lib/libselvedge-client.so")" "$(names -g --defined-only "$prefix/lib/libselvedge-client.a")"; do
  [ -z "$seen" ] || fail "exported: $seen"
done
readelf -d thermometer | grep -q 'NEEDED.*libselvedge-client.so.0]' || fail "not linked by its soname"
if readelf -d thermometer.static | grep -q NEEDED; then fail "-static needs libraries"; fi
program=valve
if [ -x valve.clang ]; then
  program=valve.clang
  if readelf -d valve.clang | grep -q 'NEEDED.*selvedge'; then fail "with -l:libselvedge-client.a the library is needed"; fi
fi

site_open ""
issue valve
"$selvedge" pki issue --dir pki --id thermometer --out .
"$selvedge" pki issue --dir pki --id valve --out .
export LD_LIBRARY_PATH=$prefix/lib
readings() { sqlite3 -readonly gateway.db "SELECT count(*), count(DISTINCT seq), min(seq), max(seq), count(DISTINCT epoch) FROM reading_row JOIN stream ON stream.id = stream WHERE device = '$1' $2"; }
readings_are() { [ "$(readings "$1" "$3")" = "$2" ]; }

# A program of twenty lines: three readings, numbered, with their unit.
printf '21.5\n22\n22.5\n' | ./thermometer 127.0.0.1 "$mqtt_port" >said || fail "the thermometer: $(cat said)"
grep -q "on the gateway's disk" said || fail "the thermometer says: $(cat said)"
readings_are thermometer '3|3|1|3|1' '' || fail "the store has $(readings thermometer '')"
curl -fs "127.0.0.1:$http_port/v1/streams?device=thermometer" | jq -e '.[0] | .value == 22.5 and .unit == "°C"' >/dev/null || fail "value and unit"
printf '23\n' | ./thermometer.static 127.0.0.1 "$mqtt_port" >said || fail "the static thermometer: $(cat said)"
readings_are thermometer '4|3|1|3|2' '' || fail "a second start takes the numbers of the first: $(readings thermometer '')"
if [ -x thermometer.clang ]; then
  printf '24\n' | ./thermometer.clang 127.0.0.1 "$mqtt_port" >said || fail "clang's thermometer: $(cat said)"
fi

# The gateway is killed again and again while readings come: all are there, none twice.
count=1200
seq 1 $count | while read -r n; do
  echo "$n"
  sleep 0.002
done | ./thermometer 127.0.0.1 "$mqtt_port" >said &
thermometer=$!
started+=("$thermometer")
for _ in 1 2 3; do
  sleep 0.6
  die "$gateway"
  sleep 0.2
  start_gateway
done
wait "$thermometer" || fail "the thermometer, with its gateway killed: $(cat said)"
grep -q "on the gateway's disk" said || fail "the thermometer says: $(cat said)"
of_last='AND epoch = (SELECT epoch FROM reading_row ORDER BY id DESC LIMIT 1)'
readings_are thermometer "$count|$count|1|$count|1" "$of_last" || fail "after the kills: $(readings thermometer "$of_last")"

# A command reaches the valve and its answer comes back; without a connection it says so and comes back.
mkfifo stdin
./"$program" 127.0.0.1 "$mqtt_port" <stdin >valve.out 2>valve.log &
valve=$!
started+=("$valve")
sleep 100 >stdin & # whose end is the end of the valve's input
hand=$!
started+=("$hand")
within 10 grep -q 'valve: connected' valve.log || fail "the valve does not connect: $(cat valve.log)"
within 20 metric_is devices_online 1 || fail "the valve is not online"
listens results.log --unix mqtt.sock -t 'results/#' -v
mosquitto_pub --unix mqtt.sock -q 1 -t commands/valve/open -m '{"by":"hand"}'
within 20 grep -q '^open {"by":"hand"}$' valve.out || fail "the command does not arrive"
within 20 grep -q '^results/valve/open {"open":true}$' results.log || fail "its answer does not come back: $(cat results.log)"
mosquitto_pub --unix mqtt.sock -q 1 -t commands/valve/close -m ''
within 20 grep -q '^results/valve/close {"open":false}$' results.log || fail "the second answer does not come back"
die "$gateway"
within 20 grep -q 'valve: closed by the other side\|valve: connection ' valve.log || fail "the loss is not told: $(cat valve.log)"
start_gateway
came_back() { [ "$(grep -c 'valve: connected' valve.log)" = 2 ]; }
within 20 came_back || fail "the valve does not come back: $(cat valve.log)"
mosquitto_pub --unix mqtt.sock -q 1 -t commands/valve/open -m 'again'
within 20 grep -q '^open again$' valve.out || fail "no command after the gateway's return"
kill "$hand"
wait "$valve" || fail "the valve ended with $?"
within 20 metric_is devices_online 0 || fail "a valve that said good-bye stays online"

# What stands in the way is said in a sentence.
refuses() { # refuses WORDS [arguments of thermometer]
  local words=$1
  shift
  if printf '1\n' | ./thermometer "$@" >said; then fail "the thermometer does not fail: $words"; fi
  grep -q "$words" said || fail "not said: $words; but: $(cat said)"
}
"$selvedge" pki init --dir other >/dev/null
mv ca.crt right.crt
refuses "cannot read 'ca.crt': No such file" 127.0.0.1 "$mqtt_port"
cp other/ca.crt ca.crt
refuses "1 publication is not acknowledged by 127.0.0.1:$mqtt_port: TLS: certificate verify failed" 127.0.0.1 "$mqtt_port"
cp right.crt ca.crt
refuses "127.0.0.1:1: connection refused" 127.0.0.1 1
cp valve.key thermometer.key
refuses "'thermometer.key' is not the key of 'thermometer.crt'" 127.0.0.1 "$mqtt_port"

# From two threads at once, under ThreadSanitizer; a command is answered meanwhile.
export PKG_CONFIG_PATH=$SV_CLIENT/tsan-prefix/lib/pkgconfig
read -ra shared < <(pkg-config --cflags --libs selvedge-client)
cc "${flags[@]}" -g -fsanitize=thread "$SV_SOURCE/tests/client/two_threads.c" -o two_threads "${shared[@]}"
LD_LIBRARY_PATH=$SV_CLIENT/tsan-prefix/lib TSAN_OPTIONS=halt_on_error=1 ./two_threads 127.0.0.1 "$mqtt_port" right.crt valve.crt valve.key 200 >said 2>&1 &
threads=$!
started+=("$threads")
within 10 metric_is devices_online 1 || fail "two threads: $(cat said)"
while kill -0 "$threads" 2>/dev/null; do
  mosquitto_pub --unix mqtt.sock -q 1 -t commands/valve/check -m ''
  sleep 0.1
done
wait "$threads" || fail "two threads ended with $?: $(cat said)"
readings_are valve '400|400|1|400|1' '' || fail "of two threads' readings the store has $(readings valve '')"
within 20 grep -q '^results/valve/check done$' results.log || fail "no answer while threads publish"
[ "$(refused health)" = 0 ] || fail "the gateway refuses the library's health reports"

#!/usr/bin/env bash
# An operator adds a device, and ten thousand from a file: each is in the list at once, every fault of a file is told before anything is made.
# [enrol-1] [enrol-3] [enrol-4] [enrol-5] [enrol-6]
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
gateways='gw: {site: north, door: gw.north:8444}, gw-2: {site: south, mqtt: gw-2.south:8884}'
fleet_choose
make_pki
fleet_open
place=(--url "http://127.0.0.1:$operator_port" --token-file "$work/admin.token")
add() { "$selvedge" device add "$@" "${place[@]}" 2>"$work/said"; }
api() { curl -s -H "Authorization: Bearer $(cat "$work/admin.token")" "$@"; }
at=http://127.0.0.1:$operator_port/api/v1
pin=sha256:$(openssl x509 -in "$work/pki/root/root.crt" -outform DER | sha256sum | cut -d' ' -f1)

# [enrol-4] The line to type, with the gateway's door or the fleet server's own.
line=$(add press-17 --site north)
[[ $line =~ ^echo\ [A-Za-z0-9_-]{43}\ \|\ selvedge-agent\ enrol\ press-17\ --at\ gw\.north:8444\ --pin\ $pin$ ]] || fail "the line is '$line'"
line=$(add press-18 --site south --type lathe)
[[ $line == *" --at 127.0.0.1:$fleet_port --pin $pin --gateway gw-2.south:8884" ]] || fail "the line is '$line'"
add press-19 --site south --output json | jq -e '.[0] | .id == "press-19" and (.token | length) == 43' >/dev/null || fail "no JSON"
api "$at/devices?q=press-18" | jq -e '.items[0] | .awaited and .site == "south" and .type == "lathe" and (.online | not)' >/dev/null || fail "press-18 is not in the list"

# Refusals come with their sentence.
if add press-17 --site south; then fail "added at another site"; fi
grep -q 'device press-17 belongs to site north' "$work/said" || fail "$(cat "$work/said")"
if add gw --site north; then fail "a device is called as a gateway"; fi
if add x --site west; then fail "a site that is not there"; fi
grep -q "no site 'west'; the fleet server's gateways stand at: north, south" "$work/said" || fail "$(cat "$work/said")"
if add x; then fail "it stands nowhere"; fi
grep -q 'selvedge device add x --site SITE' "$work/said" || fail "$(cat "$work/said")"
if add; then fail "nobody is named"; fi

# [enrol-5] The list, and withdrawing.
[ "$(api -o /dev/null -w '%{http_code}' -X DELETE "$at/enrolments/press-19")" = 204 ] || fail "not withdrawn"
[ "$(api -o /dev/null -w '%{http_code}' -X DELETE "$at/enrolments/press-19")" = 404 ] || fail "withdrawn twice"
api "$at/enrolments" | jq -e '[.items[] | [.id, .state, .by]] == [["press-19", "withdrawn", "admin"], ["press-18", "open", "admin"], ["press-17", "open", "admin"]]' >/dev/null \
  || fail "the list: $(api "$at/enrolments")"
if grep -q "$(echo "$line" | cut -d' ' -f2)" "$work/fleet.db" "$work/fleet.db-wal" "$work/fleet.log"; then fail "a token is on disk"; fi

# [enrol-4] A maker's certificate: the line is a request, since our agent knows none.
born=$(add mill-5 --site north --idevid SN-0815)
[[ $born == "curl "*" @mill-5.csr https://gw.north:8444/.well-known/est/simpleenroll | "* ]] || fail "the line is '$born'"

# [enrol-6] All faults of a file, and nothing is made.
printf 'id,site,type\nm-1,north,mill\nm/2,north,mill\nm-3,west,mill\nm-1,north,mill\npress-17,south,\n' >"$work/devices.csv"
if add --from "$work/devices.csv"; then fail "a faulty file is taken"; fi
for fault in 'line 3: id ' "line 4: there is no site 'west'" 'line 5: m-1 is there already, in line 2' 'line 6: device press-17 belongs to site north' 'has 4 faults; nothing was added'; do
  grep -q "^.*$fault" "$work/said" || fail "not told: $fault: $(cat "$work/said")"
done
[ "$(api "$at/devices?q=m-" | jq .total)" = 0 ] || fail "something was made"

# Ten thousand: a line each, progress, and well under a minute.
python3 -c 'print("id,site,type"); [print(f"m-{i:05},north,mill") for i in range(10000)]' >"$work/devices.csv"
SECONDS=0
add --from "$work/devices.csv" >"$work/lines"
[ $SECONDS -lt 50 ] || fail "it took $SECONDS s"
[ "$(sort -u "$work/lines" | grep -c "^echo [A-Za-z0-9_-]\{43\} | selvedge-agent enrol m-[0-9]\{5\} --at gw.north:8444 --pin $pin$")" = 10000 ] || fail "not ten thousand lines"
for done in 5000 10000; do grep -q "^$done of 10000 added$" "$work/said" || fail "no progress: $(tail -3 "$work/said")"; done
[ "$(api "$at/devices?q=m-" | jq .total)" = 10000 ] || fail "they are not in the list"

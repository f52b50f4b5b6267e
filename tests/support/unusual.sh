# shellcheck shell=bash
# A site whose machine has four days behind it, and then a pressure that no threshold sees. Sourced.
# shellcheck source=tests/support/site.sh
. "$SV_SOURCE/tests/support/site.sh"

# minutes FROM TO OFF: rows of a machine, minutes of the last four days; its pressure moved by OFF
minutes() {
  awk -v from="$1" -v to="$2" -v off="$3" -v now="$began" 'function noise() { seed = (seed * 16807) % 2147483647; return seed / 2147483647 - 0.5 }
    BEGIN { seed = 7 + from; print "timestamp,pressure,secret,badge"
      for (i = from; i < to; i++) printf "%s,%.3f,%.3f,%d\n", strftime("%Y-%m-%dT%H:%M:%S", now + 60 * (i - 5800), 1), 6 + sin(i * 6.2831853 / 1440) + 0.2 * noise() + off, 40 + noise() + 10 * off, i % 7 }'
}

# live FROM TO OFF: as readings with their times, from the machine's one connection
live() {
  minutes "$@" >"$work/rows.csv"
  "$selvedge" simulate --gateway "127.0.0.1:$mqtt_port" --pki "$work/pki" --devices 1 --rate 6000 --replay "$work/rows.csv" >"$work/simulated" 2>&1 \
    || fail "the machine: $(cat "$work/simulated")"
}

unusual_open() {
  began=$(date +%s)
  fleet_choose
  site_open "fleet: {$fleet_link, every: 50ms}
thresholds: {default: {high: 500}}
uplink: {sensors: {secret: never}}
detect: {default: normal, sensors: {badge: off}}"
  fleet_open
}

api() { curl -fs -X "$1" -H "Authorization: Bearer $(cat "$work/admin.token")" "127.0.0.1:$operator_port/api/v1/$2"; }

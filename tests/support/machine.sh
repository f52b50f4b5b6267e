# shellcheck shell=bash
# A site with a machine of twelve sensors that has a day and more behind it, and then moves a little in all of them. Sourced.
# shellcheck source=tests/support/site.sh
. "$SV_SOURCE/tests/support/site.sh"

# minutes FROM TO OFF: rows of a machine, minutes of the last two days; all of its sensors moved by OFF
minutes() {
  awk -v from="$1" -v to="$2" -v off="$3" -v now="$began" 'function noise() { seed = (seed * 16807) % 2147483647; return seed / 2147483647 - 0.5 }
    BEGIN { seed = 7 + from; printf "timestamp"; for (j = 0; j < 12; j++) printf ",s%d", j; print ",secret"
      for (i = from; i < to; i++) { printf "%s", strftime("%Y-%m-%dT%H:%M:%S", now + 60 * (i - 2000), 1)
        for (j = 0; j < 12; j++) printf ",%.3f", 20 + 5 * j + noise() + off
        printf ",%.3f\n", 40 + noise() + 10 * off } }'
}

# live FROM TO OFF: as readings with their times, from the machine's one connection
live() {
  minutes "$@" >"$work/rows.csv"
  "$selvedge" simulate --gateway "127.0.0.1:$mqtt_port" --pki "$work/pki" --devices 1 --rate 6000 --replay "$work/rows.csv" >"$work/simulated" 2>&1 \
    || fail "the machine: $(cat "$work/simulated")"
}

machine_open() {
  began=$(date +%s)
  fleet_choose
  site_open "fleet: {$fleet_link, every: 50ms}
uplink: {sensors: {secret: never}}"
  fleet_open
  live 0 1520 0
}

api() { curl -fs -X "$1" -H "Authorization: Bearer $(cat "$work/admin.token")" "127.0.0.1:$operator_port/api/v1/$2"; }

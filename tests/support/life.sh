# shellcheck shell=bash
# A model of machines that ran to their end, signed, and a site whose gateway believes that signature. Sourced.
# shellcheck source=tests/support/site.sh
. "$SV_SOURCE/tests/support/site.sh"

# rows SEED LIFE FROM TO: minutes of a machine that fails after LIFE of them, without a time
rows() {
  awk -v seed="$1" -v life="$2" -v from="$3" -v to="$4" 'function noise() { seed = (seed * 16807) % 2147483647; return seed / 2147483647 - 0.5 }
    BEGIN { seed = 11 + 97 * seed; for (i = from; i < to; i++) { w = i / life; printf "%.3f,%.3f,%.3f\n", 20 + 12 * w * w + noise(), 1 + 3 * w * w * w + 0.2 * noise(), 7 + noise() } }'
}

# live FROM TO: minutes of a machine that fails after 100 of them, as readings with their times
live() {
  { echo "timestamp,heat,vibration,current"; rows 77 100 "$1" "$2" | awk -v from="$1" -v now="$began" '{ print strftime("%Y-%m-%dT%H:%M:%S", now + 60 * (from + NR - 1 - 200), 1) "," $0 }'; } >"$work/rows.csv"
  "$selvedge" simulate --gateway "127.0.0.1:$mqtt_port" --pki "$work/pki" --devices 1 --rate 6000 --replay "$work/rows.csv" >"$work/simulated" 2>&1 \
    || fail "the machine: $(cat "$work/simulated")"
}

api() { curl -fs -X "$1" -H "Authorization: Bearer $(cat "$work/admin.token")" "127.0.0.1:$operator_port/api/v1/$2"; }
model() { "$selvedge" model "$@" --url "http://127.0.0.1:$operator_port" --token-file "$work/admin.token" >"$work/said" 2>&1; }
at_gateway() { api GET sites/north/models | jq -ec "[.gateways[].models[]] | $1"; }
# failing CONDITION: there is one FAILURE alert, and that holds of it
failing() { api GET 'alerts?state=all' | jq -e "[.items[] | select(.type == \"FAILURE\")] | length == 1 and (.[0] | $1)"; }

# kinds SEED LIFE CAUSE: minutes of a machine whose bearing (heat, vibration) or seal (current) goes
kinds() {
  rows "$1" "$2" 0 "$2" | awk -F, -v life="$2" -v cause="$3" 'BEGIN { OFS = "," }
    { w = NR / life; if (cause == "seal") { $1 = 20 + rand() - 0.5; $2 = 1 + 0.2 * (rand() - 0.5); $3 += 8 * w * w } print $1, $2, $3, NR == life ? cause : "" }'
}

# causes: a model, $work/kind.model, of lives that ended in different ways or were renewed in time; its card in $work/card
causes() {
  { echo "machine,heat,vibration,current,cause"
    for m in $(seq 1 24); do
      case $((m % 4)) in 0) cause=seal ;; 1) cause=ok ;; *) cause=bearing ;; esac
      kinds "$m" $((80 + 2 * m)) "$cause" | if [ "$cause" = ok ]; then head -n 55 | sed '$s/$/ok/'; else cat; fi | sed "s/^/m$m,/"
    done; } >"$work/causes.csv"
  "$selvedge" model train --task class --within 20 --label cause --group machine --data "$work/causes.csv" --out "$work/kind.model" >"$work/card" 2>"$work/said" || fail "no model: $(cat "$work/said")"
}

# kind_sign: that model, by the key that the site's gateway believes; after life_open
kind_sign() { "$selvedge" firmware sign "$work/kind.model" --key "$work/signing/firmware.key" --out "$work/kind.sig"; }

life_open() {
  began=$(date +%s)
  { echo "machine,heat,vibration,current"; for m in $(seq 1 20); do rows "$m" $((80 + 2 * m)) 0 $((80 + 2 * m)) | sed "s/^/m$m,/"; done; } >"$work/history.csv"
  "$selvedge" model train --task rul --group machine --cap 60 --data "$work/history.csv" --out "$work/lathe.model" >"$work/said" 2>&1 || fail "no model: $(cat "$work/said")"
  "$selvedge" firmware keygen --out "$work/signing" --key ec >/dev/null
  "$selvedge" firmware sign "$work/lathe.model" --key "$work/signing/firmware.key" --out "$work/lathe.sig"
  fleet_choose
  site_open "fleet: {$fleet_link, every: 50ms}
detect: off
models: {key: $work/signing/firmware.pub}"
  fleet_open
  model put "$work/lathe.model" --name lathe --signature "$work/lathe.sig" --row 1m --horizon 20m || fail "not taken: $(cat "$work/said")"
}

# watched_in_shadow MODEL WORD: the site runs it on 60 minutes of the machine, and nobody hears its word (life, failure)
watched_in_shadow() {
  model shadow "$1" --site north || fail "no shadow: $(cat "$work/said")"
  within 20 at_gateway 'length == 1 and .[0].mode == "shadow"' || fail "the gateway does not run it: $(at_gateway .)"
  live 0 60
  within 20 at_gateway '.[0].machines == 1 and .[0].alarms == 0' || fail "nobody is watched: $(at_gateway .)"
  api GET devices/lathe-01 | jq -e ".$2 == null" >/dev/null || fail "a shadow speaks: $(api GET devices/lathe-01)"
}

# survives_a_kill FROM TO: the gateway's; the model, the life and the alert go on with these minutes
survives_a_kill() {
  die "$gateway"
  start_gateway
  live "$1" "$2"
  within 20 at_gateway '.[0].mode == "live" and .[0].machines == 1' || fail "after the kill: $(at_gateway .)"
  failing '.state == "open"' >/dev/null || fail "the kill has ended or doubled it: $(api GET 'alerts?state=all')"
}

# failed_as_said: the machine's life is over, and the alert with it
failed_as_said() {
  "$selvedge" device renewed lathe-01 --failed --url "http://127.0.0.1:$operator_port" --token-file "$work/admin.token" >"$work/said" 2>&1 || fail "not said: $(cat "$work/said")"
  within 20 failing '.state == "cleared"' || fail "it goes on: $(api GET 'alerts?state=all')"
}

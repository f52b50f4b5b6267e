#!/usr/bin/env bash
# What a script can rely on: every verb of the command, every way it can end, and the exit code of docs/spec/command-line.md. [cli-4]
# A line of the table: the code, a piece of the sentence (a basic regular expression), the command.
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
fleet_choose
make_pki
for name in press-1 press-2 press-9; do issue "$name"; done
"$selvedge" pki init --dir "$work/other" --org Other
"$selvedge" pki issue --dir "$work/other" --id press-1 --out "$work/strange"
# One whose certificate is revoked, and the gateway knows.
"$selvedge" pki revoke --dir "$work/pki" press-9
"$selvedge" pki crl --dir "$work/pki" --out "$work/pki/crl.pem"
mqtt_port=$(free_port)
http_port=$(free_port)
site_config "fleet: {$fleet_link, every: 50ms}"
fleet_open
closed=$(free_port)
cd "$work"
echo 'nobodys-token' >bad.token
echo 'thresholds: {default: {high: eighty}}' >faulty.yaml
echo 'thresholds: {default: {high: 80}}' >good.yaml
printf 'firmware\n' >firmware.bin
printf 'other\n' >other.bin
printf 'id,site\npress-30,nowhere\n' >nowhere.csv
printf '{"sensor":"a","value":1,"timestamp":"2026-11-22T06:15:04","device_id":"press-1"}\n' >readings.ndjson
mkdir sealed full
touch unreadable
at=(--url "http://127.0.0.1:$operator_port" --token-file admin.token)
none=(--url "http://127.0.0.1:$closed" --token-file admin.token)
bad=(--url "http://127.0.0.1:$operator_port" --token-file bad.token)
gateway_at=(--gateway "127.0.0.1:$mqtt_port" --ca pki/ca.crt)
who() { echo --cert "$1/$2.crt" --key "$1/$2.key" --id "$2"; }

failed=0
count=0
# case CODE SENTENCE COMMAND...
case_() {
  local wanted=$1 sentence=$2 code=0
  shift 2
  "$selvedge" "$@" >out 2>said </dev/null || code=$?
  count=$((count + 1))
  if [ "$code" != "$wanted" ]; then
    echo "exit $code, not $wanted: selvedge $*: $(head -c 300 said)" >&2
    failed=$((failed + 1))
  elif [ -n "$sentence" ] && ! grep -q -e "$sentence" out said; then
    echo "not told '$sentence': selvedge $*: $(head -c 300 out said)" >&2
    failed=$((failed + 1))
  fi
}

# Every verb: help is 0, an unknown option 2 with its name, and no arguments never more than a sentence.
verbs() { "$selvedge" "$@" --help | sed -n 's/^  \([a-z-]*\)  .*/\1/p'; }
for noun in $(verbs); do
  case_ 0 'usage: selvedge' "$noun" --help
  case $noun in pilot | simulate | publish | backtest) below='' ;; *) below=$(verbs "$noun") ;; esac
  case_ 2 . "$noun" --no-such-option
  for verb in $below; do
    case_ 0 'usage: ' "$noun" "$verb" --help
    case_ 2 'no-such-option' "$noun" "$verb" --no-such-option
  done
done
case_ 0 'selvedge [0-9]' --version
case_ 2 'there is no .selvedge devices' devices
case_ 2 'there is no .selvedge device lst' device lst
case_ 2 usage

# Whoever asks the fleet server: nobody there 3, a token that does not count 4, nowhere to ask 2.
case_ 0 'press-20' device add press-20 --site north "${at[@]}"
asked=()
asking() {
  asked+=("$*")
  case_ 3 "no fleet server answers at http://127.0.0.1:$closed" "$@" "${none[@]}"
  case_ 2 'whom to ask' "$@"
  case_ 2 "there is no pilot in 'nowhere'" "$@" --pilot nowhere
  case_ 2 "there is no token file 'nowhere'" "$@" --url http://127.0.0.1:1 --token-file nowhere
}
asking device list
asking device show press-20
asking device add press-21 --site north
asking device revoke press-20
asking device quarantine press-20
asking device release press-20
asking device replace press-20
asking device retire press-20
asking device command press-20 stop
asking device commands press-20
asking device maintenance press-20
asking alert list
asking alert show 0011
asking alert acknowledge 0011
asking rules show --site north
asking rules put --site north good.yaml
asking rules list --site north
asking rules rollback --site north --to 1
asking rules try --site north good.yaml
asking notify test night
asking notify list
asking notify retry 0011
asking user list
asking user add ada
asking user role ada viewer
asking user disable ada
asking user enable ada
asking user link ada
asking user sessions ada
asking user remove ada
asking token list
asking token add grafana --scope read
asking token remove grafana
asking audit list
asking audit delivery

# device
case_ 1 'no device can be called so' device add gw --site north "${at[@]}"
case_ 2 nowhere device add press-21 --site nowhere "${at[@]}"
case_ 2 'where does it stand' device add press-21 "${at[@]}"
case_ 2 "there is no file 'nowhere.csv.gz'" device add --from nowhere.csv.gz "${at[@]}"
case_ 2 'faults' device add --from nowhere.csv "${at[@]}"
case_ 2 "there is no device 'nobody'" device show nobody "${at[@]}"
case_ 2 "nobody here has heard of 'nobody'" device revoke nobody "${at[@]}"
case_ 3 'no signer is configured' device quarantine press-20 --wait 0 "${at[@]}"
case_ 3 'no signer is configured' device revoke press-20 --wait 0 "${at[@]}"
case_ 1 'stays so' device release press-20 --wait 0 "${at[@]}"
case_ 2 nobody device replace nobody "${at[@]}"
case_ 2 nobody device command nobody stop "${at[@]}"
case_ 2 'is no JSON' device command press-20 stop '{' "${at[@]}"
case_ 2 nobody device commands nobody "${at[@]}"
case_ 2 nobody device maintenance nobody --for 2h "${at[@]}"
case_ 2 "'soon'" device maintenance press-20 --for soon "${at[@]}"
# alert, rules, notify, audit
case_ 2 'there is no alert 0011' alert show 0011 "${at[@]}"
case_ 2 'there is no alert 0011' alert acknowledge 0011 "${at[@]}"
case_ 2 nowhere rules show --site nowhere "${at[@]}"
case_ 2 'nowhere.yaml' rules put --site north nowhere.yaml "${at[@]}"
case_ 2 "a number is wanted" rules put --site north faulty.yaml "${at[@]}"
case_ 0 . rules put --site north good.yaml "${at[@]}"
case_ 1 'the newest' rules put --site north good.yaml --replaces 0 "${at[@]}"
case_ 2 . rules rollback --site north --to 99 "${at[@]}"
case_ 2 'a number is wanted' rules check faulty.yaml
case_ 2 nowhere.yaml rules check nowhere.yaml
case_ 0 'no faults' rules check good.yaml
case_ 2 night notify test night "${at[@]}"
case_ 2 0011 notify retry 0011 "${at[@]}"
case_ 2 lost notify list --state lost "${at[@]}"
case_ 2 yesterday audit delivery --day yesterday "${at[@]}"
case_ 2 nobody audit delivery --device nobody "${at[@]}"

# pki and firmware
case_ 1 'holds a PKI already' pki init --dir pki
case_ 1 'exists already' pki issue --dir pki --id press-1 --out keys
case_ 2 'nowhere' pki issue --dir nowhere --id press-1 --out keys
case_ 2 '"a/b"' pki issue --dir pki --id a/b --out keys
case_ 0 'device press-1' pki verify --ca pki/ca.crt keys/press-1.crt
case_ 1 . pki verify --ca pki/ca.crt strange/press-1.crt
case_ 2 "'nowhere.crt'" pki verify --ca pki/ca.crt nowhere.crt
case_ 2 "'nowhere.crt'" pki verify --ca nowhere.crt keys/press-1.crt
case_ 2 'firmware.bin' pki verify --ca pki/ca.crt firmware.bin
case_ 2 "'nowhere.csr'" pki sign --dir pki --csr nowhere.csr --out new.crt
case_ 2 'firmware.bin' pki sign --dir pki --csr firmware.bin --out new.crt
case_ 2 nowhere pki crl --dir nowhere --out crl.pem
case_ 5 'sealed' pki crl --dir pki --out sealed
case_ 2 nowhere pki revoke --dir nowhere press-1
case_ 2 nowhere pki rotate --dir nowhere
case_ 0 '' firmware keygen --out firmware
case_ 1 'exists already' firmware keygen --out firmware
case_ 0 '' firmware sign firmware.bin --key firmware/firmware.key --out firmware.sig
case_ 0 PASSED firmware verify firmware.bin --signature firmware.sig --key firmware/firmware.pub
case_ 1 FAILED firmware verify other.bin --signature firmware.sig --key firmware/firmware.pub
case_ 1 'FAILED.*nowhere.bin' firmware verify nowhere.bin --signature firmware.sig --key firmware/firmware.pub
case_ 2 "'nowhere.bin'" firmware sign nowhere.bin --key firmware/firmware.key --out new.sig
case_ 2 "'nowhere.key'" firmware sign firmware.bin --key nowhere.key --out new.sig
case_ 5 sealed firmware sign firmware.bin --key firmware/firmware.key --out sealed
case_ 2 'no folder' firmware slots --slots slots
case_ 2 'no folder' firmware boot --slots slots
case_ 2 'nowhere.bin' firmware install nowhere.bin --slots slots
case_ 0 'next start: slot a' firmware install firmware.bin --slots slots --counter 9
case_ 5 'the power is gone' firmware install firmware.bin --slots cut --power-cut-after 5
case_ 4 'is not signed by a key that is trusted' firmware install other.bin --slots signed --key firmware/firmware.pub --signature firmware.sig
case_ 0 'slot a starts' firmware boot --slots slots --healthy
case_ 4 'older releases' firmware install other.bin --slots slots --counter 1 --release old
case_ 1 'nothing may be started' firmware boot --slots signed
case_ 2 'not both' firmware boot --slots slots --healthy --failing

# publish and simulate
signer_open
start_gateway
# shellcheck disable=SC2046
{
  case_ 0 acknowledged publish "${gateway_at[@]}" $(who keys press-1) a 1
  case_ 4 . publish "${gateway_at[@]}" $(who keys press-9) a 1
  case_ 4 . publish "${gateway_at[@]}" $(who strange press-1) a 1
  case_ 4 . publish --gateway "127.0.0.1:$mqtt_port" --ca other/ca.crt $(who keys press-1) a 1
  case_ 3 refused publish --gateway "127.0.0.1:$closed" --ca pki/ca.crt $(who keys press-1) a 1
  case_ 2 "'nowhere/press-1.crt'" publish "${gateway_at[@]}" $(who nowhere press-1) a 1
  case_ 2 "'nowhere'" publish --gateway "127.0.0.1:$mqtt_port" --ca nowhere $(who keys press-1) a 1
}
# Revoked at the fleet server, and in force at the gateway: the certificate's dates and list are as good as ever.
within 20 metric_is uplink_stream_up 1 || fail "the gateway has no stream"
# shellcheck disable=SC2046
case_ 0 acknowledged publish "${gateway_at[@]}" $(who keys press-2) a 1
case_ 0 'in force' device revoke press-2 --wait 20 "${at[@]}"
# shellcheck disable=SC2046
case_ 4 . publish "${gateway_at[@]}" $(who keys press-2) a 1
case_ 2 nowhere simulate --gateway "127.0.0.1:$mqtt_port" --pki nowhere --devices 1 --seconds 1
case_ 3 . simulate --gateway "127.0.0.1:$closed" --pki pki --devices 1 --seconds 1

# gateway and backtest
case_ 0 . gateway status --port "$http_port"
case_ 3 . gateway status --port "$closed"
case_ 3 . gateway set-aside --port "$closed"
case_ 0 . gateway set-aside --port "$http_port"
case_ 2 'is not quarantined' gateway release press-1 --port "$http_port"
case_ 3 . gateway release press-1 --port "$closed"
case_ 0 . gateway check gateway.yaml
case_ 2 nowhere.yaml gateway check nowhere.yaml
case_ 2 'the section' gateway check faulty.yaml
case_ 2 nowhere.yaml backtest --config nowhere.yaml
case_ 2 'a number is wanted' backtest --config faulty.yaml
case_ 2 nowhere.db backtest --config good.yaml --store nowhere.db
case_ 2 nowhere.csv.gz backtest --config good.yaml --replay nowhere.csv.gz --device press-1

# The daemons. [cli-5]
daemon() { # daemon CODE SENTENCE NAME OPTIONS...
  local wanted=$1 sentence=$2 code=0
  shift 2
  "$SV_BIN/selvedge-$1" "${@:2}" >out 2>said </dev/null || code=$?
  [ "$code" = "$wanted" ] || fail "exit $code, not $wanted: selvedge-$*: $(cat said)"
  grep -q -e "$sentence" out said || fail "not told '$sentence': selvedge-$*: $(cat out said)"
}
for name in agent fleet gateway signer updater; do
  daemon 0 "^selvedge-$name [0-9]" $name --version
  daemon 0 '^Keys of the configuration:' $name --help
  daemon 2 'name the configuration with --config FILE' $name
  daemon 2 'nonsense' $name --config good.yaml --nonsense
  daemon 2 'nowhere.yaml' $name --config nowhere.yaml
  daemon 2 'good.yaml:1:' $name --config good.yaml --check-config
done
daemon 0 'fleet.yaml: no faults' fleet --config fleet.yaml --check-config
daemon 0 'signer.yaml: no faults' signer --config signer.yaml --check-config
daemon 5 . fleet --config fleet.yaml
daemon 5 . signer --config signer.yaml

# pilot
case_ 2 'holds other things' pilot --dir pki

# A token that does not count, for whoever asks; the server counts wrong ones, so it starts anew between.
many=0
for words in "${asked[@]}"; do
  many=$((many + 1))
  if [ $((many % 15)) = 0 ]; then
    kill "$fleet"
    wait "$fleet" || true
    start_fleet
  fi
  read -ra words <<<"$words"
  case_ 4 'the token comes from bad.token' "${words[@]}" "${bad[@]}"
done
for _ in $(seq 20); do "$selvedge" device list "${bad[@]}" >out 2>said || true; done
case_ 3 'too many wrong tokens' device list "${at[@]}"

# A server that is not the one it should be; one that speaks no TLS; one that hangs up.
case_ 4 'certificate verify failed' device list --url "$fleet_url" --token-file admin.token --ca other/ca.crt
case_ 4 'wrong version number' device list --url "https://127.0.0.1:$operator_port" --token-file admin.token --ca pki/ca.crt
case_ 2 'plain HTTP to another machine' device list --url http://fleet.example --token-file admin.token

[ $failed = 0 ] || fail "$failed of $count cases end otherwise"
echo "$count cases"

#!/usr/bin/env bash
# Debian's own swupdate, as it is, updated by the fleet server over DDI: installed over mutual TLS with the link cut twice, confirmed by its
# second boot, canceled in mid-download, a corrupted file, a second boot that failed, and once through the gateway.
# [ddi-1] [ddi-2] [ddi-3] [ddi-4] [ddi-6] [ddi-8] [ddi-9] [ddi-12] [action-2] [action-3]
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
for program in swupdate cpio fw_printenv unshare; do
  command -v "$program" >/dev/null || fail "$program is missing; ./dev test installs what it needs"
done
fleet_choose
door_port=$(free_port)
site_open "door: {bind: 127.0.0.1, port: $door_port}"$'\n'"fleet: {$fleet_link, every: 100ms}"
issue press-3
fleet_open
{
  echo "images: {path: $work/images}"
  echo "ddi: {poll: 1s, target_tokens: true, gateway_tokens: true}"
} >>"$work/fleet.yaml"
kill "$fleet"
wait "$fleet" || true
start_fleet
at=http://127.0.0.1:$operator_port/api/v1
place=(--url "http://127.0.0.1:$operator_port" --token-file "$work/admin.token")
api() { curl -s -H "Authorization: Bearer $(cat "$work/admin.token")" "$@"; }
known() { api "$at/devices/$1" | jq -e .id >/dev/null; }
for device in press-1 press-2 press-3; do
  as "$device" -t "sensors/$device/temperature" -m "{\"value\":20,\"timestamp\":\"2026-11-22T06:00:00\",\"device_id\":\"$device\"}"
done
for device in press-1 press-2 press-3; do within 20 known "$device" || fail "$device is not known"; done

# ---- images -----------------------------------------------------------------------------------------------------------------------

cd "$work"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout release.key -out release.crt -days 2 -subj /CN=release \
  -addext keyUsage=critical,digitalSignature -addext extendedKeyUsage=emailProtection 2>/dev/null
head -c 2000000 /dev/urandom >rootfs.img

# make_image NAME VERSION: NAME.swu, signed; it is written to the slot of whoever installs it
make_image() {
  mkdir "$1" && cp rootfs.img "$1"
  cat >"$1/sw-description" <<CFG
software = {
  version = "$2";
  hardware-compatibility: [ "1.0" ];
  images: ({ filename = "rootfs.img"; type = "raw"; device = "/etc/slot"; sha256 = "$(sha256sum rootfs.img | cut -d' ' -f1)"; });
};
CFG
  (cd "$1" && openssl cms -sign -in sw-description -out sw-description.sig -signer ../release.crt -inkey ../release.key -outform DER -nosmimecap -binary)
  (cd "$1" && printf 'sw-description\nsw-description.sig\nrootfs.img\n' | cpio -o -H crc >"../$1.swu" 2>/dev/null)
  rm -r "$1"
}

# upload NAME VERSION: what it is called afterwards is $image
upload() {
  local sum size part=0
  sum=$(sha256sum "$1.swu" | cut -d' ' -f1)
  size=$(stat -c %s "$1.swu")
  while [ $((part * 1000000)) -lt "$size" ]; do
    dd if="$1.swu" bs=1000000 skip=$part count=1 status=none |
      api -f -X PUT --data-binary @- "$at/images/parts/artifacts/$sum/$1.swu?offset=$((part * 1000000))" >said || fail "part $part of $1 is not taken: $(cat said)"
    part=$((part + 1))
  done
  uploaded "$sum" "$1" "$2" || within 20 uploaded "$sum" "$1" "$2" || fail "$1 is not taken: $(cat said)"
  image=$(jq -r .path said)
}
uploaded() {
  api -X POST "$at/images/files?sha256=$1&name=$2.swu&product=board&version=$3" >said && jq -e '.path != null and .path != ""' said >/dev/null
}
make_image good 1.1
upload good 1.1
good=$image
make_image bad 1.2
upload bad 1.2
bad=$image
file=$(echo "$work"/images/artifacts/*/bad.swu)
printf 'X' | dd of="$file" bs=1 seek=1500000 conv=notrunc 2>/dev/null # where it lies, so that all hashes that are told are of what was published

# ---- devices ----------------------------------------------------------------------------------------------------------------------

# boot DEVICE PORT VERSION [more of suricatta's configuration [its options [how it shows who it is]]]: it starts, and asks at this port. Its /etc has its boot loader's environment and
# its slot; only it sees it as /etc.
declare -A running
boot() {
  local device=$1 port=$2 version=$3 etc=$work/$1.etc shows
  shows="sslcert = \"$work/keys/$1.crt\"; sslkey = \"$work/keys/$1.key\";"
  [ -z "${6:-}" ] || shows=$6
  cat >"$etc/swupdate.cfg" <<CFG
globals: { verbose = true; loglevel = 5; };
identify: ({ name = "product"; value = "board"; }, { name = "version"; value = "$version"; });
suricatta: {
  tenant = "default"; id = "$device"; url = "https://127.0.0.1:$port"; retry = 9; retrywait = 1; ${4:-}
  cafile = "$work/pki/ca.crt"; $shows
};
CFG
  mkdir -p "$work/$device.tmp"
  # shellcheck disable=SC2016
  run "$work/$device.log" unshare -rm sh -c 'mount --bind "$0" /etc && exec "$@"' "$etc" \
    env TMPDIR="$work/$device.tmp" swupdate -f /etc/swupdate.cfg -k /etc/release.crt -H board:1.0 -B uboot -u "${5:-}"
  running[$device]=$ran
}
# With U-Boot's environment in a file, both of its copies.
new_device() {
  local etc=$work/$1.etc
  mkdir "$etc"
  for file in passwd group nsswitch.conf hosts; do cp -L "/etc/$file" "$etc"; done
  mkdir "$etc/ssl" && cp -L /etc/ssl/openssl.cnf "$etc/ssl"
  cp release.crt "$etc"
  truncate -s 2000000 "$etc/slot"
  truncate -s 32768 "$etc/env"
  printf '/etc/env 0x0 0x4000\n/etc/env 0x4000 0x4000\n' >"$etc/fw_env.config"
  printf '%s 0x0 0x4000\n%s 0x4000 0x4000\n' "$etc/env" "$etc/env" >"$work/$1.env"
  echo "ustate=0" >"$work/$1.default"
  fw_setenv -c "$work/$1.env" -f "$work/$1.default" ustate 0
}
ustate() { fw_printenv -n -c "$work/$1.env" ustate 2>/dev/null; }
halt() {
  kill "${running[$1]}"
  wait "${running[$1]}" 2>/dev/null || true
}
untouched() { cmp -s "$work/$1.etc/slot" <(head -c 2000000 /dev/zero); }
written() { cmp -s "$work/$1.etc/slot" rootfs.img; }

first() { api "$at/devices/$1/updates" | jq -r ".items[0] | $2"; } # first DEVICE EXPRESSION: of its newest action
is() { [ "$(first "$1" .state)" = "$2" ]; }
must() { within "$1" is "$2" "$3" || fail "$2 is $(first "$2" '"\(.state) \(.class) \(.why)"'), not $3"; }
assign() { "$selvedge" device update "$@" "${place[@]}" >"$work/said" 2>&1 || fail "$* is refused: $(cat "$work/said")"; }
runs() { [ "$(api "$at/devices/$1" | jq -r .version)" = "$2" ]; }
asked() { [ "$(first "$1" .updated)" -lt "$(api "$at/devices/$1/updates" | jq .running.at)" ]; } # it has said what it runs since
asks_nothing_more() { [ "$(first "$1" .stopping)" = false ]; }

for device in press-1 press-2 press-3; do new_device "$device"; done
coproc link { exec python3 "$SV_SOURCE/tests/support/cut_link.py" "$fleet_port"; }
started+=("$link_PID")
read -r link_port <&"${link[0]}"
tell_link() { echo "$*" >&"${link[1]}"; }
boot press-1 "$link_port" 1.0
boot press-2 "$fleet_port" 1.0 'max-download-speed = "200k";'
boot press-3 "$door_port" 1.0
for device in press-1 press-2 press-3; do within 20 runs "$device" 1.0 || fail "$device does not say what it runs"; done

# ---- the link is cut twice --------------------------------------------------------------------------------------------------------

tell_link slow 400000
tell_link cut-after 500000
tell_link cut-after 500000
assign press-1 --image "$good" --force
assign press-3 --image "$good"
assign press-2 --image "$good"

# Canceled meanwhile: it stops, and nothing is in its slot.
must 20 press-2 downloading
assign press-2 --cancel
within 20 asks_nothing_more press-2 || fail "press-2 does not stop: $(first press-2 .)"
is press-2 canceled || fail "what was canceled is $(first press-2 .state)"
untouched press-2 || fail "what was canceled is in the slot"
halt press-2

for cut in first second; do read -t 60 -r _ <&"${link[0]}" || fail "the $cut cut does not come: press-1 is $(first press-1 .)"; done
must 20 press-1 installed
tell_link bytes
read -r bytes <&"${link[0]}"
[ "$bytes" -lt 2900000 ] || fail "$bytes bytes came for an image of 2000000: it was not gone on with"
must 20 press-3 installed
for device in press-1 press-3; do
  written "$device" || fail "$device has something else in its slot"
  [ "$(ustate "$device")" = 1 ] || fail "$device has not noted that it installed: $(ustate "$device")"
done

# ---- what the second boot says ----------------------------------------------------------------------------------------------------

# press-1 runs the new one, press-3 the old one again.
halt press-1
halt press-3
fw_setenv -c press-1.env ustate 2
fw_setenv -c press-3.env ustate 3
boot press-1 "$fleet_port" 1.1
boot press-3 "$door_port" 1.0
boot press-2 "$fleet_port" 1.0
must 20 press-1 confirmed
must 20 press-3 rolled-back
runs press-1 1.1 || fail "press-1 runs $(api "$at/devices/press-1" | jq -r .version)"
[ "$(api "$at/devices/press-3/updates" | jq -r .diverges)" = "it runs 1.0; 1.1 was to be installed, and was gone back from" ] || fail "press-3 does not diverge"
"$selvedge" device updates press-1 "${place[@]}" >said
grep -q "All Chunks Installed" said || fail "the log has not what the device said: $(cat said)"
"$selvedge" device versions "${place[@]}" | grep -q "board *1.1 *1" || fail "no version"

# What it rolled back is not offered again, unless somebody says so.
if "$selvedge" device update press-3 --image "$good" "${place[@]}" >said 2>&1; then fail "press-3 is offered what it rolled back"; fi
grep -q "ask for a retry" said || fail "$(cat said)"

# ---- a corrupted file -------------------------------------------------------------------------------------------------------------

assign press-2 --image "$bad" --force
must 30 press-2 failed
[ "$(first press-2 .class)" = install ] || fail "its class is $(first press-2 .class)"
untouched press-2 || fail "a corrupted file is in the slot"
[ "$(ustate press-2)" = 0 ] || fail "a corrupted file is to be started"

# ---- somebody says that all went well, whatever it was ----------------------------------------------------------------------------

halt press-2
assign press-2 --image "$good"
boot press-2 "$fleet_port" 1.0 "" "-c 2"
must 20 press-2 trial
within 10 asked press-2 || fail "press-2 is not asked what it runs"
is press-2 trial || fail "press-2 is $(first press-2 .state) by its word alone"
untouched press-2 || fail "something is in the slot of press-2"
halt press-2

# ---- without a certificate --------------------------------------------------------------------------------------------------------

"$selvedge" device token press-2 "${place[@]}" >said
token=$(cat said)
ask() { curl -s -m 30 -o /dev/null -w '%{http_code}' --cacert pki/ca.crt -H "Authorization: TargetToken $1" "$fleet_url$2" || true; }
[ "$(ask "$token" /default/controller/v1/press-1)" = 403 ] || fail "a token of one device is another's"
[ "$(ask "$token" /v1/self)" = 401 ] || fail "a token opens something else"
[ "$(ask "x$token" /default/controller/v1/press-2)" = 401 ] || fail "a wrong token opens something"
assign press-2 --image "$good"
boot press-2 "$fleet_port" 1.0 "" "" "targettoken = \"$token\";"
must 30 press-2 installed
written press-2 || fail "press-2 has something else in its slot"
halt press-2
"$selvedge" device token press-2 --remove "${place[@]}" >said
[ "$(ask "$token" /default/controller/v1/press-2)" = 401 ] || fail "a token that was taken back opens something"

# One token for a site: for who has nothing of its own, and for nobody who can prove who it is. [ddi-21] [ddi-22]
api -f -X POST "$at/enrolments" --data '{"devices":[{"id":"bare-1","site":"north"}]}' >said || fail "bare-1 is not added: $(cat said)"
"$selvedge" device token --site north "${place[@]}" >said
token=$(cat said)
of_site() { curl -s -m 30 -o said -w '%{http_code}' --cacert pki/ca.crt -H "Authorization: GatewayToken $1" "$fleet_url$2" || true; }
[ "$(of_site "$token" /default/controller/v1/bare-1)" = 200 ] || fail "the token of its site is not taken: $(cat said)"
[ "$(of_site "$token" /default/controller/v1/press-2)" = 403 ] || fail "who has a certificate is spoken for by its site's token"
[ "$(of_site "$token" /default/controller/v1/nobody)" = 403 ] || fail "a token of a site makes devices up"
[ "$(of_site "$token" /tuf/image/metadata/timestamp.json)" = 401 ] || fail "a token of a site opens something else"
[ "$(of_site "x$token" /default/controller/v1/bare-1)" = 401 ] || fail "a wrong token of a site opens something"
[ "$(ask "$token" /default/controller/v1/bare-1)" = 401 ] || fail "a token of a site is taken for a device's"
"$selvedge" device token bare-1 "${place[@]}" >said
[ "$(of_site "$token" /default/controller/v1/bare-1)" = 403 ] || fail "who has a token of its own is spoken for by its site's"
"$selvedge" device token bare-1 --remove "${place[@]}" >said
"$selvedge" device token --site north --remove "${place[@]}" >said
[ "$(of_site "$token" /default/controller/v1/bare-1)" = 401 ] || fail "a site's token that was taken back opens something"
# Guesses from one address end; the others go on.
guess() { curl -s -m 30 -o said -w '%{http_code}' --interface 127.0.0.9 --cacert pki/ca.crt -H "Authorization: GatewayToken wrong" "$fleet_url/default/controller/v1/bare-1" || true; }
for _ in $(seq 30); do [ "$(guess)" != 429 ] || break; done
[ "$(guess)" = 429 ] || fail "a site's token can be guessed at: $(cat said)"

# ---- and a retry, through the gateway ---------------------------------------------------------------------------------------------

assign press-3 --image "$good" --again
must 30 press-3 installed
halt press-3
fw_setenv -c press-3.env ustate 2
boot press-3 "$door_port" 1.1
must 20 press-3 confirmed
[ "$(first press-3 .attempt)" = 2 ] || fail "attempt $(first press-3 .attempt)"

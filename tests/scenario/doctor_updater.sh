#!/usr/bin/env bash
# `selvedge doctor` at a device's updater: nothing is wrong while nothing is, and each thing that is broken (key, root, slot, what the boot loader remembers, watchdog, socket, the slot that nobody names) is named
# with its remedy, and nothing else is; and SWUpdate's daemon, where that writes the slots. [doctor-4] [doctor-10]
set -euo pipefail
image_bytes=500000
# shellcheck source=tests/support/updater.sh
source "$SV_SOURCE/tests/support/updater.sh"
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null; rm -rf "$work"' EXIT

# yaml LINE...: the configuration, with these lines instead of the ones for the same keys
yaml() {
  local line
  cat >whole <<YAML
id: press-17
product: lathe-ctl
hardware: rev-b
slots: $work/slots
state: $work/slots
keys: [$work/boot.pub]
image_root: $work/keys/root.json
director_root: $work/keys/root.json
socket: $work/updater.sock
watchdog: /dev/null
reboot: exit
YAML
  for line in "$@"; do
    grep -v "^${line%%:*}:" whole >rest
    { cat rest; echo "$line"; } >whole
  done
  mv whole updater.yaml
}
# shellcheck source=tests/support/doctor_updater.sh
source "$SV_SOURCE/tests/support/doctor_updater.sh"

yaml
start --running a
healthy updater.yaml
for step in configuration keys roots slots boot disk watchdog socket; do
  jq -e --arg step $step 'any(.[]; .step == $step and .verdict == "ok")' found >said || fail "nobody looked at $step: $(cat found)"
done
jq -e 'any(.[]; .step == "socket" and (.saw | test("lathe-ctl 1.0.0 in slot a")))' found >said || fail "its status is not told: $(cat found)"

# What it is to believe.
yaml "keys: [$work/nowhere.pub]"
finds keys 'keys/public/boot.json'
openssl ecparam -name secp384r1 -genkey -noout 2>/dev/null | openssl ec -pubout -out p384.pub 2>/dev/null
yaml "keys: [$work/boot.pub, $work/p384.pub]"
finds keys 'no public key of the curve P-256'
mv slots/image.root.json kept.json
yaml "image_root: $work/nowhere.json"
finds roots 'keys/root.json'
yaml "image_root: $work/v1.img"
finds roots 'image'
mv kept.json slots/image.root.json
healthy updater.yaml # what it trusts already counts

# Slots, and what the boot loader remembers.
yaml
mv slots/slot-b hidden
finds slots 'selvedge firmware install IMAGE'
ln -s ../hidden slots/slot-b
finds slots 'is a link'
rm slots/slot-b
head -c 1000000 hidden >slots/slot-b
finds slots 'make both alike'
rm slots/slot-b
mv hidden slots/slot-b
yaml "slots: {a: $work/v1.img, b: $work/v2.img}"
finds slots 'is no block device'
yaml
export LD_PRELOAD=$SV_DIE_AT_SO ASAN_OPTIONS=verify_asan_link_order=0 SV_UNREAD=slot-b
finds slots 'slot-b.* cannot be read.*Input/output error.*writes a slot anew' # [doctor-11]
stop
start --running a
unset LD_PRELOAD ASAN_OPTIONS SV_UNREAD
within 10 grep -q 'slot b cannot be read: .*Input/output error.*writes it anew' updater.log || fail "the updater does not say it: $(cat updater.log)" # [updater-47]
healthy updater.yaml
stop
start --running a
cp slots/boot-state kept
head -c 8192 /dev/zero >slots/boot-state
yaml
finds boot 'both copies of boot-state are damaged'
cp kept slots/boot-state
yaml "boot: {script: $work/nowhere, a: A, b: B}"
finds boot 'absolute path'
yaml "boot: {u-boot: $work/nowhere.config}"
finds boot 'fw_setenv'

# SWUpdate writes the slots.
swupdate=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null; [ -z "$swupdate" ] || kill "$swupdate" 2>/dev/null; rm -rf "$work"' EXIT
mkdir -m 700 run
printf '#!/bin/sh\n' >loader
chmod +x loader
echo 'IMAGE_VERSION=1.0.0' >os-release
installed=("boot: {script: $work/loader, a: A, b: B}" "room: 4KiB" "installer: {swupdate: ['stable,a', 'stable,b'], sockets: $work/run, release: $work/os-release}")
yaml "${installed[@]}"
finds slots 'start swupdate with TMPDIR'
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout swupdate.key -out swupdate.crt -days 2 -subj /CN=release -addext extendedKeyUsage=emailProtection 2>/dev/null
TMPDIR=$work/run swupdate -k swupdate.crt -q stable,a -q stable,b >swupdate.log 2>&1 &
swupdate=$!
within 10 test -S run/sockinstctrl -a -S run/swupdateprog || fail "swupdate does not start: $(cat swupdate.log)"
healthy updater.yaml
jq -e 'any(.[]; .step == "slots" and (.saw | test("SWUpdate answers"))) and any(.[]; .saw | test("says that it is 1.0.0"))' found >said || fail "SWUpdate is not looked at: $(cat found)"
echo 'VERSION_ID=1.0.0' >os-release
finds slots 'have each image say its own version'
kill "$swupdate"
wait "$swupdate" || true
swupdate=

# The watchdog, and the socket, from both ends.
yaml "watchdog: $work/nowhere"
finds watchdog 'watchdog driver'
yaml "watchdog: $work/v1.img"
finds watchdog 'is no device'
yaml "socket: $work/another.sock"
finds socket 'start selvedge-updater'
yaml "id: press-18"
finds socket 'the same id'
yaml
stop
finds socket 'start selvedge-updater'
start
finds boot 'selvedge.slot=a'
stop
start --running a
healthy updater.yaml

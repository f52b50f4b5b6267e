#!/usr/bin/env bash
# `selvedge doctor` at a device whose releases are trees: before its first update and after it nothing is wrong, archives may differ in length; the link, the archive or the header of what runs, and room that are not there are named,
# with a remedy that is one for trees. [doctor-4]
# shellcheck disable=SC2119  # an updater without options
set -euo pipefail
# shellcheck source=tests/support/updater_files.sh
source "$SV_SOURCE/tests/support/updater_files.sh"
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null; rm -rf "$work"' EXIT
# shellcheck source=tests/support/doctor_updater.sh
source "$SV_SOURCE/tests/support/doctor_updater.sh"

# yaml ROOM
yaml() {
  cat >updater.yaml <<YAML
id: press-17
product: lathe-ctl
hardware: rev-b
slot: app
slots: $work/trees
installer: files
room: $1
state: $work/trees
keys: [$work/boot.pub]
image_root: $work/keys/root.json
director_root: $work/keys/root.json
socket: $work/updater.sock
watchdog: /dev/null
reboot: exit
YAML
}

yaml 4MiB
"$SV_BIN/selvedge-updater" --config updater.yaml --choose 2>>updater.log
start
healthy updater.yaml
for words in 'of tree-a are there' 'trees. has room for' 'lathe-ctl 1.0.0 in slot a'; do
  jq -e --arg words "$words" 'any(.[]; .verdict == "ok" and (.saw | test($words)))' found >said || fail "it does not say '$words': $(cat found)"
done
# As after an update: another archive in the other slot, of another length.
cp v3.tar.zst trees/slot-b
healthy updater.yaml
# An update is coming there.
head -c 1000 v3.tar.zst >trees/slot-b
healthy updater.yaml

yaml 1000GiB
finds disk 'next update takes up to'
yaml 4MiB
mv trees/slot-a hidden
finds slots 'copy the signed archive and its boot header there'
mv hidden trees/slot-a
mv trees/slot-a.boot hidden
finds slots 'copy the signed archive and its boot header there'
head -c 1000 hidden >trees/slot-a.boot
finds slots 'a boot header has 1024'
mv hidden trees/slot-a.boot
chmod o+w trees
finds 'boot slots' 'chmod go-w'
chmod 700 trees
mv trees/current hidden
finds slots 'selvedge-updater --config FILE --choose'
mkdir trees/current
finds slots 'is there and is no link'
rmdir trees/current
stop
start
finds 'boot slots' 'selvedge-tree.service does it'
mv hidden trees/current
stop
start
healthy updater.yaml

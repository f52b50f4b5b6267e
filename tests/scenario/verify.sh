#!/usr/bin/env bash
# The guide about what may be started, line by line as printed; then what is done to a release between the engineer and the start. [boot-7] [boot-14] [boot-15] [boot-17]
set -euo pipefail
source "$SV_SOURCE/tests/support/common.sh"
cd "$work"
head -c 3000001 /dev/urandom >rootfs.img
export PATH=$SV_BIN:$PATH

awk '/^```sh$/ { on = 1; next } /^```$/ { on = 0 } on' "$SV_SOURCE/docs/guide/boot.md" >lines
[ "$(wc -l <lines)" -gt 8 ] || fail "the guide has only $(wc -l <lines) lines to try"
bash -ex lines >said 2>&1 || fail "the guide does not work as printed"
[ "$(grep -c '^Firmware verification: PASSED$' said || true)" = 2 ] || fail "image and slot were not both taken"
grep -q '^lathe-ctl 2.1.0, counter 1, slot rootfs$' said || fail "it is not said what it is"

# refused SENTENCE arguments...
refused() {
  local rc=0 sentence=$1
  shift
  selvedge-verify "$@" >said 2>&1 || rc=$?
  [ $rc = 1 ] || fail "selvedge-verify $* ended with $rc, not 1"
  grep -q "^Firmware verification: FAILED - .*$sentence" said || fail "selvedge-verify $* does not say '$sentence'"
}
slot=(slot-a --trailer --key boot.pub --product lathe-ctl --hardware rev-b --slot rootfs)
refused 'counter is 1, and 2 was confirmed' "${slot[@]}" --counter 2
refused 'not for rev-c' "${slot[@]}" --hardware rev-c
printf x | dd of=slot-a bs=1 seek=3000000 conv=notrunc status=none
refused 'is not the image that was signed' "${slot[@]}"
selvedge firmware keygen --out strangers --key ec
refused 'names a key that is not trusted' rootfs.img --header rootfs.header --key strangers/firmware.pub

# The simplest form stays: a file, its signature, a key.
selvedge firmware sign rootfs.img --key strangers/firmware.key --out rootfs.sig
[ "$(selvedge firmware verify rootfs.img --signature rootfs.sig --key strangers/firmware.pub)" = 'Firmware verification: PASSED' ] || fail "firmware verify"

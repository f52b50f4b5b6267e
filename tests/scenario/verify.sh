#!/usr/bin/env bash
# The guide about what may be started, line by line as printed; then what is done to a release between the engineer and the start. [boot-7] [boot-14] [boot-15] [boot-17]
# shellcheck disable=SC1091,SC2154  # common.sh gives $work and fail
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

# A release with the boot header of another one would be installed and never started: whoever verifies the repository sees it.
selvedge update sign rootfs.img --product lathe-ctl --version 2.2.0 --hardware rev-b --keys keys >said 2>&1 || fail "no second release"
selvedge update publish --keys keys --repo repo >said 2>&1 || fail "the second release is not published"
selvedge update verify repo --root keys/root.json >said 2>&1 || fail "the repository is not as it should be"
/usr/bin/python3 - <<'PY'
import json
from cryptography.hazmat.primitives.serialization import load_pem_private_key
document = json.load(open("keys/metadata/targets.json"))
signed = document["signed"]
new, old = (signed["targets"][f"lathe-ctl/{version}.img"]["custom"]["selvedge"] for version in ("2.2.0", "2.1.0"))
new["boot"] = old["boot"]
signed["version"] += 1
key = load_pem_private_key(open("keys/targets.key", "rb").read(), None)
canonical = json.dumps(signed, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
document["signatures"][0]["sig"] = key.sign(canonical).hex()
json.dump(document, open("keys/metadata/targets.json", "w"))
PY
selvedge update publish --keys keys --repo repo >said 2>&1 || fail "the mixed release is not published"
rc=0
selvedge update verify repo --root keys/root.json >said 2>&1 || rc=$?
[ $rc = 1 ] || fail "a mixed release ended with $rc, not 1"
grep -q 'lathe-ctl 2.2.0: its boot header says another version than its target entry' said || fail "the mixed header is not named"

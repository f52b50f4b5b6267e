# shellcheck shell=bash
# A release engineer's folder with three releases, and a device in which the first one runs: slots/. Sourced; $work is the current folder afterwards.
# shellcheck source=tests/support/update.sh
source "$SV_SOURCE/tests/support/update.sh"
cd "$work" || exit 1

# BYTES: of the images; they have runs that zstd shortens, and the second is the first with something put into it.
python3 - "${image_bytes:-9000000}" <<'PY'
import random, sys
random.seed(3)
length = int(sys.argv[1])
old = bytearray(b"".join(random.randbytes(3000) + bytes(1096) for _ in range(length // 4096)))
open("v1.img", "wb").write(old)
new = bytearray(old)
new[length // 3:length // 3] = b"the spindle does not stall any more" * 40
open("v2.img", "wb").write(new)
open("v3.img", "wb").write(random.randbytes(length // 8) + bytes(100000))
PY
update keys init --dir keys
update keys new boot --key ec --keys keys
release() { update sign "$@" --product lathe-ctl --hardware rev-b --keys keys; }
release v1.img --version 1.0.0
release v2.img --version 1.1.0 --from v1.img --counter 1
release v3.img --version 2.0.0 --plain --counter 2
update publish --keys keys --repo repo
jq -r .keyval.public keys/public/boot.json >boot.pub
jq -rs '[.[].signed.targets["lathe-ctl/1.0.0.img"] | select(.)] | last | .custom.selvedge.boot' repo/metadata/*.targets.json | base64 -d >v1.header
"$selvedge" firmware install v1.img --slots slots --key boot.pub --header v1.header >said 2>&1 || fail "the first release cannot be installed"
"$selvedge" firmware boot --slots slots --healthy >said 2>&1 || fail "the first release is not confirmed"
chmod 700 slots

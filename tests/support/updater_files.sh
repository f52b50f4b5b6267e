# shellcheck shell=bash
# A release engineer's folder with releases that are archives of trees, and a device as it leaves the factory: trees/. Sourced; $work is the current folder afterwards.
# shellcheck source=tests/support/update.sh
source "$SV_SOURCE/tests/support/update.sh"
cd "$work" || exit 1

# VERSION: a tree as somebody would make one, in tree-VERSION.
make_tree() {
  mkdir -p "tree-$1/bin" "tree-$1/share/a/b/$(printf 'long%.0s' {1..40})"
  echo "$1" >"tree-$1/version"
  printf '#!/bin/sh\necho %s\n' "$1" >"tree-$1/bin/run"
  chmod 755 "tree-$1/bin/run"
  ln -s bin/run "tree-$1/run"
  ln -s ../../version "tree-$1/share/a/which"
  : >"tree-$1/share/empty"
  python3 - "$1" <<'PY'
import random, sys
random.seed(4)
body = b"".join(random.randbytes(3000) + bytes(1096) for _ in range(60))
open(f"tree-{sys.argv[1]}/share/a/table", "wb").write(body + sys.argv[1].encode())
PY
}
for version in 1.0.0 1.1.0 2.0.0 2.1.0; do make_tree "$version"; done
ln tree-2.1.0/version tree-2.1.0/again # which no tree here may have
tar -C tree-1.0.0 -cf v1.tar .
tar -C tree-1.1.0 --format=pax -cf v2.tar .
tar -C tree-2.0.0 -cf - . | zstd -q -19 -o v3.tar.zst
tar -C tree-2.1.0 -cf v4.tar .

update keys init --dir keys
update keys new boot --key ec --keys keys
release() { update sign "$@" --product lathe-ctl --hardware rev-b --slot app --keys keys; }
release v1.tar --version 1.0.0
release v2.tar --version 1.1.0 --from v1.tar --counter 1
release v3.tar.zst --version 2.0.0 --plain --counter 2
release v4.tar --version 2.1.0 --plain --counter 2
update publish --keys keys --repo repo
jq -r .keyval.public keys/public/boot.json >boot.pub
mkdir -m 700 trees
cp v1.tar trees/slot-a
jq -rs '[.[].signed.targets["lathe-ctl/1.0.0.img"] | select(.)] | last | .custom.selvedge.boot' repo/metadata/*.targets.json | base64 -d >trees/slot-a.boot

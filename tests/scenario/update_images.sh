#!/usr/bin/env bash
# Images from the release engineer into the repository: plain ones for any TUF client, sealed ones for nobody without the key; what is bent
# is found, on both sides; a supplier's images by the supplier's keys. [repo-12] [repo-13] [repo-14] [repo-15]
set -euo pipefail
source "$SV_SOURCE/tests/support/update.sh"
cd "$work"
port=$(free_port)

python3 - <<'PY'
import random
random.seed(7)
old = bytearray(b"".join(random.randbytes(4096) if i % 3 else bytes(4096) for i in range(100)))
open("old.img", "wb").write(old)
old[100000:100000] = b"a secret of the house" * 300
open("new.img", "wb").write(old)
PY

# Two releases: a plain one, and a sealed one that fetches little on top of it.
update keys init --dir keys
update keys new boot --key ec --keys keys
update sign old.img --product lathe-ctl --version 2.0.0 --hardware rev-b --plain --keys keys
update sign new.img --product lathe-ctl --version 2.1.0 --hardware rev-b --hardware rev-c --from old.img --notes 'spindle fix' --keys keys
grep -q 'release counter 2' said || fail "the counter does not go up by itself"
# What a disk that lies has kept is not signed. [repo-15]
for file in raw.new zstd.new; do
  rc=0
  SV_FLIP=$file ASAN_OPTIONS=verify_asan_link_order=0 LD_PRELOAD="$SV_DIE_AT_SO" "$selvedge" update sign old.img --product lathe-ctl --version 2.0.1 --hardware rev-b --plain --keys keys >said 2>&1 || rc=$?
  [ $rc = 5 ] || fail "a disk that lies: ended with $rc"
  grep -q 'does not open to the image it was made of' said || fail "what is wrong is not said"
done
[ -z "$(find keys -name '*.new')" ] || fail "what was not finished is left behind"
says 2 'is the image itself' sign new.img --product lathe-ctl --version 2.1.0 --hardware rev-b --from new.img --keys keys
says 2 'has the bytes of another' sign new.img --product lathe-ctl --version 2.1.0 --hardware rev-b --from old.img --from old.img --keys keys
update publish --keys keys --repo repo
[ -z "$(find keys/artifacts -type f)" ] || fail "artifacts are left behind"

# Nothing secret is in the repository; what is secret is for its owner alone.
grep -rqa 'a secret of the house' repo && fail "a sealed image lies open in the repository"
key=$(sed -n 's/^key //p' keys/content/*.key)
[ ${#key} = 64 ] || fail "the content key is not where it should be"
python3 - "$key" <<'PY'
import os, sys
key = bytes.fromhex(sys.argv[1])
for folder, _, names in os.walk("repo"):
    for name in names:
        data = open(os.path.join(folder, name), "rb").read()
        assert key not in data and sys.argv[1].encode() not in data, name
PY
[ -z "$(find keys -maxdepth 1 -name '*.key' ! -perm 600)" ] || fail "a private key is open to others"
[ -z "$(find keys/content -type f ! -perm 600)" ] || fail "a content key is open to others"
[ "$(find repo/targets -type f | wc -l)" = 1 ] || fail "only the plain image is for other TUF clients"

# Another TUF client gets the plain one.
run server.log python3 -m http.server -d repo -b 127.0.0.1 "$port"
"$SV_BIN/selvedge-tuf" --metadata-dir client init keys/root.json
download() {
  "$SV_BIN/selvedge-tuf" --metadata-dir client --metadata-url "http://127.0.0.1:$port/metadata" \
    --target-base-url "http://127.0.0.1:$port/targets" --target-dir got --target-name "$1" download
}
within 10 download lathe-ctl/2.0.0.img || fail "the plain image cannot be had"
cmp old.img got/* || fail "it is another image"

# Everybody can ask.
says 0 'lathe-ctl/2.1.0.img: lathe-ctl 2.1.0, release counter 2, sealed, signed and whole' verify repo --root keys/root.json
says 0 'its bytes were not fetched' verify "http://127.0.0.1:$port/" --root keys/root.json
says 0 'sealed, this image' verify repo --root keys/root.json --image new.img
says 0 'release counter 2' verify repo --root keys/root.json --hardware rev-c
grep -q '2\.0\.0' said && fail "what is for other hardware was not left out"
says 1 'no release for this device' verify repo --root keys/root.json --hardware rev-x
says 1 'is no release that is signed here' verify repo --root keys/root.json --image keys/root.json
says 1 "is for hardware rev-b, not for rev-c" verify repo --root keys/root.json --target lathe-ctl/2.0.0.img --hardware rev-c
says 1 'goes back to nothing older' verify repo --root keys/root.json --target lathe-ctl/2.0.0.img --counter 2
says 2 "there is no 'none'" verify none --root keys/root.json
says 1 'An image is judged with: selvedge update verify REPO --image FILE' verify new.img --root keys/root.json
says 2 "'keys' is a folder of keys" verify keys --root keys/root.json
says 2 "'client' is no repository" show client
ln -s loop loop
says 2 'is no folder of keys: there is no keys.json in it. Make one' keys show --keys client
says 2 'Not a directory' keys show --keys new.img
says 5 'Too many levels of symbolic links' keys show --keys loop
says 2 "no 1.root.json in 'http://127.0.0.1:$port/keys'" show "http://127.0.0.1:$port/keys"
says 2 'is no public key' keys add root --public new.img --keys keys
says 0 'for rev-b, rev-c' show repo
# One image, named or as a file: what is said of it, to the root of each encoding. [repo-14]
says 0 'root ' show repo --image new.img
grep -q '^lathe-ctl/2.1.0.img ' said || fail "the image is not found by its bytes"
grep -q '2\.0\.0' said && fail "another image is shown as well"
"$selvedge" update show repo --target lathe-ctl/2.1.0.img --output json >one.json
jq -e --slurpfile all repo/metadata/3.targets.json '.targets | length == 1 and (.[0].encodings == ($all[0].signed.targets["lathe-ctl/2.1.0.img"].custom.selvedge.encodings | map({name, length, root}))) and .[0].hardware == ["rev-b", "rev-c"]' one.json >/dev/null || fail "what is signed is not what is shown: $(cat one.json)"
says 2 "'keys/root.json' is no release in 'repo'" show repo --image keys/root.json
says 2 "'none.img' is no release in 'repo'" show repo --target none.img
says 1 'show takes it so as well' verify new.img --root keys/root.json
says 0 'with a boot header' show repo
"$selvedge" update show repo --output json | jq -e '.targets[1].notes == "spindle fix" and (.targets[1].encodings | length) == 3' >/dev/null || fail "show --output json"
update keys init --dir strangers
says 1 'of the keys that count have signed it' verify repo --root strangers/root.json

# What is a release stays what it is.
says 1 'is a release already, with other bytes' sign new.img --product lathe-ctl --version 2.0.0 --hardware rev-b --keys keys
says 1 "'lathe-ctl/2.1.0.img' has the same bytes and is sealed" sign new.img --product lathe-ctl --version 2.2.0 --hardware rev-b --plain --keys keys
[ -z "$(find keys/artifacts -type f)" ] || fail "what is refused is written"
# Said once more, it is no newer than it was.
says 0 'lathe-ctl 2.0.0, release counter 1,' sign old.img --product lathe-ctl --version 2.0.0 --hardware rev-b --plain --keys keys
says 0 'lathe-ctl 2.0.0, release counter 9,' sign old.img --product lathe-ctl --version 2.0.0 --hardware rev-b --plain --counter 9 --keys keys
says 0 'lathe-ctl 2.0.0, release counter 1,' sign old.img --product lathe-ctl --version 2.0.0 --hardware rev-b --plain --counter 1 --keys keys
update publish --keys keys --repo repo

# One bit anywhere in an image or its index: no.
for file in repo/artifacts/*/*; do
  cp "$file" whole
  python3 - "$file" <<'PY'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
data[len(data) // 2] ^= 1
open(sys.argv[1], "wb").write(data)
PY
  says 1 "2." verify repo --root keys/root.json
  cp whole "$file"
done
says 0 'signed and whole' verify repo --root keys/root.json
# Nor what other clients are given, should it be a file of its own as after a copy.
plain=$(find repo/targets -type f)
cp "$plain" whole
rm "$plain"
says 1 'No such file' verify repo --root keys/root.json
{ printf x; tail -c +2 whole; } >"$plain"
says 1 "'$plain': " verify repo --root keys/root.json
rm "$plain"
update publish --keys keys --repo repo
cmp "$plain" whole || fail "what was missing does not come back"
says 0 'signed and whole' verify repo --root keys/root.json

# A supplier signs with keys of his own; what he hands over is judged before anybody else sees it.
update keys new acme --key ec --keys acme
update keys delegate acme --paths 'acme-drive/*' --public acme/public/acme.json --keys keys
says 4 'acme has signed nothing yet' publish --keys keys --repo repo
update sign old.img --product acme-drive --version 1.0 --hardware drive-1 --plain --role acme --keys acme
says 0 'enough' sign --take acme/pending/acme.json --keys keys
cp -r keys keys.before
printf x | dd of="$(echo keys/artifacts/*/raw)" bs=1 seek=70000 conv=notrunc 2>/dev/null
says 4 'is not what was signed' publish --keys keys --repo repo
says 0 'signed and whole' verify repo --root keys/root.json
rm -r keys
mv keys.before keys
update publish --keys keys --repo repo
says 0 'acme-drive/1.0.img: acme-drive 1.0' verify repo --root keys/root.json
download acme-drive/1.0.img >said 2>&1 || fail "another client does not get the supplier's image"
# For what is not his, his word counts nothing.
printf other >other.img
update sign other.img --product lathe-ctl --version 9.9 --hardware rev-b --plain --role acme --keys acme
update sign --take acme/pending/acme.json --keys keys
update publish --keys keys --repo repo
download lathe-ctl/9.9.img >said 2>&1 && fail "a supplier speaks for the house"
says 1 'signed by somebody who may not speak for it' verify repo --root keys/root.json
# A role that there is not waits for nobody, and one that is no more stops nobody.
cp acme/pending/acme.json acme-2.json
says 2 'targets hands nothing on to a role acme-2' sign --take acme-2.json --keys keys
says 2 'targets hands nothing on to a role acne' sign old.img --product acme-drive --version 1.2 --hardware drive-1 --plain --role acne --keys keys
says 2 'targets hands nothing on to a role acne' sign --renew acne --keys keys
[ -z "$(ls keys/pending)" ] || fail "what nobody can sign waits"
update keys undelegate acme --keys keys
cp acme-2.json keys/pending/acme.json
says 0 'throw it away: rm keys/pending/acme.json' keys show --keys keys
says 4 'throw it away: rm keys/pending/acme.json' publish --keys keys --repo repo
rm keys/pending/acme.json
update publish --keys keys --repo repo
download acme-drive/1.0.img >said 2>&1 && fail "the supplier's image is still believed"
says 0 'signed and whole' verify repo --root keys/root.json
# What somebody has left in pending/ is shown to who signs on top of it.
python3 - <<'PY'
import json, os
document = json.load(open("keys/metadata/targets.json"))
document["signatures"] = []
document["signed"]["version"] += 1
document["signed"]["targets"]["evil/1.img"] = {"length": 1, "hashes": {"sha256": "0" * 64}}
json.dump(document, open("keys/pending/targets.json", "w"))
PY
says 0 'new evil/1.img' sign --renew targets --keys keys
update sign --withdraw evil/1.img --keys keys
# What is withdrawn is no release.
update sign --withdraw lathe-ctl/2.0.0.img --keys keys
update publish --keys keys --repo repo
download lathe-ctl/2.0.0.img >said 2>&1 && fail "a withdrawn image is still a release"
echo "images are signed, published and judged"

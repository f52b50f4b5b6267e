#!/usr/bin/env bash
# One release in one file: taken with the very same checks as from a server; whatever is wrong with it is found. [repo-10] [repo-11]
set -euo pipefail
source "$SV_SOURCE/tests/support/update.sh"
cd "$work"

python3 - <<'PY'
import random
random.seed(3)
old = bytearray(b"".join(random.randbytes(4096) if i % 3 else bytes(4096) for i in range(100)))
open("old.img", "wb").write(old)
old[1000:1000] = b"a secret of the house" * 30
open("new.img", "wb").write(old)
PY
"$selvedge" pki init --dir pki >/dev/null 2>&1
for id in press-1 press-2; do "$selvedge" pki issue --dir pki --id $id --out certs >/dev/null 2>&1; done
"$selvedge" pki issue --dir pki --id press-3 --key ed25519 --out others >/dev/null 2>&1
[ -e certs/ca.crt ] || fail "a folder of certificates has its authority's beside them"

update keys init --dir keys
update sign old.img --product press --version 1.0 --hardware rev-b --plain --keys keys
update publish --keys keys --repo repo
cp repo/metadata/timestamp.json before.json
update bundle --repo repo --target press/1.0.img --out plain.tar
update sign new.img --product press --version 1.1 --hardware rev-b --from old.img --keys keys
update publish --keys keys --repo repo

says 0 'with its key for 2 devices' bundle --repo repo --target press/1.1.img --for certs --keys keys --out sealed.tar
grep -qa 'a secret of the house' sealed.tar && fail "the sealed image lies open in the bundle"
says 0 'with its key for 1 device' bundle --repo repo --target press/1.1.img --for certs/press-1.crt --keys keys --out one.tar
# A device that is named twice has one key; two certificates of one id are somebody's mistake.
says 0 'with its key for 2 devices' bundle --repo repo --target press/1.1.img --for certs --for certs/press-1.crt --keys keys --out twice-for.tar
"$selvedge" pki issue --dir pki --id press-1 --out again >/dev/null 2>&1
says 2 "two certificates of 'press-1'" bundle --repo repo --target press/1.1.img --for certs --for again/press-1.crt --keys keys --out x.tar
mkdir empty
cp pki/ca.crt empty/
says 2 "no certificate of a device (*.crt) in it" bundle --repo repo --target press/1.1.img --for empty --keys keys --out x.tar
old_hash=$(sha256sum old.img | cut -d' ' -f1)
update bundle --repo repo --target press/1.1.img --encoding "delta:$old_hash" --out delta.tar
[ "$(stat -c %s delta.tar)" -lt $(($(stat -c %s sealed.tar) / 2)) ] || fail "the delta is no smaller"
tar tf sealed.tar >list || fail "tar cannot read it"
grep -qx 'keys/press-2.cms' list || fail "the key is not in it: $(cat list)"
openssl cms -cmsout -print -inform DER -in <(tar xOf one.tar keys/press-1.cms) >/dev/null 2>&1 || fail "the wrapped key is no CMS"
# What the device's own key opens is the content key, by somebody else's CMS.
tar xOf one.tar keys/press-1.cms >press-1.cms
openssl cms -decrypt -binary -inform DER -in press-1.cms -inkey certs/press-1.key -recip certs/press-1.crt -out opened 2>/dev/null || fail "the device cannot open its key"
[ "$(od -An -tx1 opened | tr -d ' \n')" = "$(sed -n 's/^key //p' keys/content/*.key)" ] || fail "it is another key"

# Who may not have it, and what there is not.
says 2 'Ed25519' bundle --repo repo --target press/1.1.img --for others/press-3.crt --keys keys --out x.tar
says 2 'is not sealed' bundle --repo repo --target press/1.0.img --for certs --keys keys --out x.tar
says 2 '--keys is missing' bundle --repo repo --target press/1.1.img --for certs --out x.tar
says 2 "'pki/ca.crt' is no certificate of a device" bundle --repo repo --target press/1.1.img --for pki/ca.crt --keys keys --out x.tar
update keys new anna --keys anna
says 2 "the content key of 'press/1.1.img' is in the folder of keys of who signed it, not in 'anna'" bundle --repo repo --target press/1.1.img --for certs --keys anna --out x.tar
says 2 "knows it" bundle --repo repo --target press/9.img --out x.tar
says 2 'has no encoding' bundle --repo repo --target press/1.0.img --encoding "delta:$old_hash" --out x.tar
if [ -e x.tar ] || [ -e x.tar.new ]; then fail "half a bundle is left behind"; fi

# The same judgement as a device's.
for file in plain sealed one delta; do says 0 'signed and whole' verify $file.tar --root keys/root.json --hardware rev-b; done
says 0 'press/1.1.img' show sealed.tar
says 1 'for hardware rev-b, not for rev-c' verify sealed.tar --root keys/root.json --hardware rev-c
says 1 'goes back to nothing older' verify plain.tar --root keys/root.json --counter 2
update keys init --dir strangers
says 1 'of the keys that count have signed it' verify sealed.tar --root strangers/root.json
ASAN_OPTIONS=verify_asan_link_order=0 faketime -f +8d "$selvedge" update verify sealed.tar --root keys/root.json >said 2>&1 && fail "a bundle whose time is over is believed"
grep -q 'its time ended' said || fail "why is not said: $(cat said)"

# bend NAME CODE: bytes of sealed.tar, changed by Python
bend() {
  python3 - "$1" "$2" <<'PY'
import io, sys, tarfile
name, code = sys.argv[1:]
data = bytearray(open("sealed.tar", "rb").read())
at = {m.name: m for m in tarfile.open("sealed.tar")}
def head(name): return at[name].offset
def mend(o):
    data[o + 148:o + 156] = b" " * 8
    data[o + 148:o + 156] = b"%06o\0 " % sum(data[o:o + 512])
def again(change):
    """The archive made by Python's tarfile, with members changed."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for m in tarfile.open("sealed.tar"):
            for member, content in change(m, tarfile.open("sealed.tar").extractfile(m).read()):
                tar.addfile(member, io.BytesIO(content))
    return out.getvalue()
image = next(n for n in at if n.startswith("artifacts/") and not n.endswith(".index"))
exec(code)
open(name, "wb").write(data)
PY
}
bend up.tar 'o = head("target"); data[o:o + 6] = b"../../"; mend(o)'
bend absolute.tar 'o = head("target"); data[o:o + 6] = b"/etc/x"; mend(o)'
bend link.tar 'o = head(image); data[o + 156] = ord("2"); data[o + 157:o + 160] = b"/x\0"; mend(o)'
bend hard.tar 'o = head(image); data[o + 156] = ord("1"); mend(o)'
bend device.tar 'o = head(image); data[o + 156] = ord("3"); mend(o)'
bend setuid.tar 'o = head(image); data[o + 100:o + 107] = b"0004755"; mend(o)'
bend twice.tar 'o = head("target"); data[o:o] = data[o:o + 1024]'
bend garbage.tar 'data += b"x" * 512'
bend cut.tar 'del data[len(data) // 2:]'
bend gnu.tar 'data = again(lambda m, c: [(m, c)])'
says 1 'has no place in a bundle' verify up.tar --root keys/root.json
says 1 'has no place in a bundle' verify absolute.tar --root keys/root.json
says 1 'is a symbolic link' verify link.tar --root keys/root.json
says 1 'is a hard link' verify hard.tar --root keys/root.json
says 1 'is a device' verify device.tar --root keys/root.json
says 1 'another mode' verify setuid.tar --root keys/root.json
says 1 'twice' verify twice.tar --root keys/root.json
says 1 "behind the bundle's end" verify garbage.tar --root keys/root.json
says 1 'copy it again' verify cut.tar --root keys/root.json
says 1 "behind the bundle's end" verify gnu.tar --root keys/root.json
# The form is right, the content is not.
bend bit.tar 'o = at[image].offset_data + 70000; data[o] ^= 1'
bend index.tar 'o = at[image + ".index"].offset_data + 30; data[o] ^= 1'
bend other.tar 'o = at["target"].offset_data; data[o:o + 13] = b"press/1.0.img"'
bend frozen.tar 'o = at["metadata/timestamp.json"].offset_data; data[o + 40] ^= 1'
says 1 'press/1.1.img' verify bit.tar --root keys/root.json
says 1 'press/1.1.img' verify index.tar --root keys/root.json
says 1 'which is nothing of press 1.0' verify other.tar --root keys/root.json
says 1 'timestamp' verify frozen.tar --root keys/root.json
# Mixed from two publications: the older timestamp beside the newer snapshot.
bend mixed.tar 'data = data' && python3 - <<'PY'
import tarfile
data = bytearray(open("sealed.tar", "rb").read())
m = tarfile.open("sealed.tar").getmember("metadata/timestamp.json")
old = open("before.json", "rb").read()
assert len(old) == m.size, "the timestamps have different lengths; choose other versions"
data[m.offset_data:m.offset_data + m.size] = old
open("mixed.tar", "wb").write(data)
PY
says 1 'snapshot' verify mixed.tar --root keys/root.json
echo "bundles are taken as from a server, and refused as from a stranger"

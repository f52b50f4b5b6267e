#!/usr/bin/env bash
# What goes wrong at the release engineer's desk: commands that are killed, copies that are outdated, names that do not do, publications
# that are refused. [repo-16] [repo-17] [repo-18]
set -euo pipefail
source "$SV_SOURCE/tests/support/update.sh"
cd "$work"
head -c 100000 /dev/urandom >old.img
head -c 100000 /dev/urandom >new.img

# Killed at any moment, a command leaves nothing that the next one does not clear. [repo-17]
update keys init --dir keys
cp -a keys before
left=0
moments=0
until [ "$moments" -gt 200 ]; do
  moments=$((moments + 1))
  rm -rf keys
  cp -a before keys
  SV_DIE_AT=$moments ASAN_OPTIONS=verify_asan_link_order=0 LD_PRELOAD="$SV_DIE_AT_SO" "$selvedge" update sign old.img --product press --version 1 --hardware rev-b --keys keys >said 2>&1 && break
  [ -z "$(find keys -name '*.new')" ] || left=$((left + 1))
  says 0 'root' keys show --keys keys
  [ -z "$(find keys -name '*.new')" ] || fail "killed before change $moments: $(find keys -name '*.new') is left for ever"
done
[ "$moments" -gt 10 ] || fail "only $moments moments: was the killer there?"
[ "$left" -gt 4 ] || fail "a killed command left something only $left times"
# So it is with artifacts in the repository, and with what selvedge-tuf was fetching. What somebody is writing just now stays.
update publish --keys keys --repo repo
artifacts=$(echo repo/artifacts/*)
touch "$artifacts/zstd.new" "keys/pending.$$.new" keys/metadata/targets.json.999999999.new
update publish --keys keys --repo repo
[ ! -e "$artifacts/zstd.new" ] || fail "half an artifact stays in the repository"
[ ! -e keys/metadata/targets.json.999999999.new ] || fail "a draft of a process that is no more stays"
[ -e "keys/pending.$$.new" ] || fail "what another process is writing was removed"
port=$(free_port)
run server.log python3 -m http.server -d repo -b 127.0.0.1 "$port"
"$SV_BIN/selvedge-tuf" --metadata-dir client init keys/root.json
download() {
  "$SV_BIN/selvedge-tuf" --metadata-dir client --metadata-url "http://127.0.0.1:$port/metadata" \
    --target-base-url "http://127.0.0.1:$port/targets" --target-dir got --target-name "$1" download >said 2>&1
}
update sign new.img --product press --version 2 --hardware rev-b --plain --keys keys
update publish --keys keys --repo repo
mkdir got
touch client/snapshot.json.999999999.new got/press%2F2.img.999999999.new got/mine.999999999.new
within 10 download press/2.img || fail "the plain image cannot be had: $(cat said)"
[ "$(cd got && echo *)" = "mine.999999999.new press%2F2.img" ] || fail "in the folder of targets are $(ls got)"
[ ! -e client/snapshot.json.999999999.new ] || fail "a draft of metadata stays"
# A sealed release is for devices; who asks for it by another way is told so. [repo-13]
download press/1.img && fail "a sealed release was given out"
grep -q 'is a sealed release: .* sign --plain' said || fail "what to do is not said: $(cat said)"

# A refused publication begins no repository. [repo-17]
says 2 "is signed, but its file raw is neither in 'keys' nor in 'none'" publish --keys keys --repo none
[ ! -e none ] || fail "an empty repository was begun"
update keys init --dir bare
rm bare/timestamp.key
says 4 'timestamp cannot be signed here' publish --keys bare --repo empty
[ ! -e empty ] || fail "an empty folder was begun"

# No private key lies where everybody can fetch it. [repo-13]
says 2 "--repo 'keys' is a folder of keys" publish --keys bare --repo keys
says 2 "--repo 'bare' is a folder of keys" publish --keys bare --repo bare
mkdir www
cp -a keys www/keys
says 2 "--repo 'www' has the folder of keys in it" publish --keys www/keys --repo www
says 2 "--repo 'www/../www/' has the folder of keys in it" publish --keys www/keys --repo www/../www/
[ ! -e www/metadata ] || fail "a repository was begun around the keys"
says 2 'one thing at a time' sign --withdraw press/1.img --renew targets --keys keys

# While another root waits, that names another timestamp key, the present one goes on. [repo-6]
update keys init --dir slow --threshold 2 --count 2
update publish --keys slow --repo slow-repo
mkdir away
mv slow/root-2.key away/
update keys replace timestamp timestamp --keys slow
says 4 'root waits for signatures' publish --keys slow --repo slow-repo
says 0 'root 1, targets 1, snapshot 1, timestamp 2 until' publish --renew --keys slow --repo slow-repo
mv away/root-2.key slow/
update sign --metadata slow/pending/root.json --keys slow
says 0 'root 2, targets 1, snapshot 1, timestamp 3 until' publish --keys slow --repo slow-repo
says 0 'all signed by enough' verify slow-repo --root slow/metadata/1.root.json

# Outdated copies are signed by nobody. [repo-16]
update keys init --dir two --threshold 2 --count 2
mkdir safe
mv two/targets-1.key safe/
update sign --renew targets --keys two
cp two/pending/targets.json older.json
mkdir copies
cp older.json copies/targets.json
update sign --renew targets --for 90d --keys two
rm -rf other
cp -a two other
mv safe/targets-1.key other/
mv other/targets-2.key safe/
says 1 "'copies/targets.json' is outdated: it is targets version 2, and 'other' has version 3" sign --metadata copies/targets.json --keys other
cmp -s older.json copies/targets.json || fail "an outdated copy was changed"
says 0 'enough' sign --metadata two/pending/targets.json --keys other
# The same version, and something else in it.
python3 - <<'PY'
import json
document = json.load(open("two/pending/targets.json"))
document["signed"]["targets"]["evil/1.img"] = {"length": 1, "hashes": {"sha256": "0" * 64}}
json.dump(document, open("copies/targets.json", "w"))
PY
says 1 "has another targets of the same version 3" sign --metadata copies/targets.json --keys other
update sign --renew targets --for 1s --keys two
cp two/pending/targets.json copies/
rm other/pending/targets.json
over() { ! "$selvedge" update sign --metadata copies/targets.json --out out.json --keys other >said 2>&1; }
within 20 over || fail "what has ended is signed"
grep -q 'no device would believe it' said || fail "why is not said: $(cat said)"

# Names that do not do, with the reason; and no hardware twice. [repo-18]
sign() { says 2 "$1" sign new.img --product press --version 3 --hardware rev-b --keys bare "${@:2}"; }
sign '--hardware rev-b is given twice' --hardware rev-b
sign "has a part '..', which leads to another folder" --name a/../b.img
sign "has a part '.', which" --name ./b.img
sign 'has an empty part' --name /b.img
sign 'has an empty part' --name b/
sign 'has an empty part' --name a//b.img
sign '--name has 1 to' --name ''
sign "byte 0xc3 in 'grün.img' is not allowed" --name a/grün.img
sign "byte 0x20 in 'a b.img' is not allowed" --name 'a b.img'
sign 'byte 0x5c' --name 'a\b'
[ ! -e bare/artifacts ] || fail "what is refused is written"
echo "killed at $((moments - 1)) moments; nothing is left, nothing outdated is signed"

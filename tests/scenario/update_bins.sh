#!/usr/bin/env bash
# Thousands of releases, spread over hash bins: a release makes another version of its own bin alone, the keys of targets sign them all, also
# when these change, and several people sign a folder of them. [repo-20] [repo-21]
set -euo pipefail
source "$SV_SOURCE/tests/support/update.sh"
cd "$work"
port=$(free_port)
head -c 90000 /dev/urandom >one.img
head -c 80000 /dev/urandom >two.img
bin_of() { printf 'bin-%.1s' "$(printf %s "$1" | sha256sum)"; }

update keys init --dir keys
update sign one.img --product press --version 1.0 --hardware a --plain --keys keys
says 2 'there can be 16 or 256 hash bins' keys bins 17 --keys keys
says 0 '16 hash bins, 16 of them made anew, 0 wait' keys bins 16 --keys keys
says 2 'they cannot become 256' keys bins 256 --keys keys
says 2 'is a hash bin: what is in it would be nowhere' keys undelegate bin-3 --keys keys
update keys new acme --keys acme
says 2 'is what a hash bin is called' keys delegate bin-3 --paths '*' --public acme/public/acme.json --keys keys
says 2 "'bins' means the hash bins" keys delegate bins --paths '*' --public acme/public/acme.json --keys keys
update publish --keys keys --repo repo

# No image is vouched for by who may not, nor where nobody looks.
for role in root snapshot timestamp a/b; do says 2 'vouches for no images' sign two.img --product press --version 2.0 --hardware a --plain --role $role --keys keys; done
says 2 'is a hash bin: which one it is follows from the path' sign two.img --product press --version 2.0 --hardware a --plain --role bin-0 --keys keys
says 2 'vouches for no images' sign --withdraw press/1.0.img --role snapshot --keys keys
[ -z "$(ls keys/pending)" ] || fail "what is refused is pending: $(ls keys/pending)"
says 0 'root' keys show --keys keys

# What was a release stays in targets; the next goes into its bin, whose file alone is another. The counter goes on across them.
says 0 "$(bin_of press/2.0.img) version 2" sign two.img --product press --version 2.0 --hardware a --plain --keys keys
grep -q 'release counter 2' said || fail "the counter begins anew in a bin"
says 1 'is a release already, with other bytes' sign one.img --product press --version 2.0 --hardware a --plain --keys keys
says 1 'has the same bytes and is plain' sign two.img --product press --version 2.1 --hardware a --keys keys
(cd repo/metadata && sha256sum -- *.bin-*.json) >before
(cd repo/metadata && stat -c '%i %n' -- *.bin-*.json) >inodes
update publish --keys keys --repo repo
(cd repo/metadata && sha256sum -c --quiet) <before || fail "a bin that nothing came into was written again"
while read -r inode name; do [ "$(stat -c %i "repo/metadata/$name")" = "$inode" ] || fail "$name was written anew"; done <inodes
[ "$(find repo/metadata -name '2.bin-*.json' -printf '%f ')" = "2.$(bin_of press/2.0.img).json " ] || fail "these bins are new: $(ls repo/metadata)"
[ ! -e repo/metadata/3.targets.json ] || cmp -s repo/metadata/3.targets.json keys/metadata/targets.json || fail "targets changed as well"
says 0 'press/2.0.img: press 2.0, release counter 2, signed and whole' verify repo --root keys/root.json
says 0 '16 hash bins, of which ends first' show repo
says 0 '16 hash bins, by the keys of targets' keys show --keys keys
update bundle --repo repo --target press/2.0.img --out two.tar
says 0 'press/2.0.img: press 2.0' verify two.tar --root keys/root.json

# Our own client finds both, and asks for no other bin.
run server.log python3 -m http.server -d repo -b 127.0.0.1 "$port"
"$SV_BIN/selvedge-tuf" --metadata-dir client init keys/root.json
download() {
  "$SV_BIN/selvedge-tuf" --metadata-dir client --metadata-url "http://127.0.0.1:$port/metadata" \
    --target-base-url "http://127.0.0.1:$port/targets" --target-dir got --target-name "$1" download >said 2>&1
}
within 10 download press/2.0.img || fail "the release in a bin cannot be had: $(cat said)"
download press/1.0.img || fail "the release in targets cannot be had"
cmp two.img got/press%2F2.0.img || fail "it is another image"
[ "$(grep -o 'GET /metadata/[0-9]*.bin-.' server.log | sort -u)" = "GET /metadata/2.$(bin_of press/2.0.img)" ] || fail "other bins were asked for: $(cat server.log)"

# A stolen key of targets counts for the bins no more, once it is replaced.
cp -a keys thief
update keys replace targets targets --keys keys
grep -q '16 hash bins, 16 of them made anew' said || fail "the bins keep the old key: $(cat said)"
update publish --keys keys --repo repo
says 0 'press/2.0.img: press 2.0' verify repo --root keys/metadata/1.root.json
stolen=$(jq -r '.keys[] | select(.name == "targets").id' thief/keys.json)
jq -e --arg id "$stolen" '[.signed.delegations.roles[].keyids[]] | index($id) == null' keys/metadata/targets.json >/dev/null || fail "the stolen key still counts for a bin"
# One key of three: what two others have signed stays as it is, and the third counts no more.
update keys init --dir many --threshold 2 --count 3
update keys bins 16 --keys many
update keys replace targets targets-2 --keys many
grep -q '16 hash bins, 0 of them made anew' said || fail "what still counts was made anew: $(cat said)"
update publish --keys many --repo many-repo

# Two people, each with a folder: all of what waits at once.
update keys new ben --keys ben
update keys add targets --public ben/public/ben.json --threshold 2 --keys keys
grep -q '16 wait for signatures' said || fail "the bins wait for nobody: $(cat said)"
says 4 'and 15 more hash bins wait' publish --keys keys --repo repo
cp keys/root.json ben/
update sign --metadata keys/pending --keys ben
update sign --take keys/pending --keys keys
[ -z "$(ls keys/pending)" ] || fail "these wait still: $(ls keys/pending)"
update publish --keys keys --repo repo
says 0 'press/2.0.img: press 2.0' verify repo --root keys/metadata/1.root.json
says 0 '16 hash bins, 16 of them made anew, 16 wait' sign --renew bins --keys keys
says 2 'is a folder' sign --metadata keys/pending --out x.json --keys ben
says 2 'no metadata in' sign --take repo/artifacts --keys keys
update sign --metadata keys/pending --keys ben
update sign --take keys/pending --keys keys
# What is withdrawn is gone from its bin.
update sign --withdraw press/2.0.img --keys keys
update sign --metadata keys/pending --keys ben
update sign --take keys/pending --keys keys
update publish --keys keys --repo repo
download press/2.0.img && fail "a withdrawn release is still one"
download press/1.0.img || fail "the other release went as well: $(cat said)"
echo "releases fall into bins, and their keys follow those of targets"

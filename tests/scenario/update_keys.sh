#!/usr/bin/env bash
# The guide about the keys of updates, line by line as printed; then keys that nobody can copy: in a token and in a TPM. [repo-1] [repo-3] [repo-9]
set -euo pipefail
source "$SV_SOURCE/tests/support/common.sh"
cd "$work"
mkdir guide && cd guide
head -c 200000 /dev/urandom >firmware.img
head -c 100000 /dev/urandom >drive.img
export PATH=$SV_BIN:$PATH
selvedge pki init --dir ../pki >/dev/null 2>&1
selvedge pki issue --dir ../pki --id press-1 --out . >/dev/null 2>&1

awk '/^```sh$/ { on = 1; next } /^```$/ { on = 0 } on' "$SV_SOURCE/docs/guide/updates-keys.md" >../lines
[ "$(wc -l <../lines)" -gt 50 ] || fail "the guide has only $(wc -l <../lines) lines to try"
bash -ex ../lines >../said 2>&1 || fail "the guide does not work as printed"
grep -q 'missing: ' ../said || fail "nobody was told who is missing"
[ "$(jq .signed.version keys/root.json)" -ge 5 ] || fail "the roots did not follow each other"
jq -e '.signed.targets | has("lathe-ctl/2.1.0.img") | not' keys/metadata/targets.json >/dev/null || fail "the withdrawn release is there"
# Other people's keys have their names, in the folder alone. [repo-19]
grep -Eq 'missing: .*\((anna|ben|cleo)\)' ../said || fail "who is missing is an id"
selvedge update keys show --keys keys >../shown
grep -Eq '  anna  \(not here\)$' ../shown || fail "Anna's key has no name: $(cat ../shown)"
grep -q '"others".*anna' keys/keys.json || fail "the note is not in keys.json"
grep -rq anna keys/metadata && fail "a note was signed"
# The key that was stolen signs nothing any more, though its owner's folder still has it.
jq -r '.keys[] | select(.name == "cleo").id' cleo/keys.json >../stolen
jq -e --arg id "$(cat ../stolen)" '[.signed.roles[].keyids[]] | index($id) == null' keys/root.json >/dev/null || fail "the stolen key still counts"
cd ..

# Below its threshold a key that was stolen can publish nothing.
selvedge update keys init --dir two --threshold 2 --count 3 >/dev/null
mkdir safe
mv two/targets-1.key two/targets-3.key safe/
rc=0
selvedge update sign guide/drive.img --product p --version 1 --hardware h --plain --keys two >said 2>&1 || rc=$?
[ $rc = 0 ] || fail "one of three cannot begin"
grep -q 'key targets-1 is not here' said || fail "the key that was carried away is not named"
grep -Eq '1 of the keys in root have signed, 2 needed; missing: .*\(targets-1\)' said || fail "who is missing is not said"
selvedge update publish --keys two --repo repo >said 2>&1 && fail "too few signatures were published"
[ ! -e repo ] || fail "a repository was begun"
# A key file that is open to others, or another's in its place, signs nothing.
chmod 644 two/targets-2.key
selvedge update sign --renew targets --keys two >said 2>&1 && fail "a key that is open to others was used"
grep -q 'chmod 600' said || fail "the remedy is not said"
cp safe/targets-1.key two/targets-2.key
chmod 600 two/targets-2.key
selvedge update sign --renew targets --keys two >said 2>&1 && fail "another key in its place was used"
grep -q 'somebody has put another in its place' said || fail "the swap is not named"

# Keys in hardware.
. "$SV_SOURCE/tests/support/hard.sh"
make_token
start_tpm "$work/tpm"
export SELVEDGE_TPM=$tpm_name
selvedge update keys init --dir hard --key ec --place "root=$(in_token root)" --place "targets=tpm2:$work/targets.tpm" >said 2>&1 || fail "no keys in hardware"
if [ -e hard/root.key ] || [ -e hard/targets.key ]; then fail "a private key is on the disk"; fi
grep -q "$token_pin" hard/keys.json said && fail "the PIN is written down"
selvedge update sign guide/drive.img --product p --version 1 --hardware h --plain --keys hard >said 2>&1 || fail "the TPM does not sign"
selvedge update keys replace timestamp timestamp --keys hard >said 2>&1 || fail "the token does not sign"
selvedge update publish --keys hard --repo hard-repo >said 2>&1 || fail "what hardware signed is not published"
selvedge update verify hard-repo --root hard/metadata/1.root.json >said 2>&1 || fail "what hardware signed is not believed"
echo "the guide works as printed; keys in a token and a TPM sign"

#!/usr/bin/env bash
# The director's key is replaced, twice, while a device is away: it follows both roots when it comes back, new devices are given the newest, what was stolen before is of no use, and whatever the change is cut off
# in, the signer goes on with a key and a root that belong together. [director-9] [signer-12]
set -euo pipefail
# shellcheck source=tests/support/updater.sh
source "$SV_SOURCE/tests/support/updater.sh"
# shellcheck source=tests/support/release_site.sh
source "$SV_SOURCE/tests/support/release_site.sh"
api() { curl -fs -H "Authorization: Bearer $(cat "$work/admin.token")" "http://127.0.0.1:$operator_port/api/v1/$1"; }
# shellcheck disable=SC2317 # called through within
newest_is() { [ "$(api director/root | jq .signed.version)" = "$1" ]; }
keys=$work/pki/signer

story_open director_rotate_story.py
story_waits_for away
cp "$keys/director.key" "$work/stolen.key"
for version in 2 3; do
  [ "$("$SV_BIN/selvedge" director rotate --dir "$work/pki" 2>said | cut -d, -f1)" = "root $version of the director" ] || fail "no root $version: $(cat said)"
  grep -q SIGHUP said || fail "what is to be done is not said"
  [ "$(stat -c %a "$keys/director.key")" = 600 ] || fail "the new key may be read"
  newest_is $((version - 1)) || fail "a root is served before its key signs"
  kill -HUP "$signer"
  within 20 newest_is "$version" || fail "root $version is not served"
done
[ "$(jq .signed.version "$work/director-root.json")" = 3 ] || fail "who provisions is given an old root"
cmp -s "$work/stolen.key" "$keys/director.key" && fail "the key is the old one"
[ ! -e "$keys/director.next.key" ] || fail "a key is left over"
[ "$(sqlite3 "$work/fleet.db" "SELECT count(*) FROM event_log WHERE what = 'director.root' AND detail LIKE 'root %, key %'")" = 3 ] || fail "the audit log does not tell of three roots"
touch back
story_end

# What was stolen: the signer does not take the old key any more.
cp "$keys/director.key" "$work/good.key"
cp "$work/stolen.key" "$keys/director.key"
die "$signer"
code=0
"$SV_BIN/selvedge-signer" --config "$work/signer.yaml" 2>said || code=$?
{ [ $code != 0 ] && grep -q 'is of another key than director.key' said; } || fail "the stolen key signs again: $code $(cat said)"
cp "$work/good.key" "$keys/director.key"

# Cut off before each change to the disk: the next try, or the signer, brings it to its end.
moments=0
finished=""
while [ -z "$finished" ]; do
  moments=$((moments + 1))
  [ $moments -lt 40 ] || fail "it never gets through"
  rm -rf "$work/cut"
  cp -a "$work/pki" "$work/cut"
  if SV_DIE_AT=$moments ASAN_OPTIONS=verify_asan_link_order=0 LD_PRELOAD="$SV_DIE_AT_SO" "$selvedge" director rotate --dir "$work/cut" >said 2>&1; then finished=yes; fi
  cp -a "$work/cut" "$work/cut2"
  # The signer alone, as after a start of the machine.
  printf 'pki: %s\nsocket: %s\n' "$work/cut2" "$work/cut.sock" >"$work/cut.yaml"
  run "$work/cut.log" "$SV_BIN/selvedge-signer" --config "$work/cut.yaml"
  cut_signer=$ran
  within 20 test -S "$work/cut.sock" || fail "after moment $moments the signer does not start: $(cat "$work/cut.log")"
  die "$cut_signer"
  rm -rf "$work/cut2" "$work/cut.sock"
  # And the next try: 4 where it had not begun, or where it is brought to its end; 5 after one that was whole.
  "$selvedge" director rotate --dir "$work/cut" >said 2>&1 || fail "after moment $moments it cannot be done again: $(cat said)"
  grep -qE '^root [45] of the director' said || fail "after moment $moments: $(cat said)"
done
[ $moments -gt 4 ] || fail "only $moments moments"
echo "$moments moments"

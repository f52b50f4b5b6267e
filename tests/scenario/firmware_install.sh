#!/usr/bin/env bash
# An update by hand, on a folder with two slots: installed, started, confirmed; one that fails is gone back from; the power goes and it is killed at every moment; what is not signed,
# older, changed meanwhile, or lies behind a link is refused. [slot-16] [slot-17] [slot-18] [slot-26]
set -euo pipefail
# shellcheck source=tests/support/update.sh
source "$SV_SOURCE/tests/support/update.sh"
cd "$work"

firmware() { "$selvedge" firmware "$@" >out 2>said || fail "firmware $* ended with $?: $(cat said)"; }
# ends CODE SENTENCE command...
ends() {
  local rc=0 code=$1 sentence=$2
  shift 2
  "$selvedge" firmware "$@" >out 2>said || rc=$?
  [ "$rc" = "$code" ] || fail "firmware $* ended with $rc, not $code: $(cat said)"
  grep -qF -- "$sentence" out said || fail "firmware $* does not say '$sentence': $(cat out said)"
}
# is FILTER: what jq finds true of the last answer
is() { jq -e "$1" out >/dev/null || fail "not so: $1: $(cat out)"; }
for n in 1 2 3; do head -c 300000 /dev/urandom >"v$n.img"; done

# For a stranger: nothing is there yet.
ends 2 "no folder 'slots'" slots --slots slots
ends 2 'name the image' install --slots slots
ends 2 'nowhere.img' install nowhere.img --slots slots
[ ! -e slots ] || fail "a folder was made for nothing"
firmware install v1.img --slots slots --output json
is '.update.state == "installed" and .next.slot == "a" and .next.trial and .slots.a.counter == 1 and (.power_cut | not)'
grep -q 'one was made for it, slots/try.key' said || fail "the key was not spoken of"
for step in 'give up slot a' 'write the image to slot a' 'boot header of slot a' 'read slot a back' 'arm slot a'; do
  grep -q "$step" said || fail "no step '$step'"
done
[ "$(stat -c %a slots/try.key)" = 600 ] || fail "others can read the key"
firmware boot --slots slots --healthy --output json
is '.slots.a.state == "confirmed" and .counter == 1 and .update.state == "confirmed"'
cmp -n 300000 v1.img slots/slot-a || fail "slot a is another image"

# The second one goes to slot b; it fails, and a is what it was.
before=$(sha256sum <slots/slot-a)
ends 0 'next start: slot b, firmware 2.0, on trial' install v2.img --slots slots --release 2.0
firmware boot --slots slots --failing --output json
is '.slots.b.state == "bad" and .update.state == "rolled-back" and .next.slot == "a" and .counter == 1'
ends 4 'was tried here and did not prove itself' install v2.img --slots slots
firmware install v2.img --slots slots --again
# Silence costs a start each time.
for left in 2 1 0; do ends 0 "slot b: trial, $left start" boot --slots slots; done
ends 0 'slot a starts' boot --slots slots
ends 0 'rolled-back, it had its starts' slots --slots slots
[ "$before" = "$(sha256sum <slots/slot-a)" ] || fail "slot a was written"
firmware install v3.img --slots slots
firmware boot --slots slots --healthy --output json
is '.slots.b.state == "confirmed" and .next.slot == "b" and .counter > 2'
ends 4 'older releases are not installed' install v1.img --slots slots --counter 1
ends 0 'next start: slot b' slots --slots slots

# The power goes at every event, twice, and then it goes on.
firmware install v1.img --slots power
firmware boot --slots power --healthy
n=0
cut=yes
while [ $cut = yes ]; do
  n=$((n + 1))
  rm -rf now && cp -r power now
  rc=0
  "$selvedge" firmware install v2.img --slots now --power-cut-after $n --seed $n --output json >out 2>said || rc=$?
  is '.next.slot == "a" or (.next.slot == "b" and .next.trial)'
  is ".power_cut == ($rc == 5)"
  if [ $rc = 0 ]; then cut=no; fi
  if [ $cut = yes ] && [ $((n % 3)) = 0 ]; then # and once more, then to its end
    "$selvedge" firmware install v2.img --slots now --power-cut-after $((n / 3)) --seed 7 >out 2>said || true
    firmware install v2.img --slots now --output json
    is '.update.state == "installed" and .next.slot == "b"'
    firmware boot --slots now --healthy --output json
    is '.slots.b.state == "confirmed" and .counter == 2'
  fi
done
[ $n -gt 12 ] || fail "only $n events"

# Killed at every change to the disk, the folder's making too.
killed=0
finished=no
while [ $finished = no ]; do
  killed=$((killed + 1))
  [ $((killed % 5)) = 1 ] || rm -rf fresh # else it goes on where it was
  { if SV_DIE_AT=$killed ASAN_OPTIONS=verify_asan_link_order=0 LD_PRELOAD="$SV_DIE_AT_SO" "$selvedge" firmware install v1.img --slots fresh >out 2>said; then finished=yes; fi; } 2>/dev/null
done
[ $killed -gt 20 ] || fail "only $killed moments"
firmware install v1.img --slots fresh --output json
is '.update.state == "installed" and .next.slot == "a"'

# Keys that are trusted there: a header of the release engineer's, or a signature.
"$selvedge" firmware keygen --key ec --out engineer
"$selvedge" firmware keygen --key rsa --out stranger
update keys init --dir keys
update keys new boot --key ec --keys keys
update sign v1.img --product lathe-ctl --version 2.1.0 --hardware rev-b --keys keys
jq -r .keyval.public keys/public/boot.json >boot.pub
targets=$(grep -rl '"boot"' keys --include='*targets*.json')
jq -r '.signed.targets[].custom.selvedge.boot' "${targets%%$'\n'*}" | base64 -d >v1.header
ends 0 'lathe-ctl 2.1.0' install v1.img --slots signed --key boot.pub --header v1.header
[ ! -e signed/try.key ] || fail "a key was made beside one that is trusted"
"$SV_BIN/selvedge-verify" signed/slot-a --trailer --key boot.pub --product lathe-ctl >out || fail "selvedge-verify says otherwise"
firmware boot --slots signed --healthy
ends 4 'an image has to be signed by one of them' install v2.img --slots signed
ends 4 'is not the image that its boot header is about' install v2.img --slots signed --header v1.header
ends 4 'trusts other keys' install v1.img --slots signed --key engineer/firmware.pub --header v1.header
head -c 299999 v1.img >cut.img
ends 4 'has 299999 bytes' install cut.img --slots signed --header v1.header
head -c 1023 v1.header >short.header
ends 2 'is no boot header' install v1.img --slots signed --header short.header
{ head -c 500 v1.header; head -c 524 /dev/urandom; } >bent.header
ends 4 'boot header is refused' install v1.img --slots signed --header bent.header
for kind in engineer stranger; do
  "$selvedge" firmware sign v2.img --key $kind/firmware.key --out $kind.sig
done
ends 0 'on trial' install v2.img --slots by-signature --key engineer/firmware.pub --signature engineer.sig
ends 4 'is not signed by a key that is trusted' install v2.img --slots by-signature --signature stranger.sig
ends 4 'is not signed by a key that is trusted' install v3.img --slots by-signature --signature engineer.sig

# A release as it was published, and as a bundle: judged from its root, opened with the engineer's keys, its own boot header where the device trusts keys. [slot-26]
update publish --keys keys --repo repo
update bundle --repo repo --target lathe-ctl/2.1.0.img --out release.tar
for where in repo release.tar; do
  rm -rf published trusting
  ends 2 'is sealed: name the folder of keys' install $where --root keys/root.json --slots published
  firmware install $where --root keys/root.json --keys keys --slots published --output json
  is '.update.state == "installed" and .slots.a.product == "lathe-ctl" and .slots.a.version == "2.1.0"'
  cmp -n 300000 v1.img published/slot-a || fail "another image than was signed came out of $where"
  ends 0 'lathe-ctl 2.1.0, on trial' install $where --root keys/root.json --keys keys --key boot.pub --slots trusting
  ends 4 'boot header is refused' install $where --root keys/root.json --keys keys --key engineer/firmware.pub --slots "stranger.$where"
done
# The power goes in the middle, and it goes on; of two it has to be said which one.
rm -rf published
ends 5 'the power is gone' install repo --root keys/root.json --keys keys --slots published --power-cut-after 9
firmware install repo --root keys/root.json --keys keys --slots published
cmp -n 300000 v1.img published/slot-a || fail "it goes on with other bytes"
update sign v2.img --product lathe-ctl --version 2.2.0 --hardware rev-b --plain --keys keys
update publish --keys keys --repo repo
ends 2 'has 2 images: say which one with --target' install repo --root keys/root.json --slots second
ends 0 'lathe-ctl 2.2.0, on trial' install repo --root keys/root.json --target lathe-ctl/2.2.0.img --slots second
ends 2 'are for a release' install v1.img --target lathe-ctl/2.2.0.img --slots second
ends 2 'are for an image' install repo --root keys/root.json --counter 7 --slots second
# Nobody else's root, and no byte that is another.
update keys init --dir others
ends 4 'timestamp: 0 of the keys that count have signed it' install repo --root others/root.json --target lathe-ctl/2.2.0.img --slots third
[ ! -e third ] || fail "a folder was made for what nobody has signed"
for file in repo/artifacts/"$(sha256sum <v2.img | cut -d' ' -f1)"/{raw,zstd}; do
  [ ! -e "$file" ] || printf '\377\377\377\377' | dd of="$file" bs=1 seek=70000 conv=notrunc 2>said
done
ends 4 'is not what the release engineer signed' install repo --root keys/root.json --target lathe-ctl/2.2.0.img --slots third
ends 0 'slot a: idle, no signed image' slots --slots third

# Links and devices where slots and state should be.
echo precious >outside
for name in slot-a slot-b boot-state journal; do
  rm -rf linked && cp -r power linked
  rm "linked/$name"
  ln -s ../outside "linked/$name"
  ends 4 'is a link: it is not followed' install v2.img --slots linked
  rm "linked/$name"
  mkfifo "linked/$name"
  ends 4 'is no plain file' install v2.img --slots linked
done
[ "$(cat outside)" = precious ] || fail "a link was followed"
mkdir -m 0777 open
chmod 0777 open
ends 4 'others may change what is in' install v1.img --slots open
# A disk that is full, and one that keeps other bytes.
rm -rf small
(trap '' XFSZ; ulimit -f 100; "$selvedge" firmware install v1.img --slots small >out 2>said) && fail "there was no room for it"
grep -q 'File too large' said || fail "a full disk is not called one: $(cat said)"
firmware install v1.img --slots small
rm -rf now && cp -r power now
rc=0
SV_FLIP=slot-b ASAN_OPTIONS=verify_asan_link_order=0 LD_PRELOAD="$SV_DIE_AT_SO" "$selvedge" firmware install v2.img --slots now >out 2>said || rc=$?
[ $rc = 4 ] || fail "other bytes than were written ended with $rc"
grep -q 'update: failed, the slot gives back other bytes' out || fail "not told: $(cat out)"
ends 0 'next start: slot a' boot --slots now --healthy
# One that does not give a slot back says so, and nothing in it is confirmed or called bad. [slot-46]
rm -rf now && cp -r power now
firmware install v2.img --slots now
unread() { SV_UNREAD=slot-b ASAN_OPTIONS=verify_asan_link_order=0 LD_PRELOAD="$SV_DIE_AT_SO" "$selvedge" firmware "$@" >out 2>said; }
unread slots --slots now || fail "a slot that cannot be read ends it: $(cat said)"
grep -q 'cannot be read: cannot read .*slot-b.*Input/output error' out || fail "it is not told: $(cat out)"
unread slots --slots now --output json && is '(.slots.b.unread | test("Input/output error")) and (.slots.a | has("unread") | not) and .update.state == "installed"'
firmware slots --slots now --output json
is '.next.slot == "b" and (.slots.b | has("unread") | not)'

# The guide, as it is printed.
mkdir guide
awk '/^```sh$/ { on = 1; next } /^```$/ { on = 0 } on' "$SV_SOURCE/docs/guide/slots.md" >guide/commands
(cd guide && PATH=$SV_BIN:$PATH bash -euo pipefail commands >../out 2>../said) || fail "the guide's commands do not work: $(cat out said)"
[ "$(grep -c 'next start' out)" -gt 8 ] || fail "the guide shows something else"
echo "power cut at $n events, killed at $killed moments"

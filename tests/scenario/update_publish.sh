#!/usr/bin/env bash
# A repository is published whole or not at all: whenever the publisher is killed, clients go on. [repo-6] [repo-7] [repo-8] [repo-9]
set -euo pipefail
source "$SV_SOURCE/tests/support/common.sh"
cd "$work"
port=$(free_port)

update() { "$selvedge" update "$@" >said 2>&1 || fail "update $* ended with $?"; }
refresh() { "$SV_BIN/selvedge-tuf" --metadata-dir "$1" --metadata-url "http://127.0.0.1:$port/metadata" refresh >said 2>&1; }
version() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["signed"]["version"])' "$1"; }
ids() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["signed"]["roles"][sys.argv[2]]["keyids"][0])' "$1" "$2"; }

# A client that has followed the first publication.
update keys init --dir keys
mkdir repo
run server.log python3 -m http.server -d repo -b 127.0.0.1 "$port"
update publish --keys keys --repo repo
"$SV_BIN/selvedge-tuf" --metadata-dir client init keys/root.json
within 10 refresh client || fail "the first publication is not believed"

# With nothing new, the timestamp alone is another.
update publish --keys keys --repo repo
[ "$(version repo/metadata/timestamp.json)" = 2 ] || fail "the timestamp is not a new one"
[ ! -e repo/metadata/2.snapshot.json ] || fail "a snapshot was made though the old one says the same"
refresh client || fail "the renewal is not believed"

# The hardest step: every key is another. Neither the root first nor the timestamp first would do.
for role in root targets snapshot timestamp; do update keys replace "$role" "$(ids keys/root.json "$role")" --keys keys; done
[ "$(version keys/root.json)" = 5 ] || fail "four roots should have followed"
cp -a keys keys.before
cp -a repo repo.before
cp -a client client.before
moments=0
finished=no
until [ "$finished" = yes ]; do
  moments=$((moments + 1))
  rm -rf keys client ahead
  cp -a keys.before keys
  cp -a client.before client
  cp -a client.before ahead
  find repo -mindepth 1 -delete
  cp -a repo.before/. repo/
  if SV_DIE_AT=$moments ASAN_OPTIONS=verify_asan_link_order=0 LD_PRELOAD="$SV_DIE_AT_SO" "$selvedge" update publish --keys keys --repo repo >said 2>&1; then finished=yes; fi
  refresh client || fail "killed before change $moments: a client does not believe what is there"
  [ $((moments % 6)) = 1 ] || [ $finished = yes ] || continue
  update publish --keys keys --repo repo
  refresh client || fail "killed before change $moments: the next publication is not believed"
  [ "$(version client/root.json)" = 5 ] || fail "the client has root $(version client/root.json)"
  [ ! -e repo/metadata.next ] || fail "something is left behind"
done
[ "$moments" -gt 20 ] || fail "only $moments moments: was the killer there?"

# A folder that is behind the repository publishes nothing over it.
rm -rf keys
cp -a keys.before keys
rm keys/metadata/5.root.json
cp keys/metadata/4.root.json keys/root.json
rc=0
"$selvedge" update publish --keys keys --repo repo >said 2>&1 || rc=$?
[ "$rc" = 1 ] || fail "an older root was published over a newer one (exit $rc)"
refresh client || fail "and clients noticed"

# Nor older targets over newer ones.
rm -rf keys repo/* client
cp -a keys.before keys
update publish --keys keys --repo repo
"$SV_BIN/selvedge-tuf" --metadata-dir client init keys.before/metadata/1.root.json
cp keys/metadata/targets.json older.json
update sign --renew targets --keys keys
update publish --keys keys --repo repo
cp older.json keys/metadata/targets.json
rc=0
"$selvedge" update publish --keys keys --repo repo >said 2>&1 || rc=$?
[ "$rc" = 1 ] || fail "older targets were published over newer ones (exit $rc)"
grep -q 'Take it in with' said || fail "the way out is not said"
update sign --take repo/metadata/3.targets.json --keys keys
update publish --keys keys --repo repo
refresh client || fail "what was taken in again is not believed"

# Whoever can write to the repository, and has no key, makes no version skip ahead.
before=$(version repo/metadata/timestamp.json)
python3 - <<'PY'
import json
path = "repo/metadata/timestamp.json"
document = json.load(open(path))
document["signed"]["version"] = 9007199254740991
json.dump(document, open(path, "w"))
PY
update publish --keys keys --repo repo
[ "$(version repo/metadata/timestamp.json)" = $((before + 1)) ] || fail "the timestamp is at $(version repo/metadata/timestamp.json)"
refresh client || fail "what was mended is not believed"

# Another desk goes on from what the repository has.
rm keys/metadata/timestamp.json keys/metadata/snapshot.json
update publish --keys keys --repo repo
[ "$(version repo/metadata/timestamp.json)" = $((before + 2)) ] || fail "another desk begins again"
refresh client || fail "another desk is not believed"

# What ends soon is told in time.
update sign --renew targets --for 29d --keys keys
update publish --keys keys --repo repo
grep -q 'note: targets ends at' said || fail "nobody was told that targets ends soon"
update sign --renew targets --for 31d --keys keys
update publish --keys keys --repo repo
grep -q 'note: ' said && fail "somebody was told too early"

# What has ended is not published, and the remedy is said.
update sign --renew targets --for 1s --keys keys
ended() { ! "$selvedge" update publish --keys keys --repo other; }
within 20 ended || fail "what has ended is published"
"$selvedge" update publish --keys keys --repo repo >said 2>&1 && fail "what has ended is published"
grep -q 'Renew it with: selvedge update sign --renew targets' said || fail "the remedy is not said"
refresh client || fail "clients do not go on with what there was"
echo "killed at $((moments - 1)) moments; clients went on each time"

#!/usr/bin/env bash
# The audit log cannot be edited: whatever is changed, taken out, put in, moved or cut off in the database or in an export is found
# and named; a cut tail by the checkpoints that are kept elsewhere. [audit-9] [audit-10] [audit-12] [audit-13] [audit-15] [audit-16] [audit-17]
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
fleet_choose
make_pki
fleet_open
signer_open
ca=$work/pki/ca.crt
place=(--url "http://127.0.0.1:$operator_port" --token-file "$work/admin.token")
at=http://127.0.0.1:$operator_port/api/v1

# audit CODE verb options...: its words are in $work/said
audit() {
  local wanted=$1 code=0
  shift
  "$selvedge" audit "$@" >"$work/said" 2>"$work/errors" || code=$?
  [ "$code" = "$wanted" ] || fail "exit code $code, not $wanted: audit $*: $(cat "$work/said" "$work/errors")"
}
# finds FINDING LINE [options]: what verify says of them
finds() {
  local finding=$1 line=$2 code=1
  shift 2
  [ "$finding" != intact ] || code=0
  audit "$code" verify --ca "$ca" --output json "$@"
  jq -e --arg finding "$finding" --argjson line "$line" '.finding == $finding and ($line == 0 or .line == $line)' "$work/said" >/dev/null \
    || fail "not $finding at line $line ($*): $(cat "$work/said")"
}
add() { curl -fs -m 10 -H "Authorization: Bearer $(cat "$work/admin.token")" -d "{\"devices\":[{\"id\":\"$1\",\"site\":\"north\"}]}" "$at/enrolments" >/dev/null || fail "$1 cannot be added"; }

# It begins, is signed at once, and can be verified while the server runs.
within 10 test -s "$work/fleet.db.checkpoints" || fail "no checkpoint stands beside the database"
finds intact 0 --db "$work/fleet.db"
for n in 1 2 3 4 5 6; do add "press-$n"; done
finds intact 0 --db "$work/fleet.db"
audit 0 verify --ca "$ca" --db "$work/fleet.db"
grep -q '^intact: lines 1 to [0-9]*; signed up to line [0-9]* at 20.*, [0-9]* wait for the next checkpoint$' "$work/said" || fail "$(cat "$work/said")"
[ "$(sqlite3 -readonly "$work/fleet.db" "SELECT who || ' ' || what FROM event_log WHERE seq = 1")" = 'fleet audit.genesis' ] || fail "no beginning"

# A crash leaves no server.stop; an end does, and is signed.
die "$fleet"
start_fleet
add press-7
kill "$fleet"
wait "$fleet" || true
[ "$(sqlite3 "$work/fleet.db" "SELECT count(*) FROM event_log WHERE what = 'server.start'")" = 3 ] || fail "starts"
[ "$(sqlite3 "$work/fleet.db" "SELECT count(*) FROM event_log WHERE what = 'server.stop'")" = 2 ] || fail "stops"
finds intact 0 --db "$work/fleet.db"
jq -e '.signed_to == .last' "$work/said" >/dev/null || fail "the last lines are not signed: $(cat "$work/said")"
last=$(jq .last "$work/said")

# hurt SQL: a copy of the database, with its file of checkpoints, and that done to it
hurt() {
  cp "$work/fleet.db" "$work/hurt.db"
  cp "$work/fleet.db.checkpoints" "$work/hurt.db.checkpoints"
  sqlite3 "$work/hurt.db" "$1"
}
for column in at_us who '"from"' what about outcome detail '"before"' '"after"' prev hash; do
  hurt "UPDATE event_log SET $column = CASE typeof($column) WHEN 'integer' THEN $column + 1 WHEN 'blob' THEN zeroblob(32) ELSE $column || 'x' END WHERE seq = 5"
  finds changed 5 --db "$work/hurt.db"
done
hurt 'DELETE FROM event_log WHERE seq = 5'
finds removed 5 --db "$work/hurt.db"
audit 1 verify --ca "$ca" --db "$work/hurt.db"
grep -q '^removed, line 5: line 5 is missing, and no signed record says that it was pruned$' "$work/said" || fail "$(cat "$work/said")"
hurt 'DELETE FROM event_log WHERE seq < 4'
finds removed 1 --db "$work/hurt.db"
hurt 'UPDATE event_log SET seq = -1 WHERE seq = 5; UPDATE event_log SET seq = 5 WHERE seq = 6; UPDATE event_log SET seq = 6 WHERE seq = -1'
finds changed 5 --db "$work/hurt.db"
# What says that lines were pruned has to be signed.
hurt "INSERT INTO event_pruned SELECT 4, 5, (SELECT prev FROM event_log WHERE seq = 4), hash, at_us, 'selvedge.local', x'3006020101020101' FROM event_log WHERE seq = 5; DELETE FROM event_log WHERE seq IN (4, 5)"
finds untrusted 4 --db "$work/hurt.db"
hurt "UPDATE event_checkpoint SET signature = x'3006020101020101' WHERE seq = $last"
finds untrusted "$last" --db "$work/hurt.db"

# A tail that was cut off: the checkpoints in the database tell, then how many numbers it gave, the file beside it, and the signer's own.
tail=$((last - 2))
hurt "DELETE FROM event_log WHERE seq > $tail"
finds truncated $((tail + 1)) --db "$work/hurt.db"
hurt "DELETE FROM event_log WHERE seq > $tail; DELETE FROM event_checkpoint WHERE seq > $tail"
finds truncated $((tail + 1)) --db "$work/hurt.db"
rm "$work/hurt.db.checkpoints"
finds truncated $((tail + 1)) --db "$work/hurt.db"
sqlite3 "$work/hurt.db" "UPDATE sqlite_sequence SET seq = $tail WHERE name = 'event_log'"
finds truncated $((tail + 1)) --db "$work/hurt.db" --checkpoints "$work/pki/signer/audit-checkpoint"
# So does the server's own log, as the guide takes them out of it; a file without any is no proof that all is well.
sed -n 's/.*event=audit.checkpoint msg="\(.*\)"$/\1/p' "$work/fleet.log" | sed 's/\\"/"/g' >"$work/journal.ndjson"
finds truncated $((tail + 1)) --db "$work/hurt.db" --checkpoints "$work/journal.ndjson"
audit 2 verify --ca "$ca" --db "$work/hurt.db" --checkpoints "$work/fleet.yaml"
grep -q 'holds no checkpoint' "$work/errors" || fail "no checkpoints: $(cat "$work/errors")"
# With all of them gone nothing is left that tells: so it is written in the guide.
finds intact 0 --db "$work/hurt.db"

# An export can be verified anywhere; so can its parts be changed.
start_fleet
audit 0 export "${place[@]}"
cp "$work/said" "$work/export.ndjson"
finds intact 0 --file "$work/export.ndjson"
finds intact 0 --file - <"$work/export.ndjson"
jq -e -s '.[0].selvedge == "audit export 1" and .[-1].more == false and (map(select(.what == "audit.export")) | length == 1 and .[0].who == "admin" and .[0].from == "127.0.0.1")' \
  "$work/export.ndjson" >/dev/null || fail "the export: $(tail -n 2 "$work/export.ndjson")"
sed 's/press-3/press-4/' "$work/export.ndjson" >"$work/hurt.ndjson"
finds changed "$(jq 'select(.about == "press-3") | .seq' "$work/export.ndjson")" --file "$work/hurt.ndjson"
jq -c 'select(.seq != 5)' "$work/export.ndjson" >"$work/hurt.ndjson"
finds removed 5 --file "$work/hurt.ndjson"
sed '/"seq":5,/{h;d};/"seq":6,/G' "$work/export.ndjson" >"$work/hurt.ndjson"
finds reordered 5 --file "$work/hurt.ndjson"
sed '/"seq":5,/p' "$work/export.ndjson" >"$work/hurt.ndjson"
finds inserted 5 --file "$work/hurt.ndjson"
head -n 6 "$work/export.ndjson" >"$work/hurt.ndjson"
finds truncated "$(jq -s 'map(.seq // 0) | max + 1' "$work/hurt.ndjson")" --file "$work/hurt.ndjson"
# The same log signed by somebody else.
"$selvedge" pki init --dir "$work/other" --org Other
ca=$work/other/ca.crt finds untrusted 0 --file "$work/export.ndjson"

# A filter is for people; what it leaves out nobody can judge. Usage and files as everywhere.
audit 0 list "${place[@]}" --text PRESS-3 --who admin --outcome "done" --since 2026-01-01 --output json
jq -e 'length == 1 and .[0].what == "enrolment.add" and .[0].about == "press-3"' "$work/said" >/dev/null || fail "filtered: $(cat "$work/said")"
audit 0 list "${place[@]}" --until 2026-01-01 --output json
[ "$(cat "$work/said")" = '[]' ] || fail "before the beginning: $(cat "$work/said")"
audit 0 export "${place[@]}" --about press-3
cp "$work/said" "$work/filtered.ndjson"
audit 2 verify --ca "$ca" --file "$work/filtered.ndjson"
grep -q 'only lines with about=press-3' "$work/errors" || fail "$(cat "$work/errors")"
audit 2 verify --ca "$ca"
audit 2 verify --ca "$ca" --db "$work/none.db"
audit 2 verify --ca "$work/none.crt" --db "$work/fleet.db"
audit 2 verify --ca "$ca" --file "$work/fleet.yaml"
audit 2 list "${place[@]}" --since yesterday

#!/usr/bin/env bash
# A full disk drops nothing of the audit log silently: a deed whose line has no room does not happen, what has happened all the same is
# counted, a critical alert says so while it lasts, and one line does afterwards. [audit-14]
set -euo pipefail
if [ "${1:-}" != inside ]; then
  exec unshare --map-root-user --mount "$0" inside
fi
. "$SV_SOURCE/tests/support/site.sh"
mkdir "$work/disk"
mount -t tmpfs -o size=12m tmpfs "$work/disk"
trap 'umount -l "$work/disk"; close_all' EXIT
fleet_choose
make_pki
fleet_open
sed -i "s|path: $work/fleet.db|path: $work/disk/fleet.db|" "$work/fleet.yaml"
signer_open # which starts the fleet server anew
at=http://127.0.0.1:$operator_port

api() { curl -s -m 10 -H "Authorization: Bearer $(cat "$work/admin.token")" "$@"; }
add() { api -o "$work/said" -w '%{http_code}' -d "{\"devices\":[{\"id\":\"$1\",\"site\":\"north\"}]}" "$at/api/v1/enrolments"; }
alert() { api "$at/api/v1/alerts?state=$1&device=fleet" | jq -e '.items | length == 1 and .[0].type == "HEALTH" and .[0].severity == "critical"'; }
fill() { dd if=/dev/zero of="$work/disk/filler$1" bs=4096 2>/dev/null || true; }
unwritten() { api "$at/metrics" | sed -n 's/^selvedge_fleet_audit_unwritten_total //p'; }

[ "$(add press-1)" = 201 ] || fail "before: $(cat "$work/said")"
within 10 test -f "$work/disk/fleet.db.reserve" || fail "there is no reserve"
! alert open >/dev/null || fail "an alert without a reason"
fill 1
within 10 alert open || fail "no alert: $(api "$at/api/v1/alerts")"
[ ! -e "$work/disk/fleet.db.reserve" ] || fail "the reserve is still kept"
fill 2
# Until the last free page of the log in front of the database is gone too.
for n in $(seq 200); do
  [ "$(add "more-$n")" = 201 ] || break
done
[ "$(add press-2)" = 503 ] || fail "a deed was done that cannot be written: $(cat "$work/said")"
grep -q 'is full: free some space' "$work/said" || fail "not said why: $(cat "$work/said")"
kill -HUP "$fleet"
within 10 bash -c "[ \$(curl -s -H 'Authorization: Bearer $(cat "$work/admin.token")' $at/metrics | sed -n 's/^selvedge_fleet_audit_unwritten_total //p') -gt 0 ]" \
  || fail "what could not be written is not counted: $(unwritten)"
kill -0 "$fleet" || fail "the fleet server has ended"

rm "$work/disk"/filler*
made_up() { [ "$(sqlite3 -readonly "$work/disk/fleet.db" "SELECT count(*) FROM event_log WHERE what = 'audit.unwritten' AND outcome = 'failed' AND detail LIKE '% could not be written, the first: config.reload%'")" = 1 ]; }
within 20 made_up || fail "no line tells of them: $(sqlite3 -readonly "$work/disk/fleet.db" 'SELECT what, detail FROM event_log ORDER BY seq DESC LIMIT 5')"
within 20 alert cleared || fail "the alert is not cleared: $(api "$at/api/v1/alerts?state=all")"
within 10 test -f "$work/disk/fleet.db.reserve" || fail "the reserve is not kept again"
[ "$(add press-2)" = 201 ] || fail "after: $(cat "$work/said")"
[ "$(sqlite3 -readonly "$work/disk/fleet.db" "SELECT count(*) FROM event_log WHERE about = 'press-2'")" = 1 ] || fail "press-2 has not one line"
"$selvedge" audit verify --db "$work/disk/fleet.db" --ca "$work/pki/ca.crt" >"$work/said" || fail "the log is not whole"

#!/usr/bin/env bash
# The dashboard and the gateway's own page in a real browser against a real pilot: web/test/*.mjs say what is looked at. The screens
# are kept in $SHOTS.
set -euo pipefail
. "$SV_SOURCE/tests/support/browser.sh"
work=$(mktemp -d)
pilot=""
taker=""
cleanup() { [ -z "$taker" ] || kill -TERM "$taker" 2>/dev/null || true; [ -z "$pilot" ] || kill -TERM "$pilot" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"; }
trap cleanup EXIT

node "$web/test/csv.mjs"
node "$web/test/words.mjs"
node "$web/test/pace.mjs"
pilot_open
fleet=$(jq '.programs[] | select(.name == "fleet server") | .pid' "$work/pilot/pilot.json")
page=$(sed -n 's/^http: {port: \([0-9]*\)}$/\1/p' "$work"/pilot/site-1/gateway.yaml)
export TMPDIR=$work
# Somebody is told: one channel that works, one whose address leads to this machine and is refused.
keep=$work/pilot/fleet # where a running server reads files that are named anew
port=$(python3 "$SV_SOURCE/tests/support/ports.py")
"$SV_BIN/selvedge" pki issue --dir "$work/pilot/pki" --out "$work/keys" --id taker --role server --dns localhost --ip 127.0.0.1
(umask 077; echo "only for tests" >"$keep/hook.secret"; echo "https://localhost:$port/services/s3cr3t" >"$keep/chat.url")
echo 200 >"$work/control"
python3 "$SV_SOURCE/tests/support/hook_taker.py" "$work/keys/taker.crt" "$work/keys/taker.key" "$port" "$keep/hook.secret" "$work/control" "$work/hooks" &
taker=$!
cat >>"$work/pilot/fleet/fleet.yaml" <<YAML
notify:
  zone: Asia/Kolkata
  gather: 1s
  match: all
  channels:
    hook: {webhook: "https://localhost:$port/hook", secret_file: $keep/hook.secret, allow_private: true, ca: $work/pilot/pki/ca.crt}
    chat: {slack: $keep/chat.url, ca: $work/pilot/pki/ca.crt}
  routes:
  - {name: all, to: hook}
  - {name: night, site: nowhere*, type: 'lathe*', severity: critical, days: [sat, sun], hours: "22:00-06:00", to: hook, escalate: {after: 15m, to: chat}}
YAML
kill -HUP "$fleet"
SV_FLEET_PID=$fleet SV_URL=${login%%/#*} SV_LOGIN=$login node "$web/test/dashboard.mjs"
SV_PAGE=http://127.0.0.1:$page node "$web/test/gateway-page.mjs"

#!/usr/bin/env bash
# Each program as the user that sysusers.d makes, in the folders that tmpfiles.d makes, without a capability: a device
# enrols through the signer, which the fleet server's user alone may ask and whose key it cannot read (attack row 53).
# [signer-9] [sandbox-8] [sandbox-11]
set -euo pipefail
if [ "$(id -u)" != 0 ] || ! command -v systemd-tmpfiles >/dev/null; then
  echo "own_users: nothing was tested; it takes root and systemd-sysusers, systemd-tmpfiles (Debian: systemd)"
  exit 77
fi
. "$SV_SOURCE/tests/support/site.sh"
root=$work/root
var=$root/var/lib/selvedge
etc=$root/etc/selvedge
socket=$root/run/selvedge/signer/socket
signer_log=$work/signer.log

# The files of the packaging, for a machine that is this folder.
chmod 711 "$work"
mkdir -p "$root/etc" "$root/usr/lib/sysusers.d" "$root/usr/lib/tmpfiles.d"
cp "$SV_SOURCE/packaging/sysusers.d/selvedge.conf" "$root/usr/lib/sysusers.d/"
cp "$SV_SOURCE/packaging/tmpfiles.d/selvedge.conf" "$root/usr/lib/tmpfiles.d/"
systemd-sysusers --root="$root" >"$work/said" 2>&1 || fail "no users"
systemd-tmpfiles --root="$root" --create >"$work/said" 2>&1 || fail "no folders"
number() { awk -F: -v name="selvedge-$1" '$1 == name { print $3 }' "$root/etc/${2:-passwd}"; }
[ "$(for who in fleet gateway agent signer; do number $who; done | sort -u | wc -l)" = 4 ] || fail "not four users: $(cat "$root/etc/passwd")"

# be USER[:GROUP]: $be starts a command with what its unit gives it
be() { be=(setpriv --reuid="$(number "${1%:*}")" --regid="$(number "${1#*:}" group)" --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs); }
as_user() { # as_user USER[:GROUP] command...
  be "$1"
  "${be[@]}" "${@:2}"
}
run_as() { # run_as USER LOG command...
  be "$1"
  run "$2" "${be[@]}" "${@:3}"
}
config() { # config PROGRAM: from stdin, as docs/guide/install.md puts it there
  cat >"$etc/$1.yaml"
  chown "root:$(number "$1" group)" "$etc/$1.yaml"
  chmod 640 "$etc/$1.yaml"
}
start_signer() {
  : >"$signer_log"
  run_as signer "$signer_log" "$SV_BIN/selvedge-signer" --config "$etc/signer.yaml"
  signer=$ran
  within 20 grep -q "event=signer.ready" "$signer_log" || fail "the signer does not become ready"
}

# A server, as the guide sets it up.
fleet_choose
"$selvedge" pki init --dir "$var/signer/pki" --org Scenario
"$selvedge" pki issue --dir "$var/signer/pki" --id fleet-server --role server --ip 127.0.0.1 --out "$var/fleet"
cp "$var/fleet/ca.crt" "$etc/ca.crt"
pin=sha256:$(openssl x509 -in "$var/signer/pki/root/root.crt" -outform DER | sha256sum | cut -d' ' -f1)
mv "$var/signer/pki/root" "$work/offline"
chown -R "$(number signer):$(number signer group)" "$var/signer"
chown -R "$(number fleet):$(number fleet group)" "$var/fleet"
# The numbers are those of that machine, whose names this one does not know.
config signer <<YAML
pki: $var/signer/pki
socket: $socket
allow_uid: $(number fleet)
socket_group: $(number fleet group)
YAML
config fleet <<YAML
id: fleet-server
store: {path: $var/fleet/fleet.db}
operator: {port: $operator_port}
device:
  port: $fleet_port
  tls: {ca: $var/fleet/ca.crt, cert: $var/fleet/fleet-server.crt, key: $var/fleet/fleet-server.key}
gateways: {gw: {site: north, mqtt: '127.0.0.1:8883'}}
signer: {socket: $socket}
admin_token_file: $var/fleet/admin.token
YAML

# Without the group the socket cannot be given to another user: that takes a right, and is said.
grep -v socket_group "$etc/signer.yaml" >"$etc/alone.yaml"
code=0
as_user signer "$SV_BIN/selvedge-signer" --config "$etc/alone.yaml" 2>"$work/said" || code=$?
[ $code = 5 ] || fail "a socket that cannot be given away: $code"
grep -q "name a group of that user as socket_group" "$work/said" || fail "no remedy"
# A folder that has another group is said as well.
sed "s#^socket: .*#socket: $var/signer/socket#" "$etc/signer.yaml" >"$etc/alone.yaml"
code=0
as_user signer "$SV_BIN/selvedge-signer" --config "$etc/alone.yaml" 2>"$work/said" || code=$?
[ $code = 5 ] || fail "a socket whose group is not the folder's: $code"
grep -q "chmod g+s" "$work/said" || fail "no remedy"

start_signer
[ "$(stat -c '%a %u %g' "$socket")" = "660 $(number signer) $(number fleet group)" ] || fail "the socket: $(stat -c '%a %u %g' "$socket")"
run_as fleet "$work/fleet.log" "$SV_BIN/selvedge-fleet" --config "$etc/fleet.yaml"
fleet=$ran
within 20 curl -fs "127.0.0.1:$operator_port/readyz" || fail "the fleet server does not become ready"
for pid in "$signer" "$fleet"; do
  if grep -E '^Cap(Prm|Eff|Bnd|Amb):' "/proc/$pid/status" | grep -vE '\s0+$' >"$work/said"; then fail "$(cat "/proc/$pid/comm") has a capability"; fi
done

# Who may ask: that user. Not its group by itself, and nobody else gets as far as the socket.
if as_user agent "$SV_SOURCE/tests/support/signer_ask.py" "$socket" issue press-9 "$work/no.der" >"$work/said" 2>&1; then fail "the agent's user may ask"; fi
grep -q "Permission denied" "$work/said" || fail "the agent's user reaches the socket"
as_user agent:fleet "$SV_SOURCE/tests/support/signer_ask.py" "$socket" cut || fail "another user of the group is answered"
within 20 grep -q "event=signer.stranger" "$signer_log" || fail "no stranger was told of"

# Whom the fleet server's user is taken over by reads no key, lists no folder, takes no socket away.
for forbidden in "cat $var/signer/pki/ca.key" "ls $var/signer" "cat $etc/signer.yaml" "rm $socket" "touch ${socket%/*}/other"; do
  # shellcheck disable=SC2086  # words on purpose
  if as_user fleet $forbidden >/dev/null 2>&1; then fail "the fleet server's user may: $forbidden"; fi
done
# And the signer's user nothing of the fleet server's.
if as_user signer cat "$var/fleet/fleet-server.key" >/dev/null 2>&1; then fail "the signer's user reads the server's key"; fi

# A device enrols, as a third user; the same works once the signer was killed and is back.
enrol() {
  local line token
  line=$("$selvedge" device add "$1" --site north --url "http://127.0.0.1:$operator_port" --token-file "$var/fleet/admin.token" 2>"$work/said") || fail "$1 is not added"
  [[ $line == *" --pin $pin"* ]] || fail "the line names another root: $line"
  token=$(cut -d' ' -f2 <<<"$line")
  as_user agent "$SV_BIN/selvedge-agent" enrol "$1" --at "127.0.0.1:$fleet_port" --pin "$pin" --out "$var/agent/$1" <<<"$token" >"$work/said" 2>&1 || fail "$1 does not enrol"
  "$selvedge" pki verify --ca "$etc/ca.crt" "$var/agent/$1/$1.crt" >"$work/said" || fail "$1 has no good certificate"
}
enrol press-17
die "$signer"
within 20 grep -q "event=signer.away" "$work/fleet.log" || fail "a signer that is gone is not missed"
: >"$work/fleet.log"
start_signer
within 20 grep -q "event=signer.up" "$work/fleet.log" || fail "the signer is not found again"
enrol press-18
[ "$("$selvedge" pki list --dir "$var/signer/pki" --output json | jq '[.[] | select(.id | startswith("press-"))] | length')" = 2 ] || fail "the journal lost something"

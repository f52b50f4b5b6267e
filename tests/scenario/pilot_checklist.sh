#!/usr/bin/env bash
# A live site is broken in one place after the other, and `selvedge checklist` sees each time what is broken, and nothing else. What it says is what docs/spec/checklist.md says.
# [checklist-4] [checklist-6] [checklist-7] [checklist-13]
set -euo pipefail
. "$SV_SOURCE/tests/support/checklist.sh"

# A pilot is whole as it was made, whichever ports it found: its agent renews at the door of its gateway.
"${as[@]}" "$SV_BIN/selvedge" doctor --pilot "$site" >"$work/doctor" || fail "doctor of a pilot: $(grep -A1 ' NO ' "$work/doctor")"
door=$(sed -nE 's/^door: .*port: ([0-9]+)}$/\1/p' "$site/site-1/gateway.yaml")
grep -qF "the door where it renews its certificate, 127.0.0.1:$door" "$work/doctor" || fail "the agent renews elsewhere than at port $door"

# What a pilot does for the sake of being tried is seen, and can be mended.
look "$site" before
grep -qx 'root-key-away does not hold' "$work/before" || fail "a passphrase beside its key is not seen"
grep -qx 'classic-refused does not hold' "$work/before" || fail "classic certificates are not seen"
mv "$site/pki/root/passphrase" "$work/passphrase"
sed -i.was '/classic_certificates/d' "$site/site-1/gateway.yaml"
look "$site" before
grep -qx 'root-key-away holds' "$work/before" || fail "a root's key without its passphrase does not hold"
grep -qx 'classic-refused holds' "$work/before" || fail "a gateway that refuses classic certificates does not hold"
for id in keys-kept secrets-kept keys-unique keys-strong certificates-end certificates-vouched programs-unprivileged programs-sandboxed no-core-dumps; do
  grep -qx "$id holds" "$work/before" || fail "of a pilot $id does not hold: $(jq -c ".statements[] | select(.id == \"$id\")" "$work/before.json")"
done
grep -qx 'own-users not applicable' "$work/before" || fail "a pilot has one user"

mv "$work/passphrase" "$site/pki/root/passphrase"
saw root-key-away 'passphrase beside it'
mv "$site/pki/root/passphrase" "$work/passphrase"
mv "$site/site-1/gateway.yaml.was" "$site/site-1/gateway.yaml"
saw classic-refused 'classic_certificates: allow'
sed -i '/classic_certificates/d' "$site/site-1/gateway.yaml"
chmod 600 "$site/site-1/gateway.yaml"

chmod 644 "$site/keys/gateway-1/gateway-1.key"
saw keys-kept 'gateway-1.key has mode 0644'
chmod 600 "$site/keys/gateway-1/gateway-1.key"
chmod 640 "$site/fleet/admin.token"
saw secrets-kept 'admin.token has mode 0640'
chmod 600 "$site/fleet/admin.token"
chmod 666 "$site/fleet/fleet.yaml"
saw secrets-kept 'fleet.yaml has mode 0666: others than its owner may change it'
chmod 600 "$site/fleet/fleet.yaml"

# A key that was copied to a second device, and one that is too short.
openssl req -new -key "$site/keys/this-machine/this-machine.key" -subj /CN=twin -out "$work/twin.csr"
"${as[@]}" "$SV_BIN/selvedge" pki sign --dir "$site/pki" --csr "$work/twin.csr" --out "$work/twin.crt"
saw keys-unique 'this-machine and twin|twin and this-machine'
serial=$(openssl x509 -in "$work/twin.crt" -noout -serial | cut -d= -f2)
rm "$site/pki/issued/$serial.crt"
openssl req -x509 -newkey rsa:1024 -nodes -keyout /dev/null -subj /CN=weak -out "$site/pki/issued/weak.crt" 2>/dev/null
saw keys-strong 'RSA 1024, which is 80 bits'
rm "$site/pki/issued/weak.crt"

# What the agent shows: one that lasts too long, then one of somebody else.
cp "$site/keys/this-machine/this-machine.crt" "$work/was.crt"
"${as[@]}" "$SV_BIN/selvedge" pki issue --dir "$site/pki" --id this-machine --days 800 --out "$work/long"
cp "$work/long/this-machine.crt" "$site/keys/this-machine/this-machine.crt"
saw certificates-end 'agent: its certificate lasts 800 days'
"${as[@]}" "$SV_BIN/selvedge" pki init --dir "$work/other"
"${as[@]}" "$SV_BIN/selvedge" pki issue --dir "$work/other" --id this-machine --out "$work/strange"
cp "$work/strange/this-machine.crt" "$site/keys/this-machine/this-machine.crt"
saw certificates-vouched 'agent: .*this-machine'
cp "$work/was.crt" "$site/keys/this-machine/this-machine.crt"

# A program beside the pilot's: with core dumps, replaced while it runs, as root, built carelessly.
mkdir "$work/bin" "$work/d"
chmod 755 "$work" "$work/bin"
# beside NAME COMMAND...: runs it as one of the programs, described in $work/d
beside() {
  local name=$1
  shift
  "$@" &
  extra=$!
  for _ in $(seq 100); do [[ "$(readlink "/proc/$extra/exe")" = "$work"/bin/selvedge-* ]] && break; sleep 0.05; done
  jq --arg name "$name" --argjson pid "$extra" '.programs += [{name: $name, pid: $pid}]' "$site/pilot.json" >"$work/d/pilot.json"
}
away() { kill "$extra"; wait "$extra" 2>/dev/null || true; extra=""; }
careless() { echo 'int main(void) { for (;;) __builtin_ia32_pause(); }' | sed 's/__builtin_ia32_pause()/pause()/; 1i int pause(void);' | gcc "$@" -x c -o "$work/bin/selvedge-agent" -; }

careless -O1 -fPIE -pie -Wl,-z,now
beside dumper "${as[@]}" bash -c "ulimit -c unlimited 2>/dev/null || ulimit -c 1000; exec $work/bin/selvedge-agent"
look "$work/d" before
if [ "$(awk '/Max core/ { print $5 }' "/proc/$extra/limits")" != 0 ]; then
  grep -qx 'no-core-dumps does not hold' "$work/before" || fail "core dumps are not seen"
fi
grep -qx 'programs-sandboxed does not hold' "$work/before" || fail "a program without a filter is not seen"
jq -e '.statements[] | select(.id == "programs-sandboxed") | .seen | any(test("^dumper: Seccomp 0"))' "$work/before.json" >/dev/null || fail "it is not said which has no filter"
grep -qx 'programs-as-installed holds' "$work/before" || fail "a file that was not touched is called replaced"
cp "$work/bin/selvedge-agent" "$work/bin/newer"
mv "$work/bin/newer" "$work/bin/selvedge-agent"
saw programs-as-installed 'dumper runs what .* was before it was replaced' "$work/d"
away
careless -O1 -no-pie -Wl,-z,norelro -Wl,-z,execstack -Wl,-z,lazy
beside soft "${as[@]}" "$work/bin/selvedge-agent"
look "$work/d" now
for fault in 'no PIE' 'no RELRO' 'no BIND_NOW' 'stack may be executed' 'no stack protector'; do
  jq -e --arg fault "$fault" '.statements[] | select(.id == "programs-hardened") | .verdict == "does not hold" and (.seen | any(contains("/bin/selvedge-agent: ") and contains($fault)))' "$work/now.json" >/dev/null \
    || fail "not seen: $fault: $(jq -c '.statements[] | select(.id == "programs-hardened")' "$work/now.json")"
done
away
if [ "$(id -u)" = 0 ]; then
  beside rooted "$work/bin/selvedge-agent"
  look "$work/d" now
  jq -e '.statements[] | select(.id == "programs-unprivileged") | .verdict == "does not hold" and .seen[0] == "rooted runs as root"' "$work/now.json" >/dev/null || fail "root is not seen"
  away
fi

# Doors with one fault each, beside a good one of their kind: Python, under the name of our programs.
for name in gateway fleet; do cp "$(readlink -f /usr/bin/python3)" "$work/bin/selvedge-$name"; done
door_port=$(python3 "$SV_SOURCE/tests/support/ports.py")
# door PROGRAM MODE [CERT KEY]: opens one
door() {
  beside "$2" "${as[@]}" env PYTHONHOME=/usr "$work/bin/selvedge-$1" "$SV_SOURCE/tests/support/bad_door.py" "$2" "$door_port" "${3:-$site/keys/gateway-1/gateway-1.crt}" "${4:-$site/keys/gateway-1/gateway-1.key}" "$site/pki/ca.crt" --config "$work/door.yaml"
  for _ in $(seq 100); do (: </dev/tcp/127.0.0.1/"$door_port") 2>/dev/null && return; sleep 0.05; done
  fail "no door $2"
}
printf 'listen: {port: %s}\ntls: {ca: %s}\n' "$door_port" "$site/pki/ca.crt" >"$work/door.yaml"
door gateway good
look "$work/d" before
for id in doors-documented doors-encrypted tls-modern doors-vouched strangers-refused api-closed browser-confined; do
  grep -qx "$id holds" "$work/before" || fail "of good doors $id does not hold: $(jq -c ".statements[] | select(.id == \"$id\")" "$work/before.json")"
done
away
while read -r mode id seen; do
  door gateway "$mode"
  saw "$id" "$seen" "$work/d"
  away
done <<'TABLE'
old tls-modern takes TLS 1.1 or older
cbc tls-modern takes suites of the CBC kind
plain doors-encrypted answers to one who speaks no TLS
open strangers-refused lets in one with no certificate
extra doors-documented its configuration names no door there
TABLE
door gateway good "$work/strange/this-machine.crt" "$work/strange/this-machine.key"
saw doors-vouched 'does not vouch for it' "$work/d"
away
printf 'operator: {port: %s}\n' "$door_port" >"$work/door.yaml"
door fleet api-good
look "$work/d" before
away
door fleet told
saw api-closed 'answered 200 to GET /metrics without a login' "$work/d"
away
door fleet framed
saw browser-confined 'no Content-Security-Policy' "$work/d"
away

# The document has the same statements, in the same order, which answer the same.
diff <(jq -r '.statements[] | "\(.id) | \(.answers | join("; "))"' "$work/now.json") \
  <(sed -n '/^## The statements/,$p' "$SV_SOURCE/docs/spec/checklist.md" | sed -nE 's/^\| ([a-z-]+) \| .* \| ([^|]*) \|$/\1 | \2/p' | grep -v '^id ') || fail "docs/spec/checklist.md says something else"
"$SV_BIN/selvedge" checklist --pilot "$site" --output html >"$work/page.html" || true
grep -q '<h1>Checklist</h1>' "$work/page.html" || fail "no page"
code=0
"$SV_BIN/selvedge" checklist --output yaml 2>/dev/null || code=$?
[ $code = 2 ] || fail "exit code $code for a form that there is not"

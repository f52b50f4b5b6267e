#!/usr/bin/env bash
# What the checklist says of people, of the event log and of the release: default logins, second factors, a line that was changed, a library that nobody named, what is known against it, whom to tell; and the report that is
# published. [checklist-13] [checklist-25] [checklist-26] [checklist-27] [checklist-28] [checklist-31] [checklist-32]
set -euo pipefail
. "$SV_SOURCE/tests/support/checklist.sh"
db=$site/fleet/fleet.db
url=$(jq -r .fleet.operator_url "$site/pilot.json")
ask() { curl -s -m 10 -H "Authorization: Bearer $(cat "$site/fleet/admin.token")" "$@"; }
# sql TEXT: while the server runs; its writer may be at work
sql() { sqlite3 -cmd '.timeout 5000' "$db" "$1" || fail "$1"; }
printf '{"bomFormat":"CycloneDX","specVersion":"1.5","metadata":{"timestamp":"%s"},"vulnerabilities":[]}' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$work/vex.json"
more=(--vex "$work/vex.json")

# Nobody is named to be told of a weakness, until somebody is.
look "$site" before
grep -qx 'contact-known does not hold' "$work/before" || fail "that nobody is named is not seen"
echo 'security_contact: mailto:security@example.com' >>"$site/fleet/fleet.yaml"
kill "$(jq -r '.programs[] | select(.name == "fleet server") | .pid' "$site/pilot.json")"
for _ in $(seq 200); do curl -fs -m 5 "$url/.well-known/security.txt" >"$work/contact" && break; sleep 0.1; done
grep -qx 'Contact: mailto:security@example.com' "$work/contact" || fail "no contact: $(cat "$work/contact")"
expires=$(($(date -d "$(sed -n 's/^Expires: //p' "$work/contact")" +%s) - $(date +%s)))
{ [ $expires -ge $((29 * 86400)) ] && [ $expires -le $((30 * 86400)) ]; } || fail "the contact expires in $expires s"
# Gateway and devices come back to it.
for _ in $(seq 300); do ask "$url/api/v1/overview" | jq -e '.devices.online == 3 and all(.sites[].gateways[]; .online)' >/dev/null && break; sleep 0.1; done
look "$site" before
for id in contact-known no-default-credential second-factor audit-intact sbom-true no-known-vulnerability support-known; do
  grep -qx "$id holds" "$work/before" || fail "of a good site $id does not hold: $(jq -c ".statements[] | select(.id == \"$id\")" "$work/before.json")"
done

# shellcheck disable=SC2016 # the words are Python's
# admin with "changeme", who may look and nothing else; then an administrator with a password alone.
hash=$(python3 -c '
import base64, hashlib, os
salt = os.urandom(16)
made = hashlib.scrypt(b"changeme", salt=salt, n=2**15, r=8, p=1, maxmem=2**26, dklen=32)
print("$scrypt$ln=15,r=8,p=1$" + base64.b64encode(salt).decode().rstrip("=") + "$" + base64.b64encode(made).decode().rstrip("="))')
sql "INSERT OR REPLACE INTO user (name, role, password, password_us, created_us, created_by) VALUES ('admin', 0, '$hash', 1, 1, 'test')"
saw no-default-credential "lets in admin with 'changeme'"
sql "UPDATE user SET name = 'ann', role = 3"
saw second-factor 'ann is admin with a password alone'
sql "DELETE FROM user"
sql "DELETE FROM session"

# A line of the event log that was changed.
was=$(sql 'SELECT detail FROM event_log WHERE seq = 2')
sql "UPDATE event_log SET detail = 'nothing at all' WHERE seq = 2"
saw audit-intact 'line 2 was changed'
sql "UPDATE event_log SET detail = '$was' WHERE seq = 2"

# A bill of materials that leaves something out, or has another version, or is over.
sbom=$SV_BIN/../share/selvedge/sbom.cdx.json
jq 'del(.components[] | select(.name == "libssl3"))' "$sbom" >"$work/sbom.json"
more=(--vex "$work/vex.json" --sbom "$work/sbom.json")
saw sbom-true 'libssl.so.3, which the SBOM does not name'
jq '(.components[] | select(.name == "libssl3") | .version) = "1.1.1"' "$sbom" >"$work/sbom.json"
saw sbom-true 'libssl3 is .* here, and 1.1.1 in the SBOM'
jq '.metadata.component.properties[0].value = "2025-12-31"' "$sbom" >"$work/sbom.json"
saw support-known 'was looked after until 2025-12-31'
more=(--vex "$work/vex.json")
jq '.vulnerabilities = [{id: "CVE-2026-1", analysis: {state: "resolved"}}, {id: "CVE-2026-2", analysis: {state: "exploitable"}}]' "$work/vex.json" >"$work/bad.json"
more=(--vex "$work/bad.json")
saw no-known-vulnerability 'CVE-2026-2 is exploitable'
more=()
look "$site" now
grep -qx 'no-known-vulnerability unknown' "$work/now" || fail "what nobody looked up is known"

# The bill of materials: the same bytes each time, everything that readelf sees, and valid as far as its own words go.
mapfile -t programs < <(jq -r '.components[] | select(.type == "application") | .name' "$sbom" | sed "s|^|$SV_BIN/|")
"$SV_SOURCE/cmake/sbom.sh" "$SV_SOURCE" "$work/again.json" "$(jq -r .metadata.component.version "$sbom")" "$(jq -r .metadata.component.properties[0].value "$sbom")" "$(find /usr/lib -name libbearssl.a | head -1)" "${programs[@]}"
cmp "$work/again.json" "$sbom" || fail "made again it is another"
jq -e '.bomFormat == "CycloneDX" and .specVersion == "1.5" and ([.components[]."bom-ref"] | length == (unique | length)) and (([.dependencies[].dependsOn[]] - [.components[]."bom-ref"]) == [])' "$sbom" >/dev/null || fail "references lead nowhere"
jq -e '[.components[].name] | contains(["preact", "uplot", "libbearssl-dev"])' "$sbom" >/dev/null || fail "the dashboard's packages or the archives are missing"
for program in "${programs[@]}"; do
  readelf -dW "$program" | sed -nE 's/.*\(NEEDED\).*\[(.*)\]/\1/p' | while read -r soname; do
    jq -e --arg program "$(basename "$program")" --arg soname "$soname" '(.dependencies[] | select(.ref == $program) | .dependsOn) as $on | any(.components[]; (."bom-ref" | IN($on[])) and any(.properties[]?; .value == $soname))' "$sbom" >/dev/null \
      || fail "$program needs $soname, and its entry does not"
  done
done

# Published, and read by who may only look.
ask -o /dev/null -w '%{http_code}' "$url/api/v1/checklist" | grep -qx 404 || fail "a report that nobody published"
"$SV_BIN/selvedge" checklist --pilot "$site" --publish --output json >"$work/now.json" 2>"$work/err2" || [ $? = 1 ] || fail "it is not published"
ask "$url/api/v1/checklist" >"$work/shown.json"
jq -e --slurpfile mine "$work/now.json" '.by == "admin" and .report.at == $mine[0].at and .report.statements == $mine[0].statements and .report.verdicts == $mine[0].verdicts and .published_at >= .report.at' "$work/shown.json" >/dev/null \
  || fail "another report is shown: $(head -c 400 "$work/shown.json")"
[ "$(ask -o /dev/null -w '%{http_code}' -X PUT -d '{"at":1,"version":"1","statements":[{"id":"a","verdict":"perhaps"}]}' "$url/api/v1/checklist")" = 400 ] || fail "a broken report is taken"
ask "$url/api/v1/audit?what=checklist.publish" | jq -e '.items | length == 1' >/dev/null || fail "the log does not tell who published it"

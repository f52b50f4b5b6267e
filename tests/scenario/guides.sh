#!/usr/bin/env bash
# Every YAML example of the guides is valid as printed: what an example leaves out is put before it, nothing in it is changed but the folder of its secrets.
set -euo pipefail
bin=$SV_BIN
guides=$(dirname "$(readlink -f "$0")")/../../docs/guide
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# examples GUIDE: work/GUIDE-1.yaml, -2.yaml, ...
examples() {
  awk -v to="$work/$1" '/^```yaml$/ { n++; on = 1; next } /^```$/ { on = 0 } on { print > (to "-" n ".yaml") }' "$guides/$1.md"
}
# needs FILE LINE: the line before the file, unless it has that section itself
needs() {
  local key=${2%%:*}
  grep -q "^$key:" "$1" || printf '%s\n%s\n' "$2" "$(cat "$1")" >"$1"
}

mkdir "$work/secrets"
printf 'whsec_%s\n' "$(printf 'guides, thirty-two bytes of them' | base64)" >"$work/secrets/oncall.secret"
for name in shift.url office.url; do echo 'https://hooks.example/of/the/room' >"$work/secrets/$name"; done
echo 'a password' >"$work/secrets/mail.password"
chmod 600 "$work"/secrets/*

checked=0
for guide in rules gateway brokers; do
  examples $guide
  for file in "$work/$guide"-*.yaml; do
    if grep -qE '^door:|^broker:.* crl:' "$file"; then needs "$file" "fleet: {url: 'https://fleet.example:8444'}"; fi
    grep -q '^broker:' "$file" || needs "$file" 'listen: {port: 8883}'
    needs "$file" 'store: {path: /var/lib/selvedge/gateway.db}'
    needs "$file" 'tls: {ca: ca.crt, cert: gateway-1.crt, key: gateway-1.key}'
    needs "$file" 'site: pune'
    needs "$file" 'id: gateway-1'
    if grep -q '^mute:' "$file"; then needs "$file" "groups: {presses: ['press-*']}"; fi
    "$bin/selvedge" gateway check "$file" >"$work/out" 2>&1 || fail "$guide.md: $(cat "$work/out")"
    checked=$((checked + 1))
  done
done
examples notifications
for file in "$work"/notifications-*.yaml; do
  sed -i "s#/etc/selvedge/#$work/secrets/#" "$file"
  needs "$file" 'admin_token_file: admin.token'
  needs "$file" 'gateways: {gateway-1: pune}'
  needs "$file" 'device: {tls: {ca: ca.crt, cert: fleet.crt, key: fleet.key}}'
  needs "$file" 'store: {path: fleet.db}'
  needs "$file" 'id: fleet'
  "$bin/selvedge-fleet" --config "$file" --check-config >"$work/out" 2>&1 || fail "notifications.md: $(cat "$work/out")"
  checked=$((checked + 1))
done
examples identity
for file in "$work"/identity-*.yaml; do
  needs "$file" 'admin_token_file: admin.token'
  needs "$file" 'store: {path: fleet.db}'
  needs "$file" 'id: fleet'
  "$bin/selvedge-fleet" --config "$file" --check-config >"$work/out" 2>&1 || fail "identity.md: $(cat "$work/out")"
  checked=$((checked + 1))
done
examples agent
for file in "$work"/agent-*.yaml; do
  "$bin/selvedge-agent" --config "$file" --check-config >"$work/out" 2>&1 || fail "agent.md: $(cat "$work/out")"
  checked=$((checked + 1))
done
examples issuing
for file in "$work"/issuing-*.yaml; do
  sed -i 's/: selvedge-fleet\b/: root/' "$file" # a user that is here as well
  "$bin/selvedge-signer" --config "$file" --check-config >"$work/out" 2>&1 || fail "issuing.md: $(cat "$work/out")"
  checked=$((checked + 1))
done
examples rauc
examples swupdate
for file in "$work"/rauc-*.yaml "$work"/swupdate-*.yaml; do
  sed -i 's/: selvedge-agent\b/: root/' "$file" # a user that is here as well
  "$bin/selvedge-updater" --config "$file" --check-config >"$work/out" 2>&1 || fail "$file: $(cat "$work/out")"
  checked=$((checked + 1))
done
# [sandbox-10] Each says where it goes, and so whose it is; what it names lies in that program's own folders.
examples install
for file in "$work"/install-*.yaml; do
  program=$(sed -n '1s#^\# /etc/selvedge/\([a-z]*\)\.yaml$#\1#p' "$file")
  [ -n "$program" ] || fail "install.md: an example does not say where it goes: $(head -1 "$file")"
  sed -i 's/: selvedge-fleet\b/: root/' "$file"
  "$bin/selvedge-$program" --config "$file" --check-config >"$work/out" 2>&1 || fail "install.md: $(cat "$work/out")"
  if grep -oE '/(var/lib|run)/selvedge/[^ ,}]*' "$file" | grep -vE "^(/var/lib/selvedge/$program/|/run/selvedge/signer/socket$)" >"$work/out"; then fail "install.md: $program is not let to $(cat "$work/out")"; fi
  checked=$((checked + 1))
done
[ "$checked" -ge 17 ] || fail "only $checked examples were found"
echo "$checked examples are valid"

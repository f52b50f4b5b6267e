#!/usr/bin/env bash
# selvedge-verify as it is shipped: one file, no library, no loader, at most 1 MB. [boot-16]
set -euo pipefail
program=$1 bytes_max=1000000

wants=$(readelf -dW "$program" | grep NEEDED || true)
wants+=$(readelf -lW "$program" | grep INTERP || true)
[ -z "$wants" ] || { printf '%s wants more than itself:\n%s\n' "$program" "$wants" >&2; exit 1; }
"$program" --version | grep -q '^selvedge-verify [0-9]' || { echo "$program does not say its version" >&2; exit 1; }
stripped=$(mktemp)
trap 'rm -f "$stripped"' EXIT
strip -o "$stripped" "$program"
bytes=$(stat -c %s "$stripped")
[ "$bytes" -le $bytes_max ] || { echo "$program has $bytes bytes, more than $bytes_max" >&2; exit 1; }
echo "$bytes bytes, and nothing beside them"

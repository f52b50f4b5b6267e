#!/usr/bin/env bash
# [updater-46] What a device loads, as the release preset makes it: each of agent and updater is at most 300 kB, stripped, and
# has its unwind information where a debugger looks for it, which is not loaded.
set -euo pipefail
bytes_max=300000

stripped=$(mktemp)
trap 'rm -f "$stripped"' EXIT
broken=0
for name in selvedge-agent selvedge-updater; do
    program=$SV_BIN/$name
    strip -o "$stripped" "$program"
    bytes=$(stat -c %s "$stripped")
    echo "$name: $bytes bytes"
    [ "$bytes" -le $bytes_max ] || { echo "$name has $bytes bytes, more than $bytes_max: nm -S --size-sort says of what" >&2; broken=1; }
    readelf -SW "$program" | grep -F .debug_frame >/dev/null || { echo "$name: a debugger cannot walk its stack" >&2; broken=1; }
done
exit $broken

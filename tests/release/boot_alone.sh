#!/usr/bin/env bash
# What boot/ is when it stands alone: nothing undefined, nothing that is loaded, small. [boot-13]
set -euo pipefail
program=$1 bytes_max=49152

# The names that linkers make themselves are left to them.
undefined=$(nm -u "$program" | grep -vE '_(GLOBAL_OFFSET|PROCEDURE_LINKAGE)_TABLE_|__rela_iplt_' || true)
[ -z "$undefined" ] || { printf 'not defined:\n%s\n' "$undefined" >&2; exit 1; }
loaded=$(readelf -lW "$program" | grep -E 'INTERP|DYNAMIC' || true)
[ -z "$loaded" ] || { printf 'wants a loader:\n%s\n' "$loaded" >&2; exit 1; }
nm "$program" | grep -E ' [Tt] sv_boot_pick$' >/dev/null || { echo "sv_boot_pick is not in '$program'" >&2; exit 1; }
bytes=$(size "$program" | awk 'NR == 2 { print $1 + $2 }')
[ "$bytes" -le $bytes_max ] || { echo "$bytes bytes of code and constants, more than $bytes_max" >&2; exit 1; }
echo "$bytes bytes of code and constants, nothing undefined"

#!/usr/bin/env bash
# Three factories with 510 machines: alerts of each, and one that loses its link goes on alone and catches up.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$SV_BIN/selvedge" pilot --dir "$work/p" --check --sites 3 --devices 510 --output json >"$work/check.json" 2>"$work/err" || {
  cat "$work/err" "$work/check.json" >&2
  exit 1
}
jq -e '.ok and .devices == 510 and .sites == 3 and any(.checks[]; .name == "healed, it catches up" and .ok)' "$work/check.json" >/dev/null

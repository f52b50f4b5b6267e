#!/usr/bin/env bash
# The pictures of docs/guide/rules.md show what the rules do.
set -euo pipefail
python3 "$SV_SOURCE/tests/support/draw_rules.py" "$SV_BIN/selvedge" "$SV_SOURCE/docs/images/rules" --check

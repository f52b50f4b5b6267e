#!/usr/bin/env bash
# The optimised programs and the client library are what runs at a customer's: each is position independent, resolves and
# then locks its tables at start, has no executable stack, and carries the stack protector and the
# checked forms of libc's functions.
set -euo pipefail

broken=0
says() { # says <what> <program> <pattern> <readelf options>
    local what=$1 program=$2 pattern=$3
    shift 3
    if ! readelf -W "$@" "$program" | grep -E -e "$pattern" >/dev/null; then
        echo "${program##*/}: $what" >&2
        broken=1
    fi
}
never() { # never <what> <program> <pattern> <readelf options>
    local what=$1 program=$2 pattern=$3
    shift 3
    if readelf -W "$@" "$program" | grep -E -e "$pattern" >&2; then
        echo "${program##*/}: $what" >&2
        broken=1
    fi
}

programs=0
for program in "$SV_BIN"/selvedge* "$SV_BIN"/../lib/libselvedge-client.so; do
    programs=$((programs + 1))
    if [[ $program != *.so ]]; then # a library is position independent or has text relocations
        says 'not position independent' "$program" '\(FLAGS_1\).*PIE' -d
    fi
    says 'tables are not resolved at start (-z now)' "$program" '\(FLAGS_1\).*NOW' -d
    says 'tables stay writable (-z relro)' "$program" 'GNU_RELRO' -l
    says 'the stack may be executed' "$program" 'GNU_STACK .* RW +0x' -l
    never 'a segment is writable and executable' "$program" 'LOAD .* RWE ' -l
    never 'has text relocations' "$program" 'TEXTREL' -d
    never 'looks for libraries beside itself' "$program" 'RPATH|RUNPATH' -d
    symbols=--dyn-syms
    readelf -lW "$program" | grep -E 'INTERP|\.so' >/dev/null || [[ $program == *.so ]] || symbols=--syms # static: what is inside
    says 'no stack protector' "$program" '__stack_chk_fail' $symbols
    says 'no checked libc functions (_FORTIFY_SOURCE)' "$program" '__[a-z]*(print|cpy|cat|read|move|set)[a-z]*_chk' $symbols
done
[ "$programs" -gt 0 ] || { echo "no program in '$SV_BIN'" >&2; exit 1; }
[ $broken = 0 ] || exit 1
echo "$programs programs and libraries are hardened"

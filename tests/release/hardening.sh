#!/usr/bin/env bash
# The programs and the client library as this build made them: each is position independent, resolves and then locks its
# tables at start, has no executable stack, takes a shadow stack where the processor has one, and carries the stack protector
# and the checked forms of libc's functions (which sanitizers replace by their own: SV_FORTIFIED=no). What no header of a
# program shows is read from the compiler's command lines: pages of the stack are touched in order, indirect jumps land on
# marks (CET), local variables begin with a known value. [sandbox-9]
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
    [[ $(uname -m) != x86_64 ]] || says 'takes no shadow stack' "$program" 'x86 feature:.*SHSTK' -n
    never 'a segment is writable and executable' "$program" 'LOAD .* RWE ' -l
    never 'has text relocations' "$program" 'TEXTREL' -d
    never 'looks for libraries beside itself' "$program" 'RPATH|RUNPATH' -d
    symbols=--dyn-syms
    readelf -lW "$program" | grep -E 'INTERP|\.so' >/dev/null || [[ $program == *.so ]] || symbols=--syms # static: what is inside
    says 'no stack protector' "$program" '__stack_chk_fail' $symbols
    [[ ${SV_FORTIFIED:-yes} = no ]] || says 'no checked libc functions (_FORTIFY_SOURCE)' "$program" '__[a-z]*(print|cpy|cat|read|move|set)[a-z]*_chk' $symbols
done
# compiled <flag>: every C file of the programs and of the modules in them
compiled() {
    local without
    without=$(jq -r --arg flag "$1" '.[] | select(.file | test("/(apps|lib|boot)/.*[.]c$")) | select(.command | contains($flag) | not) | .file' "$SV_BIN/../compile_commands.json" | head -3)
    if [ -n "$without" ]; then
        printf 'compiled without %s:\n%s\n' "$1" "$without" >&2
        broken=1
    fi
}
for flag in -fstack-protector-strong -fstack-clash-protection -ftrivial-auto-var-init= -fno-common -fvisibility=hidden; do compiled "$flag"; done
[[ $(uname -m) != x86_64 ]] || compiled -fcf-protection=full
[[ ${SV_FORTIFIED:-yes} = no ]] || compiled -D_FORTIFY_SOURCE=3
[ "$programs" -gt 0 ] || { echo "no program in '$SV_BIN'" >&2; exit 1; }
[ $broken = 0 ] || exit 1
echo "$programs programs and libraries are hardened"

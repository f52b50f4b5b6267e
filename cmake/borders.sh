#!/usr/bin/env bash
# Each third-party library has one module that may include it. This counts the includes elsewhere.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
status=0
only() { # only <header pattern> <where it may stand>
  local found
  found=$(git ls-files -co --exclude-standard '*.c' '*.h' | grep -vE "$2" | xargs grep -nE "#include <($1)" || true)
  if [ -n "$found" ]; then
    printf 'border crossed: only %s may include <%s>\n%s\n' "$2" "$1" "$found" >&2
    status=1
  fi
}
only 'jansson' '^lib/codec/'
only 'yaml' '^lib/codec/'
only 'zstd' '^lib/codec/'
only 'kiss_fft' '^lib/detect/'
only 'sqlite3' '^lib/store/'
only 'openssl/ssl' '^lib/net/'
only 'openssl/' '^lib/(crypto|net)/'
only 'tss2/' '^lib/crypto/'
only 'p11-kit/' '^lib/crypto/'
only 'event2/(bufferevent|http|dns|buffer|util)' '^lib/net/'
only 'bearssl' '^boot/'
only 'libuboot' '^lib/slot/'
only 'systemd/' '^lib/slot/'
only 'seccomp' '^lib/sys/'
only 'xgboost/' '^apps/train/'
only 'linux/landlock' '^lib/sys/'
only 'event2/event\.h' '^lib/(sys|net)/'
# What runs before an operating system has the headers of the compiler, BearSSL's and its own.
found=$(git ls-files -co --exclude-standard 'boot/*.c' 'boot/*.h' | grep -vE '(_(test|fuzz)\.c|/test_[a-z]+\.h)$' | xargs grep -nE '#include' \
  | grep -vE '#include (<(bearssl\.h|boot/[a-z_]+\.h|std(bool|def|int)\.h)>|"[a-z_]+\.h")' || true)
[ -z "$found" ] || { printf 'border crossed: boot/ uses itself alone\n%s\n' "$found" >&2; status=1; }
# An app never includes another app, and a module's private headers stay private.
found=$(grep -rnE '#include [<"]\.\./' boot lib apps || true)
[ -z "$found" ] || { printf 'border crossed: include by relative path\n%s\n' "$found" >&2; status=1; }
# Functions of libc with one state or one answer for the whole process; programs have threads.
found=$(grep -rnE --include='*.[ch]' '\b(strtok|strerror|localtime|gmtime|ctime|asctime|rand|srand|tmpnam|gethostbyname|inet_ntoa)\(' lib apps || true)
[ -z "$found" ] || { printf 'not safe with threads; take the _r form, sv_errno_text, sv_random\n%s\n' "$found" >&2; status=1; }
exit $status

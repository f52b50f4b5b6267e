# shellcheck shell=bash
# What the stories of `selvedge update` share. Set SV_SOURCE and SV_BIN; the work is done in $work.
# shellcheck source=tests/support/common.sh
source "$SV_SOURCE/tests/support/common.sh"

update() { "$selvedge" update "$@" >said 2>&1 || fail "update $* ended with $?"; }
# says CODE SENTENCE command...: ends so, and says so
says() {
  local rc=0 code=$1 sentence=$2
  shift 2
  "$selvedge" update "$@" >said 2>&1 || rc=$?
  [ "$rc" = "$code" ] || fail "update $* ended with $rc, not $code"
  grep -qF -- "$sentence" said || fail "update $* does not say '$sentence'"
}

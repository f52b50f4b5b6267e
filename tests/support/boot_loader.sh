#!/bin/sh
# A boot loader that counts starts down, as U-Boot does for RAUC (`boot`), behind the verbs of RAUC's custom backend. It keeps what it knows in the folder SV_LOADER, or in its own.
cd "${SV_LOADER:-${0%/*}}" || exit 1
left() { cat "left.$1" 2>/dev/null || echo 3; }
primary() { cat primary 2>/dev/null || echo system0; }
case $1 in
get-primary) primary ;;
set-primary) echo "$2" >primary && echo 3 >"left.$2" ;;
get-state) if [ "$(left "$2")" -gt 0 ]; then echo good; else echo bad; fi ;;
set-state) if [ "$3" = good ]; then echo 3; else echo 0; fi >"left.$2" ;;
get-current) cat current ;;
boot)
  for slot in "$(primary)" system0 system1; do
    if [ "$(left "$slot")" -gt 0 ]; then
      echo $(($(left "$slot") - 1)) >"left.$slot"
      echo "$slot" >primary
      echo "$slot" >current
      echo "$slot"
      exit 0
    fi
  done
  exit 1
  ;;
*) exit 2 ;;
esac

#!/usr/bin/env bash
# The release counter in a real TPM's code (swtpm): it follows what is confirmed, refuses what is older whatever the disk says, where there is no TPM what runs goes on, and one that comes later is taken. [updater-30] [updater-31] [keys-30] [slot-41] [doctor-6]
set -euo pipefail
# shellcheck source=tests/support/updater.sh
source "$SV_SOURCE/tests/support/updater.sh"
# shellcheck source=tests/support/hard.sh
source "$SV_SOURCE/tests/support/hard.sh"
start_tpm "$work/tpm"
# The updater makes no connection once it runs, and swtpm wants one for each command: a program beside it makes them. /dev/tpmrm0 is opened once.
export SELVEDGE_TPM="cmd:python3 $SV_SOURCE/tests/support/tpm_pipe.py ${tpm_name##*=}"
story updater_counter.py

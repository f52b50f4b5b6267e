# shellcheck shell=bash disable=SC2034,SC2154
# A TPM (swtpm) and a token (SoftHSM) for a scenario, which ends here where they are not installed. Sourced after common.sh.
for program in swtpm softhsm2-util; do
  command -v $program >/dev/null || { echo "skipped: $program is not installed"; exit 0; }
done
token_module=/usr/lib/softhsm/libsofthsm2.so
token_pin=271828

# start_tpm FOLDER: a TPM whose state is there; $tpm_name is what SELVEDGE_TPM wants
start_tpm() {
  local port
  port=$(free_port)
  mkdir -p "$1"
  run "$work/swtpm.log" swtpm socket --tpm2 --tpmstate "dir=$1" --server "type=tcp,port=$port" --ctrl "type=tcp,port=$((port + 1))" \
    --flags not-need-init,startup-clear
  within 10 bash -c ": < /dev/tcp/127.0.0.1/$((port + 1))" || fail "swtpm does not start"
  tpm_name=swtpm:host=127.0.0.1,port=$port
}

# make_token: the token `hall`; in_token NAME: the URI of a key in it
make_token() {
  mkdir "$work/tokens"
  echo "directories.tokendir = $work/tokens" >"$work/softhsm2.conf"
  export SOFTHSM2_CONF=$work/softhsm2.conf
  softhsm2-util --init-token --free --label hall --so-pin 12345678 --pin $token_pin >/dev/null
  (umask 077; echo $token_pin >"$work/hall.pin")
}
in_token() { echo "pkcs11:token=hall;object=$1?module-path=$token_module&pin-source=file:$work/hall.pin"; }

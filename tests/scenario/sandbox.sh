#!/usr/bin/env bash
# Every daemon after its start, taken over by whoever found a hole in a parser (a library preloaded into it): in each of
# its threads what it does not need is refused, and what only an intruder needs ends the process, by name in the log.
# Attack row 53: not even the signer's neighbours of the same user read the issuing key.
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0
probe_so=${SV_PROBE_SO:-$SV_BIN/../tests/probe.so}
DEADLY="execve ptrace process_vm_readv mount finit_module bpf keyctl unshare setuid"
EACCES=13
EPERM=1

# Each program has folders of its own; the issuing key lies where the signer alone reads.
fleet_choose
mqtt_port=$(free_port)
http_port=$(free_port)
make_pki
issue fleet --role server --ip 127.0.0.1
issue press-1
mkdir "$work/gateway" "$work/fleet" "$work/agent" "$work/signer" "$work/elsewhere" "$work/trust"
for who in gw:gateway fleet:fleet press-1:agent; do
  cp "$work/keys/${who%:*}".* "$work/${who#*:}/"
done
mv "$work/pki/ca.key" "$work/signer/ca.key"
ln -s "$work/signer/ca.key" "$work/pki/ca.key"
cp "$work/pki/ca.crt" "$work/pki/crl.pem" "$work/trust/"
echo secret >"$work/elsewhere/file"
cat >"$work/signer/signer.yaml" <<YAML
pki: $work/pki
socket: $work/signer/signer.sock
YAML
cat >"$work/fleet/fleet.yaml" <<YAML
id: fleet
store: {path: $work/fleet/fleet.db}
operator: {port: $operator_port}
device:
  port: $fleet_port
  tls: {ca: $work/pki/ca.crt, cert: $work/fleet/fleet.crt, key: $work/fleet/fleet.key}
gateways: {gw: north}
pki: $work/pki
signer: {socket: $work/signer/signer.sock}
admin_token_file: $work/fleet/admin.token
YAML
cat >"$work/gateway/gateway.yaml" <<YAML
id: gw
site: north
listen: {bind: 127.0.0.1, port: $mqtt_port, socket: $work/gateway/mqtt.sock}
tls: {ca: $work/trust/ca.crt, cert: $work/gateway/gw.crt, key: $work/gateway/gw.key, crl: $work/trust/crl.pem}
store: {path: $work/gateway/gateway.db}
http: {port: $http_port}
fleet: {$fleet_link}
YAML
cat >"$work/agent/agent.yaml" <<YAML
id: press-1
gateway: {host: 127.0.0.1, port: $mqtt_port}
tls: {ca: $work/trust/ca.crt, cert: $work/agent/press-1.crt, key: $work/agent/press-1.key}
spool: {path: $work/agent/spool}
health: {interval: 1s}
machine: true
YAML

# begin NAME [deadly call]: the daemon with its intruder; $ran
begin() {
  local name=$1
  run "$work/$name.log" env SV_PROBE_READ="$work/elsewhere/file" SV_PROBE_WRITE="$work/elsewhere/new" ${2:+"SV_PROBE_DEADLY=$2"} \
    LD_PRELOAD="$probe_so" "$SV_BIN/selvedge-$name" --config "$work/$name/$name.yaml"
  within 20 sealed "$name" || fail "$name does not enter its sandbox"
}
sealed() { grep -q "event=sandbox.on" "$work/$1.log"; }
tasks() { ls "/proc/$1/task"; }
poke() { # poke PID THREAD: SIGUSR2 to this thread
  python3 -c 'import ctypes, sys; sys.exit(ctypes.CDLL(None).syscall(234, int(sys.argv[1]), int(sys.argv[2]), 12))' "$1" "$2"
}
answered() { grep -q "^probe $2 end" "$work/$1.log"; }
# says NAME THREAD ATTEMPT ERRNO
says() {
  grep -qx "probe $2 $3 $4" "$work/$1.log" || fail "$1, thread $2: $3 gives '$(grep "^probe $2 $3 " "$work/$1.log")' instead of errno $4"
}

# threads_refuse NAME PID: in each of them [sandbox-1] [sandbox-3] [sandbox-4] [sandbox-5] [sandbox-6]
threads_refuse() {
  local name=$1 pid=$2 thread file_errno=$EACCES socket_errno=0
  grep -q "event=sandbox.on msg=\"files confined" "$work/$name.log" || { [ "$confined" = no ] && file_errno=; }
  [ "$name" != signer ] || socket_errno=$EPERM
  for thread in $(tasks "$pid"); do
    grep -qE "^NoNewPrivs:\s1" "/proc/$pid/task/$thread/status" || fail "$name: thread $thread may gain rights"
    grep -qE "^Seccomp:\s2" "/proc/$pid/task/$thread/status" || fail "$name: thread $thread may call anything"
    poke "$pid" "$thread"
    within 10 answered "$name" "$thread" || fail "$name: thread $thread does not answer the intruder"
    for attempt in fork raw netlink packet listen bind code kill; do says "$name" "$thread" "$attempt" "$EPERM"; done
    says "$name" "$thread" socket "$socket_errno"
    [ -z "$file_errno" ] || for attempt in read write remove; do says "$name" "$thread" "$attempt" "$file_errno"; done
  done
}

# Without landlock the rest is proved all the same.
confined=yes
begin signer
grep -q 'msg="files confined' "$work/signer.log" || confined=no
signer=$ran
begin fleet
fleet=$ran
begin gateway
gateway=$ran
begin agent
agent=$ran
stored_more() { [ "$(metric readings_stored_total)" -gt "$1" ]; }
within 20 stored_more 0 || fail "no reading of the agent arrives"
metric_is sandbox_files "$([ $confined = yes ] && echo 1 || echo 0)" || fail "the gateway's metrics say $(metric sandbox_files)"
[ "$(tasks "$gateway" | wc -l)" -gt 1 ] || fail "the gateway has no threads to be covered"
for who in signer:$signer fleet:$fleet gateway:$gateway agent:$agent; do threads_refuse "${who%:*}" "${who#*:}"; done
before=$(metric readings_stored_total)
within 10 stored_more "$before" || fail "what was refused ended the work"

# The issuing key, though all run as one user; also a new one. [sandbox-8]
stop() {
  kill "$1"
  wait "$1" || fail "a daemon ends with $?"
}
for pid in $agent $gateway $fleet; do stop "$pid"; done
"$selvedge" pki rotate --dir "$work/pki" 2>"$work/said" || fail "$(cat "$work/said")"
[ -L "$work/pki/ca.key" ] || fail "the new issuing key lies among what others read"
kill -HUP "$signer"
within 20 grep -q "event=signer.reloaded" "$work/signer.log" || fail "the signer does not take the new key"
if [ $confined = yes ]; then
  for name in fleet gateway; do
    : >"$work/$name.log"
    run "$work/$name.log" env SV_PROBE_READ="$work/pki/ca.key" SV_PROBE_WRITE="$work/pki/new" LD_PRELOAD="$probe_so" \
      "$SV_BIN/selvedge-$name" --config "$work/$name/$name.yaml"
    within 20 sealed "$name" || fail "$name does not enter its sandbox"
    poke "$ran" "$ran"
    within 10 answered "$name" "$ran" || fail "$name does not answer the intruder"
    says "$name" "$ran" read $EACCES
    says "$name" "$ran" write $EACCES
    stop "$ran"
  done
fi
stop "$signer"

# An old kernel: it is said, and the calls are filtered all the same. [sandbox-7]
: >"$work/agent.log"
SV_PROBE_OLD=1 begin agent
agent=$ran
grep -q 'level=warn program=selvedge-agent event=sandbox.on msg="files not confined: this kernel has no landlock; calls filtered' "$work/agent.log" || fail "nobody is told that files are not confined"
poke "$agent" "$agent"
within 10 answered agent "$agent" || fail "the agent does not answer the intruder"
says agent "$agent" listen $EPERM
says agent "$agent" read 0
stop "$agent"

# What only an intruder needs. [sandbox-2]
for name in signer fleet gateway agent; do
  for call in $DEADLY; do
    : >"$work/$name.log"
    begin "$name" "$call"
    poke "$ran" "$ran"
    code=0
    wait "$ran" || code=$?
    [ $code = 159 ] || fail "$name lives on after $call: exit $code"
    grep -q "level=error program=selvedge-$name event=sandbox.forbidden msg=\"$call was called" "$work/$name.log" || fail "$name dies of $call without a word"
  done
done

#!/usr/bin/env bash
# [sandbox-10] What `cmake --install` puts there for systemd: units that systemd understands, that name the programs
# where they were installed, run each as a user of its own that sysusers.d makes, in folders that tmpfiles.d makes, and
# leave each little; nothing in them refuses what the programs' own sandbox needs.
set -euo pipefail
if ! command -v systemd-analyze >/dev/null; then
    echo "units.sh: nothing was tested, systemd-analyze (Debian: systemd) is missing"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
broken=0
bad() {
    echo "$*" >&2
    broken=1
}

# Installed at a place that was not known when it was configured.
cmake --install "$SV_BUILD" --prefix "$work/prefix" >"$work/said" || { cat "$work/said"; exit 1; }
lib=$work/prefix/lib
units=$lib/systemd/system
of() { sed -n "s/^$2=//p" "$units/selvedge-$1.service"; }

# Exposure as systemd counts it, times ten: 100 is a service without any bound.
declare -A most=([fleet]=32 [gateway]=32 [agent]=32 [signer]=23)
for program in fleet gateway agent signer; do
    unit=$units/selvedge-$program.service
    systemd-analyze verify --man=no "$unit" >"$work/said" 2>&1 || bad "$program: $(cat "$work/said")"
    if grep -q "selvedge-$program" "$work/said"; then bad "$program: $(cat "$work/said")"; fi
    systemd-analyze security --offline=yes --no-pager --threshold="${most[$program]}" "$unit" >"$work/said" 2>&1 \
        || bad "$program is more exposed than ${most[$program]}: $(tail -1 "$work/said")"
    # The program, its configuration, its folders, its user.
    start=$(of "$program" ExecStart)
    [ "$start" = "$work/prefix/bin/selvedge-$program --config /etc/selvedge/$program.yaml" ] || bad "$program starts '$start'"
    [ -x "${start%% *}" ] || bad "$program: '${start%% *}' is not installed"
    [ "$(of "$program" ConditionPathExists)" = "/etc/selvedge/$program.yaml" ] || bad "$program starts without a configuration"
    [ "$(of "$program" User)$(of "$program" Group)" = "selvedge-${program}selvedge-$program" ] || bad "$program runs as somebody else"
    grep -qE "^u selvedge-$program +- " "$lib/sysusers.d/selvedge.conf" || bad "nobody makes the user selvedge-$program"
    grep -qE "^d /var/lib/$(of "$program" StateDirectory) +0$(of "$program" StateDirectoryMode | cut -c2-) +selvedge-$program +selvedge-$program$" "$lib/tmpfiles.d/selvedge.conf" \
        || bad "$program: the folder /var/lib/$(of "$program" StateDirectory) is made by nobody, or in another way"
    for path in $(of "$program" ReadWritePaths); do
        grep -qE "^d $path +" "$lib/tmpfiles.d/selvedge.conf" || bad "$program cannot start: nobody makes '$path'"
    done
    # What its own sandbox needs, and what the clock is judged by, stays; a start is never given up.
    if grep -qE '^(SystemCallFilter|ProtectClock)=' "$unit"; then bad "$program: the unit takes calls that the program needs"; fi
    [ "$(of "$program" StartLimitIntervalSec)" = 0 ] || bad "$program: systemd gives up"
    [ "$(of "$program" LimitCORE)" = 0 ] || bad "$program: a core dump holds keys"
    # SIGHUP goes to who reads its files again by it; the others would die of it.
    honours=no
    if grep -q SIGHUP <("$work/prefix/bin/selvedge-$program" --help); then honours=yes; fi
    sends=no
    [ -z "$(of "$program" ExecReload)" ] || sends=yes
    [ $sends = $honours ] || bad "$program: SIGHUP: sent $sends, honoured $honours"
done
# The updater is root, for the slots, and has nothing of the network; the agent alone comes to its socket, which is there before both.
unit=$units/selvedge-updater.service
for file in "$unit" "$units/selvedge-updater.socket"; do
    systemd-analyze verify --man=no "$file" >"$work/said" 2>&1 || bad "updater: $(cat "$work/said")"
    if grep -q 'selvedge-updater' "$work/said"; then bad "updater: $(cat "$work/said")"; fi
done
systemd-analyze security --offline=yes --no-pager --threshold=36 "$unit" >"$work/said" 2>&1 || bad "the updater is more exposed than 36: $(tail -1 "$work/said")"
[ "$(of updater ExecStart)" = "$work/prefix/bin/selvedge-updater --config /etc/selvedge/updater.yaml" ] || bad "the updater starts '$(of updater ExecStart)'"
[ "$(of updater PrivateNetwork)$(of updater RestrictAddressFamilies)" = yesAF_UNIX ] || bad "the updater has a network"
[ "$(of updater CapabilityBoundingSet | tr -d '\n')" = "CAP_SYS_ADMIN CAP_SYS_BOOT" ] || bad "the updater keeps other rights: $(of updater CapabilityBoundingSet)"
# Devices that it may open: slots, watchdog, and a TPM for its counter, [updater-30]. A group that a machine does not have would keep the unit from starting.
[ "$(of updater DeviceAllow | sort | tr '\n' ' ')" = "block-* rw char-mtd rw char-tpm rw char-watchdog rw " ] || bad "the updater may open other devices: $(of updater DeviceAllow)"
[ -z "$(of updater SupplementaryGroups)" ] || bad "the updater does not start without the group $(of updater SupplementaryGroups)"
if grep -qE '^(SystemCallFilter|ProtectClock)=' "$unit"; then bad "updater: the unit takes calls that the program needs"; fi
grep -qE '^SocketGroup=selvedge-agent$' "$units/selvedge-updater.socket" || bad "the agent cannot come to the updater"
grep -qE '^SocketMode=0660$' "$units/selvedge-updater.socket" || bad "others come to the updater"
grep -qE "^d /var/lib/$(of updater StateDirectory) +0700 root +root$" "$lib/tmpfiles.d/selvedge.conf" || bad "nobody makes the updater's folder"
# What chooses a tree: once for each of its starts, before the updater, and with it what runs of the tree.
unit=$units/selvedge-tree.service
systemd-analyze verify --man=no "$unit" >"$work/said" 2>&1 || bad "tree: $(cat "$work/said")"
if grep -q 'selvedge-tree' "$work/said"; then bad "tree: $(cat "$work/said")"; fi
systemd-analyze security --offline=yes --no-pager --threshold=36 "$unit" >"$work/said" 2>&1 || bad "what chooses a tree is more exposed than 36: $(tail -1 "$work/said")"
# shellcheck disable=SC2016  # systemd's variable
[ "$(of tree ExecStart)" = "$(of updater ExecStart) --choose --start \${INVOCATION_ID}" ] || bad "a tree is chosen by '$(of tree ExecStart)'"
[ "$(of tree Type)$(of tree RemainAfterExit)$(of tree Before)" = oneshotyesselvedge-updater.service ] || bad "a tree is not chosen once, before the updater"
[ "$(of updater PartOf)" = selvedge-tree.service ] || bad "a tree would be chosen while the updater runs"
[[ $(of updater ExecStopPost) == *64*'restart selvedge-tree.service selvedge-updater.service'*reboot* ]] || bad "exit 64 starts no tree: $(of updater ExecStopPost)"
# The guide names every library that the programs ask for, as Debian calls it; what comes with libc, with a sanitizer, or for
# `model train` alone is none of those.
if command -v dpkg >/dev/null; then
    named=" $(sed -n 's/^sudo apt-get install //p' "$SV_SOURCE/docs/guide/install.md") "
    asked=$(for program in '' -fleet -gateway -agent -updater -signer -tuf; do readelf -d "$work/prefix/bin/selvedge$program"; done \
        | sed -n 's#.*(NEEDED).*\[\(.*\)\]#*/\1#p' | grep -vE '/lib(c|m|gcc_s|[a-z]*san)\.so' | sort -u)
    # shellcheck disable=SC2086  # words on purpose
    packages=$(set -f; dpkg -S $asked | sed -n "s/:$(dpkg --print-architecture): .*//p" | sort -u)
    [ "$(wc -w <<<"$packages")" -ge 8 ] || bad "only these packages were found: $packages"
    for package in $packages; do
        [[ $package == *-dev || $named == *" $package "* ]] || bad "docs/guide/install.md does not name the package '$package'"
    done
fi
[ "$(of gateway LimitNOFILE)" -gt 20000 ] || bad "the gateway has no room for 10,000 devices"
[ "$(of signer PrivateNetwork)$(of signer RestrictAddressFamilies)" = yesAF_UNIX ] || bad "the signer has a network"
exit $broken

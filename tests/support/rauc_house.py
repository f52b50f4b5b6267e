"""A device whose slots are RAUC's: Debian's rauc as it is, on a bus of its own, with the custom boot loader backend that tests/support/rauc.sh has made. The work is done in the folder that that one has prepared."""
import atexit
import os
import subprocess

from updater_house import BIN, House, expect, wait_for

# What Debian's system bus lets happen, what the package rauc-service adds to that, and what docs/guide/rauc.md takes from it.
BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><deny own="*"/><deny send_type="method_call"/>
<allow send_type="signal"/><allow send_requested_reply="true" send_type="method_return"/><allow send_requested_reply="true" send_type="error"/>
<allow receive_type="method_call"/><allow receive_type="method_return"/><allow receive_type="error"/><allow receive_type="signal"/>
<allow send_destination="org.freedesktop.DBus"/></policy>
<include>/usr/share/dbus-1/system.d/de.pengutronix.rauc.conf</include>
<policy context="default"><deny send_destination="de.pengutronix.rauc"/></policy>
<policy user="root"><allow send_destination="de.pengutronix.rauc"/></policy></busconfig>
"""
CONFIG = """[system]
compatible=lathe
bootloader=custom
statusfile={dir}/status.raucs
mountprefix={dir}/mnt
bundle-formats=plain

[handlers]
bootloader-custom-backend={loader}
pre-install={dir}/pre-install

[keyring]
path={keyring}

[slot.rootfs.0]
device={dir}/device-a
type=raw
bootname=system0

[slot.rootfs.1]
device={dir}/device-b
type=raw
bootname=system1
"""


class RaucHouse(House):
    def __init__(self, name, **config):
        super().__init__(name, start_from="factory", installer="{rauc: [rootfs.0, rootfs.1]}", room="2MiB", **config)
        self.bus = self.rauc = None
        self.address = f"unix:path={self.dir}/bus"
        self.environment = {"DBUS_SYSTEM_BUS_ADDRESS": self.address, "SV_LOADER": f"{self.dir}/loader"}
        os.mkdir(f"{self.dir}/loader")
        os.mkdir(f"{self.dir}/mnt")
        self.write("bus.conf", BUS.format(f"{self.dir}/bus"))
        self.write("rauc.conf", CONFIG.format(dir=self.dir, loader=os.path.abspath("boot-loader"), keyring=os.path.abspath("rauc.crt")))
        # An installation is stopped before it writes anything for as long as there is a file "stop".
        self.write("pre-install", f"#!/bin/sh\necho >>{self.dir}/installs\nfor i in $(seq 400); do [ -e {self.dir}/stop ] || exit 0; sleep 0.05; done\nexit 1\n", 0o700)
        self.bus = subprocess.Popen(["dbus-daemon", f"--config-file={self.dir}/bus.conf", "--nofork", "--nopidfile", "--nosyslog"], stderr=open(f"{name}.bus.log", "ab"))
        wait_for(lambda: os.path.exists(f"{self.dir}/bus"), "the bus does not start")
        atexit.register(self.end_all)

    def write(self, name, text, mode=0o600):
        with open(f"{self.dir}/{name}", "w") as out:
            out.write(text)
        os.chmod(f"{self.dir}/{name}", mode)

    def end_all(self):
        for process in (self.process, self.rauc, self.bus):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()

    # ---- RAUC ---------------------------------------------------------------------------------------

    def run(self, *words):
        return subprocess.run(words, env={**os.environ, **self.environment}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)

    def loader(self, *words):
        return self.run(os.path.abspath("boot-loader"), *words).stdout.decode().strip()

    def start_rauc(self):
        """In a mount namespace of its own, as its unit says."""
        self.rauc = subprocess.Popen(["unshare", "--mount", "--propagation=slave", "rauc", "-c", f"{self.dir}/rauc.conf", f"--override-boot-slot=system{self.running}", "service"],
                                     stdout=open(f"{self.dir}/rauc.log", "ab"), stderr=subprocess.STDOUT, env={**os.environ, **self.environment})
        wait_for(lambda: self.run("rauc", "status").returncode == 0, "rauc does not start")

    def end_rauc(self):
        self.rauc.kill()
        self.rauc.wait()

    def rauc_said(self):
        return open(f"{self.dir}/rauc.log").read()

    def installs(self):
        path = f"{self.dir}/installs"
        return len(open(path).readlines()) if os.path.exists(path) else 0

    def device(self, slot):
        return open(f"{self.dir}/device-{'ab'[slot]}", "rb").read()

    def device_has(self, slot, version):
        data = open(f"{version}.img", "rb").read()
        return self.device(slot)[:len(data)] == data

    def runs(self, version):
        expect(self.device_has(self.running, version), f"slot {'ab'[self.running]} is not {version}")

    # ---- the machine --------------------------------------------------------------------------------

    def start(self, wait=True, slot=None, with_rauc=True):
        """As a machine does: the boot loader chooses, then RAUC starts, then the updater."""
        if self.rauc is not None:
            self.end_rauc()
        name = self.loader("boot") if slot is None else f"system{slot}"
        expect(name in ("system0", "system1"), f"nothing may be started: the device is bricked ({name})")
        self.running = int(name[-1])
        if with_rauc:
            self.start_rauc()
        self.start_updater()
        if wait:
            self.ready()
        return self.running

    def start_updater(self):
        self.process = subprocess.Popen([BIN + "/selvedge-updater", "--config", self.yaml], stderr=open(self.log, "ab"), env={**os.environ, **self.environment})

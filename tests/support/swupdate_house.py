"""A device whose slots SWUpdate writes: Debian's swupdate as it is, and U-Boot's environment in a file, with a boot loader that counts starts down. The work is done in the folder that tests/support/swupdate.sh has prepared."""
import atexit
import os
import shutil
import subprocess

from updater_house import BIN, House, expect, wait_for


class SwupdateHouse(House):
    def __init__(self, name, **config):
        self.daemon = None
        self.home = os.path.abspath(name)
        self.sockets = os.path.abspath(f"{name}.run")
        self.etc = os.path.abspath(f"{name}.etc")
        self.env = f"{self.etc}/fw_env.config"
        self.release = os.path.abspath(f"{name}.os-release")
        for folder in (self.sockets, self.etc, self.etc + "/ssl"):
            os.mkdir(folder, 0o700)
        installer = f"{{swupdate: ['stable,slot-a', 'stable,slot-b'], sockets: {self.sockets}, release: {self.release}}}"
        super().__init__(name, start_from="factory", installer=installer, boot=f"{{u-boot: {self.env}}}", room="4MiB", **config)
        for file in ("passwd", "group", "nsswitch.conf", "hosts", "ssl/openssl.cnf"):
            shutil.copy("/etc/" + file, self.etc + "/" + file)
        shutil.copy("release.crt", self.etc)
        with open(self.etc + "/env", "wb") as out:
            out.truncate(32768)
        # The updater sees it at one place, the daemon at another.
        with open(self.env, "w") as out:
            out.write(f"{self.etc}/env 0x0 0x4000\n{self.etc}/env 0x4000 0x4000\n")
        with open(self.etc + "/default", "w") as out:
            out.write("ustate=0\n")
        self.set_env(selvedge_slots="ci", selvedge_primary=0, selvedge_counter=0, BOOT_ORDER="A B", BOOT_A_LEFT=3, BOOT_B_LEFT=0)
        atexit.register(self.end_all)

    def end_all(self):
        for process in (self.process, self.daemon):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()

    # ---- SWUpdate -----------------------------------------------------------------------------------

    def start_daemon(self, *more, accepts=("stable,slot-a", "stable,slot-b")):
        """In mounts of its own, in which its slots are at /mnt and the boot loader's configuration is in /etc."""
        words = ["swupdate", "-l", "5", "-k", "/etc/release.crt", "-H", "board:1.0", *(w for a in accepts for w in ("-q", a)), *more]
        self.daemon = subprocess.Popen(["unshare", "-rm", "sh", "-c", 'mount --bind "$1" /etc && mount --bind "$2" /mnt && shift 2 && exec "$@"', "sh", self.etc, self.home, *words],
                                       stdout=open(f"{self.home}.swupdate.log", "ab"), stderr=subprocess.STDOUT, env={**os.environ, "TMPDIR": self.sockets})
        wait_for(lambda: all(os.path.exists(f"{self.sockets}/{s}") for s in ("sockinstctrl", "swupdateprog")), "swupdate does not start")

    def end_daemon(self):
        self.daemon.kill()
        self.daemon.wait()
        for name in ("sockinstctrl", "swupdateprog"):
            if os.path.exists(f"{self.sockets}/{name}"):
                os.remove(f"{self.sockets}/{name}")

    def daemon_said(self):
        return open(f"{self.home}.swupdate.log").read()

    def installs(self):
        return self.daemon_said().count("Software update started")

    def slot(self, slot):
        return open(f"{self.home}/slot-{'ab'[slot]}", "rb").read()

    def slot_has(self, slot, version):
        data = open(f"{version}.img", "rb").read()
        return self.slot(slot)[:len(data)] == data

    def runs(self, version):
        expect(self.slot_has(self.running, version), f"slot {'ab'[self.running]} is not {version}")

    # ---- the machine --------------------------------------------------------------------------------

    def get_env(self, name):
        done = subprocess.run(["fw_printenv", "-n", "-c", self.env, name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        return done.stdout.decode().strip()

    def set_env(self, **values):
        for name, value in values.items():
            subprocess.run(["fw_setenv", "-c", self.env, "-f", self.etc + "/default", name, str(value)], stderr=subprocess.DEVNULL, check=True)

    def choose(self):
        """What a boot script does."""
        for letter in self.get_env("BOOT_ORDER").split():
            left = int(self.get_env(f"BOOT_{letter}_LEFT") or 0)
            if left > 0:
                self.set_env(**{f"BOOT_{letter}_LEFT": left - 1})
                return "AB".index(letter)
        return int(self.get_env("selvedge_primary"))

    def version_in(self, slot):
        """What the system in a slot says it is."""
        for name in os.listdir("."):
            if name.endswith(".img") and self.slot_has(slot, name[:-4]):
                return name[:-4]
        return "unknown"

    def start(self, wait=True, slot=None, with_daemon=True, daemon=()):
        if self.daemon is not None and self.daemon.poll() is None:
            self.end_daemon()
        self.running = self.choose() if slot is None else slot
        with open(self.release, "w") as out:
            out.write(f"NAME=lathe\nIMAGE_VERSION={self.version_in(self.running)}\n")
        if with_daemon:
            self.start_daemon(*daemon)
        self.start_updater()
        if wait:
            self.ready()
        return self.running

    def start_updater(self):
        self.process = subprocess.Popen([BIN + "/selvedge-updater", "--config", self.yaml, "--running", "ab"[self.running]], stderr=open(self.log, "ab"), env={**os.environ, **self.environment})

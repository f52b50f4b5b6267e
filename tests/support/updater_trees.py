"""A device whose releases are trees: `selvedge-updater --choose` is its boot loader. As updater_house.py, in a folder that tests/support/updater_files.sh has prepared."""
import os
import subprocess
import time

from updater_house import BIN, House, expect


class TreeHouse(House):
    def __init__(self, name, start_from="trees", director=None, **config):
        """`director`: of the device that it is a copy of."""
        super().__init__(name, start_from, installer="files", slot="app", room="4MiB", **config)
        self.director = director or self.director

    def choose(self, start="another"):
        """The code it ends with, and the tree that runs from now on. `start`: its name; None: nobody says it."""
        name = [] if start is None else ["--start", str(time.monotonic_ns()) if start == "another" else start]
        code = subprocess.run([BIN + "/selvedge-updater", "--config", self.yaml, "--choose", *name], stderr=open(self.log, "ab"), env={**os.environ, **self.environment}, check=False).returncode
        return code, None if code != 0 else "ab".index(os.readlink(f"{self.dir}/current")[-1])

    def start_updater(self, slot, wait=True):
        self.running = slot
        self.process = subprocess.Popen([BIN + "/selvedge-updater", "--config", self.yaml], stderr=open(self.log, "ab"), env={**os.environ, **self.environment})
        if wait:
            self.ready()

    def start(self, wait=True, slot=None):
        code, slot = self.choose()
        expect(code == 0, f"--choose ended with {code}: {self.said()[-600:]}")
        self.start_updater(slot, wait)
        return slot

    def runs(self, version):
        """What runs is that tree, to the last bit of its modes."""
        tree = f"{self.dir}/current/"
        same = subprocess.run(["diff", "-r", "--no-dereference", f"tree-{version}", tree], capture_output=True, check=False)
        expect(same.returncode == 0, f"another tree than {version}: {same.stdout.decode()[:400]}")
        said = subprocess.run([tree + "run"], capture_output=True, check=True).stdout.decode()
        expect(said == version + "\n", f"it says {said}")

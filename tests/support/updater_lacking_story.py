"""What tests/scenario/updater_lacking.sh tells."""
import os
import shutil
import subprocess

import updater_agent as ua
from updater_house import BIN, House, expect, path_of


class ScriptHouse(House):
    """Its boot loader is a program."""

    def __init__(self, name, **config):
        os.mkdir(f"{name}.loader")
        self.loader = os.path.abspath(f"{name}.loader/loader")
        shutil.copy(os.environ["SV_SOURCE"] + "/tests/support/boot_loader.sh", self.loader)
        super().__init__(name, boot=f"{{script: {self.loader}, a: system0, b: system1}}", **config)

    def write_loader(self, text):
        with open(self.loader, "w") as out:
            out.write(text)
        os.chmod(self.loader, 0o700)

    def boot(self):
        return int(subprocess.run([self.loader, "boot"], stdout=subprocess.PIPE, check=True).stdout.split()[0][-1:])

    def start(self, wait=True, slot=None):
        self.running = self.boot()
        self.start_updater()
        if wait:
            self.ready()
        return self.running

    def start_updater(self):
        self.process = subprocess.Popen([BIN + "/selvedge-updater", "--config", self.yaml], stderr=open(self.log, "ab"))


NOWHERE, FOLDER = None, object()


def a_release_that_lacks_what_it_takes_goes_back(name, lacking):
    """`lacking`: what is not as it was, and what is in its place. [updater-40]"""
    house = ScriptHouse(name, trial_deadline="1s")
    expect(house.start() == 0, "slot a does not start")
    house.director.assign(path_of("1.1.0"))
    verb, what = house.check()
    expect(verb == ua.REBOOT, f"{verb} {what}")
    program = open(house.loader).read()
    for lacks, instead in lacking:
        lacks = lacks or house.loader
        house.ended()
        kept = open(lacks).read()
        house.running = house.boot()
        os.remove(lacks)
        if instead is FOLDER:
            os.mkdir(lacks)
        elif instead is not NOWHERE:
            with open(lacks, "w") as out:
                out.write(instead)
            os.chmod(lacks, 0o700)
        before = house.said().count("a release is to prove itself")
        house.start_updater()
        code = house.process.wait(20)
        expect(house.running == 1 and code == 64 and house.said().count("a release is to prove itself") > before, f"{code}: {house.said()[-500:]}")
        if instead is FOLDER:
            os.rmdir(lacks)
        with open(lacks, "w") as out:
            out.write(kept)
        house.write_loader(program)
    expect(house.start() == 0, "the boot loader does not go back")
    status = house.status()
    expect(status["state"] == "rolled-back" and "had its starts" in status["why"], status)
    # With nothing to prove it says what is missing, and ends.
    house.stop()
    os.remove(house.loader)
    house.start_updater()
    code = house.process.wait(20)
    expect(code == 5 and "get-primary" in house.said(), f"{code}: {house.said()[-500:]}")


a_release_that_lacks_what_it_takes_goes_back("lacking", ((None, NOWHERE), ("boot.pub", NOWHERE), (None, "#!/bin/sh\nexit 1\n")))
a_release_that_lacks_what_it_takes_goes_back("bent", ((None, "#!/bin/sh\necho nonsense\n"), ("boot.pub", "no key"), ("boot.pub", FOLDER)))

"""Disks of their own for the programs of a site, which can be full, and refuse what is written to them.

Each is a small file system, so that one that is full is what the kernel calls full. A database whose log has its size already goes on for a while there,
though; that the very next byte is refused, or half of what is written, with "no space left" or "input/output error", is what the preloaded
machine.c does."""
import errno
import os
import struct
import subprocess
import sys
import time

from judge import stored
from site_programs import SiteError, answers, wait_until

DISK_BYTES = 64 * 1024 * 1024
REFUSALS = {"full": errno.ENOSPC, "broken": errno.EIO}
LONGEST_S = 1.2
ENDED = 5  # the code of a program that cannot go on with its disk


def in_a_namespace_of_its_own():
    """Starts this program again where it may mount, and nobody else sees what."""
    if os.environ.get("SV_CHAOS_INSIDE") is None:
        os.environ["SV_CHAOS_INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "--map-root-user", "--mount", sys.executable, *sys.argv])


class Disk:
    """Where one program keeps what it must not lose."""

    def __init__(self, folder, preloaded, sanitized):
        self.dir, self.filler, self.machine = folder, folder / "filler", folder.with_suffix(".machine")
        self.dir.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", self.dir], check=True)
        self.machine.touch()
        self.refuse(0)
        self.env = {"LD_PRELOAD": preloaded, "SV_MACHINE": self.machine, "SV_MACHINE_DISK": folder}
        if sanitized:
            self.env["ASAN_OPTIONS"] = "verify_asan_link_order=0"

    def refuse(self, number):
        """Every write and sync from now on, with this errno; 0: none."""
        with open(self.machine, "r+b") as out:
            out.write(struct.pack("=6q", 0, 0, 0, 0, 0, number))

    def fill(self):
        """To its last byte."""
        with open(self.filler, "ab", buffering=0) as out:
            for block in (bytes(1 << 20), bytes(4096), bytes(1)):
                try:
                    while out.write(block) == len(block):
                        pass
                except OSError as fault:
                    if fault.errno != errno.ENOSPC:
                        raise

    def close(self):
        subprocess.run(["umount", "-l", self.dir], check=True)


class BadDisks:
    """The disks of the programs of `chaos`, which has them as members; what happens to them, and who is killed meanwhile."""

    def __init__(self, chaos, names):
        self.chaos, self.site, self.deck = chaos, chaos.site, []
        preloaded = self.site.bin.parent / "tests/attacks_machine.so"
        sanitized = b"libasan" in (self.site.bin / "selvedge-gateway").read_bytes()
        self.disks = {name: Disk(self.site.dir / f"disk-{name}", preloaded, sanitized) for name in names}
        self.site.env.update({name: disk.env for name, disk in self.disks.items()})
        self.times = {}  # how often which disk was what
        self.ended = 0  # programs that could not go on
        self.unsure_s = 0  # in which the gateway may have served somebody, or not

    def close(self):
        for disk in self.disks.values():
            disk.close()

    def note(self, name, how):
        self.times[f"{name} {how}"] = self.times.get(f"{name} {how}", 0) + 1

    def draw(self):
        """(program, what its disk does): every pair comes before one comes again."""
        if not self.deck:
            self.deck = [(name, how) for name in self.disks for how in REFUSALS]
            self.chaos.prng.shuffle(self.deck)
        return self.deck.pop()

    def spoil(self):
        """One disk takes nothing for a while; whose it is may be killed then, and tries to start again."""
        name, how = self.draw()
        prng, disk, start = self.chaos.prng, self.disks[name], time.monotonic()
        self.note(name, how)
        disk.refuse(REFUSALS[how])
        time.sleep(prng.random() * LONGEST_S)
        if prng.random() < 0.5:
            self.kill(name)
            time.sleep(prng.random() * LONGEST_S / 2)
        disk.refuse(0)
        self.must_go_on(name)
        self.unsure_s += time.monotonic() - start if name == "gateway" else 0

    def kill(self, name):
        """And start again, which may not work now."""
        self.chaos.deaths[name] += 1
        self.site.kill(getattr(self.chaos, name))
        setattr(self.chaos, name, self.site.launch(name))

    def must_go_on(self, name):
        """Its disk is well again: it works, or has ended as one does that cannot, and is started as its supervisor would."""
        before, process = stored(self.site), getattr(self.chaos, name)
        works = {
            "gateway": lambda: stored(self.site) > before,
            "fleet": lambda: answers(self.site.device_port) and self.site.gateway_status()["uplink"]["spool"] < 100,
            "agent": lambda: "gateway.up" in self.site.said("agent"),
        }[name]
        wait_until(lambda: process.poll() is not None or works(), f"the {name}'s going on, or its end,", 60)
        if process.poll() is None:
            return
        self.site.forget(process)
        if process.returncode != ENDED:
            raise SiteError(f"with a bad disk the {name} ended with code {process.returncode}: {self.site.said(name)}")
        self.ended += 1
        self.chaos.restart(name)

    def fill_the_gateways(self):
        """Really, until the gateway says so; nothing is stored until there is room, and the gateway says that too."""
        self.note("gateway", "really full")
        # A database's log keeps its size until an orderly end, and takes writes on a full disk for as long.
        begun = time.time()
        self.site.stop(self.chaos.gateway)
        self.chaos.restart("gateway")
        self.chaos.away_s += self.site.opened_at() - begun
        full = lambda: self.site.gateway_status()["store"]["full"]
        self.disks["gateway"].fill()
        wait_until(full, "the gateway's word that its disk is full", 120)
        said, before = time.monotonic(), stored(self.site)
        time.sleep(2)
        if stored(self.site) != before:
            raise SiteError("readings are stored on a full disk")
        self.disks["gateway"].filler.unlink()
        wait_until(lambda: not full(), "the gateway's word that there is room", 20)
        self.chaos.away_s += time.monotonic() - said

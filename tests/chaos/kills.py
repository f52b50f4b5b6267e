#!/usr/bin/env python3
"""kill -9 at random moments: of the gateway, of the fleet server, of an agent, while twenty devices publish; and now and then the disk of
one of them is full or broken for a while, during which it may be killed as well.

At the end every reading that a device was told is kept is there once: in the gateway's store, as a row or in a block,
at the fleet server, and in its ledger; and the fleet server shows how long the gateway was there for its devices. What `./dev chaos` runs;
a short form is one of the tests. Exit 1: something was lost, doubled or not said.
"""
import argparse
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from disks import BadDisks, in_a_namespace_of_its_own
from judge import AGENT, DEVICES, RATE, RULES, STORE, judge, settle, shown_availability, start_agent, stored
from site_programs import Site, SiteError, wait_until

VICTIMS = ("gateway", "gateway", "gateway", "fleet", "agent")
KILLS_FOR_A_DISK = 8  # after so many a disk is bad
TOO_MUCH = 0.02  # what is shown may be above what was measured from outside
PER_DEATH_S = 0.1  # what lies between a gateway's last commit and its death counts as not served, and nobody is back at once


class Chaos:
    """A site whose programs die and come back, on disks that fill and break."""

    def __init__(self, site, prng):
        self.site, self.prng = site, prng
        self.deaths = dict.fromkeys(VICTIMS, 0)
        self.away_s = 0  # nobody could be served
        self.bad = BadDisks(self, self.deaths)

    def open(self):
        site = self.site
        self.fleet = site.start_fleet(folder=self.bad.disks["fleet"].dir)
        site.write_gateway(
            fleet=True, alerts_port=None, group_ms=None, door=True, more=RULES,
            store=f"{STORE}, free: 0", spool="free: 0", folder=self.bad.disks["gateway"].dir)
        self.gateway = site.start_gateway()
        self.since = time.monotonic()
        self.load = site.simulate(DEVICES, RATE, 3600)
        self.agent = start_agent(site, folder=self.bad.disks["agent"].dir)
        wait_until(lambda: stored(site) > 100, "the first readings", 60)

    def restart(self, name):
        setattr(self, name, getattr(self.site, f"restart_{name}")())

    def kill(self):
        name = self.prng.choice(VICTIMS)
        self.deaths[name] += 1
        start = time.time()
        self.site.kill(getattr(self, name))
        self.restart(name)
        self.away_s += self.site.opened_at() - start if name == "gateway" else 0
        time.sleep(self.prng.random() * 0.15)

    def run(self, kills):
        self.bad.fill_the_gateways()
        for done in range(1, kills + 1):
            self.kill()
            if done % KILLS_FOR_A_DISK == 0:
                self.bad.spoil()
            if done % 50 == 0:
                print(f"chaos: {done} kills, {stored(self.site)} readings stored", flush=True)
        self.bad.fill_the_gateways()

    def served(self):
        """Share of the time, measured from outside."""
        return 1 - self.away_s / (time.monotonic() - self.since)

    def must_show_availability(self):
        def fits():
            elapsed_s, shown, served = time.monotonic() - self.since, shown_availability(self.site), self.served()
            unsure = (PER_DEATH_S * self.deaths["gateway"] + self.bad.unsure_s) / elapsed_s
            return served - unsure <= shown <= served + TOO_MUCH

        wait_until(fits, f"the fleet server's showing that devices were served {self.served():.1%} of the time, not {shown_availability(self.site):.1%},", 40)
        print(f"chaos: devices were served {self.served():.1%} of the time, less what a bad disk took (at most {self.bad.unsure_s:.0f} s), "
              f"{shown_availability(self.site):.1%} are shown; {1000 * self.away_s / max(1, self.deaths['gateway']):.0f} ms for each death of the gateway")


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", type=Path, required=True, help="folder of the programs")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=None, help="of the choice of victims and moments")
    parser.add_argument("--keep", action="store_true", help="keep the temporary folder")
    return parser.parse_args()


def told(counts):
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


def run(site, asked, seed):
    chaos = Chaos(site, random.Random(seed))
    try:
        chaos.open()
        chaos.run(asked.kills)
        report = settle(site, chaos.load, chaos.agent)
        chaos.must_show_availability()
        kept, faults = judge(site, chaos.gateway, report, excused=(AGENT,))
    finally:
        site.stop_all()
        chaos.bad.close()
    print(f"chaos: {kept} readings, deaths: {told(chaos.deaths)}; bad disks: {told(chaos.bad.times)}, {chaos.bad.ended} programs ended for it; "
          f"{'; '.join(faults) or 'nothing lost, nothing doubled'}")
    return faults


def main():
    asked = options()
    in_a_namespace_of_its_own()
    seed = asked.seed if asked.seed is not None else time.time_ns() % 1_000_000
    folder = Path(tempfile.mkdtemp(prefix="selvedge-chaos-"))
    print(f"chaos: {asked.kills} kills, seed {seed}", flush=True)
    try:
        faults = run(Site(folder, asked.programs), asked, seed)
    except SiteError as failure:
        print(f"chaos: {failure}", file=sys.stderr)
        faults = [str(failure)]
    finally:
        if not asked.keep:
            shutil.rmtree(folder)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

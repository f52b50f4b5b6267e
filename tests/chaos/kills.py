#!/usr/bin/env python3
"""kill -9 at random moments: of the gateway, of the fleet server, of an agent, while twenty devices publish.

At the end every reading that a device was told is kept is there once: in the gateway's store, as a row or in a block,
at the fleet server, and in its ledger. What `./dev chaos` runs; a short form is one of the tests. Exit 1: something was lost or doubled.
"""
import argparse
import json
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from site_programs import Site, SiteError, free_port, wait_until

RULES = "uplink: {default: all}\n"
STORE = ", pack: 2s, rows: 500"  # so that packing is under way most of the time
VICTIMS = ("gateway", "gateway", "gateway", "fleet", "agent")
DEVICES, RATE = 20, 400
AGENT = "this-machine"


class Chaos:
    """A site whose programs die and come back."""

    def __init__(self, site, prng):
        self.site, self.prng = site, prng
        self.deaths = {name: 0 for name in VICTIMS}
        self.sensor = site.dir / "sensor"
        self.sensor.write_text("20\n")

    def open(self):
        self.fleet = self.site.start_fleet()
        self.site.write_gateway(fleet=True, alerts_port=None, group_ms=None, door=True, more=RULES, store=STORE)
        self.gateway = self.site.start_gateway()
        self.load = self.site.simulate(DEVICES, RATE, 3600)
        self.site.write_agent(
            f"machine: false\nspool: {{path: {self.site.dir}/spool, every: 500ms, free: 0}}\nsources:\n"
            f"  - {{kind: file, path: {self.sensor}, sensor: level, unit: m, interval: 100ms}}\n"
        )
        self.agent = self.site.start_agent()
        wait_until(lambda: self.stored() > 100, "the first readings", 60)

    def kill(self):
        name = self.prng.choice(VICTIMS)
        self.deaths[name] += 1
        process = getattr(self, name)
        self.site.kill(process)
        setattr(self, name, getattr(self.site, f"restart_{name}")())
        time.sleep(self.prng.random() * 0.15)

    def store(self):
        return sqlite3.connect(f"file:{self.site.store}?mode=ro", uri=True, timeout=10)

    def stored(self):
        return self.store().execute("SELECT coalesce(sum(count), 0) FROM kept").fetchone()[0]

    def settle(self):
        """Everybody comes back, the devices stop in peace, everything goes up."""
        wait_until(lambda: self.site.gateway_status()["front"]["clients"] == DEVICES + 1, "the return of every device", 120)
        self.load.send_signal(signal.SIGINT)
        report = self.site.simulated(self.load)
        self.site.stop(self.agent)
        wait_until(lambda: self.store().execute("SELECT count(*) FROM outbox").fetchone()[0] == 0, "an empty outbox", 60)
        return report


def numbers_seen(db):
    """(device, epoch, ranges) of every sender, as the gateway left them when it ended."""
    for line in db.execute("SELECT senders FROM checkpoint").fetchone()[0].splitlines():
        sender, ranges = line.split(" ")[:2]
        yield *sender.split("/", 1), ranges


def faults_of_numbers(db):
    """Every sender's numbers are 1, 2, 3, ..., and of each device as many readings are kept, in rows or in blocks. A killed agent
    loses what it had measured in the last half second and neither sent nor written, so its numbers may have gaps."""
    numbers = {}
    for device, epoch, ranges in numbers_seen(db):
        if device != AGENT and not re.fullmatch(r"1(-[0-9]+)?", ranges):
            yield f"{device} epoch {epoch}: the numbers {ranges}"
        for one in ranges.split(","):
            first, _, last = one.partition("-")
            numbers[device] = numbers.get(device, 0) + int(last or first) - int(first) + 1
    kept = dict(db.execute("SELECT device, sum(count) FROM kept JOIN stream ON stream.id = stream GROUP BY device"))
    for device in sorted(numbers.keys() | kept.keys()):
        if numbers.get(device) != kept.get(device):
            yield f"{device}: {numbers.get(device)} numbers, {kept.get(device)} readings"
    rows = db.execute("SELECT device, epoch, seq, count(*) FROM reading_row JOIN stream ON stream.id = stream GROUP BY device, epoch, seq HAVING count(*) > 1")
    for device, epoch, seq, count in rows:
        yield f"{device} epoch {epoch}: number {seq} is there {count} times"
    if db.execute("SELECT count(*) FROM stretch").fetchone()[0] == 0:
        yield "nothing was packed"


def faults_of_the_ledger(chaos):
    """What the fleet server says of every device: nothing doubled, nothing missing but what the agent never kept."""
    where = ("--url", f"http://127.0.0.1:{chaos.site.operator_port}", "--token-file", chaos.site.dir / "admin.token")

    def ask():
        done = subprocess.run([chaos.site.bin / "selvedge", "audit", "delivery", *where, "--output", "json"], capture_output=True, text=True, check=False)
        if done.returncode > 1:
            raise SiteError(f"audit delivery: {done.stderr.strip()}")
        return {d["device"]: d for d in json.loads(done.stdout)}

    wait_until(lambda: sum(d["received"] for d in ask().values()) == chaos.stored(), "the gateway's last word to the ledger", 60)
    devices = ask()
    if len(devices) != DEVICES + 1:
        yield f"the ledger knows {len(devices)} devices"
    for device, d in devices.items():
        if d["doubled"] > 0 or (not d["complete"] and device != AGENT):
            yield f"the ledger says of {device}: missing {d['missing']}, doubled {d['doubled']}"


def judge(chaos, report):
    faults = list(faults_of_the_ledger(chaos))
    chaos.site.stop(chaos.gateway)  # which leaves a last checkpoint
    if report["published"] != report["acknowledged"] or report["lost"] != 0:
        faults.append(f"the devices published {report['published']} and were acknowledged {report['acknowledged']}")
    db = chaos.store()
    faults += faults_of_numbers(db)
    simulated = db.execute("SELECT sum(count) FROM kept JOIN stream ON stream.id = stream WHERE device <> ?", (AGENT,)).fetchone()[0]
    if simulated != report["acknowledged"]:
        faults.append(f"{report['acknowledged']} readings of the machines were acknowledged, {simulated} are in the store")
    kept = chaos.stored()
    fleet = sqlite3.connect(f"file:{chaos.site.fleet_store}?mode=ro", uri=True, timeout=10)
    above = fleet.execute("SELECT sum(n) FROM point WHERE kind = 0").fetchone()[0]
    if above != kept:
        faults.append(f"{kept} readings are in the gateway's store, {above} at the fleet server")
    return kept, faults


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", type=Path, required=True, help="folder of the programs")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=None, help="of the choice of victims and moments")
    parser.add_argument("--keep", action="store_true", help="keep the temporary folder")
    return parser.parse_args()


def main():
    asked = options()
    seed = asked.seed if asked.seed is not None else time.time_ns() % 1_000_000
    folder = Path(tempfile.mkdtemp(prefix="selvedge-chaos-"))
    print(f"chaos: {asked.kills} kills, seed {seed}", flush=True)
    site = None
    try:
        site = Site(folder, asked.programs)
        chaos = Chaos(site, random.Random(seed))
        chaos.open()
        for done in range(1, asked.kills + 1):
            chaos.kill()
            if done % 50 == 0:
                print(f"chaos: {done} kills, {chaos.stored()} readings stored", flush=True)
        kept, faults = judge(chaos, chaos.settle())
        deaths = ", ".join(f"{name} {count}" for name, count in chaos.deaths.items())
        print(f"chaos: {kept} readings, deaths: {deaths}; {'; '.join(faults) or 'nothing lost, nothing doubled'}")
    except SiteError as failure:
        print(f"chaos: {failure}", file=sys.stderr)
        faults = [str(failure)]
    finally:
        if site is not None:
            site.stop_all()
        if not asked.keep:
            shutil.rmtree(folder)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

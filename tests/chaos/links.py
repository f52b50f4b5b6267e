#!/usr/bin/env python3
"""Bad links: between the devices and the gateway, and between the gateway and the fleet server, cut, silent, slow, lossy and narrow in
turns, while twenty devices and an agent publish.

At the end every reading that a device was told is kept is there once: in the gateway's store, at the fleet server, and in its ledger.
Meanwhile a device beside the gateway is served as ever, and the fleet server shows so: 99.9 % of the time. What `./dev chaos` runs after
the kills; a short form is one of the tests. Exit 1: something was lost, doubled or not served.
"""
import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS / "support"))
from bad_link import BadLink
from judge import DEVICES, PROBE, RATE, RULES, STORE, judge, settle, shown_availability, start_agent, stored
from site_programs import Site, SiteError, wait_until

AVAILABLE = 0.999  # the aim
START_S = 0.2  # of a start on a busy machine, which the gateway counts as not served: much of a short run
STALL_MS = 3000  # a device beside the gateway that waits longer than this was not served meanwhile
LONGEST_S, USUAL_S = 8, 0.6


WEATHERS = {
    "cut": lambda prng: {"cut": True},
    "silent": lambda prng: {"silent": True},
    "slow": lambda prng: {"delay_s": prng.uniform(0.05, 0.5)},
    "lossy": lambda prng: {"loss": prng.uniform(0.02, 0.3)},
    "narrow": lambda prng: {"bytes_per_s": prng.uniform(4, 64) * 1024},
    "slow and lossy": lambda prng: {"delay_s": prng.uniform(0.02, 0.2), "loss": 0.1},
}


class Links:
    """A site whose links are bad."""

    def __init__(self, site, prng):
        self.site, self.prng, self.turns, self.deck = site, prng, {}, []

    def open(self):
        site = self.site
        site.start_fleet()
        up = BadLink(site.device_port, self.prng.random())
        site.write_gateway(fleet=up.port, alerts_port=None, group_ms=None, door=True, more=RULES, store=STORE)
        self.gateway = site.start_gateway()
        down = BadLink(site.mqtt_port, self.prng.random())
        self.links = {"gateway to fleet": up, "devices to gateway": down}
        self.load = site.simulate(DEVICES, RATE, 3600, port=down.port)
        self.agent = start_agent(site, port=down.port)
        self.report = site.dir / "probe.json"
        self.probe = site.start(
            "probe", sys.executable, TESTS / "attacks" / "probe.py", site.mqtt_port, site.pki / "ca.crt", site.cert(PROBE), site.key(PROBE), PROBE, 20, self.report)
        self.since = time.monotonic()
        wait_until(lambda: (site.died(), stored(site))[1] > 100 and self.report.exists(), "the first readings", 60)

    def draw(self):
        """(link, weather): every pair comes before one comes again."""
        if not self.deck:
            self.deck = [(name, kind) for name in self.links for kind in WEATHERS]
            self.prng.shuffle(self.deck)
        return self.deck.pop()

    def turn(self):
        """One link, or both, is bad for a while."""
        hit = [self.draw() for _ in range(self.prng.choice((1, 1, 2)))]
        for name, kind in hit:
            self.turns[kind] = self.turns.get(kind, 0) + 1
            self.links[name].be(**WEATHERS[kind](self.prng))
        time.sleep(min(LONGEST_S, self.prng.expovariate(1 / USUAL_S)))
        for name, _ in hit:
            self.links[name].be()
        time.sleep(self.prng.random() * 0.3)
        self.site.died()

    def faults_of_service(self):
        """What a device beside the gateway saw, and what the fleet server shows."""
        self.probe.send_signal(signal.SIGTERM)
        self.probe.wait(30)
        self.site.running = [(name, p) for name, p in self.site.running if p is not self.probe]
        said = json.loads(self.report.read_text() or '{"latencies": []}')["latencies"]
        if not said:
            yield f"the probe failed: {(self.site.dir / 'probe.log').read_text()[-400:]}"
            return
        elapsed = time.monotonic() - self.since
        stalled = sum(ms - STALL_MS for _, ms in said if ms > STALL_MS) / 1000
        shown = shown_availability(self.site)
        print(f"links: a device beside the gateway was served {1 - stalled / elapsed:.3%} of {elapsed:.0f} s, {shown:.3%} are shown; "
              f"it waited {sorted(ms for _, ms in said)[len(said) * 99 // 100]:.0f} ms for a PUBACK (p99)")
        if 1 - stalled / elapsed < AVAILABLE:
            yield f"a device beside the gateway waited {stalled:.1f} s too long in {elapsed:.0f} s"
        if shown < AVAILABLE - START_S / elapsed:
            yield f"the fleet server shows that devices were served {shown:.3%} of the time"


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", type=Path, required=True, help="folder of the programs")
    parser.add_argument("--turns", type=int, default=300)
    parser.add_argument("--seed", type=int, default=None, help="of what happens to the links")
    parser.add_argument("--keep", action="store_true", help="keep the temporary folder")
    return parser.parse_args()


def run(site, asked, seed):
    links = Links(site, random.Random(seed))
    links.open()
    for done in range(1, asked.turns + 1):
        links.turn()
        if done % 20 == 0:
            print(f"links: {done} turns, {stored(site)} readings stored", flush=True)
    wait_until(lambda: shown_availability(site) > 0, "the gateway's word about its service", 60)
    faults = list(links.faults_of_service())
    report = settle(site, links.load, links.agent)
    kept, more = judge(site, links.gateway, report, others=2)
    turns = ", ".join(f"{kind} {count}" for kind, count in sorted(links.turns.items()))
    cuts = ", ".join(f"{name}: {link.resets} resets, {link.bytes / 1e6:.1f} MB" for name, link in links.links.items())
    print(f"links: {kept} readings; {turns}; {cuts}; {'; '.join(faults + more) or 'nothing lost, nothing doubled'}")
    return faults + more


def main():
    asked = options()
    seed = asked.seed if asked.seed is not None else time.time_ns() % 1_000_000
    folder = Path(tempfile.mkdtemp(prefix="selvedge-links-"))
    print(f"links: {asked.turns} turns, seed {seed}", flush=True)
    site = None
    try:
        site = Site(folder, asked.programs)
        faults = run(site, asked, seed)
    except SiteError as failure:
        print(f"links: {failure}", file=sys.stderr)
        faults = [str(failure)]
    finally:
        if site is not None:
            site.stop_all()
        if not asked.keep:
            shutil.rmtree(folder)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

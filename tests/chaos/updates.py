#!/usr/bin/env python3
"""Twenty machines get a release in three waves, and whatever can go wrong on the way does: one is not healthy with it, one loses its power in the middle of writing, one is away for the first part, one calls it a
success and runs what it ran before, the fleet server is killed again and again, and the link of the site is narrow and cut at random.

At the end what the fleet server says of each device, in each of its lists, is what lies on that device's disk; the campaign has paused where its rules say, its counts are a recount, the image came over the link
once, and no reading is lost. What `./dev chaos updates` runs; a short form is one of the tests. Exit 1: something is not so. [campaign-39]
"""
import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from site_programs import Site, SiteError
from update_machines import Releases
from updates_judge import judge
from updates_turn import DEVICES, Turn

IMAGE_BYTES = 1_200_000


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", type=Path, required=True, help="folder of the programs")
    parser.add_argument("--turns", type=int, default=20, help="campaigns, each with a fresh fleet")
    parser.add_argument("--seed", type=int, default=None, help="of the first turn; each one's own is one more")
    parser.add_argument("--keep", action="store_true", help="keep the temporary folder")
    return parser.parse_args()


def run_turn(site, releases, seed, keep):
    folder = site.dir / f"turn-{seed}"
    folder.mkdir()
    turn = Turn(site, releases, folder, seed)
    began = time.monotonic()
    try:
        turn.open()
        turn.run()
        faults = judge(turn)
    except SiteError as failure:
        faults = [f"{failure}; {turn.where()}"]
    finally:
        turn.close()
    print(f"updates: seed {seed}, {time.monotonic() - began:.0f} s: {turn.told()}; {'; '.join(faults) or 'what is shown is so'}", flush=True)
    if not faults and not keep:
        shutil.rmtree(folder)
    return len(faults)


def main():
    asked = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is stopped
    os.environ.setdefault("SV_POWER_LOG_SO", str(asked.programs.resolve().parent / "tests/power_log.so"))
    seed = asked.seed if asked.seed is not None else time.time_ns() % 1_000_000
    folder = Path(tempfile.mkdtemp(prefix="selvedge-updates-"))
    print(f"updates: {asked.turns} turns from seed {seed} on", flush=True)
    faults = 0
    try:
        site = Site(folder, asked.programs)
        for name in DEVICES:
            site.issue(name, "device")
        releases = Releases(site, IMAGE_BYTES)
        for turn in range(asked.turns):
            faults += run_turn(site, releases, seed + turn, asked.keep)
    except SiteError as failure:
        print(f"updates: {failure}", file=sys.stderr)
        faults += 1
    finally:
        if not asked.keep:
            shutil.rmtree(folder)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

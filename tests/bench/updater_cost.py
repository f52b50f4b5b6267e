"""What it costs a device to be updated by `selvedge-updater`: its most memory, which is not to grow with the image, its CPU, the time beside `dd` with fsync and SHA-256 twice (over
what comes in and over what is read back), and how large the program is. The agent is tests/support/updater_agent.py, which has all bytes at hand."""
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from install_cost import make_image, most_memory, timed
from throttled_disk import throttled_disk

THROTTLED_BYTES_PER_S = 100_000_000

SOURCE = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(SOURCE / "tests/support"))


def prepare(bin_folder, place, image):
    """Keys, a small release that runs, and one of `image` that is assigned; the folder is what updater_house.py expects."""
    def selvedge(*words):
        subprocess.run([bin_folder / "selvedge", *words], cwd=place, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    make_image(place / "v1.img", 1)
    selvedge("update", "keys", "init", "--dir", "keys")
    selvedge("update", "keys", "new", "boot", "--key", "ec", "--keys", "keys")
    for version, file in (("1.0.0", "v1.img"), ("1.1.0", image)):
        selvedge("update", "sign", file, "--product", "lathe-ctl", "--hardware", "rev-b", "--version", version, "--keys", "keys")
    selvedge("update", "publish", "--keys", "keys", "--repo", "repo")
    (place / "boot.pub").write_text(json.loads((place / "keys/public/boot.json").read_text())["keyval"]["public"])
    selvedge("firmware", "install", "v1.img", "--slots", "slots")
    # Its first slot is small; both are made as long as the image needs.
    for slot in ("slot-a", "slot-b"):
        (place / "slots" / slot).unlink()
        with open(place / "slots" / slot, "wb") as file:
            file.truncate((place / image).stat().st_size + (2 << 20))
    for name in ("boot-state", "journal", "try.key"):
        (place / "slots" / name).unlink(missing_ok=True)


def watch(pid, peak, over):
    while not over.is_set():
        peak[0] = max(peak[0], most_memory(pid))
        over.wait(0.005)


def one(bin_folder, place, disk):
    """Seconds, seconds of CPU and MiB at most, of one update on a disk."""
    os.chdir(place)
    os.environ.update(SV_SOURCE=str(SOURCE), SV_BIN=str(bin_folder))
    import updater_house
    peak, over = [0], threading.Event()
    house = updater_house.House(f"{disk}/turn{time.monotonic_ns()}")
    house.good = lambda slot: True
    house.start(slot=0)
    house.director.assign(updater_house.path_of("1.1.0"))
    watcher = threading.Thread(target=watch, args=(house.process.pid, peak, over))
    watcher.start()
    began = time.monotonic()
    verb, what = house.check()
    elapsed = time.monotonic() - began
    _, _, usage = os.wait4(house.process.pid, 0)
    over.set()
    watcher.join()
    house.process = None
    assert verb == updater_house.ua.REBOOT, what
    for slot in ("slot-a", "slot-b"):
        os.unlink(f"{house.dir}/{slot}")
    return elapsed, usage.ru_utime + usage.ru_stime, peak[0]


def update(bin_folder, place, disk):
    return json.loads(subprocess.run([sys.executable, __file__, bin_folder, place, disk], check=True, capture_output=True, text=True).stdout)


def run_agent(results, bin_folder, quick):
    """The agents of a story in which they bring updates from a device door, over good lines and bad: what each had at the most, and its proportional share, as the kernel keeps both."""
    peaks, shares = [], []
    for _ in range(1 if quick else 3):
        told = subprocess.run([SOURCE / "tests/scenario/agent_update.sh"], check=True, capture_output=True, text=True,
                              env={**os.environ, "SV_SOURCE": str(SOURCE), "SV_BIN": str(bin_folder)}).stdout
        seen = [(int(share) / 1024, int(peak) / 1024) for share, peak in re.findall(r"agent: PSS (\d+) kB, peak (\d+) kB", told)]
        shares.append(max(share for share, _ in seen))
        peaks.append(max(peak for _, peak in seen))
    results.add("selvedge-agent that brings updates, peak", "MiB", peaks, aim=8)
    results.add("selvedge-agent that brings updates, PSS", "MiB", shares)


def run_throttled(results, bin_folder, place, mib, quick):
    """Beside `dd` with fsync of the same bytes to the same disk; what is only counted on a fast disk is hidden by a slow one, or is not."""
    with throttled_disk(3 * mib + 64, THROTTLED_BYTES_PER_S) as (disk, why):
        if disk is None:
            print(f"no disk can be throttled here: {why}", file=sys.stderr)
            return
        rounds = []
        for _ in range(1 if quick else 5):
            dd = timed("dd", f"if={place}/v2.img", f"of={disk}/copy", "bs=1M", "conv=fsync", "status=none")
            os.unlink(f"{disk}/copy")
            rounds.append((dd, update(bin_folder, place, disk)))
        results.add(f"update of {mib} MiB by the updater, throttled disk", "s", [mine[0] for _, mine in rounds], ("dd with fsync", [dd[0] for dd, _ in rounds]))


def run(results, bin_folder, quick):
    bin_folder = Path(bin_folder).resolve()
    with tempfile.TemporaryDirectory(prefix="sv-updater-", dir=os.environ.get("SV_BENCH_DISK")) as folder:
        small = Path(folder) / "stripped"
        for name in ("selvedge-updater", "selvedge-agent"):
            subprocess.run(["strip", "-o", small, bin_folder / name], check=True)
            results.add(f"{name}, stripped", "kB", [small.stat().st_size / 1000], aim=300)
        for mib in (16, 64) if quick else (16, 256):
            place = Path(folder) / f"{mib}"
            place.mkdir()
            make_image(place / "v2.img", mib)
            prepare(bin_folder, place, "v2.img")
            rounds = []
            for _ in range(1 if quick else 5):
                dd = timed("dd", f"if={place}/v2.img", f"of={place}/copy", "bs=1M", "conv=fsync", "status=none")
                sums = timed("openssl", "dgst", "-sha256", place / "v2.img")
                rounds.append((dd, sums, update(bin_folder, place, place)))
            for what, unit in ((0, "s"), (1, "s CPU")):
                results.add(f"update of {mib} MiB by the updater", unit, [mine[what] for _, _, mine in rounds],
                            ("dd and SHA-256 twice", [dd[what] + 2 * sums[what] for dd, sums, _ in rounds]))
                results.add(f"update of {mib} MiB by the updater", unit, [mine[what] for _, _, mine in rounds],
                            ("dd and SHA-256 once", [dd[what] + sums[what] for dd, sums, _ in rounds]), ratio_aim=1.15 if mib == 256 else None)
            results.add(f"update of {mib} MiB by the updater, peak", "MiB", [mine[2] for _, _, mine in rounds], aim=8)
        run_throttled(results, bin_folder, place, mib, quick)
    run_agent(results, bin_folder, quick)


if __name__ == "__main__":
    print(json.dumps(one(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))))

"""What it costs to believe a repository of updates: 10,000 targets in 256 hash bins, made once, judged by the library from a folder and by selvedge-tuf over loopback."""
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "conformance/tuf"))
from repository import Key, Repository, file_of, when

TARGETS, BITS = 10_000, 8
MIB = 1 << 20
LARGE = "large.img"
PROGRAMS = ("selvedge-tuf", "selvedge-verify", "selvedge")


def bin_of(path):
    return f"bin-{hashlib.sha256(path.encode()).digest()[0]:02x}"


def fill(repo):
    """Gives a path of each bin, and all its metadata by file name."""
    key, paths = Key(), {}
    bins = {f"bin-{n:02x}": {} for n in range(1 << BITS)}
    for n in range(TARGETS):
        path = f"lathe-ctl/{n // 100}.{n % 100}/rootfs-{n}.img"
        bins[bin_of(path)][path] = file_of(b"image %d" % n)
        paths[bin_of(path)] = path
    repo.hash_meta = True
    repo.files[paths["bin-00"]] = b"image " + paths["bin-00"].rsplit("-", 1)[1][:-4].encode()
    repo.md["targets"]["delegations"] = {"keys": {key.id: key.public}, "succinct_roles": {"keyids": [key.id], "threshold": 1, "bit_length": BITS, "name_prefix": "bin"}}
    for name, targets in bins.items():
        repo.md[name], repo.signers[name] = repo.new("targets", targets=targets), [key]
        repo.md[name]["version"] = 0
    for md in repo.md.values():
        md["expires"] = when()
    repo.add_target(LARGE, bytes(64 * MIB))
    repo.publish(*bins, "targets")
    return [paths[name] for name in sorted(paths)]


def save(repo, folder):
    """As a folder has it. Gives its bytes."""
    total = 0
    for name, data in repo.published.items():
        file = f"{name[1]}.{name[0]}.json" if isinstance(name, tuple) else f"{name}.json"
        if not isinstance(name, tuple) or name[1] == repo.md[name[0]]["version"]:
            (folder / file).write_bytes(data)
            total += len(data) if isinstance(name, tuple) else 0
    return total


def ask(*words):
    return json.loads(subprocess.run(["nice", *map(str, words)], capture_output=True, text=True, check=True).stdout)


def sizes(results, programs, folder):
    for name in PROGRAMS:
        subprocess.run(["strip", "-o", folder / name, programs / name], check=True)
        results.add(f"{name}, stripped", "KiB", [os.path.getsize(folder / name) / 1024], aim=1000 if name == "selvedge-verify" else None)


def client(probe, programs, repo, place, path):
    """selvedge-tuf, with nothing but a root, to a target in its folder."""
    trusted, out = place / "trusted", place / "out"
    for folder in (trusted, out):
        shutil.rmtree(folder, ignore_errors=True)
    tuf = [programs / "selvedge-tuf", "--metadata-dir", trusted]
    subprocess.run([*tuf, "init", place / "metadata/1.root.json"], check=True)
    return ask(probe, "run", *tuf, "--metadata-url", repo.url + "/metadata/", "--target-base-url", repo.url + "/targets/", "--target-dir", out,
               "--target-name", path, "download")


def run(results, programs, probes, quick):
    rounds = 3 if quick else 15
    probe, repo = probes / "bench-trust", Repository()
    with tempfile.TemporaryDirectory(prefix="sv-trust-") as folder:
        place = Path(folder)
        paths = fill(repo)
        (place / "metadata").mkdir()
        results.add("10,000 targets in 256 bins, metadata", "KiB", [save(repo, place / "metadata") / 1024])
        for what, names in (("refresh, one target found", paths[:1]), ("refresh, a target of every bin found", paths)):
            (place / "names").write_text("\n".join(names) + "\n")
            judged = [ask(probe, "judge", place / "metadata", place / "names") for _ in range(rounds)]
            if any(one["found"] != len(names) for one in judged):
                raise RuntimeError("not every target was found")
            results.add(what, "ms CPU", [one["cpu_ms"] for one in judged], aim=50)
            results.add(what, "MiB above idle", [one["above_idle_kb"] * 1024 / MIB for one in judged], aim=4)
        whole = [client(probe, programs, repo, place, paths[0]) for _ in range(rounds)]
        results.add("selvedge-tuf download of one, whole process", "ms CPU", [one["cpu_ms"] for one in whole])
        results.add("selvedge-tuf download of one, whole process", "MiB peak", [one["peak_kb"] * 1024 / MIB for one in whole])
        large = client(probe, programs, repo, place, LARGE)
        results.add("selvedge-tuf download of 64 MiB, whole process", "MiB peak", [large["peak_kb"] * 1024 / MIB])
        sizes(results, programs, place)
    repo.stop()

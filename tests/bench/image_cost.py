"""What the encodings of an image cost: CPU to make and to open, bytes on the way, memory. The image is an ext4 of 160 MiB made of this machine's own programs; the
second one has one program exchanged, a configuration line changed and a file added, and is made anew, so that what lies behind them has moved."""
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

IMAGE_MB, CONTENT_MB = 160, 110
FOLDERS = ("/usr/bin", "/usr/lib/x86_64-linux-gnu", "/usr/lib/python3", "/usr/share/doc")
MIB = 1 << 20


def fill(tree):
    """The first files, in the order of their names, until the image is full enough."""
    room = CONTENT_MB * MIB
    for folder in FOLDERS:
        for path in sorted(Path(folder).rglob("*")):
            if path.is_symlink() or not path.is_file() or not os.access(path, os.R_OK):
                continue
            size = path.stat().st_size
            if 0 < size < 8 * MIB and size + 4096 <= room:
                to = tree / str(path).lstrip("/")
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, to)
                room -= size + 4096


def change(tree):
    """What a small release changes. Gives the bytes of the exchanged program."""
    (tree / "etc").mkdir(exist_ok=True)
    (tree / "etc/selvedge.conf").write_text("spindle: 12000\n" * 40)
    programs = sorted(p for p in (tree / "usr/bin").iterdir() if 200_000 < p.stat().st_size < 400_000)
    program = programs[len(programs) // 2]
    code = bytearray(program.read_bytes())
    code[5000:5000] = b"\x90" * 37  # as a compiler does: a little more in one place, and all addresses behind it
    for at in range(6000, len(code) - 4, 97):
        code[at] = (code[at] + 37) & 255
    program.write_bytes(code)
    return len(code)


def make_image(tree, path):
    with open(path, "wb") as file:
        file.truncate(IMAGE_MB * MIB)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", tree, "-U", "00000000-0000-0000-0000-000000000001", "-E", "hash_seed=00000000-0000-0000-0000-000000000002", path],
                   check=True)


def ask(probe, verb, *words):
    out = subprocess.run(["nice", probe, verb, *map(str, words)], capture_output=True, text=True, check=True)
    return json.loads(out.stdout)


def packed_whole(new, old):
    """MiB that the zstd command makes of the whole image at the same level: as one stream, and by the whole old image, which a reader then has to hold in memory."""
    sizes = {}
    for kind, more in (("zstd", []), ("delta", ["--long=28", f"--patch-from={old}"])):
        out = subprocess.run(["nice", "zstd", "-q", "-15", "-c", *more, new], capture_output=True, check=True).stdout
        sizes[kind] = ("zstd over the whole", [len(out) / MIB])
    return sizes


def run(results, probes, quick):
    with tempfile.TemporaryDirectory(prefix="sv-image-") as folder:
        place = Path(folder)
        tree, old, new, stored = place / "tree", place / "old.img", place / "new.img", place / "stored"
        tree.mkdir()
        fill(tree)
        make_image(tree, old)
        exchanged = change(tree)
        make_image(tree, new)
        results.add("image, program exchanged", "bytes", [exchanged])
        whole = {} if quick else packed_whole(new, old)
        for kind in ("raw", "zstd", "delta"):
            for how in ("sealed",) if quick else ("plain", "sealed"):
                words = (new, old, kind, how, stored)
                made = ask(probes / "bench-image", "encode", *words)
                opened = [ask(probes / "bench-image", "open", *words) for _ in range(1 if quick else 5)]
                results.add(f"image, {kind} {how}, encoded", "ms CPU/MiB", [made["ms_per_mib"]])
                results.add(f"image, {kind} {how}, opened", "ms CPU/MiB", [one["ms_per_mib"] for one in opened])
                results.add(f"image, {kind} {how}, with its index", "MiB", [(made["bytes"] + made["index_bytes"]) / MIB], whole.get(kind))
                results.add(f"image, {kind} {how}, encoder's peak", "MB", [made["peak_mb"]])
                results.add(f"image, {kind} {how}, reader's peak", "MB", [one["peak_mb"] for one in opened])

"""What it costs a device to install an image: time and CPU beside what nobody can do without (`dd` with fsync, and SHA-256 over what comes in and over what is read back), and the
most memory, which is not to grow with the image. At its end the command says what would start, with the code of a boot loader, whose SHA-256 is made for size: that is asked for once
more and taken off."""
import os
import subprocess
import tempfile
import time
from pathlib import Path

MIB = 1 << 20


def most_memory(pid):
    """MiB that the process has had at most so far, as the kernel keeps it; what ends says no more. (The rusage of a child begins with what its parent had.)"""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0


def timed(*words):
    """Seconds, seconds of CPU and MiB at most, of one process."""
    began = time.monotonic()
    child = subprocess.Popen([str(word) for word in words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    pid, peak = 0, 0
    while pid == 0:
        peak = max(peak, most_memory(child.pid))
        time.sleep(0.002)
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise subprocess.CalledProcessError(child.returncode, words)
    return time.monotonic() - began, usage.ru_utime + usage.ru_stime, peak


def make_image(path, mib):
    with open(path, "wb") as file:
        for _ in range(mib):
            file.write(os.urandom(MIB))
    os.sync()


def measure(selvedge, place, image):
    """One after the other, so that whatever else the machine does hits them alike."""
    copy = place / "copy"
    slots = place / f"slots-{time.monotonic_ns()}"
    dd = timed("dd", f"if={image}", f"of={copy}", "bs=1M", "conv=fsync", "status=none")
    copy.unlink()
    sums = timed("openssl", "dgst", "-sha256", image)
    install = timed(selvedge, "firmware", "install", image, "--slots", slots)
    look = timed(selvedge, "firmware", "slots", "--slots", slots)
    for file in ("slot-a", "slot-b"):
        (slots / file).unlink()
    return dd, sums, install, look


def run(results, bin_folder, quick):
    with tempfile.TemporaryDirectory(prefix="sv-install-", dir=os.environ.get("SV_BENCH_DISK")) as folder:
        place = Path(folder)
        for mib in (16, 64) if quick else (16, 256):
            image = place / f"{mib}.img"
            make_image(image, mib)
            rounds = [measure(bin_folder / "selvedge", place, image) for _ in range(1 if quick else 7)]
            for what, unit in ((0, "s"), (1, "s CPU")):
                floor = [dd[what] + 2 * sums[what] for dd, sums, _, _ in rounds]
                results.add(f"install of {mib} MiB", unit, [install[what] - look[what] for _, _, install, look in rounds], ("dd and SHA-256 twice", floor))
                results.add(f"{mib} MiB, what would start", unit, [look[what] for _, _, _, look in rounds])
            results.add(f"install of {mib} MiB, peak", "MB", [install[2] for _, _, install, _ in rounds])
            image.unlink()

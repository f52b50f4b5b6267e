"""A disk that takes no more than so many bytes a second: an ext4 on a loop device, which the kernel's own throttle (cgroup v1's blkio) holds back. Reads are not held back, as flash reads faster than it
is written. None where this machine does not let us: without root, a loop device or that throttle."""
import contextlib
import os
import subprocess
import tempfile
from pathlib import Path

THROTTLE = Path("/sys/fs/cgroup/blkio/blkio.throttle.write_bps_device")


def run(*words):
    return subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True).stdout.strip()


def set_rate(device, bytes_per_s):
    """0: as fast as it goes."""
    number = (Path("/sys/class/block") / Path(device).name / "dev").read_text().strip()
    THROTTLE.write_text(f"{number} {bytes_per_s}\n")


@contextlib.contextmanager
def throttled_disk(mib, bytes_per_s):
    """The folder that it is mounted on, or None with the reason."""
    if os.geteuid() != 0 or not THROTTLE.exists():
        yield None, "it takes root and cgroup v1's blkio"
        return
    with tempfile.TemporaryDirectory(prefix="sv-slow-", dir=os.environ.get("SV_BENCH_DISK")) as folder, contextlib.ExitStack() as undo:
        image, place = Path(folder) / "disk", Path(folder) / "mnt"
        place.mkdir()
        with open(image, "wb") as file:
            file.truncate(mib << 20)
        try:
            device = run("losetup", "--show", "-f", image)
            undo.callback(run, "losetup", "-d", device)
            run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", device)
            run("mount", device, place)
            undo.callback(run, "umount", place)
            set_rate(device, bytes_per_s)
            undo.callback(set_rate, device, 0)
        except (OSError, subprocess.CalledProcessError) as error:
            yield None, str(getattr(error, "stderr", "") or error)
            return
        yield place, ""

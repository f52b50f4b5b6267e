#!/usr/bin/env python3
"""What `./dev bench cache` runs: devices that fetch one image through a gateway's cache; bytes over the site's link, the gateway's CPU, downloads a second.

Prints a table and writes build/bench/cache.json; `run` adds the same rows to another bench's results."""
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from http.client import HTTPSConnection
from pathlib import Path

SUPPORT = Path(__file__).resolve().parents[1] / "support"
sys.path.insert(0, str(SUPPORT))
from live_sessions import Folder, context_of
from site_programs import Site, SiteError, answers, free_port, wait_until

TICK = os.sysconf("SC_CLK_TCK")
DEVICES = 200
IMAGE_BYTES = 4 * 1024 * 1024


def cpu_s(process):
    fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


class Door:
    """A fleet server as far as artifacts go, and a gateway with an empty cache before it."""

    def __init__(self, site):
        self.root, self.port, self.up_port = site.dir / "artifacts-up", free_port(), free_port()
        (self.root / "artifacts").mkdir(parents=True)
        self.sha256 = subprocess.run([SUPPORT / "artifact_make.py", self.root, str(IMAGE_BYTES), "1"], capture_output=True, text=True, check=True).stdout.strip()
        self.ca = site.pki / "ca.crt"
        self.log = self.root / "log"
        site.start("artifact-door", SUPPORT / "artifact_door.py", self.up_port, self.ca, site.cert("fleet-server"), site.key("fleet-server"), self.root)
        wait_until(lambda: answers(self.up_port), "the door of the artifacts")
        yaml = {
            "id": "gateway-1", "site": "bench", "listen": {"bind": "127.0.0.1", "port": free_port()}, "door": {"bind": "127.0.0.1", "port": self.port},
            "tls": {"ca": str(self.ca), "cert": str(site.cert("gateway-1")), "key": str(site.key("gateway-1"))},
            "fleet": {"url": f"https://127.0.0.1:{self.up_port}"}, "store": {"path": str(site.dir / "cache-gateway.db")}, "cache": {"dir": str(site.dir / "cache")},
        }
        (site.dir / "cache-gateway.yaml").write_text(json.dumps(yaml))
        self.gateway = site.start("cache-gateway", site.bin / "selvedge-gateway", "--config", site.dir / "cache-gateway.yaml")
        wait_until(lambda: answers(self.port), "the gateway's device door")

    def up(self, kind):
        """Answers of that kind, and their bytes."""
        lines = [line.split() for line in self.log.read_text().splitlines()]
        mine = [int(line[2]) for line in lines if line[0] == kind]
        return len(mine), sum(mine)


def download(door, context, errors):
    """One device, which keeps nothing and holds the whole against its SHA-256."""
    try:
        connection = HTTPSConnection("127.0.0.1", door.port, context=context, timeout=120)
        connection.request("GET", f"/artifacts/{door.sha256}/raw")
        answer = connection.getresponse()
        digest = hashlib.sha256()
        while piece := answer.read(262144):
            digest.update(piece)
        if answer.status != 200 or digest.hexdigest() != door.sha256:
            errors.append(f"status {answer.status}, or another image")
        connection.close()
    except OSError as error:
        errors.append(str(error))


def all_at_once(door, contexts):
    """Seconds that it took, and the gateway's CPU seconds."""
    errors = []
    devices = [threading.Thread(target=download, args=(door, context, errors)) for context in contexts]
    cpu, since = cpu_s(door.gateway), time.monotonic()
    for device in devices:
        device.start()
    for device in devices:
        device.join()
    if errors:
        raise SiteError(f"{len(errors)} of {len(devices)} downloads failed: {errors[0]}")
    return time.monotonic() - since, cpu_s(door.gateway) - cpu


def run(results, site, quick):
    count = 50 if quick else DEVICES
    folder = Folder(site.pki, site.dir / "keys")
    names = [f"fetcher-{i:03}" for i in range(count)]
    for name in names:
        folder.device(name)
    contexts = [context_of(site.pki / "ca.crt", site.cert(name), site.key(name)) for name in names]
    time.sleep(1.1)  # certificates count in whole seconds
    door = Door(site)
    took, cpu = all_at_once(door, contexts)
    gib = count * IMAGE_BYTES / 2**30
    results.add(f"image over the link for {count} devices at once", "times", [door.up("piece")[1] / IMAGE_BYTES], aim=1.0)
    results.add("questions and indexes beside it", "bytes a device", [(door.up("ask")[1] + door.up("index")[1]) / count])
    results.add("downloads through the cache, empty at first", "/s", [count / took])
    results.add("CPU of the gateway for them", "s/GiB", [cpu / gib])
    took, cpu = all_at_once(door, contexts)
    results.add("downloads of what is there", "/s", [count / took])
    results.add("CPU of the gateway for these", "s/GiB", [cpu / gib])
    if door.up("piece")[1] != IMAGE_BYTES:
        raise SiteError(f"{door.up('piece')[1]} bytes came over the link for an image of {IMAGE_BYTES}")
    site.stop_all()


class Printed:
    def __init__(self):
        self.rows = []

    def add(self, name, unit, values, aim=None):
        print(f"{name:55} {values[0]:10.2f} {unit}")
        self.rows.append({"name": name, "unit": unit, "value": values[0], "aim": aim})


def main():
    source = Path(__file__).resolve().parents[2]
    results = Printed()
    with tempfile.TemporaryDirectory() as work:
        site = Site(Path(work), source / "build/release/bin")
        try:
            run(results, site, "--quick" in sys.argv)
        finally:
            site.stop_all()
    (source / "build/bench").mkdir(exist_ok=True)
    (source / "build/bench/cache.json").write_text(json.dumps(results.rows, indent=1) + "\n")


if __name__ == "__main__":
    main()

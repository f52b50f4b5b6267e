"""What a revocation costs: from the operator's word to the last byte of a session, over live sessions at three gateways; and what a long log costs."""
import hashlib
import json
import re
import sqlite3
import time
import urllib.request
from pathlib import Path

from live_sessions import Folder, Sessions, connect, context_of
from site_programs import SiteError, free_port, wait_until

GATEWAYS = 3
SITES = ("pune", "nagpur", "nashik")


# --- programs ---------------------------------------------------------------------------------------


class Fleet:
    """A fleet server with its signer and three gateways; `store` is its database."""

    def __init__(self, site):
        self.site = site
        self.device, self.operator = free_port(), free_port()
        self.store = site.dir / f"fleet-{self.device}.db"
        self.names = [f"gw-{name}" for name in SITES]
        self.gateways = {}
        for name in self.names:
            if not site.cert(name).exists():
                site.issue(name, "gateway", "--ip", "127.0.0.1")
        socket_path = site.dir / "signer.sock"
        (site.dir / "signer.yaml").write_text(f"pki: {site.pki}\nsocket: {socket_path}\n")
        gateways = ", ".join(f"{name}: {place}" for name, place in zip(self.names, SITES))
        (site.dir / "fleet.yaml").write_text(
            f"id: fleet-server\nstore: {{path: {self.store}}}\noperator: {{bind: 127.0.0.1, port: {self.operator}}}\n"
            f"device:\n  bind: 127.0.0.1\n  port: {self.device}\n  tls: {site.tls('fleet-server')}\n"
            f"pki: {site.pki}\nadmin_token_file: {site.dir}/admin.token\ngateways: {{{gateways}}}\nsigner: {{socket: {socket_path}}}\n"
        )
        site.start("signer", site.bin / "selvedge-signer", "--config", site.dir / "signer.yaml")
        self.process = self.start()

    def start(self):
        process = self.site.start("fleet", self.site.bin / "selvedge-fleet", "--config", self.site.dir / "fleet.yaml")
        self.site.wait_port(self.device, "the fleet server")
        return process

    def api(self, path, body=None):
        token = (self.site.dir / "admin.token").read_text().strip()
        request = urllib.request.Request(f"http://127.0.0.1:{self.operator}/api/v1{path}", headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, None if body is None else json.dumps(body).encode(), timeout=30) as answer:
            return json.load(answer)

    def start_gateways(self):
        """Port by gateway."""
        ports = {}
        for name, place in zip(self.names, SITES):
            port = free_port()
            (self.site.dir / f"{name}.yaml").write_text(
                f"id: {name}\nsite: {place}\nlisten: {{bind: 127.0.0.1, port: {port}}}\nhttp: {{port: {free_port()}}}\n"
                f"tls: {self.site.tls(name)}\nstore: {{path: {self.site.dir}/{name}-{port}.db}}\nfleet: {{url: 'https://127.0.0.1:{self.device}', every: 1s}}\n"
            )
            self.gateways[name] = self.site.start(name, self.site.bin / "selvedge-gateway", "--config", self.site.dir / f"{name}.yaml")
            self.site.wait_port(port, name)
            ports[name] = port
        wait_until(self.all_follow, "three gateways that follow the log", 30)
        return ports

    def all_follow(self):
        told = self.api("/standing")
        return all(gateway["version"] == told["version"] for gateway in told["gateways"])


# --- what is measured ---------------------------------------------------------------------------------


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def revoke_to_kick(results, site, devices, revoked):
    fleet, folder, sessions = Fleet(site), Folder(site.pki, site.dir / "keys"), Sessions()
    ports = fleet.start_gateways()
    names = [f"bench-{i:04}" for i in range(devices)]
    for i, name in enumerate(names):
        folder.device(name)
        sessions.add(name, connect(name, context_of(site.pki / "ca.crt", site.cert(name), site.key(name)), ports[fleet.names[i % GATEWAYS]]))
    time.sleep(1.1)  # certificates count in whole seconds
    took = []
    for name in names[:: max(1, devices // revoked)][:revoked]:
        began = time.monotonic()
        fleet.api(f"/devices/{name}/standing", {"state": "revoked", "reason": "bench", "unknown": True})
        while name not in sessions.ended and time.monotonic() - began < 10:
            sessions.look(0.05)
        if name not in sessions.ended:
            raise SiteError(f"the session of {name} lives on, ten seconds after its revocation")
        took.append((sessions.ended[name] - began) * 1000)
    others = len(sessions.ended) - len(took)
    if others:
        raise SiteError(f"{others} sessions ended that nobody revoked")
    results.add(f"revoke to kick, {devices} sessions, p50", "ms", [percentile(took, 0.5)])
    results.add(f"revoke to kick, {devices} sessions, p99", "ms", [percentile(took, 0.99)], aim=2000)
    page = site_get(site, fleet, fleet.names[0], fleet.api("/standing")["version"] - 1)
    results.add("a revocation on the wire", "bytes", [len(page)], aim=1024)
    sessions.close()
    site.stop_all()


def site_get(site, fleet, gateway, after):
    context = context_of(site.pki / "ca.crt", site.cert(gateway), site.key(gateway))
    url = f"https://127.0.0.1:{fleet.device}/v1/gateway/{gateway}/standing?after={after}"
    with urllib.request.urlopen(url, timeout=30, context=context) as answer:
        return answer.read()


def memory_kb(process):
    text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    return int(re.search(r"^Private_Dirty:\s+(\d+)", text, re.M).group(1))


def started(fleet):
    """Processor seconds until it serves, and its memory."""
    process = fleet.start()
    fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    cpu = (int(fields[11]) + int(fields[12])) / 100
    memory = memory_kb(process)
    fleet.site.stop(process)
    return cpu, memory


def long_log(results, site, entries):
    """A server whose log is long: what that adds to its start and to its memory."""
    fleet = Fleet(site)
    site.stop(fleet.process)
    empty = started(fleet)
    db = sqlite3.connect(fleet.store)
    digest, now = bytes(32), int(time.time() * 1e6)

    def rows():
        nonlocal digest
        for version in range(1, entries + 1):
            name = f"device-{version:07}"
            digest = hashlib.sha256(digest + f"{version} {name} revoked {now}\n".encode()).digest()
            yield version, name, 2, now, "bench", "bench", now, digest

    with db:
        db.executemany("INSERT INTO standing (version, id, state, before_us, reason, who, at_us, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows())
    db.close()
    full = started(fleet)
    results.add(f"start with {entries:,} decisions", "CPU s", [full[0] - empty[0]], aim=2)
    results.add("memory of a decision", "bytes", [(full[1] - empty[1]) * 1024 / entries])
    site.stop_all()


def run(results, site, quick):
    long_log(results, site, 100_000 if quick else 1_000_000)
    revoke_to_kick(results, site, 150 if quick else 1000, 50 if quick else 300)

"""What has to be true of a site after whatever happened to it: every reading that a device was told is kept is there once, in the
gateway's store, as a row or in a block, at the fleet server, and in its ledger; and the fleet server shows how long devices were served."""
import json
import re
import signal
import sqlite3
import subprocess
import urllib.request
from contextlib import closing

from site_programs import SiteError, wait_until

RULES = "uplink: {default: all}\n"
STORE = ", pack: 2s, rows: 500"  # so that packing is under way most of the time
DEVICES, RATE = 20, 400
AGENT, PROBE = "this-machine", "bench-probe"
EPOCHS_KEPT = 64  # of a device, by the fleet server's ledger [uplink-6]; every start of an agent is one


def open_store(site):
    return sqlite3.connect(f"file:{site.store}?mode=ro", uri=True, timeout=10)


def ask_store(site, sql):
    """One number; nothing stays open, which would keep the gateway from putting its database away when it ends."""
    with closing(open_store(site)) as db:
        return db.execute(sql).fetchone()[0]


def stored(site):
    return ask_store(site, "SELECT coalesce(sum(count), 0) FROM kept")


def stored_by_device(site):
    with closing(open_store(site)) as db:
        return dict(db.execute("SELECT device, sum(count) FROM kept JOIN stream ON stream.id = stream GROUP BY device"))


def start_agent(site, port=None, folder=None):
    """An agent that measures ten times a second and keeps what nobody has acknowledged, in `folder` when not with the rest."""
    sensor = site.dir / "sensor"
    sensor.write_text("20\n")
    site.write_agent(
        f"machine: false\nspool: {{path: {folder or site.dir}/spool, every: 500ms, free: 0}}\nsources:\n"
        f"  - {{kind: file, path: {sensor}, sensor: level, unit: m, interval: 100ms}}\n",
        port,
    )
    return site.start_agent()


def settle(site, load, agent):
    """Everybody comes back, the devices stop in peace, everything goes up. What the devices say of it."""
    wait_until(lambda: site.gateway_status()["front"]["clients"] == DEVICES + 1, "the return of every device", 120)
    load.send_signal(signal.SIGINT)
    report = site.simulated(load)
    site.stop(agent)
    wait_until(lambda: ask_store(site, "SELECT count(*) FROM outbox") == 0, "an empty outbox", 60)
    return report


def shown_availability(site):
    """Of the site, as the fleet server shows it; 0: not yet."""
    token = (site.dir / "admin.token").read_text().strip()
    request = urllib.request.Request(f"http://127.0.0.1:{site.operator_port}/api/v1/overview", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        sites = json.load(answer)["sites"]
    return sites[0].get("available", 0) if sites else 0


def numbers_seen(db):
    """(device, epoch, ranges) of every sender, as the gateway left them when it ended."""
    for line in db.execute("SELECT senders FROM checkpoint").fetchone()[0].splitlines():
        sender, ranges = line.split(" ")[:2]
        yield *sender.split("/", 1), ranges


def faults_of_numbers(site, db, excused):
    """Every sender's numbers are 1, 2, 3, ..., and of each device as many readings are kept, in rows or in blocks."""
    numbers = {}
    for device, epoch, ranges in numbers_seen(db):
        if device not in excused and not re.fullmatch(r"1(-[0-9]+)?", ranges):
            yield f"{device} epoch {epoch}: the numbers {ranges}"
        for one in ranges.split(","):
            first, _, last = one.partition("-")
            numbers[device] = numbers.get(device, 0) + int(last or first) - int(first) + 1
    kept = stored_by_device(site)
    for device in sorted(numbers.keys() | kept.keys()):
        if numbers.get(device) != kept.get(device):
            yield f"{device}: {numbers.get(device)} numbers, {kept.get(device)} readings"
    rows = db.execute("SELECT device, epoch, seq, count(*) FROM reading_row JOIN stream ON stream.id = stream GROUP BY device, epoch, seq HAVING count(*) > 1")
    for device, epoch, seq, count in rows:
        yield f"{device} epoch {epoch}: number {seq} is there {count} times"
    if db.execute("SELECT count(*) FROM stretch").fetchone()[0] == 0:
        yield "nothing was packed"


def faults_of_the_ledger(site, count, excused, forgets=()):
    """What the fleet server says of so many devices: nothing doubled, nothing missing. `forgets`: of whom it has forgotten the first epochs."""
    where = ("--url", f"http://127.0.0.1:{site.operator_port}", "--token-file", site.dir / "admin.token")

    def ask():
        done = subprocess.run([site.bin / "selvedge", "audit", "delivery", *where, "--output", "json"], capture_output=True, text=True, check=False)
        if done.returncode > 1:
            raise SiteError(f"audit delivery: {done.stderr.strip()}")
        return {d["device"]: d for d in json.loads(done.stdout)}

    def untold():
        known, kept = ask(), stored_by_device(site)
        heard = {name: known[name]["received"] if name in known else 0 for name in kept}
        return [f"{name} {heard[name]} of {count}" for name, count in kept.items()
                if heard[name] != count and not (name in forgets and 0 < heard[name] < count)]

    try:
        wait_until(lambda: not untold(), "the gateway's last word to the ledger", 60)
    except SiteError as failure:
        raise SiteError(f"{failure}: it has heard of {', '.join(untold())}") from failure
    devices = ask()
    if len(devices) != count:
        yield f"the ledger knows {len(devices)} devices"
    for device, d in devices.items():
        if d["doubled"] > 0 or (not d["complete"] and device not in excused):
            yield f"the ledger says of {device}: missing {d['missing']}, doubled {d['doubled']}"


def judge(site, gateway, report, others=1, excused=()):
    """How many readings are kept, and every fault. `others`: devices besides the simulated ones; `excused`: agents that were killed:
    each loses what it had measured in the last half second and neither sent nor written, so its numbers may have gaps."""
    forgets = excused if (site.dir / "agent.log").read_text().count("event=agent.start") > EPOCHS_KEPT else ()
    faults = list(faults_of_the_ledger(site, DEVICES + others, excused, forgets))
    site.stop(gateway)  # which leaves a last checkpoint
    if report["published"] != report["acknowledged"] or report["lost"] != 0:
        faults.append(f"the devices published {report['published']} and were acknowledged {report['acknowledged']}")
    db = open_store(site)
    faults += faults_of_numbers(site, db, excused)
    simulated = db.execute("SELECT sum(count) FROM kept JOIN stream ON stream.id = stream WHERE device NOT IN (?, ?)", (AGENT, PROBE)).fetchone()[0]
    if simulated != report["acknowledged"]:
        faults.append(f"{report['acknowledged']} readings of the machines were acknowledged, {simulated} are in the store")
    kept = stored(site)
    fleet = sqlite3.connect(f"file:{site.fleet_store}?mode=ro", uri=True, timeout=10)
    above = fleet.execute("SELECT sum(n) FROM point WHERE kind = 0").fetchone()[0]
    if above != kept:
        faults.append(f"{kept} readings are in the gateway's store, {above} at the fleet server")
    return kept, faults

"""Whether what a fleet server says of a campaign is what lies on the devices' disks."""
import re

from judge import ask_store, faults_of_numbers, faults_of_the_ledger, open_store
from site_programs import SiteError, wait_until
from update_machines import NEW, OLD, PRODUCT
from updates_turn import BAD, DEVICES

STORED_MAX = 64 * 1024 + 64  # of a chunk
COLUMNS = ("planned", "waiting", "downloading", "installed", "trial", "confirmed", "failed", "rolled_back", "silent", "canceled")
PAUSES = (
    re.compile(r"paused itself: (?P<bad>\d+) devices? came to grief \(.+\), the rule stops at (?P<bound>\d+)"),
    re.compile(r"paused itself after wave \d: (?P<confirmed>\d+) of (?P<of>\d+) devices confirmed, (?P<wanted>\d+) are wanted \(\d+ %\): .+"),
)


def recount(rows):
    """The counts that these rows give; those that are unproved or worse are among the failed."""
    counts = dict.fromkeys(COLUMNS + ("unproved", "worse"), 0)
    for row in rows:
        counts[row["state"]] += 1
        if row["state"] in ("unproved", "worse"):
            counts["failed"] += 1
    return {"devices": len(rows), **counts}


def faults_of_counts(turn, rows):
    """[campaign-19]"""
    for what, shown, own in [("all", turn.campaign["counts"], rows.values())] + [
            (f"wave {wave['number']}", wave, [row for row in rows.values() if row["wave"] == wave["number"]]) for wave in turn.campaign["waves"]]:
        counted = recount(list(own))
        wrong = {name: (shown[name], counted[name]) for name in counted if shown[name] != counted[name]}
        if wrong:
            yield f"the counts of {what} are no recount (shown, counted): {wrong}"
    if sorted(rows) != DEVICES:
        yield f"the campaign has {sorted(rows)}"


def faults_of_pauses(turn):
    """What it said each time, and that it could do no other. [campaign-12] [campaign-16]"""
    for why in turn.whys:
        fits = [match for match in (form.fullmatch(why) for form in PAUSES) if match]
        said = fits[0].groupdict() if fits else {}
        if not fits or int(said.get("bad", turn.bound)) < turn.bound or int(said.get("confirmed", 0)) >= int(said.get("wanted", 1)):
            yield f"it paused and said '{why}'"
    if turn.campaign["counts"]["confirmed"] < len(DEVICES) and turn.bound == 1 and not turn.whys:
        yield "it has never paused"
    bad = turn.count(*BAD)
    if turn.campaign["state"] != "done" or not turn.campaign["why"].startswith(f"{turn.count('confirmed')} of {len(DEVICES)} devices confirmed") or bad != (1 if turn.is_retried else 2):
        yield f"in the end it is {turn.campaign['state']}: {turn.campaign['why']}, {bad} bad"


def is_expected(turn, name, truth):
    """That what became of a machine is what was done to it."""
    target = OLD if name == turn.unhealthy and not turn.is_retried else NEW
    return truth["version"] == target and truth["boot"] == "confirmed" and truth["whole"] and truth["trial"] == ("rolled-back" if target == OLD else "confirmed")


def faults_of_device(turn, name, truth, row):
    """The campaign's row, the device's page and its timeline."""
    page = turn.api("GET", f"devices/{name}/updates")
    state = "confirmed" if truth["version"] == NEW else "rolled_back"
    if row["state"] != state or row["attempt"] != (2 if name == turn.unhealthy and turn.is_retried else 1):
        yield f"{name} runs {truth['version']} and is {row['state']} in the campaign, attempt {row['attempt']}"
    running = {key: page["running"][key] for key in ("slot", "version", "sha256", "counter", "boot")}
    if running != {key: truth[key] for key in running}:
        yield f"{name} is said to run {running}, and runs {truth}"
    ends = ["rolled-back"] * (name == turn.unhealthy) + ["confirmed"] * (name != turn.unhealthy or turn.is_retried)
    actions = [(item["state"], item["version"], item["attempt"], item["campaign"]) for item in reversed(page["items"])]
    if page["assigned"] is not None or actions != [(end, NEW, number, turn.id) for number, end in enumerate(ends, 1)]:
        yield f"{name} has had {actions}, and is to install {page['assigned']}"
    for item in page["items"]:
        times = [line["at"] for line in item["log"]]
        if times != sorted(times) or not times:
            yield f"{name}: its timeline is out of order: {item['log']}"


def faults_of_the_liar(turn, row):
    """[campaign-10] [action-4]"""
    page = turn.api("GET", f"devices/{turn.lying}/updates")
    last = page["items"][0]
    if row["state"] != "unproved" or last["state"] != "failed" or last["class"] != "unproved" or page["running"]["version"] != OLD or page["assigned"] is not None:
        yield f"{turn.lying} has lied: {row['state']}, {last['state']}, {last['class']}, {page['running']['version']}, {page['assigned']}"


def faults_of_versions(turn, truths):
    """The list of versions, the query, and the list of devices. [running-2]"""
    runs = {name: truth["version"] for name, truth in truths.items()} | {turn.lying: OLD}
    shown = {}
    for item in turn.api("GET", f"versions?product={PRODUCT}")["items"]:
        shown[item["version"]] = shown.get(item["version"], 0) + item["devices"]
    counted = {version: list(runs.values()).count(version) for version in set(runs.values())}
    if shown != counted:
        yield f"the versions are {shown}, and {counted} on the disks"
    for version in (OLD, NEW):
        listed = sorted(device["id"] for device in turn.api("GET", f"devices?version={version}&limit=100")["items"])
        if listed != sorted(name for name, runs_now in runs.items() if runs_now == version):
            yield f"with {version} the list of devices has {listed}"
        if turn.api("GET", f"query?q=version={version}")["devices"] != len(listed):
            yield f"the query for {version} counts others"


def faults_of_the_cache(turn):
    """The image and its index came over the link once; what a cut costs is the chunk that it was cut in. [cache-3] [cache-6]"""
    length, index = turn.releases.fetched(NEW)
    cache = turn.cache()
    most = length + turn.cuts_of_image * STORED_MAX + turn.lost_in_memory + (2 + turn.cuts + turn.kills + turn.deaths["gateway"]) * index + 4096
    least = 0 if turn.lost_in_memory else length  # the last that it had got is counted nowhere
    if not least <= cache["up_bytes"] <= most:
        yield f"the gateway fetched {cache['up_bytes']} bytes of {length}, at most {most} are right with {turn.cuts_of_image} cuts in them"
    if cache["served_bytes"] < (len(turn.machines) - 1) * length:
        yield f"the gateway handed on {cache['served_bytes']} bytes"
    if turn.link.bytes > len(turn.machines) * length / 2:
        yield f"{turn.link.bytes} bytes went over the link, the image has {length}"
    if cache["wrong"] or cache["rotten"] or cache["evicted"]:
        yield f"the cache has seen {cache}"


def faults_of_traffic(turn):
    """What is shown of the bytes. A death of the fleet server costs what it had not kept, so there is no least. [campaign-42]"""
    shown, (length, _), tries = turn.campaign["traffic"], turn.releases.fetched(NEW), len(turn.machines) + turn.is_retried + 1
    if not length <= shown["fetched"] <= tries * length + turn.releases.length(NEW) or shown["sent"] == 0:
        yield f"the devices are said to have fetched {shown}, of {length} each"


def faults_of_readings(turn):
    site, excused = turn.site, {turn.powerless} | turn.killed_agents
    wait_until(lambda: ask_store(site, "SELECT count(*) FROM outbox") == 0, "an empty outbox", 60)
    yield from faults_of_the_ledger(site, len(DEVICES), excused)
    site.stop(turn.gateway)  # which leaves a last checkpoint
    db = open_store(site)
    yield from faults_of_numbers(site, db, excused)


def judge(turn):
    faults = sorted(set(turn.faults))[:4]
    for machine in turn.machines.values():
        machine.stop()
    truths = {name: machine.truth() for name, machine in turn.machines.items()}
    rows = turn.rows()
    turn.look_only()
    if rows is None:
        raise SiteError("the fleet server does not say what became of its devices")
    faults += [f"{name} came to {truth}" for name, truth in truths.items() if not is_expected(turn, name, truth)]
    faults += faults_of_counts(turn, rows)
    faults += faults_of_pauses(turn)
    for name, truth in truths.items():
        faults += faults_of_device(turn, name, truth, rows[name])
    faults += faults_of_the_liar(turn, rows[turn.lying])
    faults += faults_of_versions(turn, truths)
    faults += faults_of_the_cache(turn)
    faults += faults_of_traffic(turn)
    faults += faults_of_readings(turn)
    if not turn.cuts_of_image or turn.kills < 2 or turn.machines[turn.powerless].cuts != 1:
        faults.append("not everything went wrong that was to go wrong")
    return faults

"""What tests/scenario/update_ahead.sh tells. Arguments: those of update_machine.Site."""
import json
import os
import sys
import time

from update_machine import Machine, Site
from updater_house import House, digest_of, expect, path_of, wait_for

site = Site(*sys.argv[1:5])
house = House("ahead", director_root=f"{site.folder}/director-root.json")
machine = Machine(site, house, deadline="8s")


def hours(first, last):
    """From so many hours from now to so many."""
    return {"zone": "UTC", **{key: time.strftime("%H:%M", time.gmtime(time.time() + 3600 * n)) for key, n in (("from", first), ("to", last))}}


def running():
    return (site.call("GET", "/devices/press-17/updates") or {}).get("running") or {}


def campaign():
    return site.call("GET", "/updates/1") or {"counts": {}}


def told(what):
    return machine.told(lambda: f"{what}: {campaign()}")


expect(machine.start() == 0, "slot a does not start")
wait_for(lambda: running().get("client") == "selvedge-agent", told("the server does not hear of its agent"), 20)
plan = {"image": path_of("1.1.0"), "target": {"query": "all"}, "prestage": True, "forced": True}
expect(site.call("POST", "/updates", {**plan, "window": hours(6, 8)}) is not None, f"it is not started: {site.refusal}")
wait_for(lambda: campaign().get("ready") == 1, told("it is not ready"), 30)
shown = campaign()
expect(shown["prestage"] and shown["counts"]["planned"] == 1 and shown["state"] == "running", shown)
member = site.call("GET", "/updates/1/devices")["items"][0]
expect(member["ready"] and member["state"] == "planned", member)
# All of it is in the other slot, and nothing is to be started.
expect(house.good(1), "the image is not whole in slot b")
expect(house.process.poll() is None and running()["version"] == "1.0.0", running())
expect(house.running == 0 and house.status()["next"] != "reboot", house.status())

with open("open-the-window.new", "w") as out:
    json.dump({**plan, "window": hours(-1, 2)}, out)
fetched = machine.log_text().count("update.check")
os.rename("open-the-window.new", "open-the-window")
house.ended()
machine.end_agent()
expect(machine.log_text().count("which is written") == 1, told("it was fetched anew")())
expect(fetched == 1, f"{fetched} checks before the window")
expect(machine.start() == 1, "1.1.0 is not started")
wait_for(lambda: campaign().get("state") == "done", told("it does not come to its end"), 20)
expect(campaign()["counts"]["confirmed"] == 1 and campaign()["ready"] == 0, campaign())
expect(running()["sha256"] == digest_of("1.1.0"), running())
machine.end()

"""What tests/scenario/director_rotate.sh tells. Arguments: those of update_machine.Site."""
import glob
import json
import os
import sys

from update_machine import Machine, Site
from updater_house import House, digest_of, expect, path_of, wait_for

site = Site(*sys.argv[1:5])
house = House("rotate", director_root=f"{site.folder}/director-root.json")
machine = Machine(site, house)


def updates():
    return site.call("GET", "/devices/press-17/updates") or {}


def confirmed(version, boot):
    made = site.call("POST", "/devices/press-17/updates", {"image": path_of(version), "forced": True})
    expect(made is not None, f"{version} cannot be assigned: {site.refusal}")
    expect(machine.restart() == boot, f"{version} is not started")
    wait_for(lambda: next(i for i in updates()["items"] if i["action"] == made["action"])["state"] == "confirmed", machine.told(lambda: f"{version} is not confirmed: {updates()}"), 20)
    expect(updates()["running"]["sha256"] == digest_of(version), updates())


expect(machine.start() == 0, "slot a does not start")
wait_for(lambda: updates().get("running") is not None, machine.told("the server does not hear what runs"), 20)
confirmed("1.1.0", 1)
machine.end()
open("away", "w").close()
wait_for(lambda: os.path.exists("back"), lambda: "nobody says that it may come back", 60)

# It was given root 1, has seen no other, and follows both.
expect(machine.start() == 1, "1.1.0 is not started")
wait_for(lambda: updates().get("running") is not None, machine.told("the server does not hear what runs"), 20)
confirmed("2.0.0", 0)
roots = [json.load(open(path))["signed"]["version"] for path in glob.glob(f"{house.dir}/director*root*")]
expect(roots and max(roots) == 3, f"it stands at roots {roots}: {os.listdir(house.dir)}")
machine.end()

# A device that is set up now is given the newest, and needs none before it.
fresh = House("fresh", director_root=f"{site.folder}/director-root.json")
other = Machine(site, fresh, name="fresh-")
expect(other.start() == 0, "slot a of the new one does not start")
wait_for(lambda: updates()["running"]["version"] == "1.0.0", other.told("the server does not hear what the new one runs"), 20)
made = site.call("POST", "/devices/press-17/updates", {"image": path_of("1.1.0"), "forced": True, "again": True})
expect(made is not None, f"1.1.0 cannot be assigned again: {site.refusal}")
expect(other.restart() == 1, f"the new device does not follow from root 3\n{other.said()}")
other.end()

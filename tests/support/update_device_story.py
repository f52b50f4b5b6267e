"""What tests/scenario/update_device.sh tells. Arguments: those of update_machine.Site."""
import sys
import time

from update_machine import Machine, Site
from updater_house import House, IMAGES, digest_of, expect, path_of, wait_for

RATE = 300000
site = Site(*sys.argv[1:5])
house = House("device", director_root=f"{site.folder}/director-root.json")
machine = Machine(site, house, update=f"rate: {RATE}")


def updates():
    return site.call("GET", "/devices/press-17/updates")


def assign(version, **more):
    made = site.call("POST", "/devices/press-17/updates", {"image": path_of(version), "forced": True, **more})
    expect(made is not None, f"{version} cannot be assigned: {site.refusal}")
    return made["action"]


def action(number):
    return next(item for item in updates()["items"] if item["action"] == number)


def told(what):
    return machine.told(lambda: f"{what}: {updates()}")


expect(machine.start() == 0, "slot a does not start")
wait_for(lambda: (updates() or {}).get("running") is not None, told("the server does not hear what runs"), 20)
running = updates()["running"]
expect(running["version"] == "1.0.0" and running["sha256"] == digest_of("1.0.0") and running["slot"] == "a" and running["boot"] == "confirmed", running)

# Sealed, and as a delta: the server says the word, and the device comes at once, long before its next poll.
began = time.monotonic()
number = assign("1.1.0")
expect(machine.restart() == 1, "1.1.0 is not started")
expect(time.monotonic() - began < 25, "the device was not called")
wait_for(lambda: action(number)["state"] == "confirmed", told("not confirmed"), 20)
running = updates()["running"]
expect(running["version"] == "1.1.0" and running["sha256"] == digest_of("1.1.0") and running["slot"] == "b", running)

# In plain, and not healthy: back to the one before, and the server says so. The gateway dies in the middle of the download.
machine.be_healthy(False)
number = assign("2.0.0")
length = IMAGES[path_of("2.0.0")]["length"]
wait_for(lambda: 0 < house.status()["written"] < length, told("no download"), 20)
open("kill-the-gateway", "w").close()
expect(machine.restart() == 0, "2.0.0 is not started")
expect(machine.restart() == 1, "2.0.0 is kept without health")
wait_for(lambda: action(number)["state"] == "rolled-back", told("not rolled back"), 30)
ended = action(number)
expect(ended["class"] == "rolled-back" and "health script" in ended["why"], ended)
expect(updates()["running"]["version"] == "1.1.0", updates()["running"])

# Somebody retries.
machine.be_healthy(True)
number = assign("2.0.0", again=True)
expect(machine.restart() == 0, "the retry is not started")
wait_for(lambda: action(number)["state"] == "confirmed", told("not confirmed"), 20)
machine.end()

"""What tests/scenario/agent_update.sh tells. Arguments: the folder of the site, the port of its gateway."""
import json
import os
import subprocess
import sys

from update_door import Door
from update_machine import Machine, Site
from updater_house import BIN, House, IMAGES, digest_of, expect, path_of, wait_for

SITE, MQTT = sys.argv[1], sys.argv[2]
NEW = "2.0.0"


class Device(Machine):
    """A machine at a door that says and takes what a test wants."""

    def __init__(self, name):
        house = House(name)
        self.door = Door(house, f"{SITE}/pki/ca.crt", f"{SITE}/keys/door.crt", f"{SITE}/keys/door.key", "press-17")
        super().__init__(Site(SITE, MQTT, self.door.port), house, f"{name}.", update=f"hold: {os.path.abspath(name)}.hold")

    def end_agent(self):
        print("agent:", memory(self.agent.pid))
        super().end_agent()

    def assign(self, action, version):
        self.house.director.assign(path_of(version))
        self.door.action = (action, version, digest_of(version))


def has_ended(device, action, state):
    return lambda: state in device.door.states(action)


def one_that_does_not_prove_itself_goes_back_and_a_retry_succeeds():
    device = Device("first")
    door = device.door
    device.be_healthy(False)
    device.assign(7, NEW)
    expect(device.start() == 0, "slot a does not start")
    expect(device.restart() == 1, "the new release is not started")
    expect(device.restart() == 0, "a release without health is kept")
    wait_for(has_ended(device, 7, "rolled-back"), lambda: f"not told that it went back: {door.said}\n{device.said()}", 15)
    expect(door.states(7)[-1] == "rolled-back" and "installed" in door.states(7) and "trial" in door.states(7), door.states(7))
    last = door.said[-1][1]["status"] if door.said[-1][0].startswith("/deployment") else [d for p, d in door.said if "deployment" in p][-1]["status"]
    expect(last["execution"] == "closed" and last["result"]["finished"] == "failure" and "health script" in last["selvedge"]["why"], last)
    wait_for(lambda: device.house.status()["reports"] == [], "reports stay after they were delivered", 10)
    # The server knows; nothing is tried again until it says so.
    door.action = None
    polls = door.polls
    wait_for(lambda: door.polls > polls + 2, "no polls", 10)
    expect(device.house.status()["state"] == "rolled-back", "it is tried again")
    # An operator retries; the link goes twice, and nothing that is said is taken.
    device.be_healthy(True)
    door.cuts, door.sent, door.refuse = 2, 0, 503
    device.assign(8, NEW)
    expect(device.restart() == 1, "the retry is not started")
    wait_for(lambda: device.house.status()["state"] == "confirmed", "a server that takes nothing keeps a release from being confirmed", 15)
    stored = min(e["length"] for e in IMAGES[path_of(NEW)]["custom"]["selvedge"]["encodings"] if not e["name"].startswith("delta"))
    expect(door.cuts == 0 and stored <= door.sent <= stored + 65536 + 40000, f"{door.sent} bytes were sent for {stored} of chunks, and their index; cuts left {door.cuts}")
    expect(door.said and not door.states(8), "something was taken")
    door.refuse = 0
    wait_for(has_ended(device, 8, "confirmed"), lambda: f"not told: {door.states(8)}\n{device.said()}", 25)
    numbers = [d["status"]["selvedge"]["number"] for p, d in door.said if p == "/deploymentBase/8/feedback" and "number" in d["status"]["selvedge"]]
    expect(numbers == sorted(set(numbers)), f"reports out of order: {numbers}")
    told = [d["data"] for p, d in door.said if p == "/configData"][-1]
    expect(told["version"] == NEW and told["sha256"] == digest_of(NEW) and told["slot"] == "b" and told["client"] == "selvedge-agent", told)
    print("updater:", memory(device.house.process.pid))
    status = subprocess.run([BIN + "/selvedge-agent", "update", "status", "--config", device.yaml, "--output", "json"], stdout=subprocess.PIPE, check=True).stdout.decode()
    expect(f'"version":"{NEW}"' in status, status)
    history = json.loads(subprocess.run([BIN + "/selvedge-agent", "update", "history", "--config", device.yaml, "--output", "json"], stdout=subprocess.PIPE, check=True).stdout)
    ways = {action: [e["state"] for e in history if e["action"] == action] for action in (7, 8)}
    expect(ways[7] == ["notified", "downloading", "verified", "installed", "trial", "rolled-back"] and ways[8] == ways[7][:5] + ["confirmed"], history)
    expect(all(e["at"] and e["version"] == NEW and e["delivered"] for e in history if e["action"]), history)
    device.end()


def what_is_held_is_armed_later_and_a_cancel_stops_it():
    device = Device("second")
    open("second.hold", "w").close()
    device.assign(9, NEW)
    device.start()
    wait_for(lambda: device.house.status()["written"] == IMAGES[path_of(NEW)]["length"], device.told("the image is not written"), 20)
    device.door.cancel = (10, 9)
    device.door.action = None
    wait_for(lambda: any(p == "/cancelAction/10/feedback" for p, _ in device.door.said), "a cancel is not answered", 10)
    device.door.cancel = None
    device.assign(11, NEW)
    os.remove("second.hold")
    expect(device.restart() == 1, "what was held is not started")
    wait_for(has_ended(device, 11, "confirmed"), device.told("11 is not confirmed"), 15)
    agent = device.house.agent()
    agent.close()
    device.end()


def an_agent_that_outlives_the_start_proves_it_anew():
    device = Device("third")
    device.assign(12, NEW)
    device.start()
    device.house.ended()  # and the agent stays
    connections = device.log_text().count("gateway.up")
    expect(device.house.start() == 1, "the new release is not started")
    wait_for(has_ended(device, 12, "confirmed"), device.told("12 is not confirmed"), 45)  # who finds the updater away looks again after 15 s
    log = device.log_text()
    expect("gateway.again" in log and log.count("gateway.up") == connections + 1, f"confirmed by a connection of before: {log}")
    device.end()


def memory(pid):
    """Kilobytes: proportional share now, and resident at the most."""
    pss = sum(int(line.split()[1]) for line in open(f"/proc/{pid}/smaps_rollup") if line.startswith("Pss:"))
    peak = next(int(line.split()[1]) for line in open(f"/proc/{pid}/status") if line.startswith("VmHWM:"))
    return f"PSS {pss} kB, peak {peak} kB"


one_that_does_not_prove_itself_goes_back_and_a_retry_succeeds()
an_agent_that_outlives_the_start_proves_it_anew()
what_is_held_is_armed_later_and_a_cancel_stops_it()

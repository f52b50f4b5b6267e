"""What tests/scenario/rauc_fleet.sh tells. Arguments: those of update_machine.Site."""
import sys

from rauc_house import RaucHouse
from update_machine import Machine, Site
from updater_house import digest_of, expect, wait_for

site = Site(*sys.argv[1:5])
machine = Machine(site, RaucHouse("device", director_root=f"{site.folder}/director-root.json"))
expect(machine.start() == 0, "slot a does not start")
wait_for(site.version_is("1.0.0"), lambda: f"the server does not hear what runs: {site.ask('device', 'versions')}\n{machine.said()}")

# A campaign: the version that the device reports is the proof.
number = site.started("1.1.0")
expect(machine.restart() == 1, "1.1.0 is not started")
site.ask("update", "wait", number)
expect(site.version_is("1.1.0")(), site.ask("device", "versions"))
expect(machine.house.device_has(1, "1.1.0") and machine.house.loader("get-state", "system1") == "good", "RAUC has another bundle, or does not call it good")
running = machine.house.status()["runs"]
expect(running["sha256"] == digest_of("1.1.0"), running)

# One that is not healthy: gone back from, and the campaign says so.
machine.be_healthy(False)
number = site.started("2.0.0")
expect(machine.restart() == 0, "2.0.0 is not started")
expect(machine.restart() == 1, "2.0.0 is kept without health")
site.ask("update", "wait", number, code=1)
campaign = site.as_json("update", "show", number)
expect(campaign["state"] == "paused" and "1 rolled back" in campaign["why"], campaign)
expect(site.version_is("1.1.0")() and machine.house.loader("get-state", "system0") == "bad", "it is not gone back from")

# One that RAUC's own keys have not signed: RAUC's reason is the campaign's, and nothing is written.
machine.be_healthy(True)
before = machine.house.device(0)
site.ask("update", "stop", number)
number = site.started("3.0.0")
site.ask("update", "wait", number, code=1)
failed = site.as_json("update", "devices", number, "--state", "failed")
expect([d["device"] for d in failed] == ["press-17"] and "RAUC does not install the bundle" in failed[0]["why"], failed)
expect(machine.house.device(0) == before and site.version_is("1.1.0")(), "a stranger's bundle was installed")
machine.end()

"""What tests/scenario/updater_files_fleet.sh tells. Arguments: those of update_machine.Site."""
import sys

from update_machine import Machine, Site
from updater_house import expect, wait_for
from updater_trees import TreeHouse

site = Site(*sys.argv[1:5])
machine = Machine(site, TreeHouse("device", director_root=f"{site.folder}/director-root.json"))
expect(machine.start() == 0, "the release of the factory does not start")
wait_for(site.version_is("1.0.0"), lambda: f"the server does not hear what runs: {site.ask('device', 'versions')}\n{machine.said()}")

number = site.started("1.1.0")
expect(machine.restart() == 1, "1.1.0 is not started")
machine.house.runs("1.1.0")
site.ask("update", "wait", number)
expect(site.version_is("1.1.0")(), site.ask("device", "versions"))

# One that is not healthy: gone back from, and the campaign says so.
machine.be_healthy(False)
number = site.started("2.0.0")
expect(machine.restart() == 0, "2.0.0 is not started")
machine.house.runs("2.0.0")
expect(machine.restart() == 1, "2.0.0 is kept without health")
machine.house.runs("1.1.0")
site.ask("update", "wait", number, code=1)
campaign = site.as_json("update", "show", number)
expect(campaign["state"] == "paused" and "1 rolled back" in campaign["why"], campaign)

# One with something in it that no tree here may have: that is the campaign's reason.
machine.be_healthy(True)
site.ask("update", "stop", number)
number = site.started("2.1.0")
site.ask("update", "wait", number, code=1)
failed = site.as_json("update", "devices", number, "--state", "failed")
expect([d["device"] for d in failed] == ["press-17"] and "is a hard link" in failed[0]["why"], failed)
expect(site.version_is("1.1.0")(), site.ask("device", "versions"))
machine.house.runs("1.1.0")
machine.end()

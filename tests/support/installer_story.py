"""What is told alike of every device whose slots somebody else's program writes, or whose releases are trees: by its updater alone, and with its agent at a fleet server (update_machine)."""
import threading

import updater_agent as ua
from updater_house import digest_of, expect, path_of, wait_for


def forgive(house, version):
    agent = house.agent()
    agent.forgive(digest_of(version))
    agent.close()


def beside(house):
    """A check that is not waited for; what it ends with, None when the updater does, is in the list that is given back."""
    ends = []

    def check():
        try:
            ends.append(house.check())
        except (ua.Ended, OSError):
            ends.append(None)

    thread = threading.Thread(target=check)
    thread.start()
    return thread, ends


def what_it_was_made_with_runs(house):
    expect(house.start() == 0, "slot a does not start")
    status = house.status()
    expect(status["runs"]["version"] == "1.0.0" and status["runs"]["sha256"] == digest_of("1.0.0") and status["boot"][0] == ua.CONFIRMED, status)


def a_verdict_goes_back(house, version):
    before, runs = house.running, house.status()["runs"]["version"]
    house.update(version)
    agent = house.agent()
    verb, what = agent.health(False, "the spindle stalls")
    expect(verb == ua.REBOOT, f"{verb} {what}")
    expect(house.reboot() == before, "it is kept")
    status = house.status()
    expect(status["state"] == "rolled-back" and status["why"] == "the spindle stalls" and status["runs"]["version"] == runs, status)


def it_has_had_its_starts(house):
    status = house.status()
    expect(status["state"] == "rolled-back" and "had its starts" in status["why"], status)


def silence_goes_back(house, version):
    """One that was given up before is not taken again until somebody says so; nobody says anything of it then."""
    before = house.running
    house.refused("untrusted", "tried here and did not prove itself")
    forgive(house, version)
    house.update(version)
    for _ in range(2):
        house.kill()
        expect(house.start() == 1 - before, "it has no second start")
    house.kill()
    expect(house.start() == before, "the boot loader does not go back")
    it_has_had_its_starts(house)


def one_in_which_the_installer_is_broken_goes_back(house, version, **broken):
    """The updater cannot begin in it, and starts the machine again. `broken`: how it is started then."""
    before = house.running
    house.director.assign(path_of(version))
    verb, what = house.check()
    expect(verb == ua.REBOOT, f"{verb} {what}")
    for _ in range(3):
        house.ended()
        expect(house.start(wait=False, **broken) == 1 - before, "it has no three starts")
    house.ended()


# ---- a campaign of the fleet server's -----------------------------------------------------------


def a_campaign_is_confirmed(site, machine, version):
    """The version that the device reports is the proof."""
    expect(machine.start() == 0, "the release of the factory does not start")
    wait_for(site.version_is("1.0.0"), lambda: f"the server does not hear what runs: {site.ask('device', 'versions')}\n{machine.said()}")
    number = site.started(version)
    expect(machine.restart() == 1, f"{version} is not started")
    machine.house.runs(version)
    site.ask("update", "wait", number)
    expect(site.version_is(version)(), site.ask("device", "versions"))
    running = machine.house.status()["runs"]
    expect(running["sha256"] == digest_of(version), running)


def a_campaign_that_is_not_healthy_pauses(site, machine, version, before):
    machine.be_healthy(False)
    number = site.started(version)
    expect(machine.restart() == 0, f"{version} is not started")
    machine.house.runs(version)
    expect(machine.restart() == 1, f"{version} is kept without health")
    machine.house.runs(before)
    site.ask("update", "wait", number, code=1)
    campaign = site.as_json("update", "show", number)
    expect(campaign["state"] == "paused" and "1 rolled back" in campaign["why"] and site.version_is(before)(), campaign)
    machine.be_healthy(True)
    site.ask("update", "stop", number)


def a_campaign_says_why_it_is_refused(site, machine, version, why, before):
    number = site.started(version)
    site.ask("update", "wait", number, code=1)
    failed = site.as_json("update", "devices", number, "--state", "failed")
    expect([d["device"] for d in failed] == ["press-17"] and why in failed[0]["why"], failed)
    expect(site.version_is(before)(), site.ask("device", "versions"))
    machine.house.runs(before)

"""What tests/scenario/updater_files_kill.sh tells."""
import os
import shutil

import updater_agent as ua
from updater_house import expect, path_of
from updater_trees import TreeHouse

DIE_AT = {"ASAN_OPTIONS": "verify_asan_link_order=0", "LD_PRELOAD": os.environ["SV_DIE_AT_SO"]}


class Killed(Exception):
    pass


def whole(house):
    """Whatever happened: the link leads to one of both trees, and all of that is there."""
    slot = os.readlink(f"{house.dir}/current")
    version = open(f"{house.dir}/current/version").read().strip()
    expect(slot in ("tree-a", "tree-b") and version in ("1.0.0", "1.1.0"), f"{slot}: {version}")
    house.runs(version)
    return version


def choose(house):
    code, slot = house.choose()
    whole(house)
    if code in (-9, 137):
        raise Killed
    expect(code == 0, f"--choose ended with {code}: {house.said()[-600:]}")
    return slot


def live(house, choosing, running):
    """One start, killed in either program or not, and what comes of it: "killed", "on", or "over" when the release that was assigned has proved itself."""
    try:
        house.environment = choosing
        slot = choose(house)
        house.environment = running
        house.start_updater(slot)
        status = house.status()
        if status["state"] == "trial":
            agent = house.agent()
            agent.health(True)
            agent.close()
            status = house.status()
        if status["runs"]["version"] != "1.1.0":
            verb, what = house.check()
            expect(verb == ua.REBOOT, f"{verb} {what}")
            house.ended()
            return "on"
        expect(status["state"] == "confirmed", status)
        house.kill()
        return "over"
    except Killed:
        return "killed"
    except (ua.Ended, OSError, SystemExit) as why:
        expect(house.was_killed(), why)
        whole(house)
        return "killed"


def copy_of(folder, name):
    return TreeHouse(name, folder, factory.director)


def again_and_again(who, step):
    """At the n-th change of one of both programs, counted from each of its starts: what it had done until then is what the next one finds."""
    kills = 0
    house = copy_of("proved", f"{who}{step}")
    n = 1
    how = "on"
    while how != "over":
        killing = {**DIE_AT, "SV_DIE_AT": str(n)}
        how = live(house, killing if who == "choosing" else {}, killing if who == "running" else {})
        kills += how == "killed"
        n += step
        expect(kills < 400, "it does not come to an end")
    expect(whole(house) == "1.1.0", "another tree runs")
    return kills


def once(who, at):
    """What was held is unpacked, armed, chosen and confirmed. Killed once, in the start of this number, at the n-th change, and not again: for every n that there is."""
    for n in range(1, 100):
        house = copy_of("held", f"{who}{at}-{n}")
        killing = {**DIE_AT, "SV_DIE_AT": str(n)}
        story = []
        while "over" not in story:
            now = len(story) == at
            story.append(live(house, killing if now and who == "choosing" else {}, killing if now and who == "running" else {}))
            expect(len(story) < 6, f"it does not come to an end: {story}")
        expect(whole(house) == "1.1.0", "another tree runs")
        if "killed" not in story:
            return n - 1
    raise SystemExit("it never gets through")


def tries_are_spent(changes):
    """Killed while it chooses a trial, as often as it takes, it is the one or the other tree that runs; never none."""
    for n in range(1, changes + 1):
        house = copy_of("armed", f"trial{n}")
        house.environment = {**DIE_AT, "SV_DIE_AT": str(n)}
        for _ in range(5):
            house.choose()
            whole(house)
        house.environment = {}
        expect(choose(house) in (0, 1), "no tree runs")


def a_disk_that_keeps_something_else():
    """What is read back from the medium is not what was written: three times, then it has failed, and the tree that runs stays."""
    house = copy_of("held", "flips")
    house.environment = {**DIE_AT, "SV_FLIP": "/tree-b.new/version"}
    house.start()
    house.refused("untrusted", "'version' is not what the archive has")
    expect(house.status()["state"] == "failed" and whole(house) == "1.0.0", house.status())
    house.stop()


def snapshot(name):
    shutil.copytree(factory.dir, name, symlinks=True)


factory = TreeHouse("factory")
factory.start()  # the release of the factory proves itself
factory.director.assign(path_of("1.1.0"))
snapshot("proved")
expect(factory.check(hold=True) == (ua.IDLE, "held"), "it is not held")
snapshot("held")
expect(factory.check()[0] == ua.REBOOT, "no start")
factory.ended()
snapshot("armed")
installing, choosing, confirming = once("running", 0), once("choosing", 1), once("running", 1)
expect(installing >= 20 and choosing >= 5 and confirming >= 2, f"only {installing}, {choosing} and {confirming} changes")
again = [again_and_again(who, 3) for who in ("running", "choosing")]
tries_are_spent(choosing)
a_disk_that_keeps_something_else()
print(f"killed at each of {installing} changes to the disk while a tree is installed, {choosing} while it is chosen, {confirming} after that; and again and again, {again} times")

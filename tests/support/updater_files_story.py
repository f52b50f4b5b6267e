"""What tests/scenario/updater_files.sh tells."""
import os
import shutil

import updater_agent as ua
from updater_house import encoding_of, expect, path_of
from updater_trees import TreeHouse


def identity(path):
    info = os.lstat(path)
    return info.st_ino, info.st_mtime_ns, info.st_ctime_ns


def a_whole_update():
    house = TreeHouse("whole")
    expect(house.start() == 0, "the release of the factory does not start")
    house.runs("1.0.0")
    status = house.status()
    expect(status["running"] == 0 and status["runs"]["version"] == "1.0.0" and status["state"] == "confirmed", status)
    names = ["current", "tree-a", "tree-a/bin/run", "tree-a/share/a/table", "slot-a", "slot-a.boot"]
    before = [identity(f"{house.dir}/{n}") for n in names]
    house.director.assign(path_of("1.1.0"))
    verb, what = house.check(hold=True)
    expect((verb, what) == (ua.IDLE, "held") and not os.path.exists(f"{house.dir}/tree-b"), f"held and unpacked: {verb} {what}")
    verb, what = house.check()
    expect(verb == ua.REBOOT, f"no start after an update: {verb} {what}")
    expect(house.given == encoding_of("1.1.0", "delta:")["length"] < encoding_of("1.1.0", "raw")["length"] / 10, f"{house.given} bytes were fetched")
    expect([identity(f"{house.dir}/{n}") for n in names] == before, "something of the running tree was touched")
    expect(house.reboot() == 1, "the new tree does not start")
    house.runs("1.1.0")
    expect(house.status()["state"] == "trial", "it need not prove itself")
    house.confirm()
    agent = house.agent()
    verb, what = agent.ask(ua.ROLLBACK)
    expect(verb == ua.REBOOT, f"no way back: {what}")
    expect(house.reboot() == 0, "the tree before does not start")
    house.runs("1.0.0")
    house.confirm()
    house.director.assign(path_of("2.0.0"))  # zstd of an archive
    verb, what = house.check()
    expect(verb == ua.REBOOT and house.reboot() == 1, f"zstd of an archive does not start: {verb} {what}")
    house.runs("2.0.0")
    house.confirm()
    return house


def one_that_cannot_be_unpacked(house):
    house.director.assign(path_of("2.1.0"))
    house.refused("invalid", "is a hard link")
    status = house.status()
    expect(status["state"] == "failed" and "--hard-dereference" in status["why"] and status["runs"]["version"] == "2.0.0", status)
    expect(sorted(n for n in os.listdir(house.dir) if n.startswith("tree-")) == ["tree-b"], os.listdir(house.dir))
    house.stop()
    expect(house.start() == 1, "the tree that ran does not start again")
    house.runs("2.0.0")
    house.stop()


def ones_that_do_not_prove_themselves():
    house = TreeHouse("fails", trial_deadline="1s")
    house.start()
    house.director.assign(path_of("1.1.0"))
    expect(house.check()[0] == ua.REBOOT and house.reboot() == 1, "the new tree does not start")
    agent = house.agent()
    verb, _ = agent.health(False, "the spindle stalls")
    expect(verb == ua.REBOOT and house.reboot() == 0, "it is not gone back from")
    house.runs("1.0.0")
    status = house.status()
    expect(status["state"] == "rolled-back" and status["why"] == "the spindle stalls", status)
    house.director.assign(path_of("2.0.0"))
    expect(house.check()[0] == ua.REBOOT and house.reboot() == 1, "the next one does not start")
    house.ended()  # nobody says anything
    expect(house.start() == 0, "silence is not gone back from")
    house.runs("1.0.0")
    house.director.assign(None)
    house.stop()
    house = TreeHouse("hangs")
    house.start()
    house.director.assign(path_of("1.1.0"))
    expect(house.check()[0] == ua.REBOOT, "no start")
    house.ended()
    expect([house.choose()[1] for _ in range(4)] == [1, 1, 1, 0], "it is not three starts and the tree before")
    house.runs("1.0.0")


def what_is_damaged():
    house = TreeHouse("damaged")
    house.start()
    house.director.assign(path_of("1.1.0"))
    expect(house.check()[0] == ua.REBOOT, "no start")
    house.ended()
    with open(f"{house.dir}/tree-b/version", "w") as out:
        out.write("1.1.1\n")
    expect(house.choose() == (0, 1), "a tree is not made anew")
    house.runs("1.1.0")
    shutil.rmtree(f"{house.dir}/tree-b")
    with open(f"{house.dir}/slot-b", "r+b") as out:
        out.seek(5000)
        out.write(b"!")
    expect(house.choose() == (0, 0), "an archive that nobody signed is unpacked")
    house.runs("1.0.0")
    os.remove(f"{house.dir}/slot-a")
    code, _ = house.choose()
    expect(code != 0 and "neither slot in" in house.said() and os.readlink(f"{house.dir}/current") == "tree-a", f"{code} {house.said()[-300:]}")


def once_for_a_start():
    """Whoever chooses again while the tree runs, at each start of the updater for one, changes nothing and takes no try. [updater-41]"""
    house = TreeHouse("once")
    expect(house.choose(None) == (0, 0), "the release of the factory does not start")
    house.start_updater(0)
    house.director.assign(path_of("1.1.0"))
    expect(house.check()[0] == ua.REBOOT, "no start")
    house.ended()
    for _ in range(5):
        expect(house.choose(None) == (0, 0), "the tree is exchanged below what runs")
    expect("tree-a was chosen for this start already" in house.said(), house.said()[-300:])
    house.start_updater(0)
    expect(house.status()["state"] == "installed", house.status())
    house.kill()
    expect(house.choose("1") == (0, 1), "another start starts nothing else")
    for _ in range(5):
        expect(house.choose("1") == (0, 1), "tries are used up without a start")
    os.remove(f"{house.dir}/current")
    expect(house.choose("1") == (0, 1), "what is not there is not chosen")
    expect([house.choose(n)[1] for n in "23"] == [1, 0], "starts are not counted")
    house.runs("1.0.0")
    code, _ = house.choose("a b")
    expect(code == 2 and "--start has 1 to 64" in house.said(), f"{code}: {house.said()[-300:]}")


def who_may_choose():
    house = TreeHouse("chooses")
    house.start()
    code, _ = house.choose()
    expect(code != 0 and "is held by another process" in house.said(), "a tree is exchanged below a running updater")
    house.stop()
    house.config["installer"] = "native"
    house.write_config()
    code, _ = house.choose()
    expect(code == 2 and "--choose is for 'installer: files'" in house.said(), f"{code}: {house.said()[-300:]}")


one_that_cannot_be_unpacked(a_whole_update())
ones_that_do_not_prove_themselves()
what_is_damaged()
once_for_a_start()
who_may_choose()

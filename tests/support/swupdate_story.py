"""What tests/scenario/swupdate.sh tells."""
import os
import shutil
import socket

import installer_story as installer
import updater_agent as ua
from swupdate_house import SwupdateHouse
from updater_house import IMAGES, digest_of, expect, path_of, wait_for


def a_good_image_is_confirmed(house):
    """[swupdate-3]"""
    house.director.assign(path_of("1.1.0"))
    installs = house.installs()
    expect(house.check(hold=True) == (ua.IDLE, "held") and house.installs() == installs, "held, and given to SWUpdate")
    expect(os.path.exists(f"{house.home}/swu-b"), "the .swu is not kept")
    seen = []
    verb, what = house.check(on_progress=seen.append)
    expect(verb == ua.REBOOT, f"no start after an update: {what}\n{house.said()[-800:]}\n{house.daemon_said()[-800:]}")
    expect(any(s["encoding"] == "swupdate" for s in seen), f"SWUpdate's progress is not told: {seen}")
    expect(house.slot_has(1, "1.1.0") and house.slot_has(0, "1.0.0"), "slot b is another image")
    expect(not os.path.exists(f"{house.home}/swu-b"), "the .swu is kept")
    expect(house.get_env("BOOT_ORDER") == "B A" and house.get_env("ustate") == "0", "SWUpdate has marked something")
    expect(house.reboot() == 1, "the new slot does not start")
    expect(house.status()["state"] == "trial", house.status())
    house.confirm()
    status = house.status()
    expect(status["runs"]["version"] == "1.1.0" and status["runs"]["sha256"] == digest_of("1.1.0") and status["other"]["version"] == "1.0.0", status)
    expect(house.get_env("selvedge_slots") == "cc" and house.check() == (ua.IDLE, "current"), "it is installed twice")


def a_second_boot_that_fails_goes_back(house):
    """By a verdict, and by the boot loader alone when nobody says anything. [swupdate-3]"""
    installer.a_verdict_goes_back(house, "2.0.0")
    installer.silence_goes_back(house, "2.0.0")


def what_is_not_signed_is_not_installed(house):
    """[swupdate-2] [swupdate-3]"""
    before, installs = house.slot(0), house.installs()
    # One that is exchanged where it lies, after it was read back.
    house.director.assign(path_of("2.0.0"))
    installer.forgive(house, "2.0.0")
    expect(house.check(hold=True) == (ua.IDLE, "held"), "not held")
    shutil.copy("1.0.0.swu", f"{house.home}/swu-a")
    verb, what = house.check()
    expect(verb == ua.REFUSED and "not the one that was signed" in what["why"] and house.installs() == installs, f"an exchanged image: {verb} {what}")
    # One that our release engineer has signed and SWUpdate's has not.
    house.director.assign(path_of("3.0.0"))
    verb, what = house.check()
    expect(verb == ua.REFUSED and what["err"] == "untrusted" and "SWUpdate does not install the image: Authentication of all signatures failed" in what["why"], f"a stranger's image: {verb} {what}")
    status = house.status()
    expect(status["state"] == "failed" and "signatures" in status["why"], status)
    expect(house.slot(0) == before and house.get_env("BOOT_ORDER") == "B A" and house.get_env("BOOT_A_LEFT") == "0", "the slot was written, or may start")


def a_daemon_that_is_not_there_is_waited_for(house):
    """[swupdate-3] [swupdate-7]"""
    house.director.assign(path_of("2.0.0"))
    house.end_daemon()
    house.refused("unavailable", "SWUpdate does not answer at")
    expect(house.status()["state"] == "verified", house.status())
    given = house.given
    # One that takes no such selection.
    house.start_daemon(accepts=("stable,other",))
    house.refused("unavailable", "start it with -q stable,slot-a")
    house.end_daemon()
    house.start_daemon()
    verb, what = house.check()
    expect(verb == ua.REBOOT and house.given == given, f"{verb} {what}: it is fetched again")
    expect(house.reboot() == 0, "2.0.0 does not start")
    house.confirm()


def begun(house, slot):
    """An installation that stands still in its middle: SWUpdate waits for whoever hears its progress and does not. The thread that has asked for it, and what lets it go on."""
    deaf = socket.socket(socket.AF_UNIX)
    deaf.connect(f"{house.sockets}/swupdateprog")
    before = house.slot(slot)
    thread, _ = installer.beside(house)
    wait_for(lambda: house.slot(slot) != before, lambda: f"nothing is written: {house.said()[-600:]}")
    return thread, deaf


def the_updater_is_killed_in_the_middle(house):
    """[swupdate-3]"""
    house.director.assign(path_of("1.2.0"))
    thread, deaf = begun(house, 1)
    agent = house.agent()
    expect(agent.status()["busy"], "nobody is answered while SWUpdate installs")
    agent.close()
    expect(house.get_env("BOOT_ORDER") == "A B" and house.get_env("BOOT_B_LEFT") == "0" and not house.slot_has(1, "1.2.0"), "it may start, half written")
    house.kill()
    thread.join()
    house.start_updater()
    house.ready()
    status = house.status()
    expect(status["state"] == "verified" and status["runs"]["version"] == "2.0.0" and not status["other"]["known"], status)
    # What it is at is waited for, and is not taken for ours.
    installs = house.installs()
    thread, ends = installer.beside(house)
    wait_for(lambda: "it is at another installation" in house.said(), lambda: f"it is not waited for: {ends} {house.said()[-600:]}")
    expect(not ends and house.installs() == installs, f"begun while SWUpdate is at it: {ends}")
    deaf.close()
    thread.join()
    expect(ends[0][0] == ua.REBOOT and house.installs() == installs + 1 and house.slot_has(1, "1.2.0"), f"{ends}\n{house.daemon_said()[-600:]}")
    expect(house.reboot() == 1, "it does not start")
    house.confirm()


def swupdate_is_killed_in_the_middle(house):
    """And the machine is started then. [swupdate-3]"""
    house.director.assign(path_of("1.1.0"))
    thread, deaf = begun(house, 0)
    house.end_daemon()
    deaf.close()
    thread.join()
    wait_for(lambda: "SWUpdate ended in the middle of the installation" in house.said(), lambda: house.said()[-600:])
    expect(house.status()["state"] == "verified" and not house.slot_has(0, "1.1.0"), house.status())
    house.kill()
    expect(house.start() == 1, "what is half written starts")
    verb, what = house.check()
    expect(verb == ua.REBOOT and house.slot_has(0, "1.1.0"), f"{verb} {what}")
    expect(house.reboot() == 0, "it does not start")
    house.confirm()


def what_is_written_by_hand_is_not_taken_for_ours(house):
    """[swupdate-6] [swupdate-8]"""
    agent = house.agent()
    verb, what = agent.ask(ua.ROLLBACK)
    expect(verb == ua.REBOOT, f"no way back: {what}")
    expect(house.reboot() == 1 and house.status()["state"] == "trial" and house.status()["runs"]["version"] == "1.2.0", "1.2.0 is not on trial")
    house.confirm()
    house.kill()
    with open(f"{house.home}/slot-a", "r+b") as out:
        out.write(open("1.0.0.img", "rb").read())
    expect(house.start(slot=0) == 0 and not house.status()["runs"]["known"], f"what was written by hand is called something: {house.status()['runs']}")
    house.kill()
    expect(house.start() == 1, "the boot loader starts another slot")


def a_daemon_that_writes_the_environment_too(house):
    """Its own marks are nobody's business; what is ours is undone. [swupdate-5]"""
    house.kill()
    expect(house.start(daemon=("-B", "uboot")) == 1, "slot b does not start")
    house.director.assign(path_of("4.0.0"))
    verb, what = house.check()
    expect(verb == ua.REFUSED and "the installation has changed which slot starts" in what["why"], f"{verb} {what}")
    expect(house.get_env("ustate") == "1" and house.get_env("selvedge_slots") == "ic" and house.get_env("BOOT_A_LEFT") == "0" and house.get_env("BOOT_ORDER") == "B A", "it is not undone")
    house.update("2.0.0")
    house.confirm()
    expect(house.get_env("ustate") == "1" and house.get_env("selvedge_slots") == "cc", "marks")


def a_release_in_which_swupdate_is_broken_goes_back(house):
    """[swupdate-7]"""
    house.kill()
    house.config["trial_deadline"] = "1s"
    house.write_config()
    expect(house.start() == 0, "slot a does not start")
    installer.one_in_which_the_installer_is_broken_goes_back(house, "1.1.0", with_daemon=False)
    expect(house.start(with_daemon=False) == 0, "the boot loader does not go back, or nothing is answered without SWUpdate")
    installer.it_has_had_its_starts(house)


expect(IMAGES[path_of("3.0.0")], "no releases")
one = SwupdateHouse("one")
for story in (installer.what_it_was_made_with_runs, a_good_image_is_confirmed, a_second_boot_that_fails_goes_back, what_is_not_signed_is_not_installed, a_daemon_that_is_not_there_is_waited_for,
              the_updater_is_killed_in_the_middle, swupdate_is_killed_in_the_middle, what_is_written_by_hand_is_not_taken_for_ours, a_daemon_that_writes_the_environment_too,
              a_release_in_which_swupdate_is_broken_goes_back):
    story(one)
    print(story.__name__)

"""What tests/scenario/rauc.sh tells."""
import os
import shutil
import signal
import socket
import threading

import installer_story as installer
import updater_agent as ua
from rauc_house import RaucHouse
from updater_house import IMAGES, digest_of, expect, path_of, wait_for


def a_good_bundle_is_confirmed(house):
    """[rauc-1] [rauc-3] [rauc-4]"""
    house.director.assign(path_of("1.1.0"))
    verb, what = house.check(hold=True)
    expect((verb, what) == (ua.IDLE, "held") and house.installs() == 0, f"held, and given to RAUC: {verb} {what}")
    seen = []
    verb, what = house.check(on_progress=seen.append)
    expect(verb == ua.REBOOT, f"no start after an update: {what}\n{house.said()[-800:]}")
    expect(any(s["encoding"] == "rauc" for s in seen), f"RAUC's progress is not told: {seen}")
    expect(house.installs() == 1 and house.device_has(1, "1.1.0") and house.device_has(0, "1.0.0"), "slot b is another image")
    expect(not os.path.exists(f"{house.dir}/slot-b"), "the bundle is kept")
    expect(house.reboot() == 1, "the new slot does not start")
    expect(house.status()["state"] == "trial", house.status())
    house.confirm()
    status = house.status()
    expect(status["runs"]["version"] == "1.1.0" and status["runs"]["sha256"] == digest_of("1.1.0") and status["other"]["version"] == "1.0.0", status)
    expect(house.loader("get-state", "system1") == "good" and open(f"{house.dir}/loader/left.system1").read().strip() == "3", "RAUC was not told that it is good")
    expect(house.check() == (ua.IDLE, "current"), "it is installed twice")


def a_second_boot_that_fails_goes_back(house):
    """By a verdict, and by the boot loader alone when nobody says anything. [rauc-3]"""
    installer.a_verdict_goes_back(house, "2.0.0")
    expect(house.loader("get-state", "system0") == "bad", "RAUC was not told that it is bad")
    installer.silence_goes_back(house, "2.0.0")


def what_is_not_signed_never_comes_to_rauc(house):
    """[rauc-1] [rauc-2]"""
    before, installs = house.device(0), house.installs()
    # A bundle that is bent on its way.
    house.director.assign(path_of("2.0.0"))
    installer.forgive(house, "2.0.0")
    chunks = "/artifacts/" + digest_of("2.0.0") + "/"
    for name in os.listdir("repo" + chunks):
        if not name.endswith(".index"):
            data = bytearray(open("repo" + chunks + name, "rb").read())
            data[len(data) // 2] ^= 1
            house.bend[chunks + name] = bytes(data)
    verb, what = house.check()
    expect(verb == ua.REFUSED and house.installs() == installs, f"a bent bundle: {verb} {what}")
    house.bend = {}
    # One that is exchanged where it lies, after it was read back.
    expect(house.check(hold=True) == (ua.IDLE, "held"), "not held")
    shutil.copy("3.0.0.raucb", f"{house.dir}/slot-a")
    verb, what = house.check()
    expect(verb == ua.REFUSED and "not the one that was signed" in what["why"] and house.installs() == installs, f"an exchanged bundle: {verb} {what}")
    # One that our release engineer has signed and RAUC's has not.
    house.director.assign(path_of("3.0.0"))
    verb, what = house.check()
    expect(verb == ua.REFUSED and what["err"] == "untrusted" and "RAUC does not install the bundle" in what["why"], f"a stranger's bundle: {verb} {what}")
    status = house.status()
    expect(status["state"] == "failed" and "signature" in status["why"].lower(), status)
    expect(house.device(0) == before and house.installs() == installs, "the slot was written")
    expect(house.loader("get-primary") == "system1", "another slot starts next")


def one_that_is_larger_than_may_be_kept(house):
    """[rauc-1]"""
    house.stop()
    house.config["room"] = "100KiB"
    house.write_config()
    house.start_updater()
    house.ready()
    house.director.assign(path_of("2.0.0"))
    house.refused("no-space", "larger than the 102400")
    house.stop()
    house.config["room"] = "2MiB"
    house.write_config()
    house.start_updater()
    house.ready()


def given_to_rauc(house):
    """An installation stands still in RAUC, before it writes anything."""
    installs = house.installs()
    house.write("stop", "")
    thread, ends = installer.beside(house)
    wait_for(lambda: house.installs() == installs + 1, lambda: f"nothing is installed: {ends} {house.said()[-600:]}")
    return thread, ends


def the_updater_is_killed_in_the_middle(house):
    """What goes on is waited for, and is not done again. [rauc-2]"""
    house.director.assign(path_of("2.0.0"))
    installs = house.installs()
    thread, _ = given_to_rauc(house)
    agent = house.agent()
    expect(agent.status()["busy"], "nobody is answered while RAUC installs")
    agent.close()
    house.kill()
    thread.join()
    told = house.said().count("event=updater.placing")
    house.start_updater()  # the machine was not started: RAUC goes on with it
    wait_for(lambda: house.said().count("event=updater.placing") > told, lambda: f"RAUC is not waited for: {house.said()[-600:]}")
    expect(house.process.poll() is None and house.installs() == installs + 1, "it is given to RAUC while RAUC is at it")
    os.remove(f"{house.dir}/stop")
    house.ready()
    expect(house.status()["state"] == "verified", house.status())
    verb, what = house.check()
    expect(verb == ua.REBOOT and house.installs() == installs + 1 and house.device_has(0, "2.0.0"), f"{verb} {what}\n{house.rauc_said()[-600:]}")
    expect(house.reboot() == 0, "it does not start")
    house.confirm()


def rauc_is_killed_in_the_middle(house):
    """And is away, or is there again before anybody looks. [rauc-2]"""
    house.director.assign(path_of("1.1.0"))
    for is_back in (False, True):
        thread, ends = given_to_rauc(house)
        house.process.send_signal(signal.SIGSTOP)
        house.end_rauc()
        os.remove(f"{house.dir}/stop")
        if is_back:
            house.start_rauc()
        house.process.send_signal(signal.SIGCONT)
        thread.join()
        verb, what = ends[0]
        expect(verb == ua.REFUSED and what["err"] == "unavailable", f"{verb} {what}")
        expect(not is_back or "was started again" in what["why"], what)
        if not is_back:
            house.start_rauc()
    verb, what = house.check()
    expect(verb == ua.REBOOT and house.device_has(1, "1.1.0"), f"{verb} {what}\n{house.rauc_said()[-600:]}")
    expect(house.reboot() == 1, "it does not start")
    house.confirm()


def canceled_in_the_middle(house):
    """RAUC is let come to its end, and nothing is armed. [rauc-10]"""
    house.director.assign(path_of("2.0.0"))
    before, installs, agent = house.running, house.installs(), house.agent()
    house.write("stop", "")

    def check():
        try:
            agent.check(house.fetch)
        except (ua.Ended, OSError):
            pass

    thread = threading.Thread(target=check)
    thread.start()
    wait_for(lambda: house.installs() == installs + 1, lambda: f"nothing is installed: {house.said()[-600:]}")
    agent.socket.shutdown(socket.SHUT_RDWR)
    os.remove(f"{house.dir}/stop")
    thread.join()
    agent.close()
    wait_for(lambda: not house.status()["busy"], lambda: f"it does not end: {house.said()[-600:]}")
    expect(house.loader("get-primary") == f"system{before}" and house.device_has(1 - before, "2.0.0"), "what was canceled starts next")
    house.kill()
    expect(house.start() == before and house.status()["state"] == "verified", house.status())
    agent = house.agent()
    verb, what = agent.ask(ua.WITHDRAW)
    expect(verb == ua.STATUS and what["state"] == "failed" and "canceled" in what["why"] and not what["bad"], f"{verb} {what}")
    agent.close()
    house.director.assign(path_of("1.1.0"))
    expect(house.check() == (ua.IDLE, "current"), "what runs is not what it was")


def installed_by_hand_over_a_trial(house):
    """Between its arming and its start. [rauc-4] [slot-43]"""
    other, counter = 1 - house.running, house.status()["counter"]
    house.director.assign(path_of("2.0.0"))
    verb, what = house.check()
    expect(verb == ua.REBOOT, f"{verb} {what}")
    done = house.run("rauc", "install", os.path.abspath("1.0.0.raucb"))
    expect(done.returncode == 0, done.stdout.decode())
    expect(house.reboot() == other, "what was installed by hand does not start")
    status = house.status()
    expect(status["state"] == "failed" and "somebody else has installed over it" in status["why"], status)
    expect(not status["runs"]["known"] and status["boot"][other] == ua.CONFIRMED and status["counter"] == counter and not status["bad"], status)
    for version in ("1.1.0", "2.0.0", "1.1.0"):
        house.update(version)
        house.confirm()


def only_what_rauc_still_has_is_gone_back_to(house):
    """[rauc-6] [rauc-4]"""
    agent = house.agent()
    verb, what = agent.ask(ua.ROLLBACK)
    expect(verb == ua.REBOOT, f"no way back: {what}")
    expect(house.reboot() == 0 and house.status()["state"] == "trial", "2.0.0 is not on trial")
    house.confirm()
    done = house.run("rauc", "install", os.path.abspath("1.0.0.raucb"))
    expect(done.returncode == 0, done.stdout.decode())
    agent = house.agent()
    verb, what = agent.ask(ua.ROLLBACK)
    expect(verb == ua.REFUSED and "what RAUC has in slot b is not lathe-ctl 1.1.0 any more" in what["why"], f"{verb} {what}")
    agent.close()
    house.kill()
    expect(house.start() == 1, "what was installed by hand does not start")
    expect(not house.status()["runs"]["known"], f"what was installed by hand is called something: {house.status()['runs']}")


def a_release_in_which_rauc_is_broken_goes_back(house):
    """It cannot be confirmed, nor given up by Mark: it has its starts. [rauc-8]"""
    house.kill()
    house.config["trial_deadline"] = "1s"
    house.write_config()
    house.start(slot=0)
    installer.forgive(house, "1.1.0")
    installer.one_in_which_the_installer_is_broken_goes_back(house, "1.1.0", with_rauc=False)
    expect(house.start() == 0, "the boot loader does not go back")
    installer.it_has_had_its_starts(house)
    # With nothing to prove there is nothing to go back from.
    house.stop()
    house.end_rauc()
    house.start_updater()
    code = house.process.wait(20)
    expect(code == 5 and "RAUC does not say" in house.said(), f"{code}: {house.said()[-400:]}")
    house.start_rauc()
    house.start_updater()
    house.ready()


def a_bus_that_is_gone_takes_a_new_start(house):
    """[rauc-7]"""
    house.director.assign(path_of("1.1.0"))
    house.bus.kill()
    house.bus.wait()
    verb, what = house.check()
    expect(verb == ua.REFUSED and what["err"] == "unavailable", f"{verb} {what}")
    code = house.process.wait(20)
    expect(code == 5 and "the connection to the system bus, and to RAUC, is gone" in house.said(), f"{code}: {house.said()[-400:]}")


def rauc_without_a_statusfile(house):
    """It forgets what it has installed when it starts again; nothing is confirmed then, and the reason is said. [rauc-9]"""
    conf = f"{house.dir}/rauc.conf"
    house.write("rauc.conf", "".join(line for line in open(conf) if not line.startswith("statusfile=")))
    expect(house.start() == 0, "slot a does not start")
    house.update("1.1.0")
    status = house.status()
    expect(status["state"] == "rolled-back" and "system.conf needs a statusfile" in status["why"] and not status["bad"], status)
    verb, what = house.check()
    expect(verb == ua.REBOOT and house.reboot() == 0, f"it is not gone back from: {verb} {what}")
    status = house.status()
    expect(status["runs"]["version"] == "1.0.0" and status["counter"] == 0 and status["boot"][0] == ua.CONFIRMED, status)


expect(IMAGES[path_of("3.0.0")], "no releases")
one = RaucHouse("one")
for story in (installer.what_it_was_made_with_runs, a_good_bundle_is_confirmed, a_second_boot_that_fails_goes_back, what_is_not_signed_never_comes_to_rauc,
              one_that_is_larger_than_may_be_kept, the_updater_is_killed_in_the_middle, rauc_is_killed_in_the_middle, canceled_in_the_middle, installed_by_hand_over_a_trial,
              only_what_rauc_still_has_is_gone_back_to,
              a_release_in_which_rauc_is_broken_goes_back, a_bus_that_is_gone_takes_a_new_start):
    story(one)
    print(story.__name__)
two = RaucHouse("two")
rauc_without_a_statusfile(two)
print(rauc_without_a_statusfile.__name__)

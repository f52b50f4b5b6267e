"""What tests/scenario/updater.sh tells."""
import os
import time

import updater_agent as ua
from updater_house import Director, House, digest_of, encoding_of, expect, path_of


def nothing_is_assigned():
    house = House("nothing")
    house.start()
    status = house.status()
    expect(status["id"] == "press-17" and status["running"] == 0 and status["runs"]["version"] == "1.0.0" and status["counter"] == 1, status)
    expect(house.check() == (ua.IDLE, "nothing"), "something is done though nothing is assigned")
    expect(not any("/tuf/image/" in want["path"] for want in house.wanted), "the image repository was asked for nothing")
    house.director.assign(path_of("1.0.0"))
    expect(house.check() == (ua.IDLE, "current"), "what runs is installed again")
    house.stop()


def a_whole_update():
    house = House("whole")
    house.start()
    seen = []
    house.director.assign(path_of("1.1.0"))
    verb, _ = house.check(on_progress=seen.append)
    expect(verb == ua.REBOOT, "no start after an update")
    delta = encoding_of("1.1.0", "delta:")
    expect(house.given == delta["length"] < encoding_of("1.1.0", "raw")["length"] / 10, f"{house.given} bytes were fetched, the delta has {delta['length']}")
    expect(seen[-1]["bytes"] == seen[-1]["of"] and seen[-1]["encoding"] == delta["name"] and seen[-1]["version"] == "1.1.0", seen[-1:])
    expect(house.slot_is(1, "1.1.0"), "slot b is another image")
    expect(house.reboot() == 1, "the new slot does not start")
    status = house.status()
    expect(status["state"] == "trial" and 590000 < status["health_ms"] <= 600000 and status["other"]["version"] == "1.0.0", status)
    expect([r["state"] for r in status["reports"]] == ["confirmed", "notified", "downloading", "verified", "installed", "trial"] or status["reports"][-1]["state"] == "trial", status["reports"])
    verb, what = house.check()
    expect(verb == ua.REFUSED and what["err"] == "state", "a check while a release is on trial")
    house.confirm()
    agent = house.agent()
    status = agent.status()
    expect(status["runs"]["version"] == "1.1.0" and status["health_ms"] == 0 and status["boot"] == (ua.CONFIRMED, ua.CONFIRMED), status)
    last = status["reports"][-1]
    expect(last["state"] == "confirmed" and last["sha256"] == digest_of("1.1.0"), last)
    _, status = agent.delivered(last["number"] - 1)
    expect([r["number"] for r in status["reports"]] == [last["number"]], "reports that were delivered stay")
    verb, status = agent.health(True)
    expect(verb == ua.REFUSED, "a verdict on nothing is taken")
    agent.close()
    expect(house.check() == (ua.IDLE, "current"), "it is installed twice")
    return house


def back_by_hand(house):
    # 1.0.0 has the same release counter, proved itself, and lies in slot a.
    agent = house.agent()
    verb, what = agent.ask(ua.ROLLBACK)
    expect(verb == ua.REBOOT, f"no way back: {what}")
    expect(house.reboot() == 0, "the release before does not start")
    expect(house.status()["state"] == "trial", "the release before need not prove itself")
    house.confirm()
    # A newer one with a higher counter, in plain: then there is no way back any more.
    house.wanted.clear()
    house.update("2.0.0")
    expect(not any(w["kind"] == ua.KEY for w in house.wanted), "the key of a plain image is asked for")
    house.confirm()
    agent = house.agent()
    verb, what = agent.ask(ua.ROLLBACK)
    expect(verb == ua.REFUSED and "release counter 1, and 2 was confirmed" in what["why"], what)
    agent.close()
    house.director.assign(path_of("1.1.0"))
    house.refused("untrusted", "")
    house.stop()


def one_that_fails():
    house = House("fails")
    house.start()
    house.update("1.1.0")
    agent = house.agent()
    verb, _ = agent.health(False, "the spindle stalls")
    expect(verb == ua.REBOOT, "a release that is not healthy is kept")
    expect(house.reboot() == 0, "the old release does not come back")
    status = house.status()
    expect(status["state"] == "rolled-back" and status["why"] == "the spindle stalls" and status["bad"] == [digest_of("1.1.0")], status)
    house.refused("untrusted", "was tried here and did not prove itself")
    agent = house.agent()
    verb, status = agent.forgive(digest_of("1.1.0"))
    expect(verb == ua.STATUS and status["bad"] == [], status)
    agent.close()
    house.update("1.1.0")
    house.confirm()
    house.stop()


def one_that_says_nothing():
    house = House("silent", trial_deadline="1s")
    house.start()
    house.update("1.1.0")
    house.ended()
    expect(house.start() == 0, "silence is taken for health")
    status = house.status()
    expect(status["state"] == "rolled-back" and "nobody said within 1 s" in status["why"], status)
    house.stop()


def one_that_waits():
    house = House("waits", watchdog="watchdog")
    house.config["watchdog"] = house.dir + ".dog"
    house.write_config()
    os.mkfifo(house.config["watchdog"])
    dog = os.open(house.config["watchdog"], os.O_RDONLY | os.O_NONBLOCK)
    house.start()
    house.director.assign(path_of("1.1.0"))
    expect(house.check(hold=True) == (ua.IDLE, "held"), "it is armed though it was to be held")
    expect(house.status()["state"] == "verified", house.status())
    fetched = house.given
    house.stop()
    house.start()
    expect(house.check(hold=True) == (ua.IDLE, "held") and house.given == fetched, "what was held is fetched again")
    verb, _ = house.check()
    expect(verb == ua.REBOOT and house.given == fetched, "what was held is not armed")
    house.ended()
    pings = os.read(dog, 1000)
    expect(pings.count(b"V") == 1 and pings[-1:] == b"\0", f"the watchdog was never pinged, or is stopped before the machine starts again: {pings}")
    house.start()
    house.confirm()
    house.stop()
    expect(os.read(dog, 1000)[-1:] == b"V", "the watchdog goes on without anybody to ping it")


def it_is_not_assigned_any_more():
    house = House("withdrawn")
    house.start()
    house.director.assign(path_of("1.1.0"))
    expect(house.check(hold=True) == (ua.IDLE, "held"), "not held")
    house.director.assign(None)
    expect(house.check() == (ua.IDLE, "nothing"), "what is not assigned is done")
    status = house.status()
    expect(status["state"] == "failed" and "not assigned any more" in status["why"], status)
    house.update("2.0.0")
    house.stop()


def others_are_told_meanwhile():
    house = House("meanwhile")
    house.start()
    house.director.assign(path_of("1.1.0"))
    told = []

    def ask(agent, number, want):
        if want["kind"] == ua.CHUNKS and not told:
            other = house.agent()
            told.append(other.status())
            told.append(other.health(True))
            told.append(other.ask(ua.CHECK, b"\0" * 13))
            other.close()
            agent.say(ua.ASK)
            told.append(agent.hear())
        return False

    verb, _ = house.check(on_want=ask)
    expect(verb == ua.REBOOT and told[0]["busy"] and told[0]["state"] == "downloading", told)
    expect([t[0] for t in told[1:3]] == [ua.REFUSED] * 2 and told[1][1]["err"] == "state", told[1:3])
    expect(told[3][0] == ua.STATUS and told[3][2]["busy"], told[3])
    house.ended()


def killed_at_any_want():
    """Whatever is wanted next, it is killed there, and goes on from where it was."""
    counter = House("count")
    counter.start()
    counter.director.assign(path_of("1.1.0"))
    del_delta(counter)
    counter.check()
    wants = len(counter.wanted)
    chunks = sum(w["kind"] == ua.CHUNKS for w in counter.wanted)
    whole = counter.given
    counter.ended()
    expect(chunks > 1 and whole == encoding_of("1.1.0", "zstd")["length"], f"{chunks} ranges, {whole} bytes")
    house = House("killed")
    house.director = counter.director
    house.config["director_root"] = counter.config["director_root"]
    house.write_config()
    del_delta(house)
    for n in range(wants):
        house.start()
        left = [n]

        def die(agent, number, want):
            left[0] -= 1
            if left[0] < 0:
                house.kill()
                raise ua.Ended
            return False

        try:
            verb, what = house.check(on_want=die)
            break
        except ua.Ended:
            pass
    else:
        house.start()
        verb, what = house.check()
    expect(verb == ua.REBOOT, what)
    house.ended()
    expect(house.given < whole + chunks * 70000, f"{house.given} bytes were fetched of an encoding with {whole}: more than a chunk each time")
    expect("were in the slot already" in house.said(), "what was written and not noted is not found")
    expect(house.start() == 1 and house.slot_is(1, "1.1.0"), "another image came of it")
    house.confirm()
    house.stop()


def killed_within_a_range():
    """At most the chunk that was coming is fetched twice."""
    house = House("within")
    del_delta(house)
    house.director.assign(path_of("1.1.0"))
    house.start()
    written = []

    def die(agent, number, want):
        if want["kind"] != ua.CHUNKS:
            return False
        data = house.fetch(want)
        for at in range(0, 20 * 60000, 60000):
            agent.give_piece(number, at, data[at:at + 60000])
            agent.say(ua.ASK)
            verb, _, status = agent.hear()
            while verb != ua.STATUS:
                verb, _, status = agent.hear()
            written.append(status["written"])
        house.kill()
        raise ua.Ended

    try:
        house.check(on_want=die)
    except ua.Ended:
        pass
    expect(written[-1] > 1000000, written)
    house.start()
    house.wanted.clear()
    verb, _ = house.check()
    after = [w for w in house.wanted if w["kind"] == ua.CHUNKS]
    expect(verb == ua.REBOOT and after[0]["offset"] > 20 * 60000 - 70000, f"{after[0]} after 1200000 bytes were given")
    house.ended()


def the_old_image_was_written_to():
    """A file system that was mounted to be written is no image to start a delta from."""
    house = House("written")
    with open(house.dir + "/slot-a", "r+b") as slot:
        slot.seek(1080)
        slot.write(b"mounted")
    house.start(slot=0)
    house.director.assign(path_of("1.1.0"))
    verb, _ = house.check()
    expect(verb == ua.REBOOT and house.given == encoding_of("1.1.0", "zstd")["length"], f"{house.given} bytes")
    expect(house.slot_is(1, "1.1.0") and "it was written to since" in house.said(), "a delta from another image")
    house.ended()


def del_delta(house):
    """This device does not have the image that the delta starts from: its slot was written to."""
    with open(house.dir + "/slot-a", "r+b") as slot:
        slot.seek(8)
        slot.write(b"changed")
    house.good = lambda slot: True


def old_metadata_changes_nothing():
    """What ended meanwhile, and a director that nobody reaches: no update, and nothing else."""
    house = House("ended")
    house.start()
    house.update("1.1.0")
    house.director.md["timestamp"]["expires"] = "2020-01-01T00:00:00Z"
    house.director.publish()
    house.confirm()  # with nothing but ended metadata
    house.refused("untrusted", "director: timestamp")
    house.bend["/tuf/director/press-17/metadata/timestamp.json"] = None
    house.refused("not-found", "director: ")
    house.stop()
    house.start()
    expect(house.status()["state"] == "confirmed", house.status())
    house.bend.clear()
    house.director.md["timestamp"]["expires"] = "2099-01-01T00:00:00Z"
    house.director.publish()
    house.update("2.0.0")
    house.confirm()
    house.stop()


def the_directors_keys_are_others():
    """By its own chain of roots; and where the key was stolen or lost, by hand."""
    house = House("others")
    house.start()
    old = house.director.rotate("root", scheme="ecdsa-sha2-nistp256")
    before = {role: house.director.rotate(role, scheme="ecdsa-sha2-nistp256") for role in ("targets", "snapshot", "timestamp")}
    house.director.publish_root(extra=old)
    house.update("1.1.0")
    house.confirm()
    house.director.signers.update(before)  # what they sign counts no more
    house.director.assign(path_of("2.0.0"))
    house.refused("untrusted", "director: ")
    # Another director, of which no chain knows: not even with its root in the place of the one before.
    house.director = Director()
    house.director.assign(path_of("2.0.0"))
    with open(house.config["director_root"], "wb") as out:
        out.write(house.director.published["root"])
    house.refused("untrusted", "director: ")
    house.stop()
    kept = sorted(name for name in os.listdir(house.config["state"]) if name.startswith("director."))
    expect("director.root.json" in kept, kept)
    for name in kept:
        os.remove(os.path.join(house.config["state"], name))
    house.start()
    expect(house.status()["runs"]["version"] == "1.1.0" and house.status()["counter"] == 1, house.status())
    house.update("2.0.0")
    house.confirm()
    house.director.assign(path_of("1.1.0"))  # and what was confirmed since binds the new one as well
    house.refused("untrusted", "release counter is 1")
    house.stop()


begun = time.monotonic()
nothing_is_assigned()
back_by_hand(a_whole_update())
one_that_fails()
one_that_says_nothing()
one_that_waits()
it_is_not_assigned_any_more()
others_are_told_meanwhile()
killed_at_any_want()
killed_within_a_range()
the_old_image_was_written_to()
old_metadata_changes_nothing()
the_directors_keys_are_others()
print(f"{time.monotonic() - begun:.1f} s")

"""What tests/scenario/updater_kill.sh tells."""
import os
import random
import time

import updater_agent as ua
from updater_house import House, expect, path_of

DIE_AT = {"ASAN_OPTIONS": "verify_asan_link_order=0", "LD_PRELOAD": os.environ["SV_DIE_AT_SO"]}


def go_on(house):
    """What an agent does after each start. True: the release that was assigned has proved itself."""
    status = house.status()
    if status["state"] == "trial":
        agent = house.agent()
        agent.health(True)
        agent.close()
        return house.status()["runs"]["version"] == "1.1.0"
    if status["runs"]["version"] == "1.1.0":
        return True
    verb, what = house.check()
    expect(verb == ua.REBOOT, f"{verb} {what}")
    house.ended()
    return False


def live(house, environment):
    """One start, and what comes of it: True when the story is at its end."""
    house.environment = environment
    try:
        house.start()
        done = go_on(house)
        house.kill()
        return done
    except (ua.Ended, OSError, SystemExit) as why:
        expect(house.was_killed(), why)
        return False


def at_every_change():
    """At the n-th change to the disk, counted from each start: what it had done until then is what the next one finds."""
    kills = 0
    for step in (1, 2, 5):
        house = House(f"step{step}")
        house.director.assign(path_of("1.1.0"))
        n = 1
        while not live(house, {**DIE_AT, "SV_DIE_AT": str(n)}):
            kills += 1
            n += step
            expect(kills < 400, "it does not come to an end")
        expect(house.slot_is(house.running, "1.1.0"), "another image runs")
    return kills


def at_any_moment(seconds):
    kills = rounds = 0
    dice = random.Random(11)
    until = time.monotonic() + seconds
    while time.monotonic() < until or kills < 20:
        rounds += 1
        house = House(f"round{rounds}")
        house.director.assign(path_of("1.1.0"))
        for _ in range(8):
            house.environment = {}
            house.start(wait=False)
            left = dice.uniform(0, 0.25)
            over = False
            try:
                house.ready()
                begun = time.monotonic()

                def late(agent, number, want):
                    if time.monotonic() - begun > left:
                        house.kill()
                        raise ua.Ended
                    return False

                verb, _ = house.check(on_want=late)
                time.sleep(dice.uniform(0, 0.01))
                house.kill()
                over = verb != ua.REBOOT
            except (ua.Ended, OSError):
                pass
            kills += 1
            if over:
                break
        done = False
        for _ in range(6):
            done = done or live(house, {})
        expect(done and house.slot_is(house.running, "1.1.0"), "it does not go on")
    return kills


changes = at_every_change()
moments = at_any_moment(8)
expect(changes >= 30 and moments >= 20, f"only {changes} + {moments} kills")
print(f"killed at {changes} changes to the disk and at {moments} moments")

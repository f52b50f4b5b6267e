#!/usr/bin/python3
"""kill -9 of the gateway, and what is still true when it is back; and QoS 2 exactly once, in order, through a row of kills."""
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import cases_restart
import house
from clients import MutualTls, Way
from exactly_once import Receiver, Sender
from house import AT_ONCE, Case
from verdict import QUIET_S, SOON_S, Wrong, must, same

STORM_KILLS, STORM_MESSAGES, STORM_END_S = 10, 900, 20
STORM_PAUSE_S = 0.08  # the exchange of one part of the messages takes about as long: a kill falls into it


class Story(Case):
    """A case in several parts."""

    def begin(self, gateway):
        self.scene = house.Scene(self.way(gateway, self.name), self.version)
        self.parts = self.function(self.scene)
        self.over = False

    def part(self):
        try:
            next(self.parts)
        except StopIteration:
            self.over = True
        except Exception as fault:
            self.note(fault)
            self.over = True
        if self.over:
            self.scene.end()


def tell_stories(gateway, stories):
    for one in stories:
        one.begin(gateway)
    left = stories
    with ThreadPoolExecutor(2 * AT_ONCE) as pool:
        while left:
            list(pool.map(Story.part, left))
            left = [one for one in left if not one.over]
            if left:
                gateway.restart()


def storm(gateway, version, prng):
    """One client sends numbered messages with QoS 2, another gets them; the gateway is killed again and again."""
    way = Way(gateway, f"storm-{version}")
    receiver = Receiver(way, version, way.listener_id(), way.topic("n"))
    sender = Sender(way, version, way.sender_id(), way.topic("n"))
    receiver.thread.start()
    must(receiver.up.wait(SOON_S), "the receiver could not connect")
    time.sleep(QUIET_S)  # until it has subscribed
    sender.thread.start()
    try:
        for number in range(1, STORM_KILLS + 1):
            must(sender.up.wait(SOON_S) and receiver.up.wait(SOON_S), f"nobody could connect after kill {number - 1}")
            sender.wanted = STORM_MESSAGES * number // STORM_KILLS
            time.sleep(prng.random() * STORM_PAUSE_S)
            gateway.restart()
        end = time.monotonic() + STORM_END_S
        while time.monotonic() < end and (sender.done < STORM_MESSAGES or len(receiver.got) < STORM_MESSAGES):
            time.sleep(0.05)
        time.sleep(QUIET_S)
    finally:
        sender.end()
        receiver.end()
    same(sender.done, STORM_MESSAGES, "messages that the sender saw finished")
    lost = sorted(set(range(STORM_MESSAGES)) - set(receiver.got))
    again = sorted({n for n in receiver.got if receiver.got.count(n) > 1})
    must(not lost and not again, f"over {STORM_KILLS} kills {len(lost)} messages were lost {lost[:9]}, {len(again)} came again {again[:9]}")
    must(receiver.got == sorted(receiver.got), "the messages came in another order than they were sent")


def judge_storm(gateway, version, verbose):
    """0, or 1 when it did not hold."""
    seed, began = random.randrange(1 << 32), time.monotonic()
    try:
        storm(gateway, version, random.Random(seed))
    except Wrong as fault:
        print(f"FAILED storm of kills (seed {seed}), MQTT {version}: {str(fault)[:house.FAULT_MAX]}", file=sys.stderr)
        return 1
    if verbose:
        print(f"{time.monotonic() - began:6.2f} s  storm of kills, MQTT {version}", file=sys.stderr)
    return 0


def main():
    options = house.arguments(__doc__).parse_args()
    stories = [Story(f, v, way) for way in (Way, MutualTls) for f in house.cases_of(cases_restart) for v in f.versions if way is Way or f.tls]
    stories = [one for one in stories if options.only in one.name]

    def tell(folder, houses):
        gateway = house.house_for(stories, folder, options.programs)
        houses.append(gateway)
        tell_stories(gateway, stories)
        code = 0
        for version in (4, 5):
            code |= judge_storm(gateway, version, options.verbose)
        gateway.site.died()
        return house.report(stories, options.verbose) | code

    return house.in_house(options, tell)


sys.exit(main())

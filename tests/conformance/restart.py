#!/usr/bin/python3
"""kill -9 of the gateway, and what is still true when it is back; and QoS 2 exactly once through a row of kills."""
import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import cases_restart
import house
from clients import Client, MutualTls, Way, props
from house import AT_ONCE, Case
from verdict import QUIET_S, Wrong, same

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


def stay(client, done):
    """Keeps the client connected."""
    lasting = props("CONNECT", SessionExpiryInterval=300) if client.version == 5 else None
    while not done.is_set():
        if client.connack is None or client.gone:
            try:
                client.connect(properties=lasting)
            except (Wrong, OSError):
                pass
        time.sleep(0.02)


def storm(gateway, version, prng):
    """One client sends numbered messages with QoS 2, another gets them; the gateway is killed again and again."""
    way = Way(gateway, f"storm-{version}")
    lasting = props("CONNECT", SessionExpiryInterval=300) if version == 5 else None
    receiver = Client(way, version, way.listener_id(), clean=False).connect(properties=lasting).subscribe((way.topic("n"), 2))
    sender = Client(way, version, way.sender_id(), clean=False).connect(properties=lasting)
    done = threading.Event()
    keepers = [threading.Thread(target=stay, args=(c, done)) for c in (receiver, sender)]
    for keeper in keepers:
        keeper.start()
    try:
        mids = []
        for _ in range(STORM_KILLS):
            for client in (receiver, sender):
                client.wait(lambda c=client: c.connack and not c.gone, "the next connection")
            for _ in range(STORM_MESSAGES // STORM_KILLS):
                mids.append(sender.paho.publish(way.topic("n"), str(len(mids)), 2).mid)
            time.sleep(prng.random() * STORM_PAUSE_S)
            gateway.restart()
        sender.wait(lambda: sender.published.issuperset(mids), "every acknowledgement", STORM_END_S)
        receiver.wait(lambda: len(receiver.messages) >= STORM_MESSAGES, "every message", STORM_END_S)
        time.sleep(QUIET_S)
    finally:
        done.set()
        for keeper in keepers:
            keeper.join()
        receiver.die()
        sender.die()
    # In which order is paho's matter: what it is given before CONNACK overtakes what it sends again.
    got = sorted(int(m.payload) for m in receiver.messages)
    same(got, list(range(STORM_MESSAGES)), f"QoS 2 over {STORM_KILLS} kills, MQTT {version}")


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

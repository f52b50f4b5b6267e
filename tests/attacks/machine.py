#!/usr/bin/env python3
"""The machine itself turns against the gateway: a slow disk, a clock that jumps, a store that is damaged, an end at the worst moment."""
import json
import random
import shutil
import sqlite3
import struct
import sys
import time

from door import DISCONNECT, PINGREQ, PUBACK, PUBLISH, Closed, SiteError, packet, check, main, percentile, publish_packet, reading, wait_until

HOUR_S, YEARS_S = 3600, 73 * 365 * 86400
TRIES = 20
OWN = "sensors/press-1/level"


class Machine:
    """What attacks_machine.so reads."""

    def __init__(self, door):
        self.path = door.dir / "machine"
        self.be()
        self.env = {"SV_MACHINE": self.path, "LD_PRELOAD": door.bin.parent / "tests/attacks_machine.so"}
        if door.sanitized():
            self.env["ASAN_OPTIONS"] = "verify_asan_link_order=0"

    def be(self, sync_ms=0, shift_s=0, ends=False):
        with open(self.path, "r+b" if self.path.exists() else "w+b") as out:
            out.write(struct.pack("=qqq", sync_ms * 1000, shift_s * 1_000_000, ends))


def a_slow_disk_slows_acknowledgements_alone(door):
    machine = Machine(door)
    door.open(env=machine.env, group_ms=2)
    probe, idle = door.probe(), door.program("idle")
    start = time.monotonic()
    time.sleep(1.5)
    before = door.metrics()
    machine.be(sync_ms=100)
    slow, client, pings, sent, acknowledged = time.monotonic(), door.client(), [], 0, 0
    while time.monotonic() < slow + 3:
        client.send(b"".join(publish_packet(OWN, reading("press-1", n, epoch="slow"), 1, n) for n in range(sent + 1, sent + 201)))
        sent += 200
        for n in range(sent - 199, sent + 1):
            client.answer(PUBACK, n)
        acknowledged = sent
        at = time.monotonic()
        idle.ping()
        pings.append((at, (time.monotonic() - at) * 1000))
    end, after = time.monotonic(), door.metrics()
    mean = (after["store_wait_seconds_total"] - before["store_wait_seconds_total"]) / (after["store_waits_total"] - before["store_waits_total"])
    check(0.09 < mean < 0.5, f"/metrics says that messages wait {mean * 1000:.0f} ms for a disk of 100 ms a sync")
    machine.be(sync_ms=1100)
    wait_until(lambda: door.logged("store.slow"), "a word about a disk of more than a second a sync", 20)
    machine.be()
    latencies = probe.end()
    check(set(door.numbers("press-1")) >= set(range(1, acknowledged + 1)), "acknowledged readings are lost")
    waits = percentile(latencies, slow, end, least=5)
    worst = max(ms for _, ms in pings)
    print(f"a disk of 100 ms a sync: readings p99 {percentile(latencies, start, slow):.1f} ms before, {waits:.0f} ms during "
          f"({acknowledged} more acknowledged), a ping {worst:.1f} ms at worst")
    check(waits < 1500, f"a reading waits {waits:.0f} ms for two syncs of 100 ms")
    check(len(pings) < 5 or worst < 90, f"who waits for no disk waits {worst:.0f} ms")
    for each in (client, idle):
        each.close()
    door.stop(door.gateway)


def a_clock_that_jumps_loses_nothing(door):
    machine = Machine(door)
    machine.be(shift_s=3 * HOUR_S)  # so that certificates made now are valid after two hours back
    door.open(env=machine.env, group_ms=2)
    probe = door.probe()
    client = door.client()
    for n in range(1, 501):
        client.send(publish_packet(OWN, reading("press-1", n, epoch="clock"), 1, n))
    for n in range(1, 501):
        client.answer(PUBACK, n)
    for shift in (HOUR_S, 5 * HOUR_S, 3 * HOUR_S):
        machine.be(shift_s=shift)
        time.sleep(0.7)
        check(client.publish(OWN, reading("press-1", 1000 + abs(shift), epoch="clock")) == 0, "a device is cut off by a jump of two hours")
        check(door.client("press-2").publish("sensors/press-2/x", reading("press-2")) == 0, "nobody gets in after a jump of two hours")
    latencies = probe.end()
    check(len(latencies) > 100, "the probe was held up by a jump")
    machine.be(shift_s=-56 * 365 * 86400)  # 1970
    time.sleep(2.5)
    check(client.publish(OWN, reading("press-1", 20000, epoch="clock")) == 0, "in 1970 a session ends")
    machine.be(shift_s=YEARS_S)  # 2099
    time.sleep(5)  # two beats: what is old is taken away with each
    check(client.publish(OWN, reading("press-1", 20001, epoch="clock")) == 0, "in 2099 a session ends")
    check(door.client("press-2").publish("sensors/press-2/x", reading("press-2")) == 0, "in 2099 nobody gets in")
    kept = door.numbers("press-1")
    check(set(kept) >= set(range(1, 501)), f"a clock in 2099 has taken {500 - len(set(kept) & set(range(1, 501)))} readings away")
    door.must_log("clock.doubted", "")
    check(not door.logged("client.expelled", "has ended"), "in 2099 sessions end")
    door.stop(door.gateway)
    door.launch(env=machine.env)  # one that wakes there holds it against what it knew
    back = door.client()
    check(back.publish(OWN, reading("press-1", 30000, epoch="clock")) == 0, "after the jump nobody gets in")
    print(f"jumps of two hours, to 1970 and to 2099: {len(kept)} readings of a device kept")
    door.stop(door.gateway)


def a_damaged_store_is_named_and_left_alone(door):
    door.open(group_ms=2)
    client = door.client(clean=False, properties=b"\x11\0\0\x0e\x10")
    client.subscribe("commands/press-1")
    for first in range(1, 1501, 500):
        client.send(b"".join(publish_packet(OWN, reading("press-1", n, epoch="db"), 1, n) for n in range(first, first + 500)))
        for n in range(first, first + 500):
            client.answer(PUBACK, n)
    door.stop(door.gateway)
    whole, prng, ends = door.dir / "whole.db", random.Random(3), []
    shutil.copy(door.store, whole)
    pages = whole.stat().st_size // 4096
    for place in [0, 1, 18, 100, *(prng.randrange(pages) * 4096 + prng.randrange(64) for _ in range(14))]:
        for name in door.dir.glob(f"{door.store.name}*"):
            name.unlink()
        shutil.copy(whole, door.store)
        with open(door.store, "r+b") as out:
            out.seek(place)
            out.write(prng.randbytes(200 if place else 16))
        damaged = door.store.read_bytes()
        ends.append(lives_or_says(door, damaged))
    print(f"18 damaged stores: {ends.count(5)} refused with code 5, {ends.count(0)} could be used, none crashed")
    check(ends[0] == 5, "a file that is no database is used")


def lives_or_says(door, damaged):
    """0: it served and ended in peace; 5: it said what is wrong."""
    log = door.dir / "gateway.log"
    before = log.stat().st_size
    gateway = door.start("gateway", door.bin / "selvedge-gateway", "--config", door.dir / "gateway.yaml")
    wait_until(lambda: gateway.poll() is not None or b"door.open" in log.read_bytes()[before:], "a start or an end", 10)
    if gateway.poll() is None:
        try:
            client = door.client()
            client.publish(OWN, reading("press-1", 5000, epoch="db"))
            client.close()
        except (Closed, OSError):
            pass
        door.stop(gateway)
    door.running = [(n, p) for n, p in door.running if p is not gateway]
    said = log.read_bytes()[before:].decode(errors="replace")
    check(gateway.returncode in (0, 5), f"it ended with {gateway.returncode}: {said[-600:]}")
    check(gateway.returncode == 0 or str(door.store) in said, f"it does not name the file: {said[-300:]}")
    check("door.open" in said or door.store.read_bytes() == damaged, "a store that it could not use was changed")
    return gateway.returncode


def end_at_the_next_commit(door, machine, topic, said):
    """What is on disk when the gateway has ended at it: alerts that are open, told to the site's programs, and what waits for a session."""
    # Whatever waits for a commit has it when this one is acknowledged, and the next is the alert's.
    check(door.client("press-2").publish("sensors/press-2/level", reading("press-2", value=20)) == 0, "an ordinary reading is refused")
    client = door.client()
    machine.be(ends=True)
    try:
        client.publish(topic, said)
        raise SiteError("the device is acknowledged by a gateway that has ended")
    except Closed:
        door.gateway.wait(10)
    machine.be()
    db = sqlite3.connect(f"file:{door.store}?mode=ro", uri=True)
    kept = db.execute("SELECT (SELECT count(*) FROM open_alert), (SELECT count(*) FROM alert_local), (SELECT count(*) FROM mqtt WHERE kind = 2)").fetchone()
    db.close()
    return kept


def launch_again(door, machine, then=lambda: None):
    """The panel, in the session that it had."""
    door.running = [(n, p) for n, p in door.running if p is not door.gateway]
    door.gateway = door.launch(env=machine.env)
    then()
    return door.program("panel", version=4, clean=False)


def an_alert_outlives_an_end_between_commit_and_publication(door):
    """[alert-4] The device was not acknowledged and sends its reading again, which raises nothing new."""
    machine = Machine(door)
    door.open(env=machine.env)
    panel = door.program("panel", version=4)
    panel.close()
    panel = door.program("panel", version=4, clean=False)
    panel.subscribe("alerts/#")
    # Who has been met is written down once; the commit that is waited for is to be the alert's.
    check(door.client().publish("sensors/press-1/level", reading("press-1", 1, epoch="first")) == 0, "an ordinary reading is refused")
    for round_, connected in enumerate((False, True, False, True)):
        said, kept, tries = reading("press-1", round_ + 1, value=600, epoch="end"), (round_, 0, 0), 0
        while kept == (round_, 0, 0) and tries < TRIES:  # another commit came before the alert's
            if tries > 0:
                panel = launch_again(door, machine)
            tries += 1
            if not connected:
                panel.send(packet(DISCONNECT))
                panel.close()
            kept = end_at_the_next_commit(door, machine, f"sensors/press-1/s{round_}", said)
            panel.close()
        check(kept == (round_ + 1, 1, 0), f"it did not end between the commit and the publication: {kept}")
        panel = launch_again(door, machine, lambda: check(door.client().publish(f"sensors/press-1/s{round_}", said) == 0, "the reading is refused"))
        heard = take_alerts(panel)
        check([(a["event"], a["data"]["sensor"]) for a in heard] == [("raised", f"s{round_}")], f"the panel hears {heard}")
    print("4 ends between commit and publication: each alert is told, once")
    door.stop(door.gateway)


def take_alerts(panel):
    """Those that wait for it, acknowledged; a ping follows them."""
    alerts = []
    kind, _, body = panel.receive()
    while kind == PUBLISH:
        start = 2 + int.from_bytes(body[:2], "big")
        alerts.append(json.loads(body[start + 2 :]))
        panel.send(packet(PUBACK, body[start : start + 2]))
        panel.send(packet(PINGREQ))
        kind, _, body = panel.receive()
    return alerts


STORIES = [an_alert_outlives_an_end_between_commit_and_publication, a_slow_disk_slows_acknowledgements_alone, a_clock_that_jumps_loses_nothing, a_damaged_store_is_named_and_left_alone]

if __name__ == "__main__":
    sys.exit(main(STORIES, opened=False))

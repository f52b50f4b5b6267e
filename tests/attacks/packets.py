#!/usr/bin/env python3
"""Packets as no honest client sends them, each with what the server does about it and what it keeps of it."""
import random
import struct
import sys
import time

from door import (AT_ONCE_S, CONNACK, CONNECT, PUBACK, PUBLISH, PUBREC, PUBREL, SUBSCRIBE, Closed, check, connect_packet, main, packet,
                  publish_packet, reading, subscribe_packet, text, wait_until)

OWN = "sensors/press-1/level"
MALFORMED, PROTOCOL_ERROR, TOO_LARGE, QUOTA, RECEIVE_MAX = 0x81, 0x82, 0x95, 0x97, 0x93
MEMORY_KB = 1024


def lengths_are_judged_before_anything_is_kept(door):  # row 14
    idle = door.client("press-2")
    before = door.memory_kb()
    huge = packet(PUBLISH)[:1] + b"\xff\xff\xff\x7f"
    held = []
    for _ in range(50):
        link = door.link()
        link.send(packet(CONNECT)[:1] + b"\xff\xff\xff\x7f" + b"\0\4MQTT")
        held.append(link)
    for link in held:
        check(link.is_closed() is not None, "a CONNECT of 256 MiB is waited for")
    client = door.client()
    client.send(huge)
    check(client.reason_of_end() == TOO_LARGE, "a PUBLISH of 256 MiB is not refused for its length")
    for topic in ("a" * 65535, "/" * 65535):
        client = door.client()
        client.send(publish_packet(topic, "x"))
        check(client.answer(PUBACK, 1) >= 0x80, "the longest topic is taken")
        client.close()
    client = door.client()
    client.send(subscribe_packet("/".join("+" * 30000)))
    check(client.receive()[2][-1] >= 0x80, "a filter of 30,000 levels is taken")
    idle.ping()
    kept = door.memory_returns(before, MEMORY_KB, "lengths")
    print(f"lengths: {kept} KiB more than before")
    client.close()
    idle.close()


def user_properties_are_counted(door):  # row 14, mosquitto: CPU by user properties
    idle = door.client("press-2")
    pairs = b"\x26\0\0\0\0" * 50000
    start = time.monotonic()
    client = door.client()
    client.send(publish_packet(OWN, reading("press-1"), properties=pairs))
    check(client.reason_of_end() in (QUOTA, PROTOCOL_ERROR, MALFORMED), "50,000 user properties are taken")
    link = door.link()
    link.send(connect_packet("press-1", properties=pairs))
    kind, _, body = link.receive()
    check((kind, body[1]) == (CONNACK, QUOTA), f"50,000 user properties in CONNECT: 0x{body[1]:02x}")
    link = door.link()
    link.send(connect_packet("press-1", will=(OWN, "x", 0, False), will_properties=pairs))
    check(link.receive()[2][1] >= 0x80, "50,000 user properties of a will are taken")
    idle.ping()
    check(time.monotonic() - start < AT_ONCE_S, "user properties take long")
    idle.close()


def broken_packets_end_the_connection(door):  # row 15
    v5 = [
        ("a length of five bytes", b"\x30\xff\xff\xff\xff\x01"),
        ("QoS 3", publish_packet(OWN, "x", qos=3)),
        ("bad UTF-8 in a topic", packet(PUBLISH, text(b"sensors/\xff\xfe") + b"\0" + b"x")),
        ("an overlong topic", packet(PUBLISH, text(b"sensors/\xc0\xaf") + b"\0")),
        ("a surrogate in a topic", packet(PUBLISH, text(b"a\xed\xa0\x80") + b"\0")),
        ("NUL in a topic", packet(PUBLISH, text("sensors/\0") + b"\0")),
        ("a wildcard in a topic", publish_packet("sensors/#", "x")),
        ("an empty topic", publish_packet("", "x")),
        ("packet id 0", publish_packet(OWN, "x", packet_id=0)),
        ("DUP with QoS 0", publish_packet(OWN, "x", qos=0, dup=True)),
        ("a topic longer than its packet", packet(PUBLISH, b"\xff\xffab")),
        ("properties longer than their packet", packet(PUBLISH, text(OWN) + b"\xff\xff\xff\x7f")),
        ("a property that is none", publish_packet(OWN, "x", properties=b"\x7f\0")),
        ("a property twice", publish_packet(OWN, "x", properties=b"\x01\0\x01\0")),
        ("alias 0", publish_packet(OWN, "x", properties=b"\x23\0\0")),
        ("an alias above the maximum", publish_packet(OWN, "x", properties=b"\x23\xff\xff")),
        ("an alias never told", publish_packet("", "x", properties=b"\x23\0\5")),
        ("a second CONNECT", connect_packet("press-1")),
        ("CONNACK from a client", packet(CONNACK, b"\0\0\0")),
        ("type 0", b"\x00\x00"),
        ("AUTH", b"\xf0\x00"),
        ("PINGREQ with flags", b"\xc1\x00"),
        ("PINGREQ with a body", packet(12, b"x")),
        ("SUBSCRIBE without its flags", packet(SUBSCRIBE, b"\0\1\0" + text("a") + b"\0")),
        ("SUBSCRIBE to nothing", packet(SUBSCRIBE, b"\0\1\0", 2)),
        ("SUBSCRIBE with QoS 3", subscribe_packet("a", qos=3)),
        ("SUBSCRIBE with reserved bits", subscribe_packet("a", qos=0xC0)),
        ("an empty UNSUBSCRIBE", packet(10, b"\0\1\0", 2)),
        ("PUBREL without its flags", packet(PUBREL, b"\0\1")),
        ("PUBACK for nothing, cut", packet(PUBACK, b"\0")),
        ("DISCONNECT with an expiry that CONNECT had not", packet(14, b"\0\5\x11\0\0\0\x05")),
    ]
    idle = door.client("press-2")
    before = door.memory_kb()
    for version in (5, 4):
        for what, data in v5:
            if version == 4 and any(word in what for word in ("propert", "alias", "expiry")):
                continue
            client = door.client(version=version)
            client.send(data)
            check(client.is_closed() is not None, f"MQTT {version}: {what}: the connection goes on")
    idle.ping()
    door.must_log("client.broken", "", 60)
    check(door.metric('door_events_total{kind="broken"}') >= len(v5), "broken packets are not counted")
    door.memory_returns(before, MEMORY_KB, "broken packets")
    idle.close()


def first_packets_that_are_no_connect_cost_nothing(door):  # row 15; mosquitto: memory kept by non-CONNECT first packets and CONNECT floods
    door.client().close()
    before, events = door.memory_kb(), door.metric('door_events_total{kind="refused"}')
    context = door.context()
    firsts = [publish_packet(OWN, "x" * 1000), subscribe_packet("#"), b"\xe0\x00", b"\x00\x00", b"GET / HTTP/1.1\r\n\r\n", b"\x10\x00",
              packet(CONNECT, b"\0\4MQTX\5\2\0\0\0\0\0"), packet(CONNECT, b"\0\4MQTT\5\3\0\0\0\0\0"), packet(CONNECT, b"\0\4MQTT\5\2\0\0\0\0\7ab"),
              connect_packet("press-1", version=3), connect_packet("press-1", version=6)]
    for i in range(220):
        link = door.link(context=context)
        link.send(firsts[i % len(firsts)])
        check(link.is_closed() is not None, f"the first packet {firsts[i % len(firsts)][:20]} is suffered")
    check(door.metric('door_events_total{kind="refused"}') >= events + 220, "they are not counted")
    for _ in range(200):
        link = door.link(context=context)
        link.send(connect_packet("press-1", properties=b"\x26" + text("k" * 1000) + text("v" * 1000)))
        link.close()
    print(f"first packets: {door.memory_returns(before, MEMORY_KB, 'first packets')} KiB more than before")
    door.must_log("client.refused", "", 60)


def wills_leave_nothing_behind(door):  # mosquitto: will properties leak
    door.client().close()
    context = door.context()
    before = None
    for i in range(300):
        if i == 50:
            before = door.memory_kb()
        properties = b"\x26" + text("k" * 2000) + text("v" * 2000) + b"\x03" + text("c" * 2000) + b"\x18\0\0\0\0"
        client = door.client(context=context, will=(OWN, "x" * 5000, 1, False), will_properties=properties)
        client.send(b"\xe0\x00" if i % 2 else b"\x00\x00")  # a goodbye, or a torn connection
        client.close()
    print(f"wills: {door.memory_returns(before, MEMORY_KB, 'wills')} KiB more than before")


def keepalive_has_no_overflow(door):  # mosquitto: keep-alive overflow
    for version in (4, 5):
        silent = door.client(version=version, keepalive=1)
        longest = door.client("press-2", version=version, keepalive=65535)
        took = silent.is_closed(4)
        check(took is not None and took > 1.2, f"keep alive of 1 s ends after {took}")
        longest.ping()
        longest.close()


def qos_2_without_release_is_bounded(door):  # row 19
    client = door.client()
    before = door.memory_kb()
    client.send(b"".join(publish_packet(OWN, reading("press-1", n, epoch="two"), 2, n) for n in range(1, 1001)))
    for n in range(1, 1001):
        client.answer(PUBREC, n)
    client.send(publish_packet(OWN, reading("press-1", 1001, epoch="two"), 2, 1001))
    check(client.reason_of_end() == RECEIVE_MAX, "more than the receive maximum is taken")
    old = door.client("press-2", version=4)
    for first in range(1, 20000, 500):
        old.send(b"".join(publish_packet("sensors/press-2/level", reading("press-2", n, epoch="two"), 2, n, version=4) for n in range(first, first + 500)))
        for n in range(first, first + 500):
            check(old.answer(PUBREC, n) == 0, "PUBREC")
    old.send(publish_packet("sensors/press-2/level", reading("press-2", 7, epoch="two"), 2, 7, version=4, dup=True))
    old.answer(PUBREC, 7)
    kept = door.numbers("press-2")
    check(len(kept) == len(set(kept)) >= 19500, "QoS 2 readings are doubled or lost")
    old.close()
    print(f"QoS 2 without release: {door.memory_returns(before, 6 * MEMORY_KB, 'QoS 2')} KiB more than before")


def bomb(door):
    """Messages for one who is away; how many bytes of them are kept."""
    away = door.program("away", clean=False, properties=b"\x11" + struct.pack("!I", 600))
    check(away.subscribe("sensors/press-1/#") == [1], "cannot listen")
    away.close()
    wait_until(lambda: door.metric('door_links{side="local"}') == 0, "the listener has gone", 20)
    client = door.client()
    for first in range(1, 1501, 100):
        client.send(b"".join(publish_packet("sensors/press-1/big", reading("press-1", n, epoch="bomb") + " " * (60000 if n % 3 else 0), 1, n)
                             for n in range(first, first + 100)))
        for n in range(first, first + 100):
            client.answer(PUBACK, n)
    after = door.metrics()
    check(after["door_queued_bytes"] <= 8 << 20 and after["door_queued"] <= 1000, f"{after['door_queued_bytes']} bytes wait for one who is away")
    client.close()
    door.program("away", clean=True).close()
    wait_until(lambda: door.metric("door_queued") == 0, "the queue ends with its session", 20)
    return after["door_queued_bytes"]


def queues_of_those_away_are_bounded(door):  # row 19
    dropped = door.metric('door_events_total{kind="dropped"}')
    bomb(door)
    check(door.metric('door_events_total{kind="dropped"}') > dropped, "what is dropped is not counted")
    door.must_log("message.dropped", "queue is full", 60)
    before = door.memory_kb()
    most = bomb(door)
    print(f"a bombed queue: {most / 1e6:.1f} MB at most, the second keeps {door.memory_returns(before, 2 * MEMORY_KB, 'queue bomb')} KiB")


def json_is_refused_in_linear_time(door):  # row 16
    payloads = {
        "10,000 deep": "[" * 10000 + "]" * 10000, "without an end": '{"value":1,' * 3000, "objects 10,000 deep": '{"a":' * 10000 + "1" + "}" * 10000,
        "1e999": '{"value":1e999,"timestamp":"2026-11-22T06:15:04","device_id":"press-1"}',
        "NaN": '{"value":NaN,"timestamp":"2026-11-22T06:15:04","device_id":"press-1"}',
        "Infinity": '{"value":-Infinity,"timestamp":"2026-11-22T06:15:04","device_id":"press-1"}',
        "a key twice": '{"value":1,"value":2,"timestamp":"2026-11-22T06:15:04","device_id":"press-1"}',
        "an id twice": '{"value":1,"timestamp":"2026-11-22T06:15:04","device_id":"press-2","device_id":"press-1"}',
        "a lone surrogate": '{"value":1,"timestamp":"2026-11-22T06:15:04","device_id":"press-1","unit":"\\ud800"}',
        "NUL": '{"value":1,"timestamp":"2026-11-22T06:15:04","device_id":"press-1","unit":"\\u0000"}',
        "a long number": '{"value":' + "9" * 60000 + ',"timestamp":"2026-11-22T06:15:04","device_id":"press-1"}',
        "many keys": "{" + ",".join(f'"k{i}":0' for i in range(6000)) + "}", "bad UTF-8": b'{"value":1,"device_id":"\xff\xff"}', "nothing": "",
        "larger than allowed": "[" + ",".join([reading("press-1")] * 990) + "]",
    }
    before, client = door.metrics(), door.client()
    took = []
    for n, (what, payload) in enumerate(payloads.items(), 1):
        start = time.monotonic()
        client.publish(OWN, payload, packet_id=n)
        took.append(time.monotonic() - start)
        check(took[-1] < 0.5, f"{what} takes {took[-1]:.2f} s")
    after = door.metrics()
    check(after["readings_stored_total"] == before["readings_stored_total"], "something of it is stored")
    count = sum(after[name] - before[name] for name in after if name.startswith("refused_total"))
    check(count >= len(payloads), f"{count} of {len(payloads)} are counted")
    print(f"JSON: {max(took) * 1000:.0f} ms for the slowest of {len(payloads)}")
    client.close()


def random_bytes_break_nothing(door):
    prng, context = random.Random(7), door.context()
    before = door.memory_kb()
    for i in range(150):
        link = door.link(context=context)
        try:
            if i % 3:
                link.open("press-1")
            data = bytearray(publish_packet(OWN, reading("press-1")) + subscribe_packet("commands/press-1") + publish_packet(OWN, "x", 2, 9))
            for _ in range(prng.randrange(1, 6)):
                data[prng.randrange(len(data))] = prng.randrange(256)
            link.send(bytes(data))
        except Closed:
            pass
        link.close()
    door.client().ping()
    door.memory_returns(before, 2 * MEMORY_KB, "random bytes")


def lines_of_the_log_are_one_line_each(door):  # row 49
    link = door.link()
    link.open("x\r\n\u001b[2Jtime=forged level=error event=forged \u009b2J\u202e")
    client = door.client()
    client.publish("sensors/press-2/\r\ntime=forged event=forged", "x")
    client.publish("health/press-1", '{"a":"\\u001b[31m\\r\\nforged"}', packet_id=2)
    raw = (door.dir / "gateway.log").read_bytes()
    for line in raw.decode(errors="surrogateescape").splitlines():
        check(line.startswith("time=2") and line.endswith('"'), f"a line of somebody else: {line!r}")
        check(line.isprintable(), f"a control character in the log: {line!r}")
    client.close()


STORIES = [lines_of_the_log_are_one_line_each, lengths_are_judged_before_anything_is_kept, user_properties_are_counted,
           broken_packets_end_the_connection, first_packets_that_are_no_connect_cost_nothing, wills_leave_nothing_behind,
           keepalive_has_no_overflow, qos_2_without_release_is_bounded, queues_of_those_away_are_bounded, json_is_refused_in_linear_time,
           random_bytes_break_nothing]

if __name__ == "__main__":
    sys.exit(main(STORIES, group_ms=2))

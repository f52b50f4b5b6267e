"""What a library cannot send or does not show: codes, properties and order of the packets, byte by byte."""
import struct
import time

import wire
from house import case
from verdict import DENIED, PACKET_BYTES, SOON_S, Wrong, must, same
from wire import CONNACK, DISCONNECT, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, SUBACK, UNSUBACK

QOS_1, QOS_2 = 1, 2
NO_LOCAL, AS_PUBLISHED = 4, 8


def ends_with(at, line, reason, *, before=()):
    """5: DISCONNECT with the reason, then the end; 3.1.1: the end."""
    got = line.expect_end()
    kinds = [p.kind for p in got]
    wanted = list(before) + ([DISCONNECT] if at.version == 5 else [])
    same([wire.NAMES[k] for k in kinds], [wire.NAMES[k] for k in wanted], "what came before the end")
    if at.version == 5:
        same(got[-1].code, reason, f"reason of DISCONNECT ({got[-1].props.get('reason', '')})")


@case(tls=True)
def second_connect(at):
    """A second CONNECT on a connection ends it."""
    line = at.raw_sender().connect()
    line.send(wire.connect(at.version, line.id))
    ends_with(at, line, 0x82)


@case()
def wrong_protocol_name(at):
    """A CONNECT with another protocol name gets no session."""
    line = at.raw_sender()
    line.send(wire.connect(at.version, line.id, name="hj"))
    got = line.expect_end()
    must(all(p.kind == CONNACK and p.code != 0 for p in got), f"it was answered with {[str(p) for p in got]}")


@case(4)
def unknown_levels(at):
    """Protocol level 3 and 6 are refused: return code 1, or 0x84 for a newer one."""
    for level, code in ((3, 0x01), (6, 0x84)):
        line = at.raw_named(f"{at.way.sender_id()}-{level}", version=5 if level > 5 else 4)
        line.send(wire.connect(line.version, line.id, level=level))
        line.expect(CONNACK, code=code, present=False)
        same(line.expect_end(), [], f"after the refusal of level {level}")


@case()
def first_packet_is_connect(at):
    """Anything else before CONNECT ends the connection without an answer."""
    for packet in (wire.PING, wire.publish(at.version, at.topic("a"), b"x"), wire.subscribe(at.version, 1, [(at.topic("a"), 0)]), b"GET / HTTP/1.1\r\n\r\n"):
        line = at.raw_sender()
        line.send(packet)
        same(line.expect_end(), [], "what came")
        line.die()


@case()
def connack_of_a_good_connect(at):
    """CONNACK of 3.1.1 is four bytes; that of 5 tells only properties that differ from what was asked."""
    line = at.raw_sender().connect(keepalive=30)
    same((line.connack.code, line.connack.present), (0, False), "CONNACK")
    if at.version == 4:
        same(line.connack.size, 4, "bytes of CONNACK")
    else:
        must(not {"session_expiry", "server_keepalive", "assigned_id"} & set(line.connack.props), f"CONNACK tells {line.connack.props}")


@case()
def malformed_packets(at):
    """A packet that breaks the format ends the connection: reserved flags, QoS 3, no filter, packet id 0, bad UTF-8, a wildcard in a topic."""
    version = at.version
    empty = b"\x00" if version == 5 else b""
    broken = {
        "SUBSCRIBE with flags 0": (b"\x80" + wire.subscribe(version, 1, [("a", 0)])[1:], 0x81),
        "PUBLISH with QoS 3": (wire.publish(version, "a", b"", qos=3, pid=1), 0x81),
        "SUBSCRIBE without a filter": (wire.subscribe(version, 1, []), 0x82),
        "SUBSCRIBE with QoS 3": (wire.subscribe(version, 1, [("a", 3)]), None),
        "SUBSCRIBE with packet id 0": (wire.subscribe(version, 0, [("a", 0)]), None),
        "PUBLISH with packet id 0": (wire.publish(version, "a", b"", qos=1, pid=0), None),
        "a topic of broken UTF-8": (wire.publish(version, b"a\xff\xfe", b""), 0x81),
        "a topic with a zero character": (wire.publish(version, "a\0b", b""), None),
        "a topic with a surrogate": (wire.publish(version, b"a\xed\xa0\x80", b""), None),
        "a topic with a wildcard": (wire.publish(version, "a/+", b""), 0x90),
        "an empty topic": (wire.packet(PUBLISH, 0, wire.text("") + empty), None),
        "UNSUBSCRIBE without a filter": (wire.unsubscribe(version, 1, []), 0x82),
        "CONNACK from a client": (b"\x20\x02\x00\x00", None),
        "packet type 0": (b"\x00\x00", None),
        "PINGREQ with a body": (b"\xc0\x01\x00", None),
        "a remaining length of five bytes": (b"\x30\xff\xff\xff\xff\x01", None),
    }
    for number, (what, (packet, reason)) in enumerate(broken.items()):
        line = at.raw_sender(str(number)).connect()
        line.send(packet)
        try:
            got = line.expect_end()
        except Wrong as fault:
            raise Wrong(f"{what}: {fault}") from None
        same([p.kind for p in got], [DISCONNECT] if version == 5 else [], f"{what}: what came before the end")
        if reason and version == 5:
            same(got[0].code, reason, f"{what}: reason")
        line.die()


@case(5)
def broken_properties(at):
    """A property twice, one without a place there, and values out of range are errors."""
    topic = at.topic("a")
    twice = wire.properties({"message_expiry": [1, 2]})
    broken = {
        "Topic Alias 0": (wire.publish(5, topic, b"", props={"alias": 0}), (0x94, 0x82)),
        "Message Expiry twice": (wire.packet(PUBLISH, 0, wire.text(topic) + twice), (0x82,)),
        "Session Expiry in PUBLISH": (wire.publish(5, topic, b"", props={"session_expiry": 1}), (0x81, 0x82)),
        "Payload Format 2": (wire.publish(5, topic, b"", props={"payload_format": 2}), (0x81, 0x82)),
        "a Subscription Identifier in PUBLISH": (wire.publish(5, topic, b"", props={"subscription_id": 1}), (0x82,)),
        "Subscription Identifier 0": (wire.subscribe(5, 1, [(topic, 0)], {"subscription_id": 0}), (0x82,)),
        "a wildcard in the response topic": (wire.publish(5, topic, b"", props={"response_topic": "a/#"}), (0x81, 0x82, 0x90)),
        "No Local on a shared subscription": (wire.subscribe(5, 1, [(f"$share/n/{topic}", NO_LOCAL)]), (0x82,)),
        "retain handling 3": (wire.subscribe(5, 1, [(topic, 0x30)]), (0x81, 0x82)),
        "reserved subscribe options": (wire.subscribe(5, 1, [(topic, 0x40)]), (0x81, 0x82)),
        "AUTH": (wire.packet(wire.AUTH, 0, b""), (0x82,)),
        "a longer session in DISCONNECT": (wire.disconnect(5, 0, {"session_expiry": 5}), (0x82,)),
    }
    for number, (what, (packet, reasons)) in enumerate(broken.items()):
        line = at.raw_sender(str(number)).connect()
        line.send(packet)
        try:
            got = line.expect_end()
        except Wrong as fault:
            raise Wrong(f"{what}: {fault}") from None
        right = [p.kind for p in got] == [DISCONNECT] and got[0].code in reasons
        must(right, f"{what}: {[str(p) for p in got]} came instead of DISCONNECT with one of {[hex(r) for r in reasons]}")
        line.die()


@case(5)
def broken_connects(at):
    """CONNECT with receive maximum 0, packet maximum 0, or an authentication method is answered with its reason."""
    broken = (({"receive_maximum": 0}, (0x82, 0x81)), ({"packet_maximum": 0}, (0x82, 0x81)), ({"auth_method": "x"}, (0x8C,)))
    for number, (props, reasons) in enumerate(broken):
        line = at.raw_sender(str(number))
        line.send(wire.connect(5, line.id, props=props))
        got = line.expect(CONNACK)
        must(got.code in reasons, f"{props}: CONNACK {got.code:#x} instead of one of {[hex(r) for r in reasons]}")
        same(line.expect_end(), [], "after the refusal")


@case(tls=True)
def acknowledgements_in_order(at):
    """Acknowledgements come in the order of the packets, whatever their QoS."""
    line = at.raw_sender().connect()
    topic = at.topic("a")
    line.send(
        wire.publish(at.version, topic, b"1", qos=1, pid=11), wire.publish(at.version, topic, b"2", qos=2, pid=12),
        wire.publish(at.version, topic, b"3", qos=1, pid=13), wire.PING, wire.publish(at.version, topic, b"4", qos=2, pid=14),
    )
    for kind, pid in ((PUBACK, 11), (PUBREC, 12), (PUBACK, 13), (wire.PINGRESP, 0), (PUBREC, 14)):
        got = line.expect(kind, pid=pid)
        must(got.code in (0, 0x10), f"{got}")
    line.send(wire.ack(PUBREL, 12), wire.ack(PUBREL, 14))
    line.expect(PUBCOMP, pid=12, code=0)
    line.expect(PUBCOMP, pid=14, code=0)


@case(tls=True)
def qos_2_in_once(at):
    """A QoS 2 PUBLISH that comes again with DUP before PUBREL reaches subscribers once; after PUBCOMP its id is free."""
    listener = at.listener().connect().subscribe((at.topic("a"), 2))
    line = at.raw_sender().connect()
    for number in range(3):
        line.publish(at.topic("a"), b"once", qos=2, pid=7, dup=number > 0).expect(PUBREC, pid=7)
    for _ in range(2):
        line.send(wire.ack(PUBREL, 7)).expect(PUBCOMP, pid=7)
    line.publish(at.topic("a"), b"new", qos=2, pid=7).expect(PUBREC, pid=7)
    same(listener.payloads(2), ["once", "new"], "messages")


@case(tls=True)
def qos_2_in_once_over_connections(at):
    """So it is when the connection is lost between PUBREC and PUBREL."""
    listener = at.listener().connect().subscribe((at.topic("a"), 2))
    lasting = {"clean": False, "props": {"session_expiry": 300}}
    line = at.raw_sender().connect(**lasting)
    line.publish(at.topic("a"), b"once", qos=2, pid=7).expect(PUBREC, pid=7)
    line.die()
    line = at.raw_sender().connect(**lasting)
    must(line.connack.present, "the session was not present")
    line.publish(at.topic("a"), b"once", qos=2, pid=7, dup=True).expect(PUBREC, pid=7)
    line.send(wire.ack(PUBREL, 7)).expect(PUBCOMP, pid=7)
    same(listener.payloads(1), ["once"], "messages")


@case(5)
def reason_of_a_refused_publish(at):
    """A publish to what is denied is answered with 0x87 and its id is free again; the connection goes on."""
    line = at.raw_sender().connect()
    for qos, kind in ((1, PUBACK), (2, PUBREC), (1, PUBACK)):
        same(line.publish(DENIED, b"x", qos=qos, pid=5).expect(kind, pid=5).code, 0x87, f"reason of QoS {qos}")
    line.send(wire.PING).expect(wire.PINGRESP)


@case(5)
def unknown_packet_ids(at):
    """PUBREL and PUBREC of unknown packet ids are answered with 0x92."""
    line = at.raw_sender().connect()
    same(line.send(wire.ack(PUBREL, 99)).expect(PUBCOMP, pid=99).code, 0x92, "PUBCOMP")
    same(line.send(wire.ack(PUBREC, 98)).expect(PUBREL, pid=98).code, 0x92, "PUBREL")


@case()
def answers_to_subscribe(at):
    """SUBACK has a code for each filter, in order; a retained message comes beside it; a broken filter is refused or ends the connection."""
    at.sender().connect().publish(at.topic("kept"), "kept", 1, retain=True)
    line = at.raw_listener().connect()
    line.send(wire.subscribe(at.version, 21, [(at.topic("kept"), 2), (at.topic("b"), 0), (at.topic("c/#"), 1)]))
    got = {p.kind: p for p in (line.line.recv(SOON_S), line.line.recv(SOON_S))}  # [§3.8.4] allows both orders
    must(set(got) == {SUBACK, PUBLISH}, f"{[str(p) for p in got.values()]} came")
    same((got[SUBACK].pid, got[SUBACK].codes), (21, (2, 0, 1)), "SUBACK")
    same((got[PUBLISH].payload, got[PUBLISH].retain), (b"kept", True), "the retained message")
    for number, filter_ in enumerate(("a/#/b", "a+", "#a", "a/b#")):
        bad = at.raw_listener(str(number)).connect()
        bad.send(wire.subscribe(at.version, 1, [(filter_, 0)]))
        got = bad.line.recv(SOON_S)
        refused = got is not None and got.kind == SUBACK and got.codes in ((0x80,), (0x8F,))
        ended = got is None or (got.kind == DISCONNECT and got.code in (0x81, 0x8F))
        must(refused or ended, f"filter {filter_!r} was answered with {got}")


@case(5)
def unsuback_codes(at):
    """UNSUBACK of 5 has a code for each filter."""
    line = at.raw_listener().connect().subscribe((at.topic("a"), 1))
    line.send(wire.unsubscribe(5, 31, [at.topic("a"), at.topic("b")])).expect(UNSUBACK, pid=31, codes=(0x00, 0x11))


@case(4)
def unsuback_of_classic(at):
    """UNSUBACK of 3.1.1 has nothing but its packet id, even for what was not subscribed."""
    line = at.raw_listener().connect()
    same(line.send(wire.unsubscribe(4, 31, [at.topic("never")])).expect(UNSUBACK, pid=31).size, 4, "bytes")


@case(5, tls=True)
def receive_maximum_of_a_client(at):
    """No more than the client's receive maximum is in flight; each acknowledgement lets one more go."""
    line = at.raw_listener().connect(props={"receive_maximum": 2})
    line.subscribe((at.topic("a"), 2))
    sender = at.sender().connect()
    for number in range(5):
        sender.publish(at.topic("a"), str(number), 1 + number % 2)
    first, second = line.expect(PUBLISH, payload=b"0"), line.expect(PUBLISH, payload=b"1")
    line.expect_quiet()
    line.send(wire.ack(PUBACK, first.pid)).expect(PUBLISH, payload=b"2")
    line.send(wire.ack(PUBREC, second.pid)).expect(PUBREL, pid=second.pid)
    line.expect_quiet()
    line.send(wire.ack(PUBCOMP, second.pid)).expect(PUBLISH, payload=b"3")
    line.expect_quiet()


@case(5)
def qos_0_passes_the_window(at):
    """Receive maximum does not hold back QoS 0."""
    line = at.raw_listener().connect(props={"receive_maximum": 1})
    line.subscribe((at.topic("a"), 1))
    sender = at.sender().connect()
    sender.publish(at.topic("a"), "held", 1)
    sender.publish(at.topic("a"), "waits", 1)
    sender.publish(at.topic("a"), "passes", 0)
    first = line.expect(PUBLISH, payload=b"held")
    line.expect(PUBLISH, payload=b"passes")
    line.send(wire.ack(PUBACK, first.pid)).expect(PUBLISH, payload=b"waits")


@case(5)
def receive_maximum_of_the_server(at):
    """Who has more QoS 2 publishes open than CONNACK allows is disconnected with 0x93; as many as it allows are taken."""
    line = at.raw_sender().connect()
    allowed = line.connack.props.get("receive_maximum", 65535)
    must(allowed < 65535, "CONNACK tells no receive maximum")
    for pid in range(1, allowed + 1):
        line.publish(at.topic("a"), b"x", qos=2, pid=pid)
    for pid in range(1, allowed + 1):
        line.expect(PUBREC, pid=pid)
    line.publish(at.topic("a"), b"x", qos=2, pid=allowed + 1)
    ends_with(at, line, 0x93)


@case()
def too_large_a_packet(at):
    """A packet above the maximum ends the connection with 0x95 as soon as its header is there; one just below is taken."""
    line = at.raw_sender().connect()
    room = PACKET_BYTES - len(wire.publish(at.version, at.topic("a"), b"x" * 60000, qos=1, pid=1)) + 60000
    line.publish(at.topic("a"), b"x" * room, qos=1, pid=1).expect(PUBACK, pid=1)
    line.send(wire.publish(at.version, at.topic("a"), b"x" * (room + 1), qos=1, pid=2)[:200])
    ends_with(at, line, 0x95)


@case(5, tls=True)
def alias_of_a_client(at):
    """A topic alias stands for its topic, may be given anew, and ends with the connection."""
    listener = at.listener().connect().subscribe((at.topic("+"), 1))
    line = at.raw_sender().connect(clean=False, props={"session_expiry": 60})
    line.publish(at.topic("a"), b"1", qos=1, pid=1, props={"alias": 1}).expect(PUBACK)
    line.publish("", b"2", qos=1, pid=2, props={"alias": 1}).expect(PUBACK)
    line.publish(at.topic("b"), b"3", qos=1, pid=3, props={"alias": 1}).expect(PUBACK)
    line.publish("", b"4", qos=1, pid=4, props={"alias": 1}).expect(PUBACK)
    got = [(m.topic, m.payload) for m in listener.got(4)]
    same(got, [(at.topic("a"), b"1"), (at.topic("a"), b"2"), (at.topic("b"), b"3"), (at.topic("b"), b"4")], "topics")
    line.die()
    line = at.raw_sender().connect(clean=False, props={"session_expiry": 60})
    line.publish("", b"5", qos=1, pid=5, props={"alias": 1})
    ends_with(at, line, 0x82)


@case(5)
def alias_above_the_maximum(at):
    """A topic alias above the server's maximum ends the connection with 0x94; the maximum itself is good."""
    line = at.raw_sender().connect()
    most = line.connack.props["alias_maximum"]
    line.publish(at.topic("a"), b"x", qos=1, pid=1, props={"alias": most}).expect(PUBACK)
    line.publish(at.topic("a"), b"x", qos=1, pid=2, props={"alias": most + 1})
    ends_with(at, line, 0x94)


@case(5, tls=True)
def alias_of_the_server(at):
    """With an alias maximum of 1 the first message gives the alias, the next ones have it instead of the topic; without one there is none."""
    sender = at.sender().connect()
    for maximum in (1, 0):
        line = at.raw_listener(str(maximum)).connect(props={"alias_maximum": 1} if maximum else None)
        line.subscribe((at.topic("a"), 2))
        for qos in range(3):
            sender.publish(at.topic("a"), str(qos), qos)
        got = [line.expect(PUBLISH, qos=qos) for qos in range(3)]
        topic = at.topic("a")
        same([p.topic for p in got], [topic, "", ""] if maximum else [topic] * 3, "topics")
        same([p.props.get("alias") for p in got], [1, 1, 1] if maximum else [None] * 3, "aliases")


@case(5)
def aliases_never_lie(at):
    """However topics alternate with few aliases, every message can be told to be of its topic."""
    line = at.raw_listener().connect(props={"alias_maximum": 3})
    line.subscribe((at.topic("#"), 0))
    sender = at.sender().connect()
    names = [f"t/{n * n % 17 % 7}" for n in range(200)]
    for name in names:
        sender.publish(at.topic(name), name, 0)
    known = {}
    for name in names:
        got = line.expect(PUBLISH)
        alias = got.props.get("alias", 0)
        must(alias <= 3, f"alias {alias} is above the maximum")
        if got.topic and alias:
            known[alias] = got.topic
        must(got.topic or alias in known, "a message came with an alias that was never given")
        same((got.topic or known[alias], got.payload.decode()), (at.topic(name), name), "topic and payload")


@case(5, tls=True)
def taken_over_is_told(at):
    """The connection that is taken over is told 0x8E."""
    old = at.raw_sender().connect()
    at.raw_sender().connect()
    ends_with(at, old, 0x8E)


@case(5)
def keep_alive_tells_why(at):
    """The end for silence is told as 0x8D."""
    line = at.raw_sender().connect(keepalive=1)
    ends_with(at, line, 0x8D)


@case()
def bytes_one_by_one(at):
    """Packets that come byte by byte are the same packets."""
    line = at.raw_sender()
    whole = wire.connect(at.version, line.id) + wire.subscribe(at.version, 1, [(at.topic("a"), 1)])
    whole += wire.publish(at.version, at.topic("a"), b"slow", qos=1, pid=2)
    for at_ in range(len(whole)):
        line.line.sock.sendall(whole[at_ : at_ + 1])
        time.sleep(0.001)
    kinds = sorted(line.line.recv(SOON_S).kind for _ in range(4))
    same(kinds, sorted((CONNACK, SUBACK, PUBACK, PUBLISH)), "kinds of the packets that came")


@case()
def everything_at_once(at):
    """CONNECT, SUBSCRIBE, PUBLISH and DISCONNECT in one write do all that they say."""
    watcher = at.listener().connect().subscribe((at.topic("a"), 2))
    line = at.raw_sender()
    line.send(
        wire.connect(at.version, line.id), wire.subscribe(at.version, 1, [(at.topic("b"), 1)]),
        wire.publish(at.version, at.topic("a"), b"1", qos=1, pid=2), wire.publish(at.version, at.topic("a"), b"0"), wire.disconnect(at.version),
    )
    line.expect_end()
    same(watcher.payloads(2), ["1", "0"], "messages")


@case(5)
def no_local_and_as_published_by_bytes(at):
    """No Local and Retain As Published, in one SUBSCRIBE with different options."""
    line = at.raw_sender().connect()
    line.subscribe((at.topic("mine"), QOS_1 | NO_LOCAL), (at.topic("kept"), QOS_1 | AS_PUBLISHED))
    line.publish(at.topic("mine"), b"x", qos=1, pid=9).expect(PUBACK, pid=9)
    line.send(wire.publish(5, at.topic("kept"), b"", qos=1, pid=10, retain=True))
    kinds = {p.kind: p for p in (line.line.recv(SOON_S), line.line.recv(SOON_S))}
    must(set(kinds) == {PUBACK, PUBLISH} and kinds[PUBLISH].retain, f"{[str(p) for p in kinds.values()]}")


@case(4)
def clean_session_flags_of_classic(at):
    """3.1.1: a persistent session is present again, and no more after a clean one."""
    present = []
    for clean in (False, False, True, False):
        line = at.raw_sender().connect(clean=clean)
        present.append(line.connack.present)
        line.send(wire.disconnect(4)).expect_end()
    same(present, [False, True, False, False], "session present")


@case(4)
def reserved_connect_flag(at):
    """CONNECT with its reserved flag set, or a will QoS of 3, gets no session."""
    for flags in (0x03, 0x1E):
        line = at.raw_sender()
        body = wire.text("MQTT") + bytes([4, flags]) + struct.pack(">H", 60) + wire.text(line.id) + wire.text(at.topic("w")) + wire.text("w")
        line.send(wire.packet(wire.CONNECT, 0, body))
        must(all(p.kind == CONNACK and p.code for p in line.expect_end()), f"CONNECT with flags {flags:#x} was welcome")

"""Edges: bounds, versions that meet, clients that read slowly, sessions that change hands."""
import time

import wire
from clients import Raw, props
from house import case
from verdict import QUIET_S, must, same
from wire import CONNACK, DISCONNECT, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, SUBACK

LEVELS_MAX = 32
FILTERS_MAX = 256  # of one session


def is_refused(line, kind, pid, code):
    """3.1.1 acknowledges what it refuses."""
    same(line.expect(kind, pid=pid).code, code if line.version == 5 else 0, f"{wire.NAMES[kind]} of what is refused")


@case()
def a_slow_reader_costs_only_itself(at):
    """A subscriber that does not read loses QoS 0 and holds up nobody; what is kept of QoS 1 comes when it reads again."""
    slow = at.raw_listener("slow").connect(clean=False, props={"session_expiry": 60})
    slow.subscribe((at.topic("#"), 1))
    quick = at.listener("quick").connect().subscribe((at.topic("#"), 1))
    sender = at.sender().connect()
    count = 150
    for number in range(count):
        sender.publish(at.topic("big"), bytes([number]) * 40_000, 0)
    sender.publish(at.topic("end"), "end", 1)
    same([m.payload[:3] for m in quick.got(count + 1)][-1], b"end", "the last message of the quick one")
    slow.send(wire.PING)
    seen = []
    while not seen or seen[-1].topic != at.topic("end"):
        got = slow.line.recv()
        must(got is not None, f"the slow one was cut off after {len(seen)} messages")
        seen.append(got)
    order = [p.payload[0] for p in seen if p.topic == at.topic("big")]
    same(order, sorted(set(order)), "numbers of the slow one")


@case()
def levels_of_topics(at):
    """Topics and filters have at most 32 levels; more are refused, and the connection goes on."""
    line = at.raw_sender().connect()
    good = at.topic("/".join("x" * (LEVELS_MAX - 1)))
    line.subscribe((good, 1), (good + "/x", 1), codes=(1, 0x8F if at.version == 5 else 0x80))
    line.publish(good, b"x", qos=1, pid=2)
    kinds = {line.line.recv().kind for _ in range(2)}
    same(kinds, {PUBACK, PUBLISH}, "what came for the longest topic")
    line.publish(good + "/x", b"x", qos=1, pid=3)
    is_refused(line, PUBACK, 3, 0x90)


@case()
def filters_of_a_session(at):
    """A session has at most 256 filters; more are refused, and those that are there may be subscribed anew."""
    line = at.raw_listener().connect()
    line.send(wire.subscribe(at.version, 1, [(at.topic(str(n)), 0) for n in range(FILTERS_MAX + 1)]))
    codes = line.expect(SUBACK, pid=1).codes
    same(codes, (0,) * FILTERS_MAX + ((0x97 if at.version == 5 else 0x80),), "codes")
    line.subscribe((at.topic("7"), 2), pid=2)


@case()
def a_long_topic(at):
    """A topic of 60,000 bytes with characters of every length arrives as it was."""
    topic = at.topic("é€😀" + "t" * 59_000)
    line = at.raw_sender().connect().subscribe((topic, 0))
    line.publish(topic, b"x")
    line.expect(PUBLISH, topic=topic, payload=b"x")


@case()
def nothing_as_a_payload(at):
    """A message of no bytes that is not retained is a message."""
    listener = at.listener().connect().subscribe((at.topic("a"), 2))
    sender = at.sender().connect()
    for qos in range(3):
        sender.publish(at.topic("a"), "", qos)
    same(sorted((m.qos, m.payload) for m in listener.got(3)), [(q, b"") for q in range(3)], "messages")


@case()
def the_same_filter_twice(at):
    """Twice the same filter in one SUBSCRIBE is one subscription, the last one."""
    line = at.raw_listener().connect().subscribe((at.topic("a"), 2), (at.topic("a"), 0))
    at.sender().connect().publish(at.topic("a"), "x", 2)
    same(line.expect(PUBLISH).qos, 0, "QoS")
    line.expect_quiet()


@case()
def in_flight_after_unsubscribe(at):
    """What is in flight when its subscription ends is still seen through."""
    line = at.raw_listener().connect().subscribe((at.topic("a"), 2))
    at.sender().connect().publish(at.topic("a"), "x", 2)
    pid = line.expect(PUBLISH).pid
    line.send(wire.unsubscribe(at.version, 9, [at.topic("a")])).expect(wire.UNSUBACK, pid=9)
    line.send(wire.ack(PUBREC, pid)).expect(PUBREL, pid=pid)
    line.send(wire.ack(PUBCOMP, pid), wire.PING).expect(wire.PINGRESP)


@case(5)
def a_refusing_receiver(at):
    """A PUBREC or PUBACK with an error ends the delivery: no PUBREL, and its place is free."""
    line = at.raw_listener().connect(props={"receive_maximum": 1}).subscribe((at.topic("a"), 2))
    sender = at.sender().connect()
    for number in range(3):
        sender.publish(at.topic("a"), str(number), 2 - number % 2)
    pid = line.expect(PUBLISH, payload=b"0").pid
    line.send(wire.ack(PUBREC, pid, 0x83))
    pid = line.expect(PUBLISH, payload=b"1").pid
    line.send(wire.ack(PUBACK, pid, 0x80))
    line.expect(PUBLISH, payload=b"2")


@case()
def broken_wills(at):
    """A will for a topic with a wildcard gets no session."""
    line = at.raw_sender()
    line.send(wire.connect(at.version, line.id, will={"topic": at.topic("#"), "payload": "x"}))
    must(all(p.kind == CONNACK and p.code for p in line.expect_end()), "a will for a wildcard was welcome")


@case()
def names_and_passwords_mean_nothing(at):
    """A CONNECT with user name and password is as good as one without."""
    client = at.sender()
    client.paho.username_pw_set("user", "password")
    client.connect()


@case(5)
def harmless_connect_properties(at):
    """Response information, problem information and user properties in CONNECT are no reason to refuse."""
    line = at.raw_sender().connect(props={"response_information_wanted": 1, "problem_information": 0, "user": [("a", "b"), ("a", "c")]})
    same(line.connack.code, 0, "CONNACK")


@case()
def what_follows_disconnect(at):
    """Nothing that follows DISCONNECT has an effect."""
    listener = at.listener().connect().subscribe((at.topic("a"), 1))
    line = at.raw_sender().connect()
    line.send(wire.disconnect(at.version), wire.publish(at.version, at.topic("a"), b"late", qos=1, pid=1))
    same(line.expect_end(), [], "what came after DISCONNECT")
    listener.got(0)


@case(4)
def options_of_5_in_classic(at):
    """3.1.1 has no subscription options but the QoS: the reserved bits end the connection [3.1.1 §3.8.3]."""
    for number, bits in enumerate((0x04, 0x08, 0x10, 0x80)):
        line = at.raw_sender(str(number)).connect()
        line.send(wire.subscribe(4, 1, [(at.topic("a"), bits)]))
        same(line.expect_end(), [], f"what came for options {bits:#x}")


@case(4)
def versions_meet(at):
    """3.1.1 and 5 hear each other: a message from 5 loses its properties, one from 3.1.1 has none."""
    classic = at.raw_listener("4").connect().subscribe((at.topic("a"), 1))
    five = at.raw_listener("5", version=5).connect().subscribe((at.topic("a"), 1))
    sender = at.raw_sender("5", version=5).connect()
    sender.publish(at.topic("a"), b"of 5", qos=1, pid=1, props={"user": [("a", "b")], "content_type": "t", "message_expiry": 60}).expect(PUBACK)
    at.raw_sender("4").connect().publish(at.topic("a"), b"of 4", qos=1, pid=1).expect(PUBACK)
    classic.expect(PUBLISH, payload=b"of 5")
    classic.expect(PUBLISH, payload=b"of 4")
    got = five.expect(PUBLISH, payload=b"of 5").props
    same((got.get("user"), got.get("content_type")), ([("a", "b")], "t"), "properties of the message from 5")
    same(five.expect(PUBLISH, payload=b"of 4").props, {}, "properties of the message from 3.1.1")


@case(4)
def a_session_changes_its_version(at):
    """A session of 3.1.1 goes on with 5, with what was queued, and back."""
    old = at.raw_named(at.way.listener_id()).connect(clean=False).subscribe((at.topic("a"), 1))
    old.send(wire.disconnect(4)).expect_end()
    sender = at.sender().connect()
    sender.publish(at.topic("a"), "queued", 1)
    new = at._with(Raw(at.way, 5, old.id)).connect(clean=False, props={"session_expiry": 60})
    must(new.connack.present, "the session was not present with 5")
    new.send(wire.ack(PUBACK, new.expect(PUBLISH, payload=b"queued").pid), wire.PING).expect(wire.PINGRESP)
    new.die()
    back = at.raw_named(old.id).connect(clean=False)
    must(back.connack.present, "the session was not present with 3.1.1 again")
    back.expect_quiet()


@case(5)
def wills_when_a_session_changes_hands(at):
    """Taken over with its session the will's delay goes on and is forgotten; with a clean start the session ends and the will goes out."""
    listener = at.listener().connect().subscribe((at.topic("will"), 1))
    sender = at.sender(clean=False)
    sender.paho.will_set(at.topic("will"), "delayed", 1, properties=props("WILLMESSAGE", WillDelayInterval=60))
    sender.connect(properties=at.lasting())
    keeps = at.raw_sender().connect(clean=False, props={"session_expiry": 300})
    must(keeps.connack.present, "the session was not present")
    listener.got(0)
    keeps.send(wire.disconnect(5)).expect_end()
    sender.connect(properties=at.lasting())
    at.raw_sender().connect(clean=True)
    same(listener.payloads(1), ["delayed"], "the will of the session that ended")


@case(5)
def a_very_small_packet_maximum(at):
    """What does not fit a client's packet maximum is not sent, whatever it is; the server goes on."""
    line = at.raw_sender()
    line.send(wire.connect(5, line.id, props={"packet_maximum": 20}), wire.subscribe(5, 1, [(at.topic("a"), 1)] * 30), wire.PING)
    end = time.monotonic() + 2 * QUIET_S
    while time.monotonic() < end:
        try:
            got = line.line.recv(end - time.monotonic() if end > time.monotonic() else 0.01)
        except TimeoutError:
            break
        must(got is None or got.size <= 20, f"{got} has {got.size if got else 0} bytes")
        if got is None or got.kind == DISCONNECT:
            break
    at.sender("other").connect()

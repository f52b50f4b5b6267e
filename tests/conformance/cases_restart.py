"""What outlives kill -9 of the gateway. A case is a generator: where it yields, the gateway is killed and comes back."""
import time

import paho.mqtt.client as paho

import wire
from clients import props
from house import case
from verdict import QUIET_S, must, same
from wire import PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL

WILL_WAIT_S = 10  # that a server which was killed gives its clients to come back
LASTING = {"clean": False, "props": {"session_expiry": 300}}


@case(tls=True)
def queued_messages(at):
    """Messages queued for a session come after the restart, once, in order, each with its QoS; what was acknowledged comes no more."""
    listener = at.listener(clean=False).connect(properties=at.lasting()).subscribe((at.topic("a/#"), 2))
    listener.leave()
    sender = at.sender().connect()
    for number in range(20):
        sender.publish(at.topic("a/b"), str(number), 1 + number % 2)
    yield
    listener.connect(properties=at.lasting())
    must(listener.connack["present"], "the session was not present")
    got = listener.got(20)
    for qos in (1, 2):
        same([m.payload.decode() for m in got if m.qos == qos], [str(n) for n in range(qos - 1, 20, 2)], f"messages of QoS {qos}")
    yield
    listener.connect(properties=at.lasting())
    must(listener.connack["present"], "the session was not present, the second time")
    at.sender().connect().publish(at.topic("a/b"), "new", 2)
    same(listener.payloads(1), ["new"], "messages after everything was acknowledged")


@case(tls=True)
def unacknowledged_deliveries(at):
    """What was sent and not acknowledged comes again: same packet ids, same order, DUP."""
    line = at.raw_listener().connect(**LASTING).subscribe((at.topic("a"), 2))
    sender = at.sender().connect()
    for number in range(6):
        sender.publish(at.topic("a"), str(number), 1 + number % 2)
    before = [line.expect(PUBLISH, dup=False) for _ in range(6)]
    line.send(wire.ack(PUBACK, before[0].pid), wire.PING).expect(wire.PINGRESP)
    time.sleep(QUIET_S)  # until the disk knows
    yield
    again = at.raw_listener().connect(**LASTING)
    for old in before[1:]:
        again.expect(PUBLISH, dup=True, pid=old.pid, payload=old.payload, qos=old.qos)
    again.expect_quiet()


@case(tls=True)
def halfway_out(at):
    """After PUBREC comes PUBREL again, and never the message; after PUBCOMP nothing."""
    line = at.raw_listener().connect(**LASTING).subscribe((at.topic("a"), 2))
    at.sender().connect().publish(at.topic("a"), "once", 2)
    pid = line.expect(PUBLISH).pid
    line.send(wire.ack(PUBREC, pid)).expect(PUBREL, pid=pid)
    yield
    again = at.raw_listener().connect(**LASTING)
    again.expect(PUBREL, pid=pid)
    again.send(wire.ack(PUBCOMP, pid)).expect_quiet()
    yield
    at.raw_listener().connect(**LASTING).expect_quiet()


@case(tls=True)
def halfway_in(at):
    """A QoS 2 PUBLISH that was answered with PUBREC before the kill, and comes again after it, is the same message."""
    listener = at.listener(clean=False).connect(properties=at.lasting()).subscribe((at.topic("a"), 2))
    line = at.raw_sender().connect(**LASTING)
    line.publish(at.topic("a"), b"once", qos=2, pid=7).expect(PUBREC, pid=7)
    yield
    line = at.raw_sender().connect(**LASTING)
    must(line.connack.present, "the session was not present")
    line.publish(at.topic("a"), b"once", qos=2, pid=7, dup=True).expect(PUBREC, pid=7)
    listener.connect(properties=at.lasting())
    listener.wait(lambda: listener.messages, "the message")
    yield
    line = at.raw_sender().connect(**LASTING)
    line.send(wire.ack(PUBREL, 7)).expect(PUBCOMP, pid=7)
    line.publish(at.topic("a"), b"new", qos=2, pid=7).expect(PUBREC, pid=7)
    listener.connect(properties=at.lasting())
    same(listener.payloads(2), ["once", "new"], "messages")


@case(tls=True)
def retained_stays(at):
    """Retained messages are there after the restart; those that were removed are not."""
    sender = at.sender().connect()
    for qos in range(3):
        sender.publish(at.topic(f"r/{qos}"), f"old {qos}", 1, retain=True)
        sender.publish(at.topic(f"r/{qos}"), f"kept {qos}", qos, retain=True)
    sender.publish(at.topic("r/gone"), "x", 1, retain=True)
    sender.publish(at.topic("r/gone"), "", 1, retain=True)
    yield
    got = at.listener().connect().subscribe((at.topic("r/+"), 2)).got(3)
    same(sorted((m.payload.decode(), m.qos, m.retain) for m in got), [(f"kept {q}", q, True) for q in range(3)], "retained messages")


@case(5)
def retained_keeps_its_properties(at):
    """Properties of retained messages are kept; their expiry goes on while nobody is there."""
    sender = at.sender().connect()
    sender.publish(at.topic("long"), "x", 1, True, props("PUBLISH", UserProperty=[("a", "1"), ("a", "2")], ContentType="t", MessageExpiryInterval=60))
    sender.publish(at.topic("short"), "x", 1, True, props("PUBLISH", MessageExpiryInterval=2))
    began = time.monotonic()
    yield
    time.sleep(max(0.0, 2.1 - (time.monotonic() - began)))
    got = at.listener().connect().subscribe((at.topic("+"), 1)).got(1)[0]
    same((got.properties.UserProperty, got.properties.ContentType), ([("a", "1"), ("a", "2")], "t"), "properties")
    must(40 <= got.properties.MessageExpiryInterval <= 58, f"of 60 s less 2.1 s is left: {got.properties.MessageExpiryInterval}")


@case(tls=True)
def wills_of_the_connected(at):
    """Who was connected and does not come back after the restart has its will published, when there was time to come back."""
    listener = at.listener(clean=False).connect(properties=at.lasting()).subscribe((at.topic("will"), 1))
    sender = at.sender()
    sender.paho.will_set(at.topic("will"), "lost", 1)
    sender.connect()
    yield
    began = time.monotonic()
    listener.connect(properties=at.lasting())
    listener.wait(lambda: listener.messages, "the will", WILL_WAIT_S + 4)
    must(time.monotonic() - began > WILL_WAIT_S - 2, "the will did not wait for its client")
    same(listener.payloads(1), ["lost"], "the will")


@case()
def no_will_of_the_returned(at):
    """Who is back in time has not died: its will stays where it is, until the connection is lost."""
    listener = at.listener(clean=False).connect(properties=at.lasting()).subscribe((at.topic("will"), 1))
    sender = at.sender(clean=False)
    sender.paho.will_set(at.topic("will"), "first", 1)
    sender.connect(properties=at.lasting())
    yield
    sender.paho.will_set(at.topic("will"), "second", 1)
    sender.connect(properties=at.lasting())
    listener.connect(properties=at.lasting())
    time.sleep(WILL_WAIT_S + 1)
    listener.got(0)
    sender.die()
    same(listener.payloads(1), ["second"], "the will")


@case()
def no_will_after_goodbye(at):
    """A will that DISCONNECT has taken back does not come with the restart."""
    listener = at.listener(clean=False).connect(properties=at.lasting()).subscribe((at.topic("will"), 1))
    sender = at.sender(clean=False)
    sender.paho.will_set(at.topic("will"), "unwanted", 1)
    sender.connect(properties=at.lasting())
    sender.leave()
    time.sleep(QUIET_S)  # DISCONNECT has no acknowledgement to wait for
    yield
    listener.connect(properties=at.lasting())
    time.sleep(WILL_WAIT_S + 1)
    listener.got(0)


@case(5)
def options_of_subscriptions(at):
    """No Local, Retain As Published, identifiers and shares are those that were subscribed with."""
    options = paho.SubscribeOptions
    client = at.sender(clean=False).connect(properties=at.lasting())
    client.subscribe((at.topic("mine"), options(1, noLocal=True)), properties=props("SUBSCRIBE", SubscriptionIdentifier=7))
    client.subscribe((at.topic("kept"), options(1, retainAsPublished=True)), properties=props("SUBSCRIBE", SubscriptionIdentifier=8))
    members = [at.listener(str(n), clean=False).connect(properties=at.lasting()).subscribe((f"$share/g/{at.topic('jobs')}", 1)) for n in range(2)]
    yield
    client.connect(properties=at.lasting())
    for member in members:
        member.connect(properties=at.lasting())
    client.publish(at.topic("mine"), "own", 1)
    other = at.sender("other").connect()
    other.publish(at.topic("mine"), "other's", 1)
    other.publish(at.topic("kept"), "kept", 1, retain=True)
    for number in range(4):
        other.publish(at.topic("jobs"), str(number), 1)
    got = [(m.payload.decode(), m.retain, m.properties.SubscriptionIdentifier) for m in client.got(2)]
    same(got, [("other's", False, [7]), ("kept", True, [8])], "payload, retain flag and identifiers")
    same([len(m.said()) for m in members], [2, 2], "jobs of each member")


@case()
def what_ended_stays_ended(at):
    """Sessions that a clean start ended and subscriptions that were taken back do not come with the restart."""
    ended = at.listener("ended", clean=False).connect(properties=at.lasting()).subscribe((at.topic("a"), 1))
    ended.leave()
    at.listener("ended", clean=True).connect().leave()
    kept = at.listener("kept", clean=False).connect(properties=at.lasting()).subscribe((at.topic("a"), 1), (at.topic("b"), 1))
    kept.unsubscribe(at.topic("a"))
    time.sleep(QUIET_S)
    yield
    ended.connect(properties=at.lasting())
    must(not ended.connack["present"], "the session that had ended was present")
    kept.connect(properties=at.lasting())
    sender = at.sender().connect()
    for name in ("a", "b"):
        sender.publish(at.topic(name), name, 1)
    same(kept.payloads(1), ["b"], "messages")
    ended.got(0)


@case(5)
def sessions_end_in_time(at):
    """The time of a session goes on over a restart."""
    client = at.sender(clean=False).connect(properties=props("CONNECT", SessionExpiryInterval=3))
    client.leave()
    began = time.monotonic()
    yield
    time.sleep(max(0.0, 3.6 - (time.monotonic() - began)))
    client.connect(properties=at.lasting())
    must(not client.connack["present"], "a session of 3 s was present after more than that")

"""What 3.1.1 and 5 have in common, with paho-mqtt as the client."""
import time

import paho.mqtt.client as paho

import wire
from house import case
from verdict import DENIED, PACKET_BYTES, QUIET_S, must, same


@case(tls=True)
def basic_delivery(at):
    """A client connects, leaves, connects again; a subscriber of QoS 2 gets what is published with 0, 1 and 2, each with its QoS."""
    first = at.sender().connect()
    first.leave()
    listener = at.listener().connect().subscribe((at.topic("a"), 2))
    sender = at.sender().connect()
    for qos in range(3):
        sender.publish(at.topic("a"), f"qos {qos}", qos)
    got = listener.got(3)
    same(sorted((m.qos, m.payload.decode()) for m in got), [(q, f"qos {q}") for q in range(3)], "QoS and payload")
    must(not any(m.retain for m in got), "a message that was not retained came with the retain flag")


@case(tls=True)
def lesser_qos_counts(at):
    """A message comes with the lesser of the QoS it was published with and the QoS that was granted."""
    listener = at.listener().connect().subscribe((at.topic("zero"), 0), (at.topic("one"), 1))
    sender = at.sender().connect()
    sender.publish(at.topic("zero"), "a", 2)
    sender.publish(at.topic("one"), "b", 2)
    same(sorted((m.payload.decode(), m.qos) for m in listener.got(2)), [("a", 0), ("b", 1)], "payload and QoS")


@case(tls=True)
def retained_messages(at):
    """Who subscribes later gets the last retained message of each topic, marked as retained; one of no bytes removes it."""
    sender = at.sender().connect()
    for qos, name in enumerate("bcd"):
        sender.publish(at.topic(f"r/{name}"), "old", qos, retain=True)
        sender.publish(at.topic(f"r/{name}"), f"qos {qos}", qos, retain=True)
    listener = at.listener().connect().subscribe((at.topic("r/+"), 2))
    same(sorted((m.qos, m.payload.decode(), m.retain) for m in listener.got(3)), [(q, f"qos {q}", True) for q in range(3)], "retained messages")
    for name in "bcd":
        sender.publish(at.topic(f"r/{name}"), "", 1, retain=True)
    must(not any(m.retain for m in listener.got(3)), "what removes a retained message came with the retain flag to an old subscription")
    other = at.listener("late").connect().subscribe((at.topic("r/+"), 2))
    other.got(0)


@case(tls=True)
def offline_queueing(at):
    """A session without a connection collects messages of QoS 1 and 2, in order; they come when the client is back."""
    listener = at.listener(clean=False).connect(properties=at.lasting()).subscribe((at.topic("q/+"), 2))
    must(not listener.connack["present"], "a new session was called present")
    listener.leave()
    sender = at.sender().connect()
    for number in range(6):
        sender.publish(at.topic(f"q/{number % 2}"), str(number), 1 + number % 2)
    sender.publish(at.topic("q/0"), "qos 0", 0)
    listener.connect(properties=at.lasting())
    must(listener.connack["present"], "the session was not present")
    got = listener.got(6)
    for qos, wanted in ((1, ["0", "2", "4"]), (2, ["1", "3", "5"])):
        same([m.payload.decode() for m in got if m.qos == qos], wanted, f"what had been queued with QoS {qos}")
    listener.leave()
    listener.connect(properties=at.lasting())
    listener.got(0)


@case(tls=True)
def clean_session_forgets(at):
    """A clean start ends the session before: no subscriptions, no messages of it."""
    listener = at.listener(clean=False).connect(properties=at.lasting()).subscribe((at.topic("a"), 2))
    listener.leave()
    sender = at.sender().connect()
    sender.publish(at.topic("a"), "lost", 1)
    fresh = at.listener(clean=True).connect()
    must(not fresh.connack["present"], "a session was present after a clean start")
    sender.publish(at.topic("a"), "unheard", 1)
    fresh.got(0)


@case(tls=True)
def will_of_the_lost(at):
    """The will of a client whose connection breaks is published; that of one who says goodbye is not."""
    listener = at.listener().connect().subscribe((at.topic("will"), 2))
    sender = at.sender()
    sender.paho.will_set(at.topic("will"), "gone", qos=1)
    sender.connect()
    sender.leave()
    listener.got(0)
    sender.connect()
    sender.die()
    same(listener.payloads(1), ["gone"], "the will")


@case()
def will_is_retained(at):
    """A retained will meets those who subscribe later."""
    sender = at.sender()
    sender.paho.will_set(at.topic("will"), "gone", qos=2, retain=True)
    sender.connect()
    watcher = at.listener().connect().subscribe((at.topic("will"), 0))
    sender.die()
    watcher.got(1)
    late = at.listener("late").connect().subscribe((at.topic("will"), 2))
    same([(m.payload, m.retain, m.qos) for m in late.got(1)], [(b"gone", True, 2)], "the retained will")


@case(tls=True)
def overlapping_subscriptions(at):
    """A message that matches two filters of a client comes once, with the higher QoS."""
    listener = at.listener().connect().subscribe((at.topic("a/#"), 2), (at.topic("a/+"), 1))
    at.sender().connect().publish(at.topic("a/c"), "overlapping", 2)
    same([m.qos for m in listener.got(1)], [2], "QoS")


@case(tls=True)
def silence_ends_the_connection(at):
    """Who is silent for one and a half keep alive times is gone, and its will goes out; not before that time."""
    listener = at.listener().connect().subscribe((at.topic("will"), 1))
    silent = at.raw_sender().connect(keepalive=2, will={"topic": at.topic("will"), "payload": "silent", "qos": 1})
    began = time.monotonic()
    silent.expect_end()
    took_s = time.monotonic() - began
    must(2.9 <= took_s <= 5.0, f"the connection ended after {took_s:.2f} s with a keep alive of 2 s")
    same(listener.payloads(1), ["silent"], "the will")


@case()
def pings_keep_the_connection(at):
    """PINGREQ is answered, and keeps a connection that says nothing else."""
    line = at.raw_sender().connect(keepalive=2)
    for _ in range(5):
        line.send(wire.PING).expect(wire.PINGRESP)
        time.sleep(0.9)
    line.send(wire.PING).expect(wire.PINGRESP)


@case(tls=True)
def redelivery_on_reconnect(at):
    """Unacknowledged messages come again when the client is back: same packet ids, same order, DUP."""
    line = at.raw_listener().connect(clean=False, props={"session_expiry": 300})
    line.subscribe((at.topic("a/#"), 2))
    sender = at.sender().connect()
    for number in range(4):
        sender.publish(at.topic("a/b"), str(number), 1 + number % 2)
    before = [line.expect(wire.PUBLISH, dup=False) for _ in range(4)]
    line.die()
    again = at.raw_listener().connect(clean=False, props={"session_expiry": 300})
    must(again.connack.present, "the session was not present")
    for old in before:
        again.expect(wire.PUBLISH, dup=True, pid=old.pid, payload=old.payload, qos=old.qos, topic=old.topic)


@case(tls=True)
def pubrel_again_on_reconnect(at):
    """After PUBREC a reconnected client gets PUBREL, not the message once more."""
    line = at.raw_listener().connect(clean=False, props={"session_expiry": 300})
    line.subscribe((at.topic("a"), 2))
    at.sender().connect().publish(at.topic("a"), "once", 2)
    pid = line.expect(wire.PUBLISH).pid
    line.send(wire.ack(wire.PUBREC, pid)).expect(wire.PUBREL, pid=pid)
    line.die()
    again = at.raw_listener().connect(clean=False, props={"session_expiry": 300})
    again.expect(wire.PUBREL, pid=pid)
    again.send(wire.ack(wire.PUBCOMP, pid)).expect_quiet()


@case(tls=True)
def subscribe_failure(at):
    """A filter that nobody may use is refused; the others of the same SUBSCRIBE are granted."""
    refused = 0x87 if at.version == 5 and at.way.has_identity else 0x80
    at.listener().connect().subscribe((at.topic("a"), 2), (DENIED, 2), (at.topic("b"), 1), codes=[2, refused, 1])


@case()
def nobody_publishes_what_is_denied(at):
    """What is published to a denied topic reaches nobody, and the client goes on."""
    watcher = at.listener().connect().subscribe(("test/+", 2), (at.topic("a"), 1))
    sender = at.sender().connect()
    sender.paho.publish(DENIED, "x", 1)
    sender.publish(at.topic("a"), "next", 1)
    same([m.payload.decode() for m in watcher.got(1)], ["next"], "messages")


@case(alone=True)
def dollar_topics(at):
    """Filters that begin with a wildcard do not match topics that begin with $; one that spells it out does."""
    wild = at.listener().connect().subscribe(("#", 2), ("+/+", 2), ("+/b/#", 1))
    exact = at.listener("exact").connect().subscribe(("$mine/b", 2), ("$mine/#", 1))
    sender = at.sender().connect()
    wild.drain()
    sender.publish("$mine/b", "hidden", 1)
    exact.got(1)
    wild.got(0)
    sender.publish("$mine/b", "kept", 1, retain=True)
    at.listener("late").connect().subscribe(("#", 1), ("+/b", 1))
    time.sleep(QUIET_S)
    must(not any(t.startswith("$") for t, _ in at.clients[-1].said()), "a retained message of a $ topic came for #")
    sender.publish("$mine/b", "", 1, retain=True)


@case(tls=True)
def unsubscribing(at):
    """After UNSUBACK nothing comes of that topic any more, and all of the others."""
    listener = at.listener().connect().subscribe((at.topic("a"), 2), (at.topic("a/b"), 2), (at.topic("c"), 2))
    listener.unsubscribe(at.topic("a"))
    sender = at.sender().connect()
    for name in ("a", "a/b", "c"):
        sender.publish(at.topic(name), name, 1)
    same(sorted(listener.payloads(2)), ["a/b", "c"], "messages")


@case()
def wildcards(at):
    """+ stands for one level, empty ones too; # for the rest and the level above."""
    sender = at.sender().connect()
    wanted = {
        "a/+": ["a/b", "a/"],
        "a/#": ["a", "a/b", "a/", "a/b/c", "a//c"],
        "+/b": ["a/b", "/b"],
        "a/+/c": ["a/b/c", "a//c"],
        "/+": ["/b"],
        "+/+/+": ["a/b/c", "a//c"],
    }
    listeners = {}
    for number, filter_ in enumerate(wanted):
        listeners[filter_] = at.listener(str(number)).connect().subscribe((at.topic(filter_), 0))
    for topic in ("a", "a/b", "a/", "a/b/c", "a//c", "/b"):
        sender.publish(at.topic(topic), topic, 1)
    for filter_, topics in wanted.items():
        same(sorted(listeners[filter_].payloads(len(topics))), sorted(topics), f"topics that match {filter_}")


@case()
def zero_length_client_id(at):
    """A client without an id gets one; in 3.1.1 only with a clean session, in 5 always, and is told which."""
    nobody = at.raw_named("").connect(clean=True)
    if at.version == 5:
        must(nobody.connack.props.get("assigned_id"), "CONNACK does not tell the assigned client id")
        kept = at.raw_named("").connect(clean=False)
        same(kept.connack.code, 0, "CONNACK")
    else:
        refused = at.raw_named("").connect(clean=False)
        same(refused.connack.code, 2, "CONNACK without an id and without a clean session")
        same(refused.expect_end(), [], "after the refusal")


@case(tls=True)
def second_connection_takes_over(at):
    """A client id that connects again ends the connection before; the session goes on with the new one."""
    old = at.listener(clean=False).connect(properties=at.lasting()).subscribe((at.topic("a"), 1))
    new = at.listener(clean=False).connect(properties=at.lasting())
    old.wait(lambda: old.gone, "the end of the old connection")
    if at.version == 5:
        same(old.gone["code"], 0x8E, "reason of the DISCONNECT")
    must(new.connack["present"], "the session was not present")
    at.sender().connect().publish(at.topic("a"), "to the new one", 1)
    new.got(1)


@case()
def taken_over_has_a_will(at):
    """Who is taken over has lost its connection: its will goes out."""
    watcher = at.listener().connect().subscribe((at.topic("will"), 1))
    old = at.sender()
    old.paho.will_set(at.topic("will"), "taken over", 1)
    old.connect()
    at.sender().connect()
    same(watcher.payloads(1), ["taken over"], "the will")


@case()
def many_messages_in_order(at):
    """500 messages of each QoS come whole and, topic by topic, in order."""
    listener = at.listener().connect().subscribe((at.topic("n/+"), 2))
    sender = at.sender().connect()
    infos = [sender.paho.publish(at.topic(f"n/{qos}"), str(n), qos) for n in range(500) for qos in range(3)]
    sender.wait(lambda: all(info.mid in sender.published for info in infos), "every acknowledgement", 20)
    got = listener.got(1500, 20)
    for qos in range(3):
        mine = [m.payload.decode() for m in got if m.topic.endswith(f"/{qos}")]
        same(mine, [str(n) for n in range(500)], f"order of QoS {qos}")


@case()
def large_messages(at):
    """Messages nearly as large as the packet limit come whole."""
    listener = at.listener().connect().subscribe((at.topic("big"), 1))
    payload = bytes(n % 251 for n in range(PACKET_BYTES - 200))
    sender = at.sender().connect()
    for _ in range(5):
        sender.publish(at.topic("big"), payload, 1)
    must(all(m.payload == payload for m in listener.got(5)), "a large message came changed")


@case()
def resubscribing_replaces(at):
    """The same filter again replaces the subscription (one copy, new QoS), and retained messages come again."""
    sender = at.sender().connect()
    sender.publish(at.topic("a"), "kept", 1, retain=True)
    listener = at.listener().connect().subscribe((at.topic("a"), 0))
    same([m.qos for m in listener.got(1)], [0], "QoS of the retained message")
    listener.subscribe((at.topic("a"), 1))
    same([m.qos for m in listener.got(1)], [1], "QoS of the retained message, again")
    sender.publish(at.topic("a"), "new", 2)
    same([m.qos for m in listener.got(1)], [1], "QoS")


@case()
def publishing_to_oneself(at):
    """A client gets its own messages, on the connection that publishes them."""
    client = at.sender().connect().subscribe((at.topic("a"), 2))
    for qos in range(3):
        client.publish(at.topic("a"), str(qos), qos)
    same(sorted(client.payloads(3)), ["0", "1", "2"], "messages")


@case()
def paho_resends_when_back(at):
    """paho's own queue: what is published while there is no connection is sent and acknowledged on the next one."""
    listener = at.listener().connect().subscribe((at.topic("a"), 2))
    sender = at.sender(clean=False)
    sender.connect(properties=at.lasting())
    sender.die()
    infos = [sender.paho.publish(at.topic("a"), str(n), 2) for n in range(5)]
    same([i.rc for i in infos], [paho.MQTT_ERR_NO_CONN] * 5, "paho's word for no connection")
    sender.connect(properties=at.lasting())
    sender.wait(lambda: all(i.mid in sender.published for i in infos), "the acknowledgements")
    same(listener.payloads(5), [str(n) for n in range(5)], "messages")

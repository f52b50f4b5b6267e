"""What only MQTT 5 has, with paho-mqtt as the client."""
import time

import paho.mqtt.client as paho

from clients import props
from house import case
from verdict import KEEPALIVE_S, PACKET_BYTES, must, same

OPTIONS = paho.SubscribeOptions


def told(message, name):
    return getattr(message.properties, name, None)


def publish_each_qos(at, topic, properties):
    sender = at.sender().connect()
    for qos in range(3):
        sender.publish(topic, str(qos), qos, properties=properties)


@case(5, tls=True)
def user_properties(at):
    """User properties come in their order, equal names too, with every QoS."""
    pairs = [("a", "2"), ("c", "3"), ("a", "again"), ("", "")]
    listener = at.listener().connect().subscribe((at.topic("a"), 2))
    publish_each_qos(at, at.topic("a"), props("PUBLISH", UserProperty=pairs))
    for message in listener.got(3):
        same(told(message, "UserProperty"), pairs, "user properties")


@case(5, tls=True)
def payload_format(at):
    """Payload format and content type come unchanged."""
    listener = at.listener().connect().subscribe((at.topic("a"), 2))
    publish_each_qos(at, at.topic("a"), props("PUBLISH", PayloadFormatIndicator=1, ContentType="My name"))
    for message in listener.got(3):
        same((told(message, "PayloadFormatIndicator"), told(message, "ContentType")), (1, "My name"), "format and type")


@case(5)
def retained_with_properties(at):
    """A retained message keeps its properties."""
    sender = at.sender().connect()
    sender.publish(at.topic("a"), "kept", 1, True, props("PUBLISH", UserProperty=[("a", "2"), ("c", "3")], ContentType="t"))
    message = at.listener().connect().subscribe((at.topic("a"), 2)).got(1)[0]
    same((told(message, "UserProperty"), told(message, "ContentType"), message.retain), ([("a", "2"), ("c", "3")], "t", True), "the retained message")


@case(5, tls=True)
def publication_expiry(at):
    """A queued message that has expired does not come; one that has not comes with what is left of its interval."""
    listener = at.listener(clean=False).connect(properties=at.lasting()).subscribe((at.topic("a"), 2))
    listener.leave()
    sender = at.sender().connect()
    for qos in (1, 2):
        sender.publish(at.topic("a"), f"expires {qos}", qos, properties=props("PUBLISH", MessageExpiryInterval=1))
        sender.publish(at.topic("a"), f"stays {qos}", qos, properties=props("PUBLISH", MessageExpiryInterval=60))
    time.sleep(2.2)
    listener.connect(properties=at.lasting())
    got = listener.got(2)
    same([m.payload.decode() for m in got], ["stays 1", "stays 2"], "messages")
    must(all(45 <= told(m, "MessageExpiryInterval") <= 58 for m in got), f"of 60 s less 2.2 s is left: {[told(m, 'MessageExpiryInterval') for m in got]}")


@case(5)
def retained_messages_expire(at):
    """A retained message comes no more after its interval, and before with what is left."""
    sender = at.sender().connect()
    sender.publish(at.topic("short"), "x", 1, True, props("PUBLISH", MessageExpiryInterval=1))
    sender.publish(at.topic("long"), "x", 1, True, props("PUBLISH", MessageExpiryInterval=60))
    time.sleep(1.3)
    got = at.listener().connect().subscribe((at.topic("+"), 1)).got(1)
    same([m.topic for m in got], [at.topic("long")], "retained topics")
    must(45 <= told(got[0], "MessageExpiryInterval") <= 59, f"of 60 s less 1.3 s is left: {told(got[0], 'MessageExpiryInterval')}")


@case(5)
def no_local(at):
    """No Local keeps a client's own messages from it, and no others."""
    one = at.sender("1").connect().subscribe((at.topic("a"), OPTIONS(2, noLocal=True)))
    two = at.sender("2").connect().subscribe((at.topic("a"), OPTIONS(2, noLocal=True)))
    one.publish(at.topic("a"), "of one", 1)
    same(two.payloads(1), ["of one"], "what the other gets")
    one.got(0)


@case(5, tls=True)
def retain_as_published(at):
    """Retain As Published keeps the retain flag as it was sent; without it, it is cleared for those who listen already."""
    keeps = at.listener("keeps").connect().subscribe((at.topic("a"), OPTIONS(1, retainAsPublished=True)))
    clears = at.listener("clears").connect().subscribe((at.topic("a"), 1))
    sender = at.sender().connect()
    sender.publish(at.topic("a"), "no", 1)
    sender.publish(at.topic("a"), "yes", 1, retain=True)
    same([m.retain for m in keeps.got(2)], [False, True], "retain flags with the option")
    same([m.retain for m in clears.got(2)], [False, False], "retain flags without the option")


@case(5, tls=True)
def retain_handling(at):
    """Retained messages come at every SUBSCRIBE (0), for a new subscription only (1), never (2)."""
    sender = at.sender().connect()
    for qos in range(3):
        sender.publish(at.topic(f"r/{qos}"), str(qos), qos, retain=True)
    for handling, counts in ((0, (3, 3)), (1, (3, 0)), (2, (0, 0))):
        listener = at.listener(str(handling)).connect()
        for count in counts:
            listener.subscribe((at.topic("r/+"), OPTIONS(2, retainHandling=handling)))
            same(sorted(m.qos for m in listener.got(count)), list(range(count)), f"QoS with retain handling {handling}")


@case(5, tls=True)
def subscription_identifiers(at):
    """A message carries the identifiers of all the subscriptions of its receiver that it matches."""
    one = at.listener("1").connect().subscribe((at.topic("a"), 2), properties=props("SUBSCRIBE", SubscriptionIdentifier=456789))
    two = at.listener("2").connect().subscribe((at.topic("a"), 2), properties=props("SUBSCRIBE", SubscriptionIdentifier=2))
    two.subscribe((at.topic("a/#"), 1), properties=props("SUBSCRIBE", SubscriptionIdentifier=3))
    two.subscribe((at.topic("+"), 1))
    at.sender().connect().publish(at.topic("a"), "x", 1)
    same(told(one.got(1)[0], "SubscriptionIdentifier"), [456789], "the one identifier")
    same(sorted(told(two.got(1)[0], "SubscriptionIdentifier")), [2, 3], "both identifiers")


@case(5)
def identifiers_of_retained(at):
    """A retained message carries the identifier of the subscription it comes for; a queued one keeps its own."""
    at.sender().connect().publish(at.topic("a"), "kept", 1, retain=True)
    listener = at.listener(clean=False).connect(properties=at.lasting())
    listener.subscribe((at.topic("a"), 1), properties=props("SUBSCRIBE", SubscriptionIdentifier=7))
    same(told(listener.got(1)[0], "SubscriptionIdentifier"), [7], "identifier of the retained message")
    listener.leave()
    at.sender("2").connect().publish(at.topic("a"), "queued", 1)
    listener.connect(properties=at.lasting())
    same(told(listener.got(1)[0], "SubscriptionIdentifier"), [7], "identifier of the queued message")


@case(5)
def request_and_response(at):
    """Response topic and correlation data reach the one who answers."""
    asks = at.sender("asks").connect().subscribe((at.topic("answers"), 1))
    answers = at.sender("answers").connect().subscribe((at.topic("questions"), 1))
    asks.publish(at.topic("questions"), "?", 1, properties=props("PUBLISH", ResponseTopic=at.topic("answers"), CorrelationData=b"\x00\xff3"))
    question = answers.got(1)[0]
    answers.publish(told(question, "ResponseTopic"), "!", 1, properties=props("PUBLISH", CorrelationData=told(question, "CorrelationData")))
    answer = asks.got(1)[0]
    same((answer.payload, told(answer, "CorrelationData")), (b"!", b"\x00\xff3"), "the answer")


@case(5)
def assigned_client_id(at):
    """The assigned id is told, and two clients get two."""
    one, two = (at.named("").connect() for _ in range(2))
    ids = [getattr(c.connack["props"], "AssignedClientIdentifier", "") for c in (one, two)]
    must(all(ids) and ids[0] != ids[1], f"the assigned client ids are {ids}")


@case(5, tls=True)
def server_keep_alive(at):
    """A client that asks for 120 s is told the server's 60 s; one that asks for less is told nothing."""
    longer = at.sender().connect(keepalive=120)
    same(getattr(longer.connack["props"], "ServerKeepAlive", None), KEEPALIVE_S, "Server Keep Alive for 120 s")
    shorter = at.listener().connect(keepalive=30)
    same(getattr(shorter.connack["props"], "ServerKeepAlive", None), None, "Server Keep Alive for 30 s")


@case(5)
def connack_tells_the_limits(at):
    """CONNACK tells receive maximum, packet maximum and alias maximum, and takes nothing away that is there."""
    has = at.sender().connect().connack["props"]
    same(getattr(has, "MaximumPacketSize", None), PACKET_BYTES, "Maximum Packet Size")
    must(getattr(has, "ReceiveMaximum", 65535) >= 10, "Receive Maximum is less than 10")
    must(getattr(has, "TopicAliasMaximum", 0) >= 1, "there are no topic aliases")
    for name in ("MaximumQoS", "RetainAvailable", "WildcardSubscriptionAvailable", "SubscriptionIdentifierAvailable", "SharedSubscriptionAvailable"):
        must(getattr(has, name, 1) >= 1, f"{name} is taken away")


@case(5, tls=True)
def session_expiry(at):
    """A session lives as long as was asked for: 0 not at all, 3 s at 1 s still and at 4 s no more."""
    client = at.listener(clean=False)
    for expiry_s, pause_s, present in ((0, 0, False), (3, 1, True), (3, 4, False)):
        client.connect(properties=props("CONNECT", SessionExpiryInterval=expiry_s)).subscribe((at.topic("a"), 1))
        client.leave()
        time.sleep(pause_s)
        client.connect(properties=props("CONNECT", SessionExpiryInterval=0))
        same(client.connack["present"], present, f"session present after {pause_s} s with an expiry of {expiry_s} s")
        client.leave()


@case(5)
def session_without_expiry(at):
    """Without the property a session ends with its connection, with or without DISCONNECT."""
    client = at.listener(clean=False).connect().subscribe((at.topic("a"), 1))
    client.leave()
    client.connect()
    must(not client.connack["present"], "the session was present after DISCONNECT")
    client.die()
    time.sleep(0.1)
    client.connect()
    must(not client.connack["present"], "the session was present after a loss")


@case(5, tls=True)
def disconnect_changes_expiry(at):
    """DISCONNECT may make the session live longer, or end it at once."""
    client = at.listener(clean=False).connect(properties=props("CONNECT", SessionExpiryInterval=1)).subscribe((at.topic("a"), 1))
    client.leave(properties=props("DISCONNECT", SessionExpiryInterval=60))
    time.sleep(1.8)
    client.connect(properties=at.lasting())
    must(client.connack["present"], "the session that DISCONNECT made longer was gone")
    client.leave(properties=props("DISCONNECT", SessionExpiryInterval=0))
    client.connect(properties=at.lasting())
    must(not client.connack["present"], "the session that DISCONNECT ended was there")


@case(5)
def the_longest_session(at):
    """A session that asks for all time gets the longest that the server has, and is told."""
    client = at.sender().connect(properties=props("CONNECT", SessionExpiryInterval=0xFFFFFFFF))
    same(getattr(client.connack["props"], "SessionExpiryInterval", None), 14 * 24 * 3600, "Session Expiry Interval in CONNACK")


@case(5)
def shared_subscription(at):
    """Of a shared subscription each message goes to one member; ordinary subscriptions beside it get theirs."""
    members = [at.listener(str(n)).connect().subscribe((f"$share/workers/{at.topic('jobs')}", 2), (at.topic("all"), 2)) for n in range(3)]
    sender = at.sender().connect()
    for number in range(9):
        sender.publish(at.topic("jobs"), str(number), number % 3)
    sender.publish(at.topic("all"), "all", 1)
    time.sleep(1)
    jobs = [[p for t, p in m.said() if t == at.topic("jobs")] for m in members]
    same(sorted(int(p) for some in jobs for p in some), list(range(9)), "jobs, over all members")
    same([len(some) for some in jobs], [3, 3, 3], "jobs of each member")
    same([[p for t, p in m.said() if t == at.topic("all")] for m in members], [[b"all"]] * 3, "what is for all")


@case(5)
def shared_names_are_apart(at):
    """Two share names on one filter are two groups; an ordinary subscriber is none of them."""
    filter_ = at.topic("jobs")
    a, b = at.listener("a").connect().subscribe((f"$share/a/{filter_}", 1)), at.listener("b").connect().subscribe((f"$share/b/{filter_}", 1))
    plain = at.listener("plain").connect().subscribe((filter_, 1))
    at.sender().connect().publish(filter_, "x", 1)
    for client in (a, b, plain):
        client.got(1)


@case(5)
def a_share_survives_its_member(at):
    """When a member leaves, the others get what comes then."""
    filter_ = f"$share/a/{at.topic('jobs')}"
    stays, leaves = at.listener("stays").connect().subscribe((filter_, 1)), at.listener("leaves").connect().subscribe((filter_, 1))
    leaves.leave()
    sender = at.sender().connect()
    for number in range(4):
        sender.publish(at.topic("jobs"), str(number), 1)
    same(stays.payloads(4), ["0", "1", "2", "3"], "jobs of the one that stayed")


@case(5)
def shared_gets_no_retained(at):
    """A shared subscription gets no retained messages when it is made."""
    at.sender().connect().publish(at.topic("jobs"), "kept", 1, retain=True)
    at.listener().connect().subscribe((f"$share/a/{at.topic('jobs')}", 1)).got(0)


@case(5)
def unsubscribe_codes(at):
    """UNSUBACK tells for each filter whether there was a subscription."""
    client = at.listener().connect().subscribe((at.topic("a"), 1), (f"$share/n/{at.topic('b')}", 1))
    same(client.unsubscribe(at.topic("a"), at.topic("never"), f"$share/n/{at.topic('b')}"), [0x00, 0x11, 0x00], "UNSUBACK")


@case(5, tls=True)
def will_delay(at):
    """A will goes out after its delay, or with the end of the session if that is sooner; not at all when the client is back before."""
    listener = at.listener().connect().subscribe((at.topic("will"), 1))
    sender = at.sender(clean=False)
    for delay_s, expiry_s, waits in ((2, 60, (1.9, 4.0)), (60, 2, (1.9, 4.0)), (5, 0, (0.0, 2.0))):
        sender.paho.will_set(at.topic("will"), f"{delay_s} {expiry_s}", 1, properties=props("WILLMESSAGE", WillDelayInterval=delay_s))
        sender.connect(properties=props("CONNECT", SessionExpiryInterval=expiry_s))
        began = time.monotonic()
        sender.die()
        listener.wait(lambda: listener.messages, "the will")
        took_s = time.monotonic() - began
        same([m.payload.decode() for m in listener.got(1)], [f"{delay_s} {expiry_s}"], "the will")
        must(waits[0] <= took_s <= waits[1], f"the will with a delay of {delay_s} s, session {expiry_s} s, came after {took_s:.2f} s")
    sender.paho.will_set(at.topic("will"), "unseen", 1, properties=props("WILLMESSAGE", WillDelayInterval=1))
    sender.connect(properties=at.lasting())
    sender.die()
    sender.connect(properties=at.lasting())
    time.sleep(1.5)
    listener.got(0)
    sender.leave()


@case(5, tls=True)
def will_with_properties(at):
    """A will comes with its properties."""
    listener = at.listener().connect().subscribe((at.topic("will"), 1))
    sender = at.sender()
    sender.paho.will_set(
        at.topic("will"), "gone", 1,
        properties=props("WILLMESSAGE", UserProperty=[("a", "2"), ("c", "3")], ContentType="t", MessageExpiryInterval=60, PayloadFormatIndicator=1),
    )
    sender.connect()
    sender.die()
    message = listener.got(1)[0]
    same((told(message, "UserProperty"), told(message, "ContentType"), told(message, "PayloadFormatIndicator")), ([("a", "2"), ("c", "3")], "t", 1), "the will")
    must(50 <= told(message, "MessageExpiryInterval") <= 60, "the will's expiry did not begin when it was published")


@case(5, tls=True)
def disconnect_with_will(at):
    """DISCONNECT with reason 0x04 asks for the will."""
    listener = at.listener().connect().subscribe((at.topic("will"), 1))
    sender = at.sender()
    sender.paho.will_set(at.topic("will"), "as asked", 1)
    sender.connect()
    sender.leave(reason=4)
    same(listener.payloads(1), ["as asked"], "the will")


@case(5)
def packet_maximum_of_a_client(at):
    """What is larger than the client takes is not sent to it, and what comes after it is."""
    client = at.listener().connect(properties=props("CONNECT", MaximumPacketSize=100)).subscribe((at.topic("a"), 2))
    sender = at.sender().connect()
    for qos in range(3):
        sender.publish(at.topic("a"), "." * 100, qos)
        sender.publish(at.topic("a"), f"small {qos}", qos)
    same(client.payloads(3), ["small 0", "small 1", "small 2"], "messages")

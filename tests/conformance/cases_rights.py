"""What certificates decide: ids, topics, wills."""
import wire
from clients import Raw, Way
from house import case
from verdict import must, same
from wire import CONNACK, PUBACK, SUBACK


@case(tls=True)
def a_device_speaks_for_itself(at):
    """A device publishes its own readings and results; what it says for others reaches nobody."""
    own = at.way.sender_id()
    app = at.listener().connect().subscribe(("results/#", 1))
    line = at.raw_sender().connect()
    for pid, topic in enumerate((f"results/{own}/a", "results/dev-other/a", f"commands/{own}/a", "anything", f"alerts/{own}"), 1):
        line.publish(topic, b"x", qos=1, pid=pid)
        code = line.expect(PUBACK, pid=pid).code
        same(code, 0x87 if at.version == 5 and pid > 1 else 0x00, f"PUBACK for {topic}")
    app.wait(lambda: any(own in topic for topic, _ in app.said()), "the device's own message")
    mine = [topic for topic, _ in app.said() if own in topic or "dev-other" in topic]
    same(mine, [f"results/{own}/a"], "what the app got")


@case(tls=True)
def a_device_hears_what_is_its_own(at):
    """A device may hear its commands and updates; other devices' and wide filters are refused."""
    own = at.way.sender_id()
    refused = 0x87 if at.version == 5 else 0x80
    line = at.raw_sender().connect()
    may = [f"commands/{own}/#", f"updates/{own}", f"$share/x/commands/{own}/#"]
    may_not = ["commands/dev-other/#", "#", "sensors/+/a", "$share/x/commands/#"]
    line.subscribe(*((f, 1) for f in may + may_not), codes=[1] * len(may) + [refused] * len(may_not))


@case(tls=True)
def an_app_only_listens(at):
    """An app hears what is listed for it and publishes nothing."""
    refused = 0x87 if at.version == 5 else 0x80
    line = at.raw_listener().connect()
    line.subscribe(("results/+/never", 1), ("results/dev-none/#", 0), ("sensors/#", 0), ("#", 0), codes=[1, 0, refused, refused])
    line.publish("results/dev-other/a", b"x", qos=1, pid=5)
    same(line.expect(PUBACK, pid=5).code, 0x87 if at.version == 5 else 0, "PUBACK")


@case(tls=True)
def a_client_id_is_the_certificates(at):
    """A device with another's client id is refused, and the other does not notice."""
    app = at.raw_listener().connect()
    thief = at._with(Raw(at.way, at.version, at.way.sender_id()))
    thief.send(wire.connect(at.version, at.way.listener_id()))
    thief.expect(CONNACK, code=0x85 if at.version == 5 else 2, present=False)
    same(thief.expect_end(), [], "after the refusal")
    app.send(wire.PING).expect(wire.PINGRESP)


@case(tls=True)
def a_will_needs_its_right(at):
    """A will for another device is refused with the CONNECT."""
    line = at.raw_sender()
    line.send(wire.connect(at.version, line.id, will={"topic": "results/dev-other/a", "payload": "x"}))
    line.expect(CONNACK, code=0x87 if at.version == 5 else 5)
    line.expect_end()


@case(5, tls=True)
def a_response_topic_needs_its_right(at):
    """A device has no answers sent to where it may not publish."""
    line = at.raw_sender().connect()
    line.publish(at.topic("a"), b"x", qos=1, pid=1, props={"response_topic": "results/dev-other/a"})
    same(line.expect(PUBACK, pid=1).code, 0x87, "PUBACK")
    line.publish(at.topic("a"), b"x", qos=1, pid=2, props={"response_topic": at.topic("answers")})
    must(line.expect(PUBACK, pid=2).code in (0, 0x10), "a response topic of its own was refused")


@case(tls=True)
def an_empty_client_id_is_the_certificates(at):
    """A device without a client id gets that of its certificate."""
    line = at.raw_sender()
    line.send(wire.connect(at.version, ""))
    got = line.expect(CONNACK, code=0)
    if at.version == 5:
        same(got.props.get("assigned_id"), at.way.sender_id(), "assigned id")
    line.send(wire.subscribe(at.version, 1, [(f"commands/{at.way.sender_id()}/x", 1)])).expect(SUBACK, codes=(1,))


@case(tls=True)
def local_and_remote_are_apart(at):
    """A local program with a device's client id has a session of its own, and does not speak for it."""
    device = at.raw_sender().connect()
    local = at._with(Raw(Way(at.way.house, at.way.name), at.version, at.way.sender_id())).connect()
    device.send(wire.PING).expect(wire.PINGRESP)
    local.publish(f"results/{at.way.sender_id()}/a", b"x", qos=1, pid=1)
    same(local.expect(PUBACK, pid=1).code, 0x87 if at.version == 5 else 0, "PUBACK of a local program that speaks for a device")

"""Ways to the gateway, and the clients that go them: paho-mqtt's, and packets by hand."""
import socket
import threading
import time

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

import wire
from verdict import KEEPALIVE_S, QUIET_S, SOON_S, Wrong, must, same


class Way:
    """How a case reaches the gateway; `name` is the case's, below which its topics and ids are."""

    has_identity = False
    suffix = ""  # of the names of its cases

    def __init__(self, house, name):
        self.house, self.name = house, name

    def topic(self, rest):
        return f"{self.name}/{rest}"

    def sender_id(self, tag=""):
        return f"{self.name}-s{tag}"

    def listener_id(self, tag=""):
        return f"{self.name}-l{tag}"

    def context(self, _client_id):
        return None

    def port(self):
        return self.house.forwarder.port

    def socket(self, client_id):
        plain = socket.create_connection(("127.0.0.1", self.port()), SOON_S)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        context = self.context(client_id)
        return plain if context is None else context.wrap_socket(plain, server_hostname="localhost")


class Loopback(Way):
    """Without TLS and without a socket: what a program has that knows TCP alone."""

    suffix = "-loopback"

    def port(self):
        return self.house.loopback


class MutualTls(Way):
    has_identity = True
    suffix = "-tls"

    def topic(self, rest):
        return f"results/{self.sender_id()}/{rest}"

    def sender_id(self, tag=""):
        return f"dev-{self.name}"  # one certificate, one client id

    def listener_id(self, tag=""):
        return f"app-{self.name}" + (f".{tag}" if tag else "")

    def context(self, client_id):
        return self.house.tls(client_id.partition(".")[0])

    def port(self):
        return self.house.site.mqtt_port


def props(kind, **values):
    """paho's Properties of the packet type `kind`: names as paho spells them."""
    out = Properties(getattr(PacketTypes, kind))
    for name, value in values.items():
        for one in value if isinstance(value, list) and name != "UserProperty" else [value]:
            setattr(out, name, one)
    return out


class Client:
    """A paho client on a thread of its own, that never connects again by itself and remembers what it was told."""

    def __init__(self, way, version, client_id, clean=True):
        self.way, self.version, self.id, self.clean = way, version, client_id, clean
        self.cond = threading.Condition()
        self.messages, self.answers, self.published = [], {}, set()
        self.connack = self.gone = self.thread = None
        if version == 5:
            self.paho = paho.Client(client_id, protocol=paho.MQTTv5)
        else:
            self.paho = paho.Client(client_id, clean_session=clean, protocol=paho.MQTTv311)
        if (context := way.context(client_id)) is not None:
            self.paho.tls_set_context(context)
        self.paho.on_connect = self._on_connect
        self.paho.on_disconnect = self._on_disconnect
        self.paho.on_message = lambda _c, _u, message: self._note(self.messages.append, message)
        self.paho.on_subscribe = self._on_subscribe
        self.paho.on_unsubscribe = self._on_unsubscribe
        self.paho.on_publish = self._on_publish

    def _note(self, call, *values):
        with self.cond:
            call(*values)
            self.cond.notify_all()

    def _on_connect(self, _client, _user, flags, code, properties=None):
        def note():
            self.connack = {"present": bool(flags["session present"]), "code": getattr(code, "value", code), "props": properties}
        self._note(note)

    def _on_disconnect(self, _client, _user, code, properties=None):
        def note():
            self.gone = {"code": getattr(code, "value", code), "props": properties}
        self._note(note)

    def _on_subscribe(self, _client, _user, mid, codes, _properties=None):
        self._note(self.answers.__setitem__, mid, [getattr(one, "value", one) for one in codes])

    def _on_unsubscribe(self, _client, _user, mid, _properties=None, codes=()):
        many = codes if isinstance(codes, (list, tuple)) else [codes]
        self._note(self.answers.__setitem__, mid, [one.value for one in many])

    def _on_publish(self, _client, _user, mid):
        self._note(self.published.add, mid)

    def wait(self, true, what, seconds=SOON_S):
        with self.cond:
            if not self.cond.wait_for(true, seconds):
                raise Wrong(f"{self.id}: {what} did not happen within {seconds:g} s; messages so far: {self.said()}")

    def said(self):
        return [(m.topic, m.payload) for m in self.messages]

    def start(self, keepalive=KEEPALIVE_S, properties=None):
        if self.thread:
            self.thread.join(SOON_S)  # paho is still at the end of the connection before
        self.connack = self.gone = None
        more = {"clean_start": self.clean, "properties": properties} if self.version == 5 else {}
        thread = threading.Thread(target=self._run, daemon=True)
        # Else paho would write from two threads, and what it queued would overtake itself.
        self.paho._thread = thread
        self.paho.connect("localhost" if self.way.context(self.id) else "127.0.0.1", self.way.port(), keepalive, **more)
        self.thread = thread
        thread.start()
        return self

    def connect(self, keepalive=KEEPALIVE_S, properties=None):
        """Until CONNACK, which must let it in."""
        self.start(keepalive, properties)
        self.wait(lambda: self.connack or self.gone, "an answer to CONNECT")
        must(self.connack, f"{self.id}: CONNECT was answered with a closed connection")
        same(self.connack["code"], 0, f"{self.id}: CONNACK")
        return self

    def _run(self):
        while self.gone is None and self.paho.loop(0.05) == paho.MQTT_ERR_SUCCESS:
            pass

    def publish(self, topic, payload="", qos=0, retain=False, properties=None):
        """Until it is acknowledged."""
        info = self.paho.publish(topic, payload, qos, retain, properties) if self.version == 5 else self.paho.publish(topic, payload, qos, retain)
        self.wait(lambda: info.mid in self.published, f"the acknowledgement of '{str(payload)[:40]}' to {topic}")
        self.published.discard(info.mid)  # the number comes again
        return info.mid

    def _subscribe(self, filters, properties):
        if self.version == 5:
            wants = [(f, o if isinstance(o, paho.SubscribeOptions) else paho.SubscribeOptions(qos=o)) for f, o in filters]
            return self.paho.subscribe(wants, properties=properties)
        return self.paho.subscribe(filters)

    def subscribe(self, *filters, properties=None, codes=None):
        """Of (filter, QoS or options). The codes of SUBACK; they must be the QoS asked for when not given."""
        _, mid = self._subscribe(list(filters), properties)
        self.wait(lambda: mid in self.answers, f"SUBACK for {[f for f, _ in filters]}")
        wanted = codes if codes is not None else [o.QoS if isinstance(o, paho.SubscribeOptions) else o for _, o in filters]
        same(self.answers.pop(mid), wanted, f"{self.id}: SUBACK for {[f for f, _ in filters]}")
        return self

    def unsubscribe(self, *filters):
        _, mid = self.paho.unsubscribe(list(filters))
        self.wait(lambda: mid in self.answers, f"UNSUBACK for {filters}")
        return self.answers.pop(mid)

    def got(self, count, seconds=SOON_S):
        """Waits for so many messages in all, and that no more come; takes them."""
        self.wait(lambda: len(self.messages) >= count, f"message {count}", seconds)
        time.sleep(QUIET_S)
        same(len(self.messages), count, f"{self.id}: messages {self.said()}")
        with self.cond:
            taken, self.messages[:] = list(self.messages), []
        return taken

    def drain(self):
        """Takes what there is, however much."""
        time.sleep(2 * QUIET_S)
        with self.cond:
            self.messages.clear()

    def payloads(self, count, seconds=SOON_S):
        return [m.payload.decode() for m in self.got(count, seconds)]

    def leave(self, reason=None, properties=None):
        """With DISCONNECT."""
        if self.version == 5 and (reason or properties):
            code = paho.ReasonCodes(PacketTypes.DISCONNECT, identifier=reason or 0)
            self.paho.disconnect(code, properties)
        else:
            self.paho.disconnect()
        self.wait(lambda: self.gone, "the end of the connection")
        self.thread.join(SOON_S)
        self._shut()

    def die(self):
        """Without a word."""
        self._shut()
        if self.thread:
            self.thread.join(SOON_S)

    def _shut(self):
        sock = self.paho.socket()
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Raw:
    """Packets by hand."""

    def __init__(self, way, version, client_id):
        self.id, self.version = client_id, version
        self.line = wire.Line(way.socket(client_id), version)

    def connect(self, **more):
        """Until CONNACK, which is given."""
        self.line.send(wire.connect(self.version, self.id, **more))
        answer = self.line.recv(SOON_S)
        must(answer is not None and answer.kind == wire.CONNACK, f"{self.id}: CONNECT was answered with {answer}")
        self.connack = answer
        return self

    def send(self, *packets):
        self.line.send(*packets)
        return self

    def expect(self, kind, **fields):
        """The next packet is of this kind with these fields."""
        try:
            got = self.line.recv(SOON_S)
        except TimeoutError:
            raise Wrong(f"{self.id}: nothing came where {wire.NAMES[kind]} {fields or ''} was due") from None
        must(got is not None and got.kind == kind, f"{self.id}: {got or 'the end'} came where {wire.NAMES[kind]} {fields or ''} was due")
        for name, wanted in fields.items():
            same(getattr(got, name), wanted, f"{self.id}: {name} of {got}")
        return got

    def expect_end(self, seconds=SOON_S):
        """The server closes; packets before that are given."""
        before = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                got = self.line.recv(max(end - time.monotonic(), 0.01))
            except TimeoutError:
                break
            if got is None:
                return before
            before.append(got)
        raise Wrong(f"{self.id}: the connection was not ended within {seconds:g} s; before that came {[str(p) for p in before]}")

    def expect_quiet(self, seconds=QUIET_S):
        try:
            got = self.line.recv(seconds)
        except TimeoutError:
            return self
        raise Wrong(f"{self.id}: {got or 'the end'} came where nothing was due")

    def subscribe(self, *filters, pid=1, properties=None, codes=None):
        self.send(wire.subscribe(self.version, pid, filters, properties))
        self.expect(wire.SUBACK, pid=pid, codes=tuple(codes if codes is not None else (o & 3 for _, o in filters)))
        return self

    def publish(self, topic, payload=b"", **more):
        return self.send(wire.publish(self.version, topic, payload, **more))

    def die(self):
        self.line.close()

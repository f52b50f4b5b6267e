"""MQTT packets as bytes, for what a client library cannot send or does not show. Knows no rules: it writes what it is told."""
import socket
import struct
import time
from dataclasses import dataclass, field

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT, AUTH = range(1, 16)
NAMES = (
    "", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK",
    "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH",
)
# Identifier: name, struct code; "v" a variable byte integer, "s" text, "b" bytes, "p" a pair of texts.
PROPERTIES = {
    0x01: ("payload_format", "B"), 0x02: ("message_expiry", "I"), 0x03: ("content_type", "s"), 0x08: ("response_topic", "s"),
    0x09: ("correlation", "b"), 0x0B: ("subscription_id", "v"), 0x11: ("session_expiry", "I"), 0x12: ("assigned_id", "s"),
    0x13: ("server_keepalive", "H"), 0x15: ("auth_method", "s"), 0x16: ("auth_data", "b"), 0x17: ("problem_information", "B"),
    0x18: ("will_delay", "I"), 0x19: ("response_information_wanted", "B"), 0x1A: ("response_information", "s"), 0x1C: ("server_reference", "s"),
    0x1F: ("reason", "s"), 0x21: ("receive_maximum", "H"), 0x22: ("alias_maximum", "H"), 0x23: ("alias", "H"), 0x24: ("maximum_qos", "B"),
    0x25: ("retain_available", "B"), 0x26: ("user", "p"), 0x27: ("packet_maximum", "I"), 0x28: ("wildcards", "B"),
    0x29: ("subscription_ids", "B"), 0x2A: ("shared", "B"),
}
BY_NAME = {name: (number, code) for number, (name, code) in PROPERTIES.items()}


def number(value):
    out = b""
    while True:
        value, low = divmod(value, 128)
        out += bytes([low | (0x80 if value else 0)])
        if not value:
            return out


def text(value):
    raw = value if isinstance(value, bytes) else value.encode()
    return struct.pack(">H", len(raw)) + raw


def _property(name, value):
    identifier, code = BY_NAME[name]
    head = bytes([identifier])
    if code == "v":
        return head + number(value)
    if code in "sb":
        return head + text(value)
    if code == "p":
        return head + text(value[0]) + text(value[1])
    return head + struct.pack(">" + code, value)


def properties(values):
    """Of name: value; a list is the same property several times."""
    body = b""
    for name, value in values.items():
        for one in value if isinstance(value, list) else [value]:
            body += _property(name, one)
    return number(len(body)) + body


def packet(kind, flags, body):
    return bytes([kind << 4 | flags]) + number(len(body)) + body


def _maybe(version, values):
    return properties(values or {}) if version == 5 else b""


def connect(version, client_id, clean=True, keepalive=60, will=None, props=None, name="MQTT", level=None):
    flags = 2 if clean else 0
    tail = b""
    if will:
        flags |= 4 | will.get("qos", 0) << 3 | (0x20 if will.get("retain") else 0)
        tail = _maybe(version, will.get("props")) + text(will["topic"]) + text(will["payload"])
    head = text(name) + bytes([version if level is None else level, flags]) + struct.pack(">H", keepalive)
    return packet(CONNECT, 0, head + _maybe(version, props) + text(client_id) + tail)


def publish(version, topic, payload=b"", qos=0, pid=0, retain=False, dup=False, props=None):
    flags = (8 if dup else 0) | qos << 1 | (1 if retain else 0)
    ident = struct.pack(">H", pid) if qos else b""
    return packet(PUBLISH, flags, text(topic) + ident + _maybe(version, props) + payload)


def ack(kind, pid, reason=0):
    body = struct.pack(">H", pid) + (bytes([reason]) if reason else b"")
    return packet(kind, 2 if kind == PUBREL else 0, body)


def subscribe(version, pid, filters, props=None):
    """`filters` are (filter, options)."""
    body = b"".join(text(filter_) + bytes([options]) for filter_, options in filters)
    return packet(SUBSCRIBE, 2, struct.pack(">H", pid) + _maybe(version, props) + body)


def unsubscribe(version, pid, filters):
    return packet(UNSUBSCRIBE, 2, struct.pack(">H", pid) + _maybe(version, None) + b"".join(map(text, filters)))


def disconnect(version, reason=0, props=None):
    body = b""
    if version == 5 and (reason or props):
        body = bytes([reason]) + (properties(props) if props else b"")
    return packet(DISCONNECT, 0, body)


PING = packet(PINGREQ, 0, b"")


@dataclass
class Packet:
    kind: int
    flags: int = 0
    pid: int = 0
    code: int = 0
    present: bool = False
    topic: str = ""
    payload: bytes = b""
    codes: tuple = ()
    props: dict = field(default_factory=dict)
    size: int = 0

    @property
    def qos(self):
        return self.flags >> 1 & 3

    @property
    def dup(self):
        return bool(self.flags & 8)

    @property
    def retain(self):
        return bool(self.flags & 1)

    def __str__(self):
        said = [NAMES[self.kind]]
        said += [f"#{self.pid}"] if self.pid else []
        said += [f"0x{self.code:02x}"] if self.code else []
        said += [f"{self.topic}={self.payload!r} qos {self.qos}"] if self.kind == PUBLISH else []
        said += [str(list(self.codes))] if self.codes else []
        return " ".join(said)


class _Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        if self.at + count > len(self.data):
            raise ValueError("a packet is shorter than it says")
        self.at += count
        return self.data[self.at - count : self.at]

    def unpack(self, code):
        return struct.unpack(">" + code, self.take(struct.calcsize(">" + code)))[0]

    def bytes(self):
        return self.take(self.unpack("H"))

    def number(self):
        value = shift = 0
        while True:
            byte = self.unpack("B")
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value

    def rest(self):
        return self.take(len(self.data) - self.at)

    def more(self):
        return self.at < len(self.data)

    def value(self, code):
        if code == "v":
            return self.number()
        if code == "s":
            return self.bytes().decode()
        if code == "b":
            return self.bytes()
        if code == "p":
            return self.bytes().decode(), self.bytes().decode()
        return self.unpack(code)

    def properties(self):
        inner = _Reader(self.take(self.number()))
        found = {}
        while inner.more():
            name, code = PROPERTIES[inner.number()]
            value = inner.value(code)
            if name in ("user", "subscription_id"):
                found.setdefault(name, []).append(value)
            elif name in found:
                raise ValueError(f"property {name} stands twice")
            else:
                found[name] = value
        return found


def parse(version, head, body):
    """One packet from the server."""
    kind, flags, read = head >> 4, head & 15, _Reader(body)
    out = Packet(kind, flags)
    if kind == CONNACK:
        out.present, out.code = bool(read.unpack("B")), read.unpack("B")
        out.props = read.properties() if version == 5 and read.more() else {}
    elif kind == PUBLISH:
        out.topic = read.bytes().decode()
        out.pid = read.unpack("H") if out.qos else 0
        out.props = read.properties() if version == 5 else {}
        out.payload = read.rest()
    elif kind in (PUBACK, PUBREC, PUBREL, PUBCOMP):
        out.pid = read.unpack("H")
        out.code = read.unpack("B") if read.more() else 0
        out.props = read.properties() if read.more() else {}
    elif kind in (SUBACK, UNSUBACK):
        out.pid = read.unpack("H")
        out.props = read.properties() if version == 5 else {}
        out.codes = tuple(read.rest())
    elif kind == DISCONNECT:
        out.code = read.unpack("B") if read.more() else 0
        out.props = read.properties() if read.more() else {}
    return out


class Line:
    """A socket that speaks packets. `recv` gives None when the server has closed it."""

    def __init__(self, sock, version):
        self.sock, self.version, self.data = sock, version, b""

    def send(self, *packets):
        self.sock.sendall(b"".join(packets))

    def _whole(self):
        length = shift = 0
        for at in range(1, min(5, len(self.data))):
            length |= (self.data[at] & 0x7F) << shift
            shift += 7
            if not self.data[at] & 0x80:
                end = at + 1 + length
                return (at + 1, end) if len(self.data) >= end else None
        return None

    def recv(self, seconds=5.0):
        """The next packet; TimeoutError when none comes."""
        end = time.monotonic() + seconds
        while not (found := self._whole()):
            self.sock.settimeout(max(end - time.monotonic(), 0.001))
            try:
                more = self.sock.recv(65536)
            except (ConnectionResetError, BrokenPipeError):
                return None
            except socket.timeout as silence:
                raise TimeoutError("the server said nothing") from silence
            if not more:
                return None
            self.data += more
        begin, stop = found
        got = parse(self.version, self.data[0], self.data[begin:stop])
        got.size = stop
        self.data = self.data[stop:]
        return got

    def close(self):
        self.sock.close()

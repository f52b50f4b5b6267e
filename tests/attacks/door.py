"""What the attacks share: a gateway with its own front door, certificates of every kind, MQTT byte by byte."""
import argparse
import http.client
import json
import re
import shutil
import signal
import socket
import ssl
import struct
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from site_programs import Site, SiteError, free_port, wait_until  # noqa: E402

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = 1, 2, 3, 4, 5, 6, 7
SUBSCRIBE, SUBACK, PINGREQ, PINGRESP, DISCONNECT = 8, 9, 12, 13, 14
TIMEOUT_S = 5
SLACK_MS = 50  # what a busy machine of two cores may add to anybody's latency
AT_ONCE_S = 2  # what takes no time, or two seconds at the most, as is promised


class Closed(Exception):
    """The other side has ended the connection."""


def check(true, sentence):
    if not true:
        raise SiteError(sentence)


def text(value):
    raw = value if isinstance(value, bytes) else value.encode()
    return struct.pack("!H", len(raw)) + raw


def length(n):
    out = bytearray()
    while True:
        n, low = n >> 7, n & 0x7F
        out.append(low | (0x80 if n else 0))
        if not n:
            return bytes(out)


def packet(kind, body=b"", flags=0):
    return bytes([kind << 4 | flags]) + length(len(body)) + body


def connect_packet(client_id, version=5, clean=True, keepalive=60, will=None, properties=b"", will_properties=b""):
    """`will`: (topic, payload, qos, retain)."""
    flags = 2 if clean else 0
    body = b""
    if will is not None:
        topic, payload, qos, retain = will
        flags |= 4 | qos << 3 | (32 if retain else 0)
        body = (length(len(will_properties)) + will_properties if version == 5 else b"") + text(topic) + text(payload)
    head = text("MQTT") + bytes([version, flags]) + struct.pack("!H", keepalive)
    head += length(len(properties)) + properties if version == 5 else b""
    return packet(CONNECT, head + text(client_id) + body)


def publish_packet(topic, payload, qos=1, packet_id=1, version=5, retain=False, properties=b"", dup=False):
    body = text(topic) + (struct.pack("!H", packet_id) if qos else b"")
    body += length(len(properties)) + properties if version == 5 else b""
    raw = payload if isinstance(payload, bytes) else payload.encode()
    return packet(PUBLISH, body + raw, (8 if dup else 0) | qos << 1 | (1 if retain else 0))


def subscribe_packet(*filters, packet_id=1, version=5, qos=1):
    body = struct.pack("!H", packet_id) + (b"\0" if version == 5 else b"")
    return packet(SUBSCRIBE, body + b"".join(text(f) + bytes([qos]) for f in filters), 2)


def reading(device, number=None, value=20.5, epoch="attack", at=None):
    at = at or datetime.utcnow()
    said = {"value": value, "timestamp": at.isoformat(timespec="microseconds"), "device_id": device}
    if number is not None:
        said |= {"epoch": epoch, "seq": number}
    return json.dumps(said)


class Client:
    """One MQTT connection, at the level of packets; any byte can be sent."""

    def __init__(self, sock, version=5):
        self.sock, self.version, self.kept = sock, version, b""

    def send(self, data):
        try:
            self.sock.sendall(data)
        except OSError as gone:
            raise Closed(str(gone)) from gone

    def more(self):
        try:
            got = self.sock.recv(65536)
        except (socket.timeout, TimeoutError):
            raise SiteError("no answer came") from None
        except OSError as gone:
            raise Closed(str(gone)) from gone
        if not got:
            raise Closed("end")
        self.kept += got

    def receive(self, timeout=TIMEOUT_S):
        """(type, flags, body) of the next packet."""
        self.sock.settimeout(timeout)
        while True:
            n, shift = 0, 0
            for i, byte in enumerate(self.kept[1:5]):
                n, shift = n | (byte & 0x7F) << shift, shift + 7
                if byte < 0x80:
                    end = 2 + i + n
                    if len(self.kept) >= end:
                        body, first = self.kept[2 + i : end], self.kept[0]
                        self.kept = self.kept[end:]
                        return first >> 4, first & 15, body
                    break
            self.more()

    def open(self, client_id, **options):
        """The CONNACK's reason."""
        self.send(connect_packet(client_id, self.version, **options))
        kind, _, body = self.receive()
        check(kind == CONNACK, f"the answer to CONNECT is a packet of type {kind}")
        return body[1]

    def publish(self, topic, payload, qos=1, packet_id=1, **options):
        """The reason of its PUBACK or PUBREC."""
        self.send(publish_packet(topic, payload, qos, packet_id, self.version, **options))
        return self.answer(PUBACK if qos == 1 else PUBREC, packet_id)

    def answer(self, wanted, packet_id):
        kind, _, body = self.receive()
        check((kind, body[:2]) == (wanted, struct.pack("!H", packet_id)), f"type {kind} came, not {wanted} for {packet_id}")
        return body[2] if len(body) > 2 else 0

    def subscribe(self, *filters, qos=1):
        """The codes of SUBACK."""
        self.send(subscribe_packet(*filters, version=self.version, qos=qos))
        kind, _, body = self.receive()
        check(kind == SUBACK, f"the answer to SUBSCRIBE is a packet of type {kind}")
        return list(body[3:] if self.version == 5 else body[2:])

    def ping(self):
        self.send(packet(PINGREQ))
        while self.receive()[0] != PINGRESP:
            pass

    def ping_alone(self):
        """Nothing but the answer to a ping comes."""
        self.send(packet(PINGREQ))
        kind, _, body = self.receive()
        check(kind == PINGRESP, f"a packet of type {kind} came: {body[:80]}")

    def is_closed(self, seconds=TIMEOUT_S):
        """Whether the server ends it within that time; how long it took."""
        start = time.monotonic()
        try:
            while True:
                left = seconds - (time.monotonic() - start)
                if left <= 0:
                    return None
                self.receive(left)
        except Closed:
            return time.monotonic() - start
        except SiteError:
            return None

    def reason_of_end(self):
        """Of the DISCONNECT that ends it; None: closed without one."""
        try:
            while True:
                kind, _, body = self.receive()
                if kind == DISCONNECT:
                    check(self.is_closed() is not None, "the connection goes on after DISCONNECT")
                    return body[0] if body else 0
        except Closed:
            return None

    def close(self):
        self.sock.close()


class Forger:
    """Certificates as nobody should have them. Signed by the site's CA, or by whom `ca` names."""

    def __init__(self, folder, pki):
        self.dir, self.pki, self.count = folder, pki, 0
        self.ca = self.load(pki / "ca.crt", pki / "ca.key")

    @staticmethod
    def load(cert, key):
        return (x509.load_pem_x509_certificate(cert.read_bytes()), serialization.load_pem_private_key(key.read_bytes(), None))

    def make(self, name, uri="same", ca=None, hours=(-1, 24), usages=("client",), is_ca=False, names=None, serial=None, more=(), ids=True):
        """Paths of the certificate and its key. `names`: the subject whole."""
        ca_cert, ca_key = ca or self.ca
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name(names or [x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.utcnow()
        builder = (
            x509.CertificateBuilder().subject_name(subject).issuer_name(ca_cert.subject).public_key(key.public_key())
            .serial_number(serial or x509.random_serial_number())
            .not_valid_before(now + timedelta(hours=hours[0])).not_valid_after(now + timedelta(hours=hours[1]))
            .add_extension(x509.BasicConstraints(is_ca, None), critical=True)
        )
        if uri is not None:
            uri = f"spiffe://selvedge.local/device/{name}" if uri == "same" else uri
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)]), critical=False)
        oids = {"client": ExtendedKeyUsageOID.CLIENT_AUTH, "server": ExtendedKeyUsageOID.SERVER_AUTH,
                "any": ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
        if usages:
            builder = builder.add_extension(x509.ExtendedKeyUsage([oids[u] for u in usages]), critical=False)
        for extension in [x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
                          x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())]:
            builder = builder.add_extension(extension, critical=False) if ids else builder
        for extension in more:
            builder = builder.add_extension(extension, critical=False)
        return self.write(builder.sign(ca_key, hashes.SHA256()), key)

    def write(self, certificate, key):
        self.count += 1
        paths = self.dir / f"forged-{self.count}.crt", self.dir / f"forged-{self.count}.key"
        paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        paths[1].write_bytes(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        return paths


class Door(Site):
    """A gateway that devices come to, its local page and its unix socket."""

    def __init__(self, folder, programs):
        super().__init__(folder, programs)
        self.issue("press-1", "device")
        self.issue("press-2", "device")
        self.forger = Forger(folder, self.pki)
        self.local = folder / "mqtt.sock"

    def configure(self, listen="", more="", **options):
        self.write_gateway(options.get("fleet", False), None, options.get("group_ms"), door=True, more=more)
        path = self.dir / "gateway.yaml"
        path.write_text(path.read_text().replace("listen: {", f"listen: {{socket: {self.local}, {listen}{', ' if listen else ''}"))

    def open(self, listen="", more="", wrap=(), env=None, **options):
        """`wrap`: a command the gateway is started by; `env` is added to its environment."""
        self.configure(listen, more, **options)
        self.gateway = self.launch(wrap, env)
        return self.gateway

    def launch(self, wrap=(), env=None):
        log = self.dir / "gateway.log"
        log.touch()
        before = log.stat().st_size
        assignments = ["/usr/bin/env", *(f"{k}={v}" for k, v in env.items())] if env else []
        gateway = self.start("gateway", *wrap, *assignments, self.bin / "selvedge-gateway", "--config", self.dir / "gateway.yaml")

        def up():
            self.died()
            return b"door.open" in log.read_bytes()[before:]

        wait_until(up, "the gateway's start")
        return gateway

    # what it says

    def log(self):
        return (self.dir / "gateway.log").read_text(errors="replace")

    def logged(self, event, words=""):
        return [line for line in self.log().splitlines() if f"event={event} " in line and words in line]

    def must_log(self, event, words="", at_most=25):
        wait_until(lambda: self.logged(event, words), f"a line '{event}' with '{words}' in the log", 20)
        count = len(self.logged(event))
        check(count <= at_most, f"{count} lines '{event}' fill the log")

    def page(self, path):
        asked = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=10)
        asked.request("GET", path)
        said = asked.getresponse().read().decode()
        asked.close()
        return said

    def metrics(self):
        lines = (line.rsplit(" ", 1) for line in self.page("/metrics").splitlines() if not line.startswith("#"))
        return {name.removeprefix("selvedge_gateway_"): float(value) for name, value in lines}

    def metric(self, name):
        return self.metrics()[name]

    def status(self):
        return dict(re.findall(r"^(\w+):\s+(\d+)", Path(f"/proc/{self.gateway.pid}/status").read_text(), re.M))

    def memory_kb(self):
        rollup = Path(f"/proc/{self.gateway.pid}/smaps_rollup").read_text()
        return int(re.search(r"^Pss:\s+(\d+)", rollup, re.M).group(1))

    def memory_returns(self, before_kb, allowed_kb, what, seconds=8):
        """How many KiB more there are in the end. Sanitizers keep what is freed: there nothing is judged."""
        if self.sanitized():
            return self.memory_kb() - before_kb
        try:
            wait_until(lambda: self.memory_kb() <= before_kb + allowed_kb, "", seconds)
        except SiteError:
            raise SiteError(f"{what}: {self.memory_kb() - before_kb} KiB more than before are kept, {allowed_kb} are allowed") from None
        return self.memory_kb() - before_kb

    # who comes to it

    def context(self, name="press-1", paths=None, newest=None, weak=False):
        """`weak`: whatever the certificate, this side has nothing against it."""
        cert, key = paths or (self.cert(name), self.key(name))
        context = ssl.create_default_context(cafile=self.pki / "ca.crt")
        context.check_hostname = False
        if weak:
            context.set_ciphers("ALL:@SECLEVEL=0")
        context.load_cert_chain(cert, key)
        if newest:
            context.maximum_version = newest
        return context

    def tcp(self):
        sock = socket.create_connection(("127.0.0.1", self.mqtt_port), TIMEOUT_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def link(self, name="press-1", paths=None, version=5, context=None):
        context = context or self.context(name, paths)
        return Client(context.wrap_socket(self.tcp(), server_hostname="127.0.0.1"), version)

    def client(self, name="press-1", version=5, paths=None, context=None, **options):
        client = self.link(name, paths, version, context)
        reason = client.open(options.pop("client_id", name), **options)
        check(reason == 0, f"{name} is refused with 0x{reason:02x}")
        return client

    def program(self, client_id="watcher", version=5, **options):
        """A local program, on the unix socket."""
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(str(self.local))
        client = Client(sock, version)
        check(client.open(client_id, **options) == 0, f"the local program '{client_id}' is refused")
        return client

    def probe(self, name="bench-probe", every_ms=5):
        return Probe(self, name, every_ms)

    # what it has kept

    def numbers(self, device):
        import sqlite3

        db = sqlite3.connect(f"file:{self.store}?mode=ro", uri=True, timeout=10)
        rows = db.execute("SELECT seq FROM reading_row JOIN stream ON stream.id = stream WHERE device = ? ORDER BY seq", (device,)).fetchall()
        db.close()
        return [row[0] for row in rows]

    def sanitized(self):
        """Whether memory means something else and time runs slower: a build with sanitizers."""
        return b"__asan_init" in (self.bin / "selvedge-gateway").read_bytes()

    def quiet(self):
        """Still there unless it was told to end, and nothing written by a sanitizer."""
        check(self.gateway.poll() in (None, 0), f"the gateway has ended: {self.log()[-800:]}")
        self.sound()

    def sound(self):
        log = self.log()
        found = re.search("runtime error|Sanitizer", log)
        check(found is None, f"a sanitizer speaks: {log[max(0, found.start() - 200) : found.start() + 2000] if found else ''}")


class Probe:
    """A device in a process of its own that publishes numbered readings at a steady pace and waits for each PUBACK."""

    def __init__(self, door, name, every_ms):
        self.door, self.name = door, name
        self.report = door.dir / f"probe-{name}-{time.monotonic_ns()}.json"
        self.process = door.start(
            f"probe-{name}", sys.executable, Path(__file__).with_name("probe.py"), door.mqtt_port, door.pki / "ca.crt",
            door.cert(name), door.key(name), name, every_ms, self.report)
        wait_until(lambda: (door.died(), self.report.exists())[1], "the probe's first reading")

    def end(self):
        """[(monotonic s, ms)] of every acknowledged reading; all of them are in the store once."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self.door.running = [(name, p) for name, p in self.door.running if p is not self.process]
        check(self.report.read_text(), f"the probe failed: {(self.door.dir / f'probe-{self.name}.log').read_text()[-400:]}")
        said = json.loads(self.report.read_text())
        kept = self.door.numbers(self.name)
        check(len(kept) == len(set(kept)), f"{len(kept) - len(set(kept))} readings are there twice")
        lost = set(range(1, said["acknowledged"] + 1)) - set(kept)
        check(not lost, f"{len(lost)} acknowledged readings are lost, the first is {min(lost, default=0)}")
        return said["latencies"]


def percentile(latencies, start, end, share=0.99, least=20):
    window = sorted(ms for at, ms in latencies if start <= at < end)
    check(len(window) >= least, f"only {len(window)} readings were acknowledged in {end - start:.1f} s")
    return window[min(len(window) - 1, int(len(window) * share))]


def keeps_latency(latencies, before, during, what):
    """`before` and `during`: (start, end). Twice, or the slack of a busy machine."""
    usual, hit = percentile(latencies, *before), percentile(latencies, *during)
    print(f"{what}: p99 {usual:.2f} ms before, {hit:.2f} ms during, {len(latencies)} readings kept once each", flush=True)
    check(hit <= max(2 * usual, SLACK_MS), f"{what}: p99 went from {usual:.2f} to {hit:.2f} ms")


def main(stories, **opening):
    """Runs the stories one after the other against one gateway; the first that fails names itself."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", type=Path, required=True)
    parser.add_argument("--only", help="one story by its name")
    parser.add_argument("--keep", action="store_true")
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="selvedge-attack-"))
    door = None
    failed = 0
    try:
        door = Door(folder, asked.programs)
        opened = opening.pop("opened", True)
        if opened:
            door.open(**opening)
        for story in stories:
            if asked.only in (None, story.__name__):
                start = time.monotonic()
                failed += told(story, door)
                if not opened:
                    door.stop_all()
                print(f"{story.__name__}: {time.monotonic() - start:.1f} s", flush=True)
        door.stop_all()
        door.sound()  # also at its end
    except SiteError as failure:
        print(f"FAILED: {failure}", file=sys.stderr, flush=True)
        failed += 1
    finally:
        if door is not None:
            door.stop_all()
        if asked.keep:
            print(folder)
        else:
            shutil.rmtree(folder)
    return 1 if failed else 0


def told(story, door):
    try:
        story(door)
        door.quiet()
    except (SiteError, Closed, OSError) as failure:
        for process in [p for name, p in door.running if name.startswith("probe-")]:
            door.stop(process)
        print(f"{door.log()[-1500:]}\nFAILED {story.__name__}: {failure}", file=sys.stderr, flush=True)
        return 1
    return 0

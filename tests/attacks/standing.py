#!/usr/bin/env python3
"""Who still counts: a gateway follows what its fleet server has signed, at once, and nothing else; one key at two places is seen."""
import base64
import hashlib
import json
import re
import signal
import socket
import ssl
import sys
import threading
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from door import AT_ONCE_S, Client, Closed, SiteError, check, free_port, main, reading, wait_until

ADMINISTRATIVE, TAKEN_OVER, MANY, LINES = 0x98, 0x8E, 40, 5000
MOMENT = 1 << 50  # in microseconds: in 2005, before any certificate here
FAR = 1 << 51  # in 2041: after any


class Fleet:
    """Decides, signs, pushes and is asked; takes whatever else is sent to it."""

    def __init__(self, door, key=None):
        self.lines, self.streams, self.clones, self.told, self.asked = [], [], [], [], []
        self.key = key or serialization.load_pem_private_key((door.pki / "ca.key").read_bytes(), None)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(door.cert("fleet-server"), door.key("fleet-server"))
        self.open(door.device_port)

    def open(self, port):
        self.socket = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self.accept, args=(self.socket,), daemon=True).start()

    def close(self):
        """Away, with every connection."""
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for sock in self.streams:
            sock.close()
        self.streams = []

    def accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, raw):
        try:
            sock = self.context.wrap_socket(raw, server_side=True)
            stream = sock.makefile("rb")
            while self.answer(sock, stream):
                pass
        except (OSError, ValueError, IndexError):
            pass

    def answer(self, sock, stream):
        path = stream.readline().split()[1].decode()
        length = 0
        while (line := stream.readline().strip()) != b"":
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        body = stream.read(length)
        if path.endswith("/events"):
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: hello\n\n")
            self.streams.append(sock)
            self.push(self.page(len(self.lines)), only=sock)
            return True
        said = b"{}"
        if "/standing?after=" in path:
            after = int(path.split("=")[1])
            self.asked.append(after)
            said = json.dumps(self.page(after, min(after + LINES, len(self.lines)))).encode()
        elif path == "/v1/clones":
            self.clones.append(json.loads(body))
        elif path == "/v1/standing":
            self.told.append(json.loads(body)["version"])
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(said), said))
        return True

    def decide(self, name, state, before=0):
        self.lines.append(f"{len(self.lines) + 1} {name} {state} {before}")

    def page(self, after, to=None, key=None, age_s=0.0, lines=None):
        lines = self.lines if lines is None else lines
        to = len(lines) if to is None else to
        chain = bytes(32)
        for line in lines[:to]:
            chain = hashlib.sha256(chain + line.encode() + b"\n").digest()
        at = int((time.time() - age_s) * 1e6)
        message = f"selvedge standing 1\nselvedge.local\n{to} {chain.hex()} {at}\n".encode()
        signature = base64.b64encode((key or self.key).sign(message, ec.ECDSA(hashes.SHA256()))).decode()
        return {"from": after, "lines": lines[after:to], "head": {"version": to, "hash": chain.hex(), "at": at, "signature": signature},
                "newest": len(lines)}

    def push(self, page, only=None):
        event = b"event: standing\ndata: " + json.dumps(page).encode() + b"\n\n"
        for sock in [only] if only else self.streams:
            try:
                sock.sendall(event)
            except OSError:
                pass
        return len(event)


def open_site(door, more=""):
    door.device_port = free_port()
    fleet = Fleet(door)
    door.open(fleet=True, group_ms=2, more=more)
    wait_until(lambda: door.metric("uplink_stream_up") == 1, "the fleet server's stream")
    return fleet


def version_is(door, version):
    wait_until(lambda: door.metric("standing_version") == version, f"change {version} in force", 10)


def pages(door, end):
    return door.metric(f'standing_pages_total{{end="{end}"}}')


def may_enter(door, name, paths=None):
    try:
        client = door.link(name, paths)
        entered = client.open(name) == 0
    except (ssl.SSLError, OSError, Closed):
        return False
    client.close()
    return entered


def alerts(door, rule):
    return [a for a in json.loads(door.page("/v1/alerts"))["items"] if a["rule"] == rule]


def who_is_revoked_is_off_within_two_seconds(door):  # rows 3, 47, [standing-22]
    fleet = open_site(door)
    names = [f"m-{i}" for i in range(MANY)]
    paths = {name: door.forger.make(name, uri=f"spiffe://selvedge.local/device/{name}") for name in names}
    clients = {name: door.client(name, paths=paths[name]) for name in names}
    other = door.client("press-2")
    took = []
    for name in names:
        fleet.decide(name, "revoked", FAR)
        start = time.monotonic()
        size = fleet.push(fleet.page(len(fleet.lines) - 1))
        check(size <= 1024, f"one change is {size} bytes on the wire")
        check(clients[name].reason_of_end() == ADMINISTRATIVE, f"{name} is not told why")
        took.append(time.monotonic() - start)
        check(not may_enter(door, name, paths[name]), f"{name} is in again")
    took.sort()
    print(f"from the order to the end of the session: p50 {took[len(took) // 2] * 1000:.1f} ms, longest {took[-1] * 1000:.1f} ms", flush=True)
    check(took[-1] < AT_ONCE_S, f"it took {took[-1]:.1f} s")
    door.must_log("client.expelled", "'m-0' is revoked", 50)
    door.must_log("link.refused", "'m-0' is revoked", 200)
    other.ping()
    check(door.metric("standing_ended_total") == MANY, "not each is counted")
    wait_until(lambda: fleet.told and fleet.told[-1] == MANY, "the fleet server knows how far the gateway has come")


def nothing_but_the_signed_log_counts(door):  # row 7, [standing-21]
    fleet = open_site(door)
    fleet.decide("press-9", "revoked", MOMENT)
    fleet.push(fleet.page(0))
    version_is(door, 1)
    victim = door.client("press-1")
    honest, foreign = fleet.lines[:], ec.generate_private_key(ec.SECP256R1())
    fleet.decide("press-1", "revoked", FAR)
    unsigned = fleet.page(1)
    unsigned["head"]["signature"] = base64.b64encode(b"x" * 70).decode()
    other_line = fleet.page(1)
    other_line["lines"] = ["2 press-1 retired " + str(FAR)]
    lies = {
        "unsigned": (unsigned, "false"), "signed by somebody else": (fleet.page(1, key=foreign), "false"), "another line than was signed": (other_line, "false"),
        "numbers that skip": ({**fleet.page(1), "lines": ["3 press-1 revoked 1"]}, "broken"), "no page": ({"from": "x"}, "broken"),
    }
    fleet.lines = honest  # what it gives when it is asked
    for what, (page, end) in lies.items():
        before = pages(door, end)
        fleet.push(page)
        wait_until(lambda e=end, b=before: pages(door, e) > b, f"{what} is counted", 20)
        check(door.metric("standing_version") == 1, f"{what} is taken")
        victim.ping()
    wait_until(lambda: len(alerts(door, "standing")) == 1, "one alarm, on disk", 20)
    door.must_log("standing.refused", "false", 2)
    # Signed once, sent again; then a log that has another past.
    fleet.push(fleet.page(0, 1, age_s=60))
    wait_until(lambda: pages(door, "known") >= 1, "what comes again is known", 20)
    before = pages(door, "rewound")
    fleet.push(fleet.page(0, 1, lines=["1 press-1 revoked " + str(FAR)]))
    wait_until(lambda: pages(door, "rewound") > before, "another past is seen", 20)
    fleet.push(fleet.page(0, 0))
    wait_until(lambda: pages(door, "rewound") > before + 1, "a log that goes back is seen", 20)
    victim.ping()
    # What is missing is fetched, in pages.
    for i in range(LINES + 10):
        fleet.decide(f"gone-{i}", "revoked", FAR)
    fleet.decide("press-1", "revoked", FAR)
    fleet.push(fleet.page(len(fleet.lines)))
    check(victim.reason_of_end() == ADMINISTRATIVE, "what was fetched is not in force")
    version_is(door, LINES + 12)
    check(1 in fleet.asked and LINES + 1 in fleet.asked, f"asked after {fleet.asked}")
    check(len(alerts(door, "standing")) == 1, "the alarm is over although lies came just now")
    check(door.metric('alerts_total{event="raised"}') == 1, "a flood of alerts")


def what_is_known_outlives_kills_and_the_link(door):  # row 7, [standing-21], [standing-25]
    fleet = open_site(door, more="standing: {max_age: 8s}\n")
    door.issue("press-3", "device")
    check(may_enter(door, "press-2"), "press-2 is not met")
    fleet.decide("press-1", "revoked", FAR)
    fleet.push(fleet.page(0))
    wait_until(lambda: 1 in fleet.told, "the change is on disk, as the fleet server is told", 20)
    fleet.close()
    door.stop(door.gateway, signal.SIGKILL)
    door.gateway = door.launch()
    check(not may_enter(door, "press-1"), "a kill makes a revoked one count")
    wait_until(lambda: door.metric("standing_old") == 1, "the log is old", 12)
    check(may_enter(door, "press-2"), "an old log locks out who was met")
    check(not may_enter(door, "press-1"), "an old log lets a revoked one in")
    check(not may_enter(door, "press-3"), "an old log lets in who was never seen")
    door.must_log("link.refused", "'press-3' was never seen here", 200)
    wait_until(lambda: len(alerts(door, "standing-age")) == 1, "the alarm", 20)
    fleet.open(door.device_port)
    wait_until(lambda: door.metric("standing_old") == 0, "the fleet server is heard again", 15)
    check(may_enter(door, "press-3"), "a new device is refused although the log is fresh")
    wait_until(lambda: alerts(door, "standing-age") == [], "the alarm ends", 20)


def clone_of(door, name, host):
    sock = socket.socket()
    sock.bind((host, 0))
    sock.connect(("127.0.0.1", door.mqtt_port))
    client = Client(door.context(name).wrap_socket(sock, server_hostname="127.0.0.1"))
    check(client.open(name) == 0, f"{name} is refused at {host}")
    return client


def take_turns(door):
    """Two that have one key, until they are seen; who has the session in the end."""
    start, has, turns = time.monotonic(), clone_of(door, "press-1", "127.0.0.1"), 0
    while door.metric("clones_total") == 0:
        loser, turns = has, turns + 1
        has = clone_of(door, "press-1", "127.0.0.2" if turns % 2 else "127.0.0.1")
        check(loser.reason_of_end() == TAKEN_OVER, "the session is not taken over")
        loser.close()
        check(time.monotonic() - start < 5, "a cloned key is not seen within 5 s")
        time.sleep(0.2)
    check(turns <= 4, f"{turns} takeovers")
    return has


def command(door, *words):
    return door.run("selvedge", "gateway", *words, "--port", str(door.http_port))


def one_key_at_two_places_is_seen(door):  # row 45, [standing-27], [standing-28]
    fleet = open_site(door)
    has = take_turns(door)
    wait_until(lambda: fleet.clones, "the fleet server is told", 20)
    check((fleet.clones[0]["id"], fleet.clones[0]["places"]) == ("press-1", ["127.0.0.1", "127.0.0.2"]), f"told {fleet.clones}")
    wait_until(lambda: len(alerts(door, "clone")) == 1, "the alert, on disk", 20)
    check(has.publish("sensors/press-1/level", reading("press-1", 1)) == 0, "a reading is not acknowledged")
    check(has.publish("health/press-1", "{}", packet_id=2) == 0, "health is refused")
    check(door.metric("set_aside") == 1 and door.metric("readings_stored_total") == 0, "the reading is not set aside")
    shown = json.loads(door.page("/v1/set-aside?device=press-1"))["items"]
    check([item["sensor"] for item in shown] == ["level"], f"shown {shown}")
    check("level" in command(door, "set-aside", "--device", "press-1") and "press-1" in command(door, "set-aside"), "the command does not show it")
    check("QUARANTINED HERE: press-1, its key was used from 127.0.0.1, 127.0.0.2" in command(door, "status"), "the status does not say so")
    # The operator has looked: it counts again, here too.
    fleet.decide("press-1", "quarantined")
    fleet.push(fleet.page(0))
    version_is(door, 1)
    fleet.decide("press-1", "active")
    fleet.push(fleet.page(1))
    version_is(door, 2)
    check(has.publish("sensors/press-1/level", reading("press-1", 2), packet_id=3) == 0, "a reading is refused")
    wait_until(lambda: door.metric("readings_stored_total") == 1, "the device counts again", 20)
    check(alerts(door, "clone") == [], "the alert goes on")


def a_gateway_alone_quarantines_and_releases(door):  # row 45, [standing-28]
    door.open(group_ms=2)
    has = take_turns(door)
    check(has.publish("sensors/press-1/level", reading("press-1", 1)) == 0, "a reading is not acknowledged")
    door.stop(door.gateway, signal.SIGKILL)
    door.gateway = door.launch()
    check(door.metric("quarantined_here") == 1 and door.metric("set_aside") == 1, "a kill ends a quarantine")
    check("counts again" in command(door, "release", "press-1", "--by", "ann"), "not released")
    client = door.client("press-1")
    check(client.publish("sensors/press-1/level", reading("press-1", 2)) == 0, "a reading is refused")
    check(door.metric("readings_stored_total") == 1 and alerts(door, "clone") == [], "it does not count again")
    door.must_log("standing.released", "press-1, by ann")
    try:
        command(door, "release", "press-1")
        raise SiteError("what is not quarantined is released")
    except SiteError as refused:
        check("'press-1' is not quarantined" in str(refused), str(refused))


def who_moves_is_one(door):  # row 45, [standing-27]
    open_site(door)
    lost = []
    hosts = ["127.0.0.1", "127.0.0.2"]
    # Its network goes with the connection, half-dead as that is: nobody ends that side.
    for i in range(10):
        lost.append(clone_of(door, "press-1", hosts[i % 2]))
    # A NAT forgets it, or it starts anew: the same address, another port; a reset answers for the old one.
    for i in range(10):
        old = clone_of(door, "press-2", "127.0.0.3")
        lost.append(clone_of(door, "press-2", "127.0.0.3"))
        old.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        old.close()
    time.sleep(2)
    check(door.metric('door_events_total{kind="taken_over"}') >= 18, "nobody was taken over")
    check(door.metric("clones_total") == 0, f"a device that moves is taken for two: {door.logged('security.clone')}")
    for client in lost:
        client.close()


def who_asks_for_what_it_may_not_is_one_alert(door):  # rows 8, 10, [standing-29]
    open_site(door)
    client = door.client("press-1")
    for i in range(40):
        check(client.publish("sensors/press-2/level", reading("press-2"), packet_id=i + 1) == 0x87, "a foreign topic is taken")
    wait_until(lambda: len(alerts(door, "denied")) == 1, "the alert", 20)
    alert = alerts(door, "denied")[0]
    check(alert["device"] == "press-1" and alert["type"] == "SECURITY", f"{alert}")
    status = json.loads(door.page("/v1/status"))
    check(status["front"]["denied_most"][0] == {"id": "press-1", "count": 40}, f"{status['front']}")
    check(door.metric('alerts_total{event="raised"}') == 1, "a flood of alerts")


def https(door, name):
    """A connection to the device door that stays open, with its first answer read."""
    raw = socket.create_connection(("127.0.0.1", door.door_port), 5)
    sock = door.context(name).wrap_socket(raw, server_hostname="127.0.0.1")
    return sock, ask(sock)


def ask(sock):
    """The status of one request; 0: the connection is closed."""
    try:
        sock.sendall(b"GET /v1/self HTTP/1.1\r\nHost: x\r\n\r\n")
        said = b""
        while b"\r\n\r\n" not in said or len(said.split(b"\r\n\r\n", 1)[1]) < int(re.search(rb"(?i)content-length: (\d+)", said).group(1)):
            if not (more := sock.recv(65536)):
                return 0
            said += more
        return int(said.split()[1])
    except OSError:
        return 0


def who_is_revoked_is_off_at_the_device_door(door):  # rows 3, 44, [standing-22]
    door.door_port = free_port()
    fleet = open_site(door, more=f"door: {{bind: 127.0.0.1, port: {door.door_port}}}\n")
    (revoked, status), (other, also) = https(door, "press-1"), https(door, "press-2")
    silent = door.context("press-1").wrap_socket(socket.create_connection(("127.0.0.1", door.door_port), 5), server_hostname="127.0.0.1")
    check((status, also) == (200, 200), f"a device is answered {status}, {also}")
    fleet.decide("press-1", "revoked", FAR)
    fleet.push(fleet.page(0))
    start = time.monotonic()
    for sock in (revoked, silent):
        sock.settimeout(5)
        try:
            check(sock.recv(1) == b"", "something is said to who is revoked")
        except OSError:
            pass  # reset
    check(time.monotonic() - start < AT_ONCE_S, "connections of who is revoked go on")
    check(https(door, "press-1")[1] == 403, "who is revoked is answered")
    check(ask(other) == 200, "somebody else was sent away")
    door.must_log("relay.refused", "'press-1' is revoked", 10)
    fleet.decide("press-1", "quarantined")
    fleet.push(fleet.page(1))
    version_is(door, 2)
    check(https(door, "press-1")[1] == 200, "a quarantined device gets no updates")


def one_id_has_so_many_connections(door):  # rows 17, 19, [mqtt-21]
    open_site(door)
    victim, links = door.client("press-2"), []
    for _ in range(16):
        links.append(door.link("press-1"))
    wait_until(lambda: door.metric('door_links{side="tls"}') == 17, "sixteen and the other one", 20)
    try:
        many = door.link("press-1")
        many.open("press-1")
        raise SiteError("a seventeenth connection of one id is let in")
    except (ssl.SSLError, OSError, Closed):
        pass
    door.must_log("link.refused", "16 connections are open already (press-1)", 200)
    victim.ping()
    start = time.monotonic()
    for link in links:
        check(link.is_closed(12) is not None, "a connection without CONNECT goes on")
    check(time.monotonic() - start < 11.5, "who never connects is kept for more than 10 s")
    door.client("press-1").close()


STORIES = [who_is_revoked_is_off_within_two_seconds, nothing_but_the_signed_log_counts, what_is_known_outlives_kills_and_the_link,
           who_is_revoked_is_off_at_the_device_door, one_id_has_so_many_connections, one_key_at_two_places_is_seen, a_gateway_alone_quarantines_and_releases, who_moves_is_one, who_asks_for_what_it_may_not_is_one_alert]

if __name__ == "__main__":
    sys.exit(main(STORIES, opened=False))

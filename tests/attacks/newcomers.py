#!/usr/bin/env python3
"""The device door lets in who has no certificate yet: floods of them, and of those who say nothing, while one honest device goes on asking."""
import http.client
import json
import random
import resource
import socket
import ssl
import subprocess
import sys
import threading
import time

from door import check, free_port, keeps_latency, main, wait_until

HALF_OPEN, STRANGERS, STRANGERS_MAX = 10000, 300, 256  # of apps/gateway/relay.h
NEWCOMERS_BURST = 60  # of apps/gateway/relay_rate.h
CALM_S, FLOOD_S, MEMORY_KB = 1.5, 3, 24 * 1024
DEADLINE_S = 10 + 1.5
EST = "/.well-known/est/"
PORT = free_port()


def honest(ca, cert, key):
    """In a process of its own: asks every 20 ms over one connection until its stdin ends, and tells every latency."""
    context = ssl.create_default_context(cafile=ca)
    context.check_hostname = False
    context.load_cert_chain(cert, key)
    asked, latencies, ended = http.client.HTTPSConnection("127.0.0.1", PORT, timeout=20, context=context), [], threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    while not ended.wait(0.02):
        start = time.monotonic()
        asked.request("GET", EST + "cacerts")
        answer = asked.getresponse()
        answer.read()
        check(answer.status == 200, f"status {answer.status}")
        latencies.append((start, (time.monotonic() - start) * 1000))
        if len(latencies) == 1:
            print("in", flush=True)
    print(json.dumps(latencies))


class Honest:
    def __init__(self, door):
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--honest", str(PORT), door.pki / "ca.crt", door.cert("press-1"), door.key("press-1")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        check(self.process.stdout.readline() == b"in\n", "the honest device does not get in")
        self.start = time.monotonic()
        time.sleep(CALM_S)

    def end(self):
        said, _ = self.process.communicate(timeout=30)
        check(self.process.returncode == 0, "the honest device was held up")
        return json.loads(said)


def context(door, name=None):
    made = ssl.create_default_context(cafile=door.pki / "ca.crt")
    made.check_hostname = False
    if name:
        made.load_cert_chain(door.cert(name), door.key(name))
    return made


def address(i):
    return f"127.0.{1 + i // 250 % 250}.{1 + i % 250}"


def begin(host):
    """A connection that is being made, from that address."""
    sock = socket.socket()
    sock.setblocking(False)
    sock.bind((host, 0))
    sock.connect_ex(("127.0.0.1", PORT))
    return sock


def ask(door, name, path, host="127.0.0.1", **more):
    """Over a new connection: status and body."""
    asked = http.client.HTTPSConnection("127.0.0.1", PORT, timeout=30, context=context(door, name), source_address=(host, 0))
    asked.request(more.pop("method", "GET"), path, **more)
    answer = asked.getresponse()
    body = answer.read()
    asked.close()
    return answer.status, body


def flooded(door, what, flood):
    """`flood` gives the sockets it holds; while it has them, the honest device is served, and another one gets in."""
    kb, device, start = door.memory_kb(), Honest(door), time.monotonic()
    socks = flood()
    begun = time.monotonic()
    check(ask(door, "press-2", EST + "cacerts", "127.0.0.9")[0] == 200, f"{what}: who has a certificate does not get in")
    entered = time.monotonic() - begun
    time.sleep(max(0, FLOOD_S - (time.monotonic() - start)))
    ended, top = time.monotonic(), door.memory_kb() - kb
    for sock in socks:
        sock.close()
    latencies = device.end()
    check(door.sanitized() or top < MEMORY_KB, f"{what}: {top} KiB more than before")
    print(f"{what}: {len(socks)} connections, another device in after {entered:.1f} s, {top} KiB more")
    keeps_latency(latencies, (device.start, start), (start, ended), what)


def ten_thousand_who_say_nothing(door):  # row 18 [relay-14]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    flooded(door, "silent", lambda: [begin(address(i)) for i in range(min(HALF_OPEN, hard - 500))])


def strangers_who_stay(door):  # row 18 [relay-14]
    """Each shakes hands, asks once, and keeps its connection."""
    made = context(door)

    def stay(i):
        sock = made.wrap_socket(socket.create_connection(("127.0.0.1", PORT), 20, source_address=(f"127.0.0.{20 + i % 3}", 0)))
        sock.sendall(f"GET {EST}csrattrs HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        return sock

    shed = door.metric("relay_shed_total")
    flooded(door, "strangers", lambda: [stay(i) for i in range(STRANGERS)])
    print(f"strangers: {door.metric('relay_shed_total') - shed:.0f} made room for the next")


def client_hellos(door):  # row 18
    """A byte of a handshake that never goes on."""

    def half(i):
        sock = socket.create_connection(("127.0.0.1", PORT), 20, source_address=(f"127.0.0.{20 + i % 3}", 0))
        sock.send(b"\x16")
        return sock

    shed = door.metric("relay_shed_total")
    flooded(door, "half handshakes", lambda: [half(i) for i in range(2 * STRANGERS_MAX)])
    check(door.metric("relay_shed_total") > shed, "nobody made room for the next")


def who_is_slow_is_closed(door):  # row 17
    made, request = context(door), f"POST {EST}simpleenroll HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\nX: ".encode() + b"a" * 1000

    def link():
        sock = made.wrap_socket(socket.create_connection(("127.0.0.1", PORT), 20))
        return sock

    hello = ssl.MemoryBIO()
    half = made.wrap_bio(ssl.MemoryBIO(), hello)
    try:
        half.do_handshake()
    except ssl.SSLWantReadError:
        pass
    head = f"POST {EST}simpleenroll HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n".encode()
    slow = {"TLS byte by byte": (socket.create_connection(("127.0.0.1", PORT), 20), hello.read()), "no request": (link(), b""),
            "request byte by byte": (link(), request), "body byte by byte": (link(), b"a" * 1000)}
    slow["body byte by byte"][0].sendall(head)
    start, ended, at = time.monotonic(), {}, 0
    for sock, _ in slow.values():
        sock.setblocking(False)
    while len(ended) < len(slow) and time.monotonic() - start < 14:
        for what, (sock, data) in slow.items():
            if what in ended:
                continue
            try:
                if data[at : at + 1]:
                    sock.send(data[at : at + 1])
                if sock.recv(4096) == b"":
                    ended[what] = time.monotonic() - start
            except (ssl.SSLWantReadError, BlockingIOError):
                pass
            except OSError:
                ended[what] = time.monotonic() - start
        at += 1
        time.sleep(0.25)
    for what in slow:
        check(ended.get(what, 99) <= DEADLINE_S, f"{what}: closed after {ended.get(what)} s")
    print("slow ones end after " + ", ".join(f"{what} {s:.1f} s" for what, s in ended.items()))


def an_address_that_asks_all_the_time(door):  # row 40 [relay-13]
    """Guesses over new connections and one that stays: as many as its rate; another address is heard."""
    asked = http.client.HTTPSConnection("127.0.0.1", PORT, timeout=30, context=context(door), source_address=("127.0.0.30", 0))
    statuses = {}
    for _ in range(4 * NEWCOMERS_BURST):
        asked.request("POST", EST + "simpleenroll", b"x" * 100, {"Authorization": f"Basic {random.getrandbits(64):x}"})
        answer = asked.getresponse()
        answer.read()
        statuses[answer.status] = statuses.get(answer.status, 0) + 1
    check(statuses.get(429, 0) > 2 * NEWCOMERS_BURST, f"it was answered {statuses}")
    check(ask(door, None, EST + "cacerts", "127.0.0.31")[0] == 200, "somebody else is not heard")
    check("Basic" not in door.log(), "what it guessed is in the log")
    status, body = ask(door, None, EST + "simpleenroll", "127.0.0.32", method="POST", body=b"x" * 10_000_000)
    check(status == 413, f"10 MB are answered {status}")
    door.must_log("relay.unfinished", "127.0.0.32:")  # [enrol-25]
    with context(door).wrap_socket(socket.create_connection(("127.0.0.1", PORT), 20, source_address=("127.0.0.33", 0))) as half:
        half.sendall(f"POST {EST}simpleenroll HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nMIIB".encode())
    door.must_log("relay.unfinished", "127.0.0.33:")
    status, body = ask(door, None, EST + "simpleenroll", "127.0.0.32", method="POST", body=b"x")
    check(status == 503 and b"cannot reach the fleet server" in body, f"{status} {body}")


STORIES = [ten_thousand_who_say_nothing, strangers_who_stay, client_hellos, who_is_slow_is_closed, an_address_that_asks_all_the_time]

if __name__ == "__main__":
    if sys.argv[1:2] == ["--honest"]:
        PORT = int(sys.argv[2])
        honest(*sys.argv[3:])
    else:
        # Nobody listens on the fleet server's port: what the door answers then, it answers by itself.
        sys.exit(main(STORIES, fleet=1, more=f"door: {{bind: 127.0.0.1, port: {PORT}}}\n"))

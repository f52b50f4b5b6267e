#!/usr/bin/env python3
"""More of everything than there is room for, while one honest device goes on publishing and must not notice."""
import resource
import select
import socket
import ssl
import subprocess
import sys
import threading
import time

from door import PUBACK, Closed, check, connect_packet, keeps_latency, main, publish_packet, reading, wait_until

HALF_OPEN, STORM_DEVICES = 10000, 300
CALM_S, FLOOD_S = 1.5, 2
HANDSHAKES_MAX = 2048  # of apps/gateway/door.c
MEMORY_KB = 8 * 1024
DEADLINE_S = 10 + 1.5  # the sweep and the tick come on top


def half_opens():
    """As many sockets as this machine lets one process have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return min(HALF_OPEN, hard - 500)


def hello(door):
    """The ClientHello of an honest client."""
    out = ssl.MemoryBIO()
    context = door.context()
    tls = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname="localhost")
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


def flood(door, count, first_bytes):
    socks = []
    for _ in range(count):
        sock = socket.create_connection(("127.0.0.1", door.mqtt_port), 5)
        sock.setblocking(False)
        if first_bytes:
            try:
                sock.send(first_bytes)
            except OSError:
                pass  # it has been shed before it could say anything
        socks.append(sock)
    return socks


def half_open(door, what, first_bytes):
    probe, count = door.probe(), half_opens()
    start = time.monotonic()
    time.sleep(CALM_S)
    before, kb, flooded = door.metrics(), door.memory_kb(), time.monotonic()
    socks = flood(door, count, first_bytes)
    opened = time.monotonic()
    while time.monotonic() < flooded + FLOOD_S:
        socks += flood(door, 50, first_bytes)
        for sock in socks[:50]:
            sock.close()
        del socks[:50]
    ended = time.monotonic()
    top_kb = door.memory_kb()
    during = door.metrics()
    check(during["door_handshakes"] <= HANDSHAKES_MAX, f"{during['door_handshakes']} handshakes are under way")
    check(door.client().publish("sensors/press-1/level", reading("press-1")) == 0, "nobody gets in during the flood")
    for sock in socks:
        sock.close()
    wait_until(lambda: door.metric("door_handshakes") == 0, "the flood has gone", 12)
    after = door.metrics()
    turned = sum(after[f'door_{k}_total{{side="tls"}}'] - before[f'door_{k}_total{{side="tls"}}'] for k in ("shed", "refused"))
    check(turned >= count, f"{turned} of {count} are counted")
    wait_until(lambda: door.logged("door.shed"), "a sentence about who was turned away", 20)
    check(len(door.logged("link.refused")) + len(door.logged("door.shed")) < 80, "the log is flooded")
    latencies = probe.end()
    kept = door.memory_returns(kb, MEMORY_KB, what)
    print(f"{what}: {count} in {opened - flooded:.1f} s, and on, {top_kb - kb} KiB more at the end of it, {kept} KiB more afterwards")
    keeps_latency(latencies, (start, flooded), (flooded, ended), what)


def ten_thousand_sockets(door):  # row 18
    half_open(door, "half-open TCP", b"")


def ten_thousand_client_hellos(door):  # row 18
    half_open(door, "half-open TLS", hello(door))


def trickle(sock, data):
    try:
        sock.send(data)
    except OSError:
        pass


def who_is_slow_is_closed(door):  # row 17
    probe, first = door.probe(every_ms=20), hello(door)
    request = b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 1000
    connect = connect_packet("press-2", properties=b"\x26" + b"\0\x80" + b"k" * 128 + b"\0\0")
    slow = {
        "TCP without a byte": (door.tcp(), b""), "TLS byte by byte": (door.tcp(), first), "TLS without CONNECT": (door.link("press-1").sock, b""),
        "CONNECT byte by byte": (door.link("press-2").sock, connect), "HTTP byte by byte": (socket.create_connection(("127.0.0.1", door.http_port), 5), request),
        "HTTP without a byte": (socket.create_connection(("127.0.0.1", door.http_port), 5), b""),
    }
    start, ended, at = time.monotonic(), {}, 0
    for sock, _ in slow.values():
        sock.setblocking(False)
    while len(ended) < len(slow) and time.monotonic() - start < 14:
        for what, (sock, data) in slow.items():
            if what in ended:
                continue
            trickle(sock, data[at : at + 1])
            try:
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
    door.must_log("link.refused", "handshake not finished within", 80)
    door.must_log("client.refused", "no CONNECT came", 80)
    probe.end()


def a_subscriber_that_stops_reading(door):
    deaf = door.program("deaf", clean=False, properties=b"\x11\0\0\0\x3c")
    check(deaf.subscribe("sensors/press-1/#", qos=0) == [0], "cannot listen")
    deaf2 = door.program("deaf2")
    check(deaf2.subscribe("sensors/press-1/#", qos=1) == [1], "cannot listen")
    probe, kb, start = door.probe(), door.memory_kb(), time.monotonic()
    time.sleep(CALM_S)
    flooded, client, top = time.monotonic(), door.client(), 0
    for n in range(1, 1201):
        client.send(publish_packet("sensors/press-1/big", reading("press-1", n, epoch="deaf") + " " * 50000, 1, n))
        if n % 20 == 0:
            for last in range(n - 19, n + 1):
                client.answer(PUBACK, last)
            top = max(top, door.memory_kb() - kb)
    ended = time.monotonic()
    check(len(set(door.numbers("press-1"))) >= 1200, "readings are lost for the sake of a subscriber")
    latencies = probe.end()
    check(door.sanitized() or top < 3 * MEMORY_KB, f"{top} KiB are kept for who does not read")
    check(door.metric('door_events_total{kind="dropped"}') > 0, "what was dropped is not counted")
    for each in (deaf, deaf2, client):
        each.close()
    wait_until(lambda: door.metric('door_links{side="local"}') == 0, "the deaf ones have gone", 20)
    door.program("deaf", clean=True).close()
    print(f"deaf subscribers: 60 MB published, {top} KiB more at most, {door.memory_returns(kb, MEMORY_KB, 'deaf')} KiB afterwards")
    keeps_latency(latencies, (start, flooded), (flooded, ended), "deaf subscribers")


def everybody_comes_back_at_once(door):  # row 20
    probe, start = door.probe(), time.monotonic()
    time.sleep(CALM_S)
    kb, spans = None, []
    for storm in range(3):
        begun = time.monotonic()
        devices = door.simulate(STORM_DEVICES, 10, 60)
        wait_until(lambda: (door.died(), door.metric("door_clients"))[1] >= STORM_DEVICES + 1, "every device is there", 60)
        spans.append((begun, time.monotonic()))
        devices.kill()
        devices.wait()
        door.running = [(n, p) for n, p in door.running if p is not devices]
        wait_until(lambda: door.metric("door_clients") == 1, "every device has gone", 20)
        kb = kb or door.memory_kb()
    latencies = probe.end()
    print(f"storms: {STORM_DEVICES} devices back in {', '.join(f'{e - b:.1f}' for b, e in spans)} s, "
          f"{door.memory_returns(kb, MEMORY_KB, 'storms')} KiB more than after the first")
    keeps_latency(latencies, (start, spans[0][0]), (spans[0][0], spans[-1][1]), "storms")


def renegotiation_and_key_updates_get_nothing(door):  # row 18
    told = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{door.mqtt_port}", "-tls1_2", "-cert", door.cert("press-1"), "-key", door.key("press-1"),
         "-CAfile", door.pki / "ca.crt"], input=b"R\nR\nR\n", capture_output=True, check=False, timeout=10)
    check(b"no renegotiation" in told.stderr.lower(), f"renegotiation is not refused: {told.stderr[-300:]}")


def who_sends_too_much_is_read_from_slowly(door):  # row 20
    rate, seconds = 128 * 1024, 3
    door.stop(door.gateway)
    door.configure(listen=f"rate: {rate // 1024}KiB", group_ms=2)
    door.gateway = door.launch()
    probe, start = door.probe(every_ms=20), time.monotonic()
    time.sleep(CALM_S)
    neighbour, fast, over = door.client("press-2"), door.client(), threading.Event()

    def pour():
        n = 0
        while not over.is_set():
            n += 1
            try:
                fast.send(publish_packet("sensors/press-1/level", reading("press-1", n, epoch="fast") + " " * 8000, 0, n))
            except (OSError, Closed):
                over.set()

    before, flooded, kept = door.metric('door_bytes_total{way="in"}'), time.monotonic(), 0
    thread = threading.Thread(target=pour)
    thread.start()
    while time.monotonic() < flooded + seconds:
        kept += 1
        check(neighbour.publish("sensors/press-2/level", reading("press-2", kept, epoch="beside")) == 0, "a neighbour of a flood is refused")
    came, ended = door.metric('door_bytes_total{way="in"}') - before, time.monotonic()
    front, alive = door.gateway_status()["front"], not over.is_set()
    over.set()
    check(alive, "who sends too much is disconnected")
    most = rate * (ended - flooded + 1) + 256 * 1024  # a second that was saved up, and what the others send
    check(rate * seconds / 2 < came < most, f"{came} bytes came in {ended - flooded:.1f} s, {most:.0f} at most wanted")
    check(front["slowed_total"] > 0 and door.metric("door_slowed_total") > 0, "it is not counted")
    door.must_log("client.slowed", "press-1 sends more than 128 KiB a second")
    check(len(door.logged("client.slowed")) == 1, "it is told more than once")
    check(kept > 20, f"a neighbour has sent {kept} readings in {seconds} s")
    fast.close()
    thread.join()
    neighbour.close()
    latencies = probe.end()
    print(f"a flood: {came / (ended - flooded) / 1024:.0f} KiB/s of it are read, a neighbour sends {kept} readings meanwhile")
    keeps_latency(latencies, (start, flooded), (flooded, ended), "a flood")


def soft_limit(door):
    lines = open(f"/proc/{door.gateway.pid}/limits", encoding="utf-8").read().splitlines()
    return next(line.split()[3:5] for line in lines if line.startswith("Max open files"))


def descriptors_run_out(door):  # row 57, mosquitto: reload without free descriptors
    for limits in ("1024:", "256:256"):
        door.stop(door.gateway)
        door.gateway = door.launch(wrap=("prlimit", f"--nofile={limits}"))
        soft, hard = soft_limit(door)
        check(soft == hard, f"the soft limit of open files is {soft}, the hard one {hard}")
    door.must_log("door.narrow", "LimitNOFILE")
    for i in range(10):  # one identity has 16 connections at most
        door.issue(f"crowd-{i}", "device")
    probe, socks, contexts = door.probe(every_ms=20), [], [door.context(f"crowd-{i}") for i in range(10)]
    shed = door.metric('door_shed_total{side="tls"}')
    for i in range(150):
        sock = contexts[i % 10].wrap_socket(door.tcp(), do_handshake_on_connect=False)
        sock.settimeout(1)
        try:
            sock.do_handshake()
        except OSError:
            pass
        socks.append(sock)
    socks += flood(door, 300, b"")
    # The local page has descriptors left. Who has had a second makes room for who waits.
    wait_until(lambda: door.metric('door_shed_total{side="tls"}') - shed >= 300, "a count of those turned away", 30)
    now = door.metrics()
    check(now['door_links{side="tls"}'] <= 65 and now["door_handshakes"] <= 64, "more than there is room for")
    door.gateway.send_signal(1)  # SIGHUP reads certificates and configuration
    wait_until(lambda: door.logged("config.reloaded"), "a reload without free descriptors", 20)
    door.must_log("door.shed", "for want of room")
    for sock in socks:
        sock.close()
    wait_until(lambda: door.metric('door_links{side="tls"}') == 1, "the links have gone", 12)
    check(door.client().publish("sensors/press-1/level", reading("press-1")) == 0, "it has not recovered")
    probe.end()
    check(not door.logged("tls.refused") and not door.logged("config.refused"), "the reload failed")


STORIES = [renegotiation_and_key_updates_get_nothing, ten_thousand_sockets, ten_thousand_client_hellos, a_subscriber_that_stops_reading,
           everybody_comes_back_at_once, who_is_slow_is_closed, who_sends_too_much_is_read_from_slowly, descriptors_run_out]

if __name__ == "__main__":
    sys.exit(main(STORIES, listen="rate: 1GiB", group_ms=2))

#!/usr/bin/env python3
"""A fleet server that answers anything but what it should, for a while: readings are kept, sent again, and arrive once."""
import ctypes
import json
import socket
import ssl
import sys
import threading
import time

from door import PUBACK, check, free_port, keeps_latency, main, publish_packet, reading, wait_until

OWN = "sensors/press-1/level"
MEMORY_KB = 8 * 1024
HONEST = "honest"
FAULTS = {
    "500": b"HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n",
    "429": b"HTTP/1.1 429 x\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n",
    "a redirect": b"HTTP/1.1 302 x\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    "no HTTP": b"\x00\xff\x16\x03 SSH-2.0-x\r\n\r\n",
    "200 with garbage": b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n<html>\n",
    "200 with nothing settled": b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"seq":0}',
    "200 with a number below all": b'HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n{"seq":-9223372036854775808}   ',
    "half a reply": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"seq\":",
    "a header without an end": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 300000,
    "1 GB": b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n" + b" " * 3000000,
}


class Fleet:
    """Takes batches; answers with whatever `mode` names."""

    def __init__(self, door):
        self.mode, self.seen, self.items, self.requests, self.ended = HONEST, {}, {}, 0, False
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(door.cert("fleet-server"), door.key("fleet-server"))
        self.socket = socket.create_server(("127.0.0.1", door.device_port))
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            sock, _ = self.socket.accept()
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, raw):
        try:
            with self.context.wrap_socket(raw, server_side=True) as sock:
                with sock.makefile("rb") as stream:
                    while self.answer(sock, stream):
                        pass
        except (OSError, ValueError):
            pass

    def answer(self, sock, stream):
        path, headers = stream.readline().split()[1:2], {}
        if not path:
            return False
        while (line := stream.readline().strip()) != b"":
            name, value = line.split(b":", 1)
            headers[name.lower()] = value.strip()
        body = stream.read(int(headers.get(b"content-length", 0)))
        mode, self.requests = self.mode, self.requests + 1
        self.seen[mode] = self.seen.get(mode, 0) + (path[0] == b"/v1/readings")
        if mode == HONEST:
            said = self.take(path[0], headers, body)
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(said), said))
            return True
        if mode == "nothing":
            time.sleep(15)
            return False
        sock.sendall(FAULTS[mode])
        return mode in ("500", "429", "a redirect") or mode.startswith("200")

    def take(self, path, headers, body):
        if path != b"/v1/readings":
            return b"{}"
        body = unpacked(headers.get(b"content-encoding"), body)
        batch = json.loads(body)
        for item in batch["items"]:
            self.items.setdefault(item["seq"], item)
        return json.dumps({"epoch": batch["epoch"], "seq": max(item["seq"] for item in batch["items"])}).encode()


def unpacked(encoding, body):
    if encoding != b"zstd":
        return body
    room = ctypes.create_string_buffer(4 << 20)
    size = ctypes.CDLL("libzstd.so.1").ZSTD_decompress(room, len(room), body, len(body))
    return room.raw[:size]


def cpu_s(door):
    fields = open(f"/proc/{door.gateway.pid}/stat", encoding="utf-8").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def a_fleet_server_that_answers_anything(door):
    door.device_port = free_port()
    fleet = Fleet(door)
    door.configure(fleet=True, group_ms=2, more="uplink: {default: all}\n")
    path = door.dir / "gateway.yaml"
    path.write_text(path.read_text().replace("fleet: {", "fleet: {every: 200ms, "))
    door.gateway = door.launch()
    probe, client, start = door.probe(), door.client(), time.monotonic()
    wait_until(lambda: door.metric("uplink_up") == 1 and fleet.items, "the honest server's answer")
    time.sleep(1.5)
    kb, hurt, sent = door.memory_kb(), time.monotonic(), 0
    for mode in [*FAULTS, "nothing"]:
        fleet.mode, before, cpu = mode, fleet.requests, cpu_s(door)
        client.send(b"".join(publish_packet(OWN, reading("press-1", n, epoch="up"), 1, n) for n in range(sent + 1, sent + 601)))
        for n in range(sent + 1, sent + 601):
            client.answer(PUBACK, n)
        sent += 600
        at = time.monotonic()
        wait_until(lambda m=mode: fleet.seen.get(m), f"a batch that is answered with {mode}", 20)
        sign = ("uplink_stuck", 1) if mode.startswith("200") else ("uplink_up", 0)
        wait_until(lambda s=sign: door.metric(s[0]) == s[1], f"{mode}: it is known that nobody takes anything", 12)
        took = time.monotonic() - at
        check(fleet.requests - before < 40 * max(1, took), f"{mode}: {fleet.requests - before} requests in {took:.1f} s")
        check(cpu_s(door) - cpu < 0.5 * max(1, took) + 0.5, f"{mode}: {cpu_s(door) - cpu:.1f} s of CPU")
        fleet.mode = HONEST
        hurt_s = time.monotonic() - at
        wait_until(lambda: door.metric("uplink_up") == 1 and door.metric("uplink_stuck") == 0, f"after {mode} it goes on", 20)
        print(f"{mode}: seen after {hurt_s:.1f} s, on again after {time.monotonic() - at:.1f} s", flush=True)
    ended = time.monotonic()
    client.close()
    latencies = probe.end()
    wait_until(lambda: door.metric("uplink_spool") == 0, "everything has gone up", 10)
    numbers = sorted(fleet.items)
    check(numbers == list(range(1, len(numbers) + 1)), "numbers are missing above")
    mine = [item for item in fleet.items.values() if item["device_id"] == "press-1" and item["kind"] == "average"]
    check(len(mine) == sent, f"{sent} readings were acknowledged, {len(mine)} went up")
    door.must_log("uplink.stuck")
    check(len(door.logged("uplink.down")) <= 4 * len(FAULTS), "the log is flooded")
    print(f"a hostile fleet server: {len(numbers)} items arrived once after {len(FAULTS) + 1} faults, {fleet.requests} requests, "
          f"{door.memory_returns(kb, MEMORY_KB, 'uplink')} KiB more")
    keeps_latency(latencies, (start, hurt), (hurt, ended), "a hostile fleet server")


if __name__ == "__main__":
    sys.exit(main([a_fleet_server_that_answers_anything], opened=False))

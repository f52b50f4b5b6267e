#!/usr/bin/env python3
"""Publishes numbered readings at a steady pace and waits for each PUBACK, until SIGTERM; then writes how long each took. The
file it writes to is there, empty, from the first PUBACK on."""
import json
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import socket
import ssl

from door import Client, reading


def main():
    port, ca, cert, key, name, every_ms, report = sys.argv[1:]
    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    context = ssl.create_default_context(cafile=ca)
    context.check_hostname = False
    context.load_cert_chain(cert, key)
    sock = socket.create_connection(("127.0.0.1", int(port)), 5)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client = Client(context.wrap_socket(sock))
    assert client.open(name) == 0
    latencies, number = [], 0
    due = time.monotonic()
    while not ended:
        number += 1
        start = time.monotonic()
        said = reading(name, number, epoch="probe")
        assert client.publish(f"sensors/{name}/level", said, packet_id=1 + number % 60000) == 0
        latencies.append((start, (time.monotonic() - start) * 1000))
        if number == 1:
            Path(report).touch()
        due = max(due + float(every_ms) / 1000, time.monotonic() - 0.1)
        time.sleep(max(0, due - time.monotonic()))
    Path(report).write_text(json.dumps({"acknowledged": number, "latencies": latencies}))


if __name__ == "__main__":
    main()

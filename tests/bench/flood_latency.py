"""How a flood of strangers is felt by a device that is in: one device publishes and waits for each PUBACK, while ClientHellos come
as fast as one process can send them. Calm, flood, and the same flood against a socket that belongs to nobody of ours take turns, so
that what the flood itself takes from the machine is seen beside what it takes from the gateway."""
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ATTACKS = Path(__file__).resolve().parents[1] / "attacks"
sys.path.insert(0, str(ATTACKS))
from door import Door, percentile  # noqa: E402
from floods import hello  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")
WINDOW_S, REST_S = 2, 0.5
KINDS = ("calm", "elsewhere", "flood")

# Keeps a window of connections: each says its ClientHello and is closed some hundred connections later.
SENDER = """
import socket, sys
port, first, kept = int(sys.argv[1]), bytes.fromhex(sys.argv[2]), []
while True:
    try:
        sock = socket.create_connection(("127.0.0.1", port), 1)
        sock.setblocking(False)
        sock.send(first)
        kept.append(sock)
    except OSError:
        pass
    if len(kept) >= 200:
        kept.pop(0).close()
"""

# Takes connections in and closes them, as fast as they come.
SINK = """
import socket
sock = socket.create_server(("127.0.0.1", 0), backlog=1024)
print(sock.getsockname()[1], flush=True)
while True:
    sock.accept()[0].close()
"""


def loop_cpu_s(door):
    """Of the gateway's first thread, which serves who is in."""
    fields = Path(f"/proc/{door.gateway.pid}/task/{door.gateway.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def accepted(door):
    return door.metric('door_accepted_total{side="tls"}')


def windows(door, rounds, sink_port):
    """[(kind, start, end, CPU s of the loop's thread, connections)], in turn."""
    first, said = hello(door).hex(), []
    for _ in range(rounds):
        for kind in KINDS:
            port = {"flood": door.mqtt_port, "elsewhere": sink_port}.get(kind)
            sender = subprocess.Popen([sys.executable, "-c", SENDER, str(port), first]) if port else None
            time.sleep(REST_S)
            cpu, count, start = loop_cpu_s(door), accepted(door), time.monotonic()
            time.sleep(WINDOW_S)
            said.append((kind, start, time.monotonic(), loop_cpu_s(door) - cpu, accepted(door) - count))
            if sender is not None:
                sender.kill()
                sender.wait()
            time.sleep(REST_S)
    return said


def run(results, programs, quick):
    folder = Path(tempfile.mkdtemp(prefix="selvedge-floods-"))
    sink = subprocess.Popen([sys.executable, "-c", SINK], stdout=subprocess.PIPE, text=True)
    door = Door(folder, programs)
    try:
        door.open(group_ms=1)
        probe = door.probe(every_ms=2)
        said = windows(door, 3 if quick else 10, int(sink.stdout.readline()))
        latencies = probe.end()
    finally:
        door.stop_all()
        sink.kill()
        sink.wait()
        shutil.rmtree(folder)
    for share, name in ((0.5, "p50"), (0.99, "p99")):
        each = {kind: [percentile(latencies, s, e, share) for k, s, e, *_ in said if k == kind] for kind in KINDS}
        results.add(f"publish to PUBACK, flood elsewhere, {name}", "ms", each["elsewhere"], ("calm", each["calm"]))
        results.add(f"publish to PUBACK in a flood, {name}", "ms", each["flood"], ("flood elsewhere", each["elsewhere"]))
        print(f"  {name} in a flood: {statistics.median(a / b for a, b in zip(each['flood'], each['calm'])):.2f} × calm")
    calm = statistics.mean(cpu for k, *_, cpu, _ in said if k == "calm")
    flood = [(cpu, count, e - s) for k, s, e, cpu, count in said if k == "flood"]
    results.add("ClientHellos taken in meanwhile", "per s", [count / s for _, count, s in flood])
    results.add("loop's thread for a ClientHello", "CPU us", [(cpu - calm) / count * 1e6 for cpu, count, _ in flood])

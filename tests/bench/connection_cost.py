"""What a connection costs at both doors: the handshake, with both certificates and no session to take up again, and the memory of one that is idle."""
import os
import re
import select
import socket
import time
from http.client import HTTPSConnection
from pathlib import Path

from live_sessions import Folder, connect, context_of
from site_programs import SiteError
from standing_cost import Fleet

TICK = os.sysconf("SC_CLK_TCK")
ASKING = 100  # at the fleet server, which closes who asks nothing for a while


def cpu_ms(process):
    fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return 1000 * (int(fields[11]) + int(fields[12])) / TICK


def private_kb(process):
    text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    return sum(int(kb) for kb in re.findall(r"^Private_\w+:\s+(\d+)", text, re.M))


def shake(context, port):
    """A whole one: what the server says last has come."""
    stream = context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=30))
    stream.close()


def handshakes(process, context, port, count):
    """CPU milliseconds of the server for each, its worker thread included."""
    for _ in range(20):
        shake(context, port)
    before = cpu_ms(process)
    for _ in range(count):
        shake(context, port)
    time.sleep(0.5)  # for the last to end
    return (cpu_ms(process) - before) / count


def ask(context, port):
    """A device at the fleet server's door, known there, whose connection is kept."""
    connection = HTTPSConnection("127.0.0.1", port, context=context, timeout=30)
    connection.request("GET", "/v1/self")
    answer = connection.getresponse()
    answer.read()
    if answer.status != 200 or connection.sock is None:
        raise SiteError(f"the fleet server answers {answer.status}, or does not keep the connection")
    return connection.sock


def each_kb(process, open_one, count):
    """Beyond what the first ones brought, which is for all."""
    kept = [open_one(i) for i in range(50)]
    time.sleep(0.5)
    before = private_kb(process)
    kept += [open_one(50 + i) for i in range(count)]
    time.sleep(0.5)
    each = (private_kb(process) - before) / count
    if select.select(kept, [], [], 0)[0]:
        raise SiteError("some of the connections have ended meanwhile")
    for stream in kept:
        stream.close()
    return each


def run(results, site, quick):
    fleet = Fleet(site)
    folder = Folder(site.pki, site.dir / "keys")
    ports = fleet.start_gateways()
    name = fleet.names[0]
    gateway, port = fleet.gateways[name], ports[name]
    count = 200 if quick else 900
    names = [f"idle-{i:04}" for i in range(count + 50)]
    for each in names:
        folder.device(each)
    contexts = [context_of(site.pki / "ca.crt", site.cert(each), site.key(each)) for each in names]
    time.sleep(1.1)  # certificates count in whole seconds
    results.add(f"memory of one of {ASKING} connections, fleet server", "kB", [each_kb(fleet.process, lambda i: ask(contexts[i], fleet.device), ASKING)])
    results.add(f"memory of one of {count} connections, gateway", "kB", [each_kb(gateway, lambda i: connect(names[i], contexts[i], port), count)], aim=25)
    for what, process, at in (("front door", gateway, port), ("fleet server", fleet.process, fleet.device)):
        results.add(f"handshake of the {what}, both certificates", "CPU ms each", [handshakes(process, contexts[0], at, 300 if quick else 2000)])
    site.stop_all()

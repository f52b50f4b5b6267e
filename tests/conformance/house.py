"""The gateway that is asked, the ways to it, and how a case is told and judged.

A case is a function of a Scene whose docstring is the sentence that it shows. A scene hands out clients of its own and topics
of its own, so that many cases share one gateway at the same time: over the local socket with ids and topics as one likes, or
over mutual TLS, where a device of the case speaks and an app of the case listens.
"""
import argparse
import shutil
import ssl
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from clients import Client, Raw, props
from verdict import DENIED, KEEPALIVE_S, PACKET_BYTES, Wrong

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from ports import free_port  # noqa: E402
from site_programs import Site, SiteError  # noqa: E402
from tcp_to_unix import Forwarder  # noqa: E402

AT_ONCE = 12
FAULT_MAX = 1500  # of a sentence about what went wrong


class House:
    """A gateway with its front door, which may be killed and started again."""

    def __init__(self, folder, programs, apps=(), group_ms=None):
        self.site = Site(folder, programs)
        self.socket = folder / "local.sock"
        self.loopback = free_port()
        rights = ", ".join(f"{app}: ['results/#']" for app in apps)
        self.site.write_gateway(
            fleet=False, alerts_port=None, group_ms=group_ms, door=f"socket: {self.socket}, loopback: {self.loopback}, keepalive: {KEEPALIVE_S}s, packet: {PACKET_BYTES // 1024}KiB",
            more=f"deny: [{DENIED}]\n" + (f"apps: {{{rights}}}\n" if apps else ""),
        )
        self.gateway = self.site.start_gateway()
        self.forwarder = Forwarder(self.socket)

    def kill(self):
        self.site.died()  # by itself, before?
        self.site.kill(self.gateway)

    def start(self):
        self.gateway = self.site.start_gateway()

    def restart(self):
        self.kill()
        self.start()

    def tls(self, name):
        context = ssl.create_default_context(cafile=self.site.pki / "ca.crt")
        context.load_cert_chain(self.site.cert(name), self.site.key(name))
        return context


class Scene:
    """What a case is given: `version`, its way, and clients that end with it."""

    def __init__(self, way, version):
        self.way, self.version, self.clients = way, version, []
        self.topic = way.topic

    def _with(self, client):
        self.clients.append(client)
        return client

    def sender(self, tag="", clean=True):
        return self._with(Client(self.way, self.version, self.way.sender_id(tag), clean))

    def listener(self, tag="", clean=True):
        return self._with(Client(self.way, self.version, self.way.listener_id(tag), clean))

    def named(self, client_id, clean=True):
        return self._with(Client(self.way, self.version, client_id, clean))

    def raw_sender(self, tag="", version=None):
        return self._with(Raw(self.way, version or self.version, self.way.sender_id(tag)))

    def raw_listener(self, tag="", version=None):
        return self._with(Raw(self.way, version or self.version, self.way.listener_id(tag)))

    def raw_named(self, client_id, version=None):
        return self._with(Raw(self.way, version or self.version, client_id))

    def lasting(self, seconds=300):
        """What makes a session outlive its connection, beside clean=False."""
        return props("CONNECT", SessionExpiryInterval=seconds) if self.version == 5 else None

    def end(self):
        for client in self.clients:
            client.die()


class Case:
    def __init__(self, function, version, way):
        self.function, self.version, self.way = function, version, way
        self.name = f"{function.__name__}-{version}{way.suffix}".replace("_", "-")
        self.sentence = " ".join((function.__doc__ or function.__name__).split())
        self.fault, self.where, self.took_s = None, [], 0.0

    def note(self, fault):
        self.fault = str(fault) if isinstance(fault, Wrong) else f"{type(fault).__name__}: {fault}"
        self.where = traceback.extract_tb(fault.__traceback__)

    def judge(self, house):
        scene = Scene(self.way(house, self.name), self.version)
        began = time.monotonic()
        try:
            self.function(scene)
        except Exception as fault:  # whatever it is, the other cases are told
            self.note(fault)
        finally:
            self.took_s = time.monotonic() - began
            scene.end()
        return self


def case(*versions, alone=False, tls=False):
    """Marks a function as a case for these versions of MQTT. `alone`: it uses topics that others would notice. `tls`: it is told
    over mutual TLS, too."""

    def mark(function):
        function.versions, function.alone, function.tls = versions or (4, 5), alone, tls
        return function

    return mark


def cases_of(*modules):
    found = [value for module in modules for value in vars(module).values() if hasattr(value, "versions")]
    return list(dict.fromkeys(found))


def report(cases, verbose):
    for one in sorted(cases, key=lambda c: -c.took_s) if verbose else ():
        print(f"{one.took_s:6.2f} s  {one.name}: {one.sentence}", file=sys.stderr)
    wrong = [one for one in cases if one.fault]
    for one in wrong:
        last = next((f for f in reversed(one.where) if Path(f.filename).parent == Path(__file__).parent and "cases_" in f.filename), one.where[-1])
        fault = one.fault if len(one.fault) < FAULT_MAX else one.fault[:FAULT_MAX] + " ..."
        print(f"FAILED {one.name} ({Path(last.filename).name}:{last.lineno})\n  {one.sentence}\n  but {fault}", file=sys.stderr)
    print(f"{len(cases) - len(wrong)} of {len(cases)} cases hold")
    return 1 if wrong else 0


def judge_all(house, cases):
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda one: one.judge(house), [one for one in cases if not one.function.alone]))
    for one in cases:
        if one.function.alone:
            one.judge(house)
    house.site.died()


def arguments(about):
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--programs", type=Path, required=True, help="folder of selvedge-gateway and selvedge")
    parser.add_argument("--only", default="", help="cases with this in their name")
    parser.add_argument("--verbose", action="store_true", help="say how long each took")
    parser.add_argument("--keep", action="store_true", help="leave the folder with the logs")
    return parser


def in_house(options, tell):
    """Runs `tell(folder)`, and shows the gateway's log when it does not work out; its exit code."""
    folder = Path(tempfile.mkdtemp(prefix="sv-conf-"))
    houses = []
    try:
        return tell(folder, houses)
    except SiteError as fault:
        print(f"FAILED {fault}", file=sys.stderr)
        return 1
    finally:
        for house in houses:
            house.site.stop_all()
        if options.keep:
            print(f"logs: {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)


def run_ways(options, ways):
    """The cases of the modules of each (way, modules) against one gateway, many at a time; with a way that has identities those
    that are told over mutual TLS."""
    cases = [Case(f, v, way) for way, modules in ways for f in cases_of(*modules) for v in f.versions if f.tls or not way.has_identity]
    cases = [one for one in cases if options.only in one.name]

    def tell(folder, houses):
        house = house_for(cases, folder, options.programs)
        houses.append(house)
        judge_all(house, cases)
        return report(cases, options.verbose)

    return in_house(options, tell)


def house_for(cases, folder, programs):
    """A gateway that knows a device and an app for each case that needs them."""
    names = [one.name for one in cases if one.way.has_identity]
    house = House(folder, programs, apps=[f"app-{name}" for name in names])
    for name in names:
        house.site.issue(f"dev-{name}", "device")
        house.site.issue(f"app-{name}", "app")
    return house

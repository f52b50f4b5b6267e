"""The two ends of QoS 2, by the letter of [§4.3.3] and [§4.4], that go on over any number of connections.

paho-mqtt is not used here: when an attempt to connect fails between two connections, 1.6.1 forgets that it has sent PUBREL and
publishes the message anew.
"""
import threading
import time

import wire
from verdict import SOON_S
from wire import PUBCOMP, PUBLISH, PUBREC, PUBREL

WINDOW = 40
PAUSE_S = 0.02  # before the next attempt to connect


class End:
    """A thread that keeps one client connected; `up` while it is."""

    def __init__(self, way, version, client_id, topic):
        self.way, self.version, self.id, self.topic = way, version, client_id, topic
        self.over, self.up = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _connection(self):
        line = wire.Line(self.way.socket(self.id), self.version)
        try:
            line.send(wire.connect(self.version, self.id, clean=False, props={"session_expiry": 300}))
            if line.recv(SOON_S) is None:
                return
            self.begin(line)
            self.up.set()
            while not self.over.is_set():
                self.idle(line)
                try:
                    got = line.recv(PAUSE_S)
                except TimeoutError:
                    continue
                if got is None:
                    return
                self.take(line, got)
        finally:
            self.up.clear()
            line.close()

    def _run(self):
        while not self.over.is_set():
            try:
                self._connection()
            except OSError:  # TimeoutError too: the gateway has just died
                pass
            time.sleep(PAUSE_S)

    def idle(self, line):
        pass

    def end(self):
        self.over.set()
        self.thread.join(SOON_S)


class Sender(End):
    """Publishes the numbers below `wanted` in their order; `done` of them are finished."""

    def __init__(self, *where):
        super().__init__(*where)
        self.wanted = self.next = self.done = 0
        self.open = {}  # packet id: number, or None after PUBREC; in the order of the numbers

    def _publish(self, line, pid, number, dup):
        line.send(wire.publish(self.version, self.topic, str(number).encode(), qos=2, pid=pid, dup=dup))

    def begin(self, line):
        for pid, number in self.open.items():
            if number is None:
                line.send(wire.ack(PUBREL, pid))
            else:
                self._publish(line, pid, number, dup=True)

    def idle(self, line):
        while self.next < self.wanted and len(self.open) < WINDOW:
            pid = self.next % 65535 + 1
            self.open[pid] = self.next
            self.next += 1
            self._publish(line, pid, self.next - 1, dup=False)

    def take(self, line, got):
        if got.kind == PUBREC and got.pid in self.open:
            self.open[got.pid] = None
            line.send(wire.ack(PUBREL, got.pid))
        elif got.kind == PUBCOMP and self.open.pop(got.pid, self) is None:
            self.done += 1


class Receiver(End):
    """Keeps the numbers that came, in `got`."""

    def __init__(self, *where):
        super().__init__(*where)
        self.got, self.held = [], set()

    def begin(self, line):
        line.send(wire.subscribe(self.version, 1, [(self.topic, 2)]))

    def take(self, line, got):
        if got.kind == PUBLISH:
            if got.pid not in self.held:
                self.held.add(got.pid)
                self.got.append(int(got.payload))
            line.send(wire.ack(PUBREC, got.pid))
        elif got.kind == PUBREL:
            self.held.discard(got.pid)
            line.send(wire.ack(PUBCOMP, got.pid))

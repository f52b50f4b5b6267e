"""The agent's half of the updater's socket, as docs/spec/updater.md has it, and a boot loader for slots in files: both written from the words of the specification alone."""
import os
import socket
import struct
import zlib

ASK, CHECK, GIVE, ABSENT, FAILED, HEALTH, DELIVERED, ROLLBACK, FORGIVE, WITHDRAW, HISTORY = range(1, 12)
STATUS, WANT, PROGRESS, IDLE, REBOOT, REFUSED, ENTRIES = range(64, 71)
METADATA, INDEX, KEY, CHUNKS = range(4)
STATES = ["idle", "notified", "downloading", "verified", "installed", "trial", "confirmed", "rolled-back", "failed"]
ERRORS = ["ok", "invalid", "not-found", "no-space", "io", "untrusted", "state", "unavailable"]
IDLES = ["nothing", "current", "held"]
PIECE = 64 * 1024


def packet(verb, number=0, payload=b""):
    return b"SvUp" + bytes([1, verb]) + b"\0\0" + struct.pack("<QI", number, len(payload)) + payload


def text(value):
    data = value.encode()
    return struct.pack("<H", len(data)) + data


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        values = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return values[0] if len(values) == 1 else values

    def bytes(self, count):
        self.at += count
        return self.data[self.at - count:self.at]

    def text(self):
        return self.bytes(self.take("H")).decode()

    def release(self):
        known, counter, length = self.take("BIQ")
        return {"known": bool(known), "counter": counter, "length": length, "sha256": self.bytes(32).hex(), "product": self.text(), "version": self.text()}

    def report(self):
        number, state, slot, counter, action = self.take("QBBII")
        return {"number": number, "state": STATES[state], "slot": slot, "counter": counter, "action": action, "sha256": self.bytes(32).hex(), "version": self.text(), "why": self.text()}


def read_status(r):
    out = {"id": r.text(), "product": r.text(), "hardware": r.text(), "slot_class": r.text(), "running": r.take("B"), "boot": r.take("BB"), "counter": r.take("I"),
           "runs": r.release(), "other": r.release()}
    state, out["next"], out["slot"], out["action"] = r.take("BBBI")
    out.update(state=STATES[state], update=r.release(), encoding=r.text(), written=r.take("Q"), why=r.text(), busy=bool(r.take("B")), start=r.take("QI"), health_ms=r.take("I"), lost=r.take("Q"))
    out["reports"] = [r.report() for _ in range(r.take("B"))]
    out["bad"] = [r.bytes(32).hex() for _ in range(r.take("B"))]
    assert r.at == len(r.data)
    return out


class Ended(Exception):
    """The updater has closed the connection."""


class Agent:
    def __init__(self, path, patience=20):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(patience)
        self.socket.connect(path)
        self.number = 0

    def close(self):
        self.socket.close()

    def say(self, verb, payload=b"", number=None):
        try:
            self.socket.send(packet(verb, self.number if number is None else number, payload))
        except OSError as err:
            raise Ended from err

    def hear(self):
        """(verb, number, what it says)"""
        try:
            data = self.socket.recv(1 << 17)
        except ConnectionError as err:
            raise Ended from err
        if not data:
            raise Ended
        assert data[:5] == b"SvUp\1" and data[6:8] == b"\0\0"
        verb, (number, length) = data[5], struct.unpack_from("<QI", data, 8)
        r = Reader(data[20:])
        assert len(r.data) == length
        if verb == STATUS:
            return verb, number, read_status(r)
        if verb == WANT:
            kind, offset, length = r.take("BQQ")
            return verb, number, {"kind": kind, "offset": offset, "bytes": length, "path": r.text()}
        if verb == PROGRESS:
            done, of, fetched = r.take("QQQ")
            return verb, number, {"bytes": done, "of": of, "fetched": fetched, "encoding": r.text(), "version": r.text()}
        if verb == IDLE:
            return verb, number, IDLES[r.take("B")]
        if verb == REFUSED:
            return verb, number, {"err": ERRORS[r.take("B")], "why": r.text()}
        assert verb == REBOOT and length == 0
        return verb, number, None

    def ask(self, verb, payload=b""):
        self.number += 1
        self.say(verb, payload)
        answer = self.hear()
        assert answer[1] == self.number
        return answer[0], answer[2]

    def status(self):
        verb, status = self.ask(ASK)
        assert verb == STATUS
        return status

    def health(self, healthy, why=""):
        return self.ask(HEALTH, bytes([healthy]) + text(why))

    def delivered(self, number):
        return self.ask(DELIVERED, struct.pack("<Q", number))

    def forgive(self, digest):
        return self.ask(FORGIVE, bytes.fromhex(digest))

    def give(self, number, data, piece=PIECE):
        pieces = [data[at:at + piece] for at in range(0, len(data), piece)] or [b""]
        at = 0
        for i, part in enumerate(pieces):
            self.give_piece(number, at, part, i == len(pieces) - 1)
            at += len(part)

    def give_piece(self, number, at, part, last=False):
        self.say(GIVE, struct.pack("<QBI", at, last, len(part)) + part, number)

    def check(self, fetch, now=0, hold=False, action=0, on_want=None, on_progress=None):
        """A whole CHECK: `fetch(want)` gives bytes, or None where there is nothing. What the end says: (verb, what)."""
        self.number += 1
        own = self.number
        self.say(CHECK, struct.pack("<QBI", now, hold, action))
        while True:
            verb, number, what = self.hear()
            if verb == PROGRESS:
                if on_progress:
                    on_progress(what)
            elif verb == WANT:
                if on_want and on_want(self, number, what):
                    continue
                data = fetch(what)
                if data is None:
                    self.say(ABSENT, number=number)
                else:
                    self.give(number, data)
            else:
                assert number == own
                return verb, what


# ---- a boot loader for slots in files -------------------------------------------------------------

IDLE_SLOT, TRIAL, CONFIRMED, BAD = range(4)
COPY = 4096


def read_twin(path, kind, length):
    """(sequence, payload) of the newer copy; (0, zeros) when there is none."""
    best = (0, bytes(length))
    if os.path.exists(path):
        data = open(path, "rb").read()
        for at in (0, COPY):
            copy = data[at:at + COPY]
            crc = zlib.crc32(copy[:20] + bytes(4) + copy[24:24 + length])
            if len(copy) == COPY and copy[:4] == kind and struct.unpack_from("<I", copy, 20)[0] == crc and not any(copy[24 + length:]):
                sequence = struct.unpack_from("<Q", copy, 8)[0]
                best = max(best, (sequence, copy[24:24 + length]))
    return best


def write_twin(path, kind, sequence, payload):
    head = kind + struct.pack("<IQI", 1, sequence, len(payload))
    copy = head + struct.pack("<I", zlib.crc32(head + bytes(4) + payload)) + payload
    data = bytearray(open(path, "rb").read() if os.path.exists(path) else bytes(2 * COPY))
    at = COPY if sequence % 2 == 0 else 0
    old = struct.unpack_from("<Q", data, at)[0]
    if old == sequence - 1:  # the older copy is the one that is written
        at = COPY - at
    data[at:at + COPY] = copy.ljust(COPY, b"\0")
    open(path, "wb").write(data)


def boot(folder, good):
    """Which slot starts, by what is remembered; `good(slot)` looks at what lies there. None: nothing may be started."""
    path = os.path.join(folder, "boot-state")
    sequence, payload = read_twin(path, b"SvBs", 12)
    slots = [list(payload[0:2]), list(payload[2:4])]
    primary = payload[4]

    def keep():
        write_twin(path, b"SvBs", sequence + 1, bytes(slots[0] + slots[1]) + payload[4:])

    for slot in (0, 1):
        if slots[slot][0] == TRIAL:
            if slots[slot][1] > 0 and good(slot):
                slots[slot][1] -= 1
                keep()
                return slot
            slots[slot][0] = BAD
            keep()
            sequence += 1
    for slot in (primary, 1 - primary):
        if slots[slot][0] == CONFIRMED and good(slot):
            return slot
    for slot in (0, 1):
        if slots[slot][0] == IDLE_SLOT and good(slot):
            slots[slot] = [TRIAL, 2]
            keep()
            return slot
    return None

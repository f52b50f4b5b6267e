"""What tests/scenario/updater_attacks.sh tells."""
import os
import random
import shutil
import socket
import struct
import subprocess
import time

import updater_agent as ua
from updater_house import BIN, House, content_key, digest_of, encoding_of, expect, path_of, tuf

DIRECTOR = "/tuf/director/press-17/metadata/"
IMAGE = "/tuf/image/metadata/"


def flip(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


def metadata_that_is_bent(house):
    """Swapped, unsigned, older, another device's: the reason is said, and nothing is armed."""
    director = house.director
    director.assign(path_of("1.1.0"))
    good = dict(director.published)
    # One bit anywhere in the assignment.
    targets = director.published["targets"]
    name = f"{DIRECTOR}{director.md['targets']['version']}.targets.json"
    for at in (len(targets) // 3, len(targets) // 2):
        house.bend[name] = flip(targets, at)
        verb, what = house.check()
        expect(verb == ua.REFUSED and what["err"] in ("untrusted", "invalid"), what)
    house.bend.clear()
    # Signed by a stranger.
    stranger = tuf.Repository.sealed(type("Bent", (), {"md": director.md, "signers": {"targets": [tuf.Key("ecdsa-sha2-nistp256")]}})(), "targets")
    house.bend[name] = stranger
    house.refused("untrusted", "director: ")
    house.bend.clear()
    # The image repository's metadata in the director's place, and the other way round.
    house.bend[DIRECTOR + "timestamp.json"] = open("repo/metadata/timestamp.json", "rb").read()
    house.refused("untrusted", "director: timestamp")
    house.bend = {IMAGE + "timestamp.json": director.published["timestamp"]}
    house.refused("untrusted", "image repository: timestamp")
    house.bend.clear()
    # An assignment of another device, of an image that is not published, with another digest or counter.
    for how, sentence in (({"device": "press-18"}, "press-18"), ({"counter": 7}, "counter")):
        director.assign(path_of("1.1.0"), **how)
        house.refused("untrusted", sentence)
    director.assign(path_of("1.1.0"))
    entry = director.md["targets"]["targets"].pop(path_of("1.1.0"))
    director.md["targets"]["targets"]["lathe-ctl/9.9.9.img"] = entry
    director.publish()
    house.refused("untrusted", "does not have")
    director.md["targets"]["targets"] = {path_of("1.1.0"): {**entry, "hashes": {"sha256": digest_of("2.0.0")}}}
    director.publish()
    house.refused("untrusted", "")
    # What was served before: a replay of the older files is refused once newer ones were seen.
    director.assign(path_of("1.1.0"))
    verb, what = house.check(hold=True)
    expect((verb, what) == (ua.IDLE, "held"), what)
    house.bend[DIRECTOR + "timestamp.json"] = good["timestamp"]
    verb, what = house.check(hold=True)
    expect(verb == ua.REFUSED and what["err"] == "untrusted" and "seen already" in what["why"], what)
    house.bend.clear()
    director.assign(None)
    expect(house.check() == (ua.IDLE, "nothing"), "withdrawn")
    # A director that somebody holds cannot assign what is older or for something else.
    director.assign(path_of("1.0.0"))
    expect(house.check() == (ua.IDLE, "current"), "what runs")


def bytes_that_are_others(house):
    """Artifacts: swapped after they were judged, cut, of another release, with another content key."""
    house.director.assign(path_of("1.1.0"))
    delta = "/artifacts/" + digest_of("1.1.0") + "/" + encoding_of("1.1.0", "delta:")["name"].replace(":", "-")
    index = house.door(delta + ".index")
    stored = house.door(delta)
    key = f"/tuf/director/press-17/key/{digest_of('1.1.0')}.cms"
    cases = [
        ("an index that is bent", {delta + ".index": flip(index, 40)}, "untrusted"),
        ("an index of another encoding", {delta + ".index": house.door("/artifacts/" + digest_of("1.1.0") + "/raw.index")}, None),
        ("an index that is cut", {delta + ".index": index[:-1]}, "invalid"),
        ("an index that is longer", {delta + ".index": index + b"x"}, "invalid"),
        ("no index", {delta + ".index": None}, "not-found"),
        ("a chunk that is bent", {delta: flip(stored, len(stored) // 3)}, "untrusted"),
        ("chunks in another order", {delta: lambda w: (stored[w["offset"] + 20:] + stored[:w["offset"] + 20])[:w["bytes"]]}, "untrusted"),
        ("chunks of another release", {delta: lambda w: house.door("/artifacts/" + digest_of("2.0.0") + "/raw")[:w["bytes"]]}, "untrusted"),
        ("too few bytes", {delta: lambda w: stored[w["offset"]:][:w["bytes"] - 1]}, "invalid"),
        ("too many bytes", {delta: lambda w: stored[w["offset"]:][:w["bytes"]] + b"x"}, "invalid"),
        ("no chunks", {delta: None}, "not-found"),
        ("another content key", {key: b"\1" * 32}, "untrusted"),
        ("the key of another release", {key: content_key(digest_of("1.0.0"))}, "untrusted"),
        ("a short key", {key: b"\1" * 31}, "invalid"),
        ("no key", {key: None}, "not-found"),
    ]
    for what, bend, err in cases:
        house.bend = bend
        verb, said = house.check()
        expect(verb == ua.REFUSED and (err is None or said["err"] == err), f"{what}: {verb} {said}")
        expect(house.status()["state"] in ("downloading", "notified", "confirmed", "failed"), f"{what}: {house.status()}")
    # Bytes that are right at first and others when they are asked for again are judged again.
    house.bend = {}
    verb, _ = house.check()
    expect(verb == ua.REBOOT, "the right bytes are refused")
    house.ended()
    expect(house.slot_is(1, "1.1.0"), "other bytes are in the slot")


def swapped_behind_its_back():
    """The slot itself gives other bytes than were written: never armed."""
    house = House("swapped")
    house.environment = {"SV_FLIP": "slot-b", "ASAN_OPTIONS": "verify_asan_link_order=0", "LD_PRELOAD": os.environ["SV_DIE_AT_SO"]}
    house.start()
    house.director.assign(path_of("2.0.0"))
    verb, what = house.check()
    expect(verb == ua.REFUSED and what["err"] == "untrusted", what)
    expect(house.status()["state"] == "failed", house.status())
    house.kill()
    house.environment = {}
    expect(house.start() == 0, "a slot with other bytes starts")
    house.stop()


def nonsense():
    """Packets of every kind, at every moment: cut, and the next agent is served."""
    house = House("nonsense", patience="2s")
    house.director.assign(path_of("1.1.0"))
    house.start()
    dice = random.Random(5)
    packets = [b"", b"\0", b"SvUp", b"x" * 20, b"y" * 100000, ua.packet(ua.CHECK), ua.packet(ua.STATUS), ua.packet(0), ua.packet(ua.GIVE, 0, struct.pack("<QBI", 0, 1, 0)),
               ua.packet(ua.ABSENT, 3), ua.packet(ua.FORGIVE, 0, b"\0" * 31), ua.packet(ua.HEALTH, 0, b"\2\0\0"), ua.packet(ua.DELIVERED, 0, b"\xff" * 8), ua.packet(ua.WANT, 0, b"\0" * 19)]
    packets += [bytes(dice.getrandbits(8) for _ in range(dice.randrange(1, 200))) for _ in range(60)]
    packets += [bytearray(ua.packet(v, 1, p)) for v in range(1, 10) for p in (b"", b"\0" * 9, b"\xff" * 32)]
    for data in packets:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        link.connect(house.config["socket"])
        link.settimeout(5)
        try:
            link.send(data)
            if data:
                link.recv(1 << 17)
        except OSError:
            pass
        link.close()
    expect(house.status()["state"] == "confirmed", house.status())
    # While something is wanted: an answer to something else, out of order, too long, or of the updater's own verbs.
    wrong = [lambda a, n: a.say(ua.ABSENT, number=n + 1), lambda a, n: a.give_piece(n, 1, b"x"), lambda a, n: a.say(ua.HEALTH, b"\1\0\0"), lambda a, n: a.say(ua.CHECK, b"\0" * 9),
             lambda a, n: a.say(ua.REBOOT), lambda a, n: a.say(ua.ROLLBACK), lambda a, n: a.socket.send(b"no packet")]
    for say in wrong:
        agent = house.agent()

        def break_rules(agent, number, want):
            say(agent, number)
            return True

        verb, what = agent.check(house.fetch, on_want=break_rules)
        expect(verb == ua.REFUSED and what["err"] == "invalid", f"{verb} {what}")
        try:
            agent.hear()
            raise SystemExit("FAILED: who broke the rules is not cut")
        except ua.Ended:
            agent.close()
    # More connections than there is room for, and none of them reads.
    crowd = [house.agent() for _ in range(8)]
    for agent in crowd:
        for n in range(300):
            try:
                agent.socket.setblocking(False)
                agent.socket.send(ua.packet(ua.ASK, n))
            except OSError:
                break
    time.sleep(0.3)
    for agent in crowd:
        agent.close()
    house.ready()
    # One that brings nothing, and one that brings next to nothing: not longer than `patience` for each 64 KiB.
    begun = time.monotonic()
    house.refused("unavailable", "brought nothing in time", on_want=lambda agent, number, want: True)
    expect(1.5 < time.monotonic() - begun < 10, f"it waited {time.monotonic() - begun} s")

    def drip(agent, number, want):
        if want["kind"] != ua.CHUNKS:
            return False
        try:
            for at in range(100):
                agent.give_piece(number, at, b"x")
                time.sleep(0.1)
        except ua.Ended:
            pass
        return True

    begun = time.monotonic()
    verb, what = house.check(on_want=drip)
    expect(verb == ua.REFUSED and what["err"] == "unavailable" and time.monotonic() - begun < 20, f"{verb} {what} after {time.monotonic() - begun} s")
    verb, _ = house.check()
    expect(verb == ua.REBOOT, "it does not go on afterwards")
    house.ended()


def strangers():
    """Another user of the machine is not heard."""
    house = House("strangers", allow_uid="65533")
    if os.geteuid() != 0:
        return
    house.start(wait=False)
    for _ in range(200):
        if os.path.exists(house.config["socket"]) and "updater.ready" in house.said():
            break
        time.sleep(0.05)
    agent = house.agent()
    try:
        agent.status()
        raise SystemExit("FAILED: a stranger is answered")
    except ua.Ended:
        pass
    expect(os.stat(house.config["socket"]).st_uid == 65533 and os.stat(house.config["socket"]).st_mode & 0o777 == 0o600, "the socket is not its user's alone")
    house.stop()


def what_lies_in_the_way():
    """Links, devices and pipes where slots, state and socket should be; a folder that others may write into."""
    with open("outside", "w") as out:
        out.write("precious")

    def refused(name, spoil, sentence):
        house = House(name)
        spoil(house)
        house.start(wait=False, slot=0)
        try:
            house.process.wait(2)
            expect(house.process.returncode == 5 and sentence in house.said(), f"{name}: ended with {house.process.returncode}: {house.said()[-400:]}")
        except subprocess.TimeoutExpired:
            house.ready()
            house.director.assign(path_of("2.0.0"))
            house.refused("untrusted", sentence)
            house.kill()
        expect(open("outside").read() == "precious", f"{name}: a link was followed")

    def exchange(file, make):
        def spoil(house):
            path = os.path.join(house.dir, file)
            if os.path.exists(path):
                os.unlink(path)
            make(path)
        return spoil

    link = [lambda path: os.symlink(os.path.abspath("outside"), path), "is a link: it is not followed"]
    pipe = [os.mkfifo, "is no plain file"]
    twice = [lambda path: (shutil.copy("v1.img", path), os.link(path, path + ".second")), "has other names too"]
    for file in ("slot-a", "slot-b", "boot-state", "journal", "image.root.json", "director.root.json", "clock"):
        for kind, (make, sentence) in {"link": link, "pipe": pipe, "twice": twice}.items():
            if kind == "twice" and not file.startswith("slot"):
                continue
            refused(f"{file}-{kind}", exchange(file, make), sentence)
    refused("open", lambda house: os.chmod(house.dir, 0o777), "others may change what is in")
    refused("taken", lambda house: open(house.config["socket"], "w").close(), "is there and no socket")
    house = House("linked-socket")
    os.symlink(os.path.abspath("outside"), house.config["socket"])
    house.start(wait=False, slot=0)
    expect(house.process.wait(10) == 5 and "is there and no socket" in house.said(), house.said())
    # One that nobody answers on was left by an updater that was killed.
    house = House("again")
    house.start()
    house.kill()
    house.start()
    other = subprocess.run([BIN + "/selvedge-updater", "--config", house.yaml, "--running", "a"], capture_output=True, text=True, check=False)
    expect(other.returncode == 5 and "is held by another process" in other.stderr, other.stderr)
    house.stop()


def full_disk():
    """Where there is no room nothing is half done, and it goes on when there is."""
    house = House("full")
    house.director.assign(path_of("1.1.0"))
    # No file may grow: slots are as long as they were made, metadata is new.
    limited = f"trap '' XFSZ; ulimit -f 0; exec {BIN}/selvedge-updater --config {house.yaml} --running a"
    house.start()
    house.stop()
    house.process = subprocess.Popen(["bash", "-c", limited], stderr=subprocess.DEVNULL)
    house.ready()
    verb, what = house.check()
    expect(verb == ua.REFUSED and what["err"] in ("no-space", "io"), f"{verb} {what}")
    house.kill()
    house.start()
    verb, what = house.check()
    expect(verb == ua.REBOOT, what)
    house.ended()
    # A slot that is too small says so before anything is given up.
    house = House("small")
    os.truncate(house.dir + "/slot-b", 100000)
    house.director.assign(path_of("1.1.0"))
    house.start()
    house.refused("no-space", "does not fit into 'slot-b'")
    expect(house.status()["state"] == "confirmed", house.status())
    house.stop()


def the_clock():
    """The agent may say that it is later: then metadata has ended, for this check. Earlier changes nothing."""
    house = House("clock")
    house.director.assign(path_of("1.1.0"))
    house.start()
    expect(house.check(hold=True, now=1) == (ua.IDLE, "held"), "an agent whose clock is wrong hinders it")
    house.refused("untrusted", "director: ", now=int(time.time() + 20 * 365 * 86400) * 1000000)
    house.director.md["timestamp"]["expires"] = "2021-01-01T00:00:00Z"
    house.director.publish()
    house.refused("untrusted", "director: timestamp", now=1)
    house.stop()
    _, clock = ua.read_twin(house.dir + "/clock", b"SvCk", 24)
    believed, signed, _ = struct.unpack("<QQQ", clock)
    expect(abs(believed / 1e6 - time.time()) < 60, "what is believed is not remembered")
    expect(signed / 1e6 <= time.time() and signed / 1e6 > time.time() - 600, f"what the director has signed is not remembered: {signed}")


def the_box():
    """What root gave up: rights, new ones, calls; and the key is not left in memory."""
    house = House("box")
    house.start()
    status = dict(line.split(":\t", 1) for line in open(f"/proc/{house.process.pid}/status") if ":\t" in line)
    for name in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
        expect(int(status[name], 16) == 0, f"{name} {status[name]}")
    expect(status["NoNewPrivs"].strip() == "1" and status["Seccomp"].strip() == "2", "no sandbox")
    expect("files confined" in house.said() or "files not confined" in house.said(), "nothing is said of files")
    house.director.assign(path_of("1.1.0"))
    key = content_key(digest_of("1.1.0"))
    found = []

    def look(agent, number, want):
        if want["kind"] == ua.CHUNKS and os.geteuid() == 0:
            found.append(key in memory_of(house.process.pid))
        return False

    verb, _ = house.check(on_want=look)
    expect(verb == ua.REBOOT and found and not any(found), f"the content key stays in memory: {found}")
    house.ended()


def memory_of(pid):
    out = b""
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in open(f"/proc/{pid}/maps"):
            places, rights = line.split()[:2]
            start, end = (int(x, 16) for x in places.split("-"))
            if rights.startswith("rw") and end - start < 1 << 28:
                try:
                    memory.seek(start)
                    out += memory.read(end - start)
                except OSError:
                    pass
    return out


house = House("bent")
house.start()
metadata_that_is_bent(house)
bytes_that_are_others(house)
swapped_behind_its_back()
nonsense()
strangers()
what_lies_in_the_way()
full_disk()
the_clock()
the_box()

"""A device with real slots and the real updater, its image repository made by `selvedge update`, a director of its own, and an agent that can be told to misbehave. The work is done in the current folder,
which tests/support/updater.sh has prepared."""
import atexit
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time

sys.path[:0] = [os.path.join(os.environ["SV_SOURCE"], "tests", folder) for folder in ("support", "conformance/tuf")]
import repository as tuf  # noqa: E402
import updater_agent as ua  # noqa: E402

BIN = os.environ["SV_BIN"]
ID = "press-17"
HARDWARE = "rev-b"


def fail(why):
    """`why`: a line, and behind it whatever helps, which is said before it: the reason is found at the end."""
    reason, _, more = why.partition("\n")
    raise SystemExit((more.rstrip() + "\n" if more else "") + "FAILED: " + reason)


def expect(truth, why):
    if not truth:
        fail(str(why))


def wait_for(truth, why, seconds=20):
    end = time.monotonic() + seconds
    while not truth():
        expect(time.monotonic() < end, why() if callable(why) else why)
        time.sleep(0.02)


class Director(tuf.Repository):
    """Who gets which image: an own repository of the device."""

    def __init__(self):
        super().__init__("ecdsa-sha2-nistp256")
        self.stop()

    def assign(self, path, device=ID, **custom):
        """`path` None: nothing."""
        self.md["targets"]["targets"] = {}
        if path is not None:
            entry = dict(IMAGES[path])
            self.md["targets"]["targets"][path] = {**{k: entry[k] for k in ("length", "hashes")}, "custom": {"selvedge": {"device": device, **custom}}}
        self.md["targets"]["version"] = max(self.md["targets"]["version"], int(time.time()) - 1)
        self.publish()

    def start(self):
        pass  # it is asked here, not by HTTP

    def stop(self):
        pass


def newest(folder, role):
    """The newest of a role's files in a repository's folder."""
    names = [n for n in os.listdir(folder) if n.endswith(f".{role}.json")]
    return os.path.join(folder, max(names, key=lambda n: int(n.split(".")[0])))


IMAGES = json.load(open(newest("repo/metadata", "targets")))["signed"]["targets"]


def path_of(version):
    return f"lathe-ctl/{version}.img"


def digest_of(version):
    return IMAGES[path_of(version)]["hashes"]["sha256"]


def encoding_of(version, name):
    return next(e for e in IMAGES[path_of(version)]["custom"]["selvedge"]["encodings"] if e["name"].startswith(name))


class House:
    def __init__(self, name, start_from="slots", **config):
        self.dir = os.path.abspath(name)
        shutil.copytree(start_from, self.dir, symlinks=True)
        self.director = Director()
        self.wanted = []  # what the updater wanted, in order
        self.given = 0  # bytes of chunks
        self.bend = {}  # path: bytes, None (absent), or a function of the want
        self.process = None
        self.running = None
        self.environment = {}
        open(f"{name}.director.json", "wb").write(self.director.published["root"])
        self.config = {"id": ID, "product": "lathe-ctl", "hardware": HARDWARE, "slots": self.dir, "state": self.dir, "keys": "[" + os.path.abspath("boot.pub") + "]",
                       "image_root": os.path.abspath("keys/root.json"), "director_root": os.path.abspath(f"{name}.director.json"),
                       "socket": os.path.abspath(f"{name}.sock"), "reboot": "exit", "patience": "5s", **config}
        atexit.register(self.end)
        self.yaml = f"{name}.yaml"
        self.log = f"{name}.log"
        self.write_config()

    def write_config(self):
        with open(self.yaml, "w") as out:
            out.writelines(f"{k}: {v}\n" for k, v in self.config.items() if v is not None)

    # ---- starting and ending ------------------------------------------------------------------------

    def good(self, slot):
        return subprocess.run([BIN + "/selvedge-verify", f"{self.dir}/slot-{'ab'[slot]}", "--trailer", "--key", "boot.pub", "--product", "lathe-ctl"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0

    def end(self):
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def start(self, wait=True, slot=None):
        """As a machine does: the boot loader chooses, then the updater starts."""
        self.running = ua.boot(self.dir, self.good) if slot is None else slot
        expect(self.running is not None, "nothing may be started: the device is bricked")
        self.process = subprocess.Popen([BIN + "/selvedge-updater", "--config", self.yaml, "--running", "ab"[self.running]],
                                        stderr=open(self.log, "ab"), env={**os.environ, **self.environment})
        if wait:
            self.ready()
        return self.running

    def ready(self):
        for _ in range(400):
            try:
                agent = ua.Agent(self.config["socket"])
                agent.status()
                agent.close()
                return
            except (OSError, ua.Ended):
                expect(self.process.poll() is None, f"the updater ended with {self.process.poll()}: {self.said()[-600:]}")
                time.sleep(0.02)
        fail("the updater does not answer")

    def was_killed(self):
        """By who or what a test set on it: tests/support/die_at.c."""
        return self.process.wait(20) in (-signal.SIGKILL, 137)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(20)
        expect(code == 0, f"it ended with {code}: {self.said()[-600:]}")

    def ended(self):
        """It ends to be started again through the boot loader."""
        code = self.process.wait(20)
        expect(code == 64, f"it ended with {code} instead of 64: {self.said()[-600:]}")

    def reboot(self):
        self.ended()
        return self.start()

    def said(self):
        return open(self.log).read()

    def agent(self):
        return ua.Agent(self.config["socket"])

    def status(self):
        agent = self.agent()
        status = agent.status()
        agent.close()
        return status

    # ---- the device door ----------------------------------------------------------------------------

    def door(self, path):
        """What the door has at a path; None: nothing."""
        own = f"/tuf/director/{ID}/"
        if path.startswith("/tuf/image/metadata/"):
            return read_or_none("repo/metadata/" + path.rsplit("/", 1)[1])
        if path.startswith(own + "metadata/"):
            status, data = self.director.answer("/metadata/" + path.rsplit("/", 1)[1])
            return data if status == 200 else None
        if path.startswith(own + "key/"):
            return content_key(path[len(own) + 4:-4])
        expect(path.startswith("/artifacts/"), f"the updater wants {path}")
        return read_or_none("repo" + path)

    @staticmethod
    def range_of(want):
        """Of an artifact that may be large."""
        with open("repo" + want["path"], "rb") as file:
            file.seek(want["offset"])
            return file.read(want["bytes"])

    def fetch(self, want):
        self.wanted.append(want)
        path = want["path"]
        data = self.bend[path] if path in self.bend else self.range_of if want["kind"] == ua.CHUNKS else self.door(path)
        if callable(data):
            data = data(want)
        elif data is not None and want["kind"] == ua.CHUNKS:
            data = data[want["offset"]:want["offset"] + want["bytes"]]
        if want["kind"] == ua.CHUNKS and data is not None:
            self.given += len(data)
        return data

    def check(self, **how):
        agent = self.agent()
        try:
            return agent.check(self.fetch, **how)
        finally:
            agent.close()

    def update(self, version):
        """All the way to a release that runs on trial."""
        self.director.assign(path_of(version))
        verb, what = self.check()
        expect(verb == ua.REBOOT, f"no start after an update: {verb} {what}")
        before = self.running
        expect(self.reboot() != before, "the old slot starts")

    def confirm(self):
        agent = self.agent()
        verb, what = agent.health(True)
        expect(verb == ua.STATUS and what["state"] == "confirmed", f"not confirmed: {verb} {what}")
        agent.close()

    def refused(self, err, sentence, **how):
        """A CHECK is refused, and nothing is armed."""
        verb, what = self.check(**how)
        expect(verb == ua.REFUSED and what["err"] == err and sentence in what["why"], f"not refused as {err}, '{sentence}': {verb} {what}")
        status = self.status()
        expect(status["state"] not in ("installed", "trial") and 1 not in status["boot"], f"armed: {status}")
        return what

    def slot_is(self, slot, version):
        data = open(f"{self.dir}/slot-{'ab'[slot]}", "rb").read(IMAGES[path_of(version)]["length"])
        return hashlib.sha256(data).hexdigest() == digest_of(version)


def read_or_none(path):
    return open(path, "rb").read() if os.path.isfile(path) else None


def content_key(digest):
    for name in os.listdir("keys/content"):
        words = dict(line.split(" ", 1) for line in open("keys/content/" + name).read().splitlines() if " " in line)
        if words.get("image") == digest:
            return bytes.fromhex(words["key"])
    return None

"""Machines that are updated: real slots in files, a boot loader that looks at them through selvedge-verify, the real updater and the real agent. And one whose client says what is not so.

Each is a thing that is asked to `tick` again and again, and does then whatever the machine would by itself. What is on its disk is the truth that a fleet server is measured against."""
import hashlib
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
from base64 import b64decode
from pathlib import Path

import power
import updater_agent as ua
from site_programs import SiteError

sys.path.append(str(Path(__file__).resolve().parents[1] / "attacks"))
from door import Client, reading  # noqa: E402

PRODUCT, HARDWARE, OLD, NEW = "lathe-ctl", "rev-b", "1.0.0", "1.1.0"
START_AGAIN = 64  # what the updater ends with
BOOT_WORDS = {ua.IDLE_SLOT: "idle", ua.TRIAL: "trial", ua.CONFIRMED: "confirmed", ua.BAD: "bad"}


class Releases:
    """A release engineer's folder with two releases, and a device's folder as it leaves the factory."""

    def __init__(self, site, image_bytes):
        self.site, self.dir = site, site.dir / "releases"
        self.dir.mkdir()
        dice = random.Random(image_bytes)  # which images they are does not matter
        for version in (OLD, NEW):
            (self.dir / f"{version}.img").write_bytes(b"".join(dice.randbytes(2000) + bytes(2096) for _ in range(image_bytes // 4096)))
        self.keys, self.repo, self.factory = self.dir / "keys", self.dir / "repo", self.dir / "slots"
        site.run("selvedge", "update", "keys", "init", "--dir", self.keys)
        site.run("selvedge", "update", "keys", "new", "boot", "--key", "ec", "--keys", self.keys)
        for counter, version in enumerate((OLD, NEW), 1):
            site.run("selvedge", "update", "sign", self.dir / f"{version}.img", "--product", PRODUCT, "--hardware", HARDWARE, "--version", version, "--counter", str(counter), "--keys", self.keys)
        site.run("selvedge", "update", "publish", "--keys", self.keys, "--repo", self.repo)
        self.boot_key = self.dir / "boot.pub"
        self.boot_key.write_text(json.loads((self.keys / "public/boot.json").read_text())["keyval"]["public"])
        newest = max((self.repo / "metadata").glob("*.targets.json"), key=lambda path: int(path.name.split(".")[0]))
        self.targets = json.loads(newest.read_text())["signed"]["targets"]
        self.leave_the_factory()

    def leave_the_factory(self):
        header = self.dir / "header"
        header.write_bytes(b64decode(self.own(OLD)["boot"]))
        self.site.run("selvedge", "firmware", "install", self.dir / f"{OLD}.img", "--slots", self.factory, "--key", self.boot_key, "--header", header)
        self.site.run("selvedge", "firmware", "boot", "--slots", self.factory, "--healthy")
        self.factory.chmod(0o700)

    @staticmethod
    def path(version):
        return f"{PRODUCT}/{version}.img"

    def own(self, version):
        return self.targets[self.path(version)]["custom"]["selvedge"]

    def length(self, version):
        return self.targets[self.path(version)]["length"]

    def digest(self, version):
        return self.targets[self.path(version)]["hashes"]["sha256"]

    def fetched(self, version):
        """What is fetched of it: bytes of the shortest encoding, and of its index."""
        best = min(self.own(version)["encodings"], key=lambda encoding: encoding["length"])
        index = self.repo / "artifacts" / self.digest(version) / f"{best['name']}.index"
        return best["length"], index.stat().st_size

    def upload(self):
        self.site.run("selvedge", "update", "upload", "--repo", self.repo, "--keys", self.keys, "--url", f"http://127.0.0.1:{self.site.operator_port}", "--token-file", self.site.dir / "admin.token")


class Machine:
    """`door`: the port of its gateway's device door. `healthy`: whether it can run the new release. `powerless`: its power may be cut, and it is slow, so that there is time for that."""

    def __init__(self, site, releases, folder, name, door, healthy=True, deadline="60s", powerless=False):
        self.site, self.releases, self.name = site, releases, name
        self.dir, self.socket = folder / name, folder / f"{name}.sock"
        self.log, self.sensor, self.script = folder / f"{name}.log", folder / f"{name}.level", folder / f"{name}.healthy"
        self.power_log = folder / f"{name}.power" if powerless else None
        self.updater = self.agent = self.running = None
        self.on, self.starts, self.cuts = False, 0, 0
        shutil.copytree(releases.factory, self.dir)
        self.sensor.write_text("20\n")
        self.be_healthy(healthy)
        self.write(folder, door, deadline, "  rate: 100000\n" if powerless else "")

    def write(self, folder, door, deadline, more):
        root = folder / "director-root.json"
        self.updater_yaml, self.agent_yaml = folder / f"{self.name}.updater.yaml", folder / f"{self.name}.agent.yaml"
        self.updater_yaml.write_text(
            f"id: {self.name}\nproduct: {PRODUCT}\nhardware: {HARDWARE}\nslots: {self.dir}\nstate: {self.dir}\nkeys: [{self.releases.boot_key}]\n"
            f"image_root: {self.releases.keys}/root.json\ndirector_root: {root}\nsocket: {self.socket}\nreboot: exit\n")
        self.agent_yaml.write_text(
            f"id: {self.name}\ngateway: {{host: 127.0.0.1, port: {self.site.mqtt_port}}}\ntls: {self.site.tls(self.name)}\nenrolment: {{renew: off}}\n"
            f"health: {{interval: 5s}}\nmachine: false\nspool: {{path: {folder}/{self.name}.spool, every: 500ms, free: 0}}\n"
            f"sources:\n  - {{kind: file, path: {self.sensor}, sensor: level, unit: m, interval: 500ms}}\n"
            f"update:\n  door: 'https://127.0.0.1:{door}'\n  socket: {self.socket}\n  health: {{deadline: {deadline}, script: {self.script}}}\n{more}")

    def be_healthy(self, healthy):
        self.script.write_text(f"#!/bin/sh\nexit {0 if healthy else 1}\n")
        self.script.chmod(0o700)

    def heal(self):
        """It can run the new release from its next start on, and has time to say so."""
        self.be_healthy(True)
        self.agent_yaml.write_text(re.sub(r"deadline: \w+", "deadline: 120s", self.agent_yaml.read_text()))

    # ---- what the machine does by itself ------------------------------------------------------------

    def verify(self, slot, folder=None):
        """What selvedge-verify says of a slot; None: that nothing may be started from there."""
        done = subprocess.run([self.site.bin / "selvedge-verify", (folder or self.dir) / f"slot-{'ab'[slot]}", "--trailer", "--key", self.releases.boot_key, "--product", PRODUCT], capture_output=True, text=True, check=False)
        return done.stdout.splitlines()[1] if done.returncode == 0 else None

    def start(self):
        """The boot loader, and then the updater; the agent comes when that answers."""
        self.running = ua.boot(str(self.dir), self.verify)
        if self.running is None:
            raise SiteError(f"{self.name}: nothing may be started, it is bricked")
        self.start_updater()
        self.on = True
        self.starts += 1

    def start_updater(self):
        env = dict(os.environ)
        if self.power_log:
            env.update(LD_PRELOAD=os.environ["SV_POWER_LOG_SO"], SV_POWER_LOG=str(self.power_log), ASAN_OPTIONS="verify_asan_link_order=0")
            self.power_log.unlink(missing_ok=True)
        self.updater = self.run(self.site.bin / "selvedge-updater", "--config", self.updater_yaml, "--running", "ab"[self.running], env=env)

    def run(self, *command, env=None):
        with open(self.log, "ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=env)

    def answers(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asked:
            return asked.connect_ex(str(self.socket)) == 0

    def tick(self):
        if not self.on:
            return
        code = self.updater.poll()
        if code == START_AGAIN:
            self.stop()
            self.start()
        elif code is not None or (self.agent is not None and self.agent.poll() is not None):
            who = "updater" if code is not None else "agent"
            raise SiteError(f"{self.name}: the {who} ended with {code if code is not None else self.agent.returncode}:\n{self.said()}")
        elif self.agent is None and self.answers():
            self.agent = self.run(self.site.bin / "selvedge-agent", "--config", self.agent_yaml)

    def end(self, how):
        for process in (self.agent, self.updater):
            if process is not None and process.poll() is None:
                process.send_signal(how)
                process.wait(30)
        self.agent, self.on = None, False

    def stop(self):
        """In good order, as when somebody switches it off."""
        self.end(signal.SIGTERM)

    def kill(self, who):
        """One of its programs, which is started again as a service manager does."""
        process = self.agent if who == "agent" else self.updater
        if process.poll() is None:
            process.kill()
            process.wait()
        if who == "agent":
            self.agent = None
        elif process.returncode == -signal.SIGKILL:  # else it had ended for a start of the machine
            self.start_updater()

    def lose_power(self, dice):
        """How many bytes that were written are lost."""
        for process in (self.updater, self.agent):
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGKILL)
        self.end(signal.SIGKILL)
        self.cuts += 1
        return power.cut(self.power_log, self.dir, dice)

    # ---- what is so ---------------------------------------------------------------------------------

    def status(self):
        """What the updater says; None: it does not answer now."""
        try:
            agent = ua.Agent(str(self.socket), 10)
        except OSError:
            return None
        try:
            return agent.status()
        except (ua.Ended, OSError):
            return None
        finally:
            agent.close()

    def truth(self):
        """What lies on its disk: the slot that its boot loader starts, what is in there, and what it remembers. The machine is off."""
        copy = self.dir.with_suffix(".copy")
        shutil.copytree(self.dir, copy)
        slot = ua.boot(str(copy), lambda place: self.verify(place, copy))
        words = (self.verify(slot) if slot is not None else "").replace(",", "").split()
        asked = json.loads(self.site.run("selvedge", "firmware", "slots", "--slots", copy, "--output", "json"))
        _, boot = ua.read_twin(self.dir / "boot-state", b"SvBs", 12)
        shutil.rmtree(copy)
        if slot is None or asked["next"] != {"slot": "ab"[slot], "trial": False}:
            raise SiteError(f"{self.name}: what starts is {slot} by selvedge-verify, {asked['next']} by selvedge firmware")
        version = words[1]
        with open(self.dir / f"slot-{'ab'[slot]}", "rb") as image:
            digest = hashlib.sha256(image.read(self.releases.length(version))).hexdigest()
        return {"slot": "ab"[slot], "version": version, "sha256": digest, "counter": int(words[3]), "boot": BOOT_WORDS[boot[2 * slot]], "trial": asked["update"]["state"], "whole": digest == self.releases.digest(version)}

    def said(self):
        return self.log.read_text(errors="replace")[-1500:]


class Liar(threading.Thread):
    """A DDI client of some other make: calls whatever it is given a success, and runs what it ran before."""

    def __init__(self, site, name, door, seed):
        super().__init__(daemon=True)
        self.name, self.door, self.dice, self.lies, self.ended = name, door, random.Random(f"{seed} liar"), 0, threading.Event()
        self.context = ssl.create_default_context(cafile=site.pki / "ca.crt")
        self.context.load_cert_chain(site.cert(name), site.key(name))
        self.publish(site.mqtt_port)

    def publish(self, port):
        """One reading, by which its site is known."""
        with self.context.wrap_socket(socket.create_connection(("127.0.0.1", port), 10), server_hostname="127.0.0.1") as line:
            client = Client(line)
            if client.open(self.name) != 0 or client.publish(f"sensors/{self.name}/level", reading(self.name, 1), packet_id=1) != 0:
                raise SiteError(f"{self.name} cannot publish")

    def ask(self, method, path, body=None):
        """None: 404 or the like; insists until there is an answer."""
        while not self.ended.is_set():
            line = http.client.HTTPSConnection("127.0.0.1", self.door, timeout=10, context=self.context)
            try:
                line.request(method, f"/default/controller/v1/{self.name}{path}", None if body is None else json.dumps(body), {"Content-Type": "application/json"})
                answer = line.getresponse()
                content = answer.read()
                if answer.status < 500 and answer.status != 429:
                    return (json.loads(content) if content else {}) if answer.status == 200 else None
            except (OSError, http.client.HTTPException):
                pass
            finally:
                line.close()
            self.ended.wait(0.3)
        return None

    def tell(self):
        return self.ask("PUT", "/configData", {"mode": "replace", "data": {"product": PRODUCT, "version": OLD, "hardware": HARDWARE}})

    def say(self, action, execution, finished):
        status = {"execution": execution, "result": {"finished": finished}, "details": ["all is well"]}
        self.ask("POST", f"/deploymentBase/{action}/feedback", {"id": action, "status": status})

    def run(self):
        self.tell()
        while not self.ended.is_set():
            links = (self.ask("GET", "") or {}).get("_links", {})
            if "configData" in links:
                self.tell()
            if "deploymentBase" in links:
                action = links["deploymentBase"]["href"].split("/deploymentBase/")[1].split("?")[0]
                if self.ask("GET", f"/deploymentBase/{action}") is not None:
                    self.say(action, "download", "none")
                    self.say(action, "closed", "success")
                    self.tell()
                    self.lies += 1
            self.ended.wait(0.3 + 0.4 * self.dice.random())

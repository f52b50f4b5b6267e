"""A site of real programs on loopback, below one temporary folder: what benches and chaos tests start."""
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
import urllib.request
from datetime import datetime

from ports import free_port

READY_S = 20
POLL_S = 0.02


class SiteError(Exception):
    """Something did not start, answer or add up; the text says what."""


def wait_until(true, what, seconds=READY_S):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return
        time.sleep(POLL_S)
    raise SiteError(f"{what} did not happen within {seconds} s")


def answers(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def stored_counter(path):
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    return lambda: db.execute("SELECT coalesce(max(id), 0) FROM (SELECT max(id) AS id FROM reading UNION ALL SELECT max(id) FROM reading_b)").fetchone()[0]


class Site:
    """Folders, certificates, configurations and processes below one temporary folder."""

    def __init__(self, folder, programs):
        self.dir = folder
        self.bin = programs
        self.running = []
        self.env = {}  # of programs, by name: what is added to the environment
        self.launched = {}  # by name: where the log of the last start begins
        self.number = 0  # of the gateway's configuration: each has a store of its own
        self.pki = folder / "pki"
        self.run("selvedge", "pki", "init", "--dir", self.pki, "--org", "Selvedge site")
        self.issue("gateway-1", "gateway", "--ip", "127.0.0.1", "--dns", "localhost")
        self.issue("broker-1", "server", "--ip", "127.0.0.1", "--dns", "localhost")
        self.issue("fleet-server", "server", "--ip", "127.0.0.1", "--dns", "localhost")
        self.issue("bench-probe", "device")
        self.issue("this-machine", "device")

    def run(self, program, *arguments):
        done = subprocess.run([self.bin / program, *arguments], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SiteError(f"{program} {' '.join(map(str, arguments))}: {done.stderr.strip()}")
        return done.stdout

    def issue(self, name, role, *more):
        (self.dir / "keys").mkdir(exist_ok=True)
        self.run("selvedge", "pki", "issue", "--dir", self.pki, "--id", name, "--role", role, *more, "--out", self.dir / "keys")

    def key(self, name):
        return self.dir / "keys" / f"{name}.key"

    def cert(self, name):
        return self.dir / "keys" / f"{name}.crt"

    def start(self, name, *command, stdout=None):
        log = open(self.dir / f"{name}.log", "ab")
        env = {**os.environ, **{key: str(value) for key, value in self.env[name].items()}} if name in self.env else None
        process = subprocess.Popen(list(map(str, command)), stdout=stdout or log, stderr=log, stdin=subprocess.DEVNULL, env=env)
        self.running.append((name, process))
        return process

    def launch(self, name):
        """The gateway, the fleet server or the agent; is not waited for."""
        log = self.dir / f"{name}.log"
        self.launched[name] = log.stat().st_size if log.exists() else 0
        return self.start(name, self.bin / f"selvedge-{name}", "--config", self.dir / f"{name}.yaml")

    def said(self, name):
        """By that program since it was last launched."""
        with open(self.dir / f"{name}.log", "rb") as log:
            log.seek(self.launched[name])
            return log.read().decode(errors="replace")

    def forget(self, process):
        self.running = [(name, p) for name, p in self.running if p is not process]

    def stop(self, process, how=signal.SIGTERM):
        if process.poll() is None:
            process.send_signal(how)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.forget(process)

    def stop_all(self):
        for _, process in reversed(list(self.running)):
            self.stop(process)

    def died(self, but=""):
        for name, process in self.running:
            if name != but and process.poll() is not None:
                tail = (self.dir / f"{name}.log").read_text(errors="replace")[-600:]
                raise SiteError(f"{name} ended with code {process.returncode}:\n{tail}")

    def wait_port(self, port, what):
        def up():
            self.died()
            return answers(port)

        wait_until(up, f"{what} on port {port}")

    def tls(self, name):
        return f"{{ca: {self.pki}/ca.crt, cert: {self.cert(name)}, key: {self.key(name)}}}"

    def write_gateway(self, fleet, alerts_port, group_ms, door=False, more="", store="", folder=None, spool=""):
        """`fleet`: whether there is one, or the port that leads to it. `folder`: where the store is, when not with the rest."""
        self.mqtt_port, self.http_port = free_port(), free_port()
        self.number += 1
        self.store = (folder or self.dir) / f"gateway-{self.number}.db"
        group = f", group_wait: {group_ms}ms" if group_ms else ""
        keys = f", {door}" if isinstance(door, str) else ""  # more of `listen:`
        way = f"listen: {{bind: 127.0.0.1, port: {self.mqtt_port}{keys}}}" if door else f"broker: {{host: 127.0.0.1, port: {self.mqtt_port}}}"
        text = (
            f"id: gateway-1\nsite: site-1\n{way}\n"
            f"http: {{port: {self.http_port}}}\ntls: {self.tls('gateway-1')}\nstore: {{path: {self.store}{group}{store}}}\n"
            "thresholds: {default: {high: 500}, sensors: {temperature: {high: 80}, vibration: {high: 7.1}}}\n"
            "change: {default: 1.0, sensors: {temperature: 0.4, vibration: 0.15, pressure: 0.08, current: 0.4}}\n"
        )
        if fleet:
            bounds = f", spool: {{{spool}}}" if spool else ""
            text += f"fleet: {{url: 'https://127.0.0.1:{self.device_port if fleet is True else fleet}', retry: 2s{bounds}}}\n"
        if alerts_port:
            text += f"alerts: {{url: 'https://127.0.0.1:{alerts_port}/alerts', ca: {self.pki}/ca.crt}}\n"
        (self.dir / "gateway.yaml").write_text(text + more)

    def start_broker(self):
        data = self.dir / f"mosquitto-{self.number}"
        data.mkdir()
        conf = self.run(
            "selvedge-gateway", "--print-mosquitto-config", "--config", self.dir / "gateway.yaml",
            "--acl", data / "acl", "--data", data, "--broker-cert", self.cert("broker-1"), "--broker-key", self.key("broker-1"),
        )
        with open(data / "acl", "a") as acl:  # what the probe of the latency listens to
            acl.write("\nuser bench-probe\ntopic read alerts/#\ntopic read sensors/bench-probe/#\n")
        (data / "mosquitto.conf").write_text(conf)
        broker = self.start("mosquitto", "/usr/sbin/mosquitto", "-c", data / "mosquitto.conf")
        self.wait_port(self.mqtt_port, "mosquitto")
        return broker

    def gateway_opened(self):
        """The log line of the gateway's last start, once it is through."""
        return re.search(r"time=(\S+) .*event=(?:broker.up|door.open)", self.said("gateway"))

    def start_gateway(self):
        gateway = self.launch("gateway")
        wait_until(lambda: (self.died(), self.gateway_opened())[1], "the gateway's start")
        return gateway

    def opened_at(self):
        """When the gateway's last start was through, as its log has it: s since 1970."""
        return datetime.fromisoformat(self.gateway_opened().group(1).replace("Z", "+00:00")).timestamp()

    def gateway_status(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}/v1/status", timeout=10) as answer:
            return json.load(answer)

    def start_fleet(self, folder=None, more=""):
        """`folder`: as of the gateway; `more`: lines of its configuration."""
        self.device_port, self.operator_port = free_port(), free_port()
        self.fleet_store = (folder or self.dir) / f"fleet-{self.device_port}.db"
        (self.dir / "fleet.yaml").write_text(
            f"id: fleet-server\nstore: {{path: {self.fleet_store}}}\n"
            f"operator: {{bind: 127.0.0.1, port: {self.operator_port}}}\n"
            f"device:\n  bind: 127.0.0.1\n  port: {self.device_port}\n  tls: {self.tls('fleet-server')}\n"
            f"pki: {self.pki}\nadmin_token_file: {self.dir}/admin.token\ngateways: {{gateway-1: site-1}}\n{more}"
        )
        return self.restart_fleet()

    def restart_fleet(self):
        fleet = self.launch("fleet")
        self.wait_port(self.device_port, "the fleet server")
        return fleet

    def write_agent(self, more="", port=None):
        (self.dir / "agent.yaml").write_text(
            f"id: this-machine\ngateway: {{host: 127.0.0.1, port: {port or self.mqtt_port}}}\n"
            f"tls: {self.tls('this-machine')}\nhealth: {{interval: 5s}}\n{more}"
        )

    def start_agent(self):
        return self.launch("agent")

    def restart_agent(self):
        return self.start_agent()

    def restart_gateway(self):
        return self.start_gateway()

    def kill(self, process):
        process.kill()
        process.wait()
        self.forget(process)

    def simulate(self, devices, rate, seconds, port=None):
        report = tempfile.TemporaryFile(dir=self.dir)
        process = self.start(
            "simulate", self.bin / "selvedge", "simulate", "--gateway", f"127.0.0.1:{port or self.mqtt_port}", "--pki", self.pki,
            "--devices", devices, "--rate", rate, "--seconds", seconds, "--output", "json", stdout=report,
        )
        process.report = report
        return process

    def simulated(self, process, must=True):
        code = process.wait()
        self.forget(process)
        process.report.seek(0)
        text = process.report.read().decode()
        if must and code != 0:
            raise SiteError(f"selvedge simulate ended with code {code}: {text}{(self.dir / 'simulate.log').read_text()[-400:]}")
        return json.loads(text)

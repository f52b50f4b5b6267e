"""A device with its updater and the real agent, at a gateway and a fleet server, which people ask by `selvedge`."""
import atexit
import json
import os
import subprocess
import urllib.error
import urllib.request

from updater_house import BIN, expect, path_of


class Site:
    """`folder`: of the site; the ports of its gateway for MQTT and as a device door, and that of the fleet server for operators, where there is one."""

    def __init__(self, folder, mqtt, door, operator=None):
        self.folder, self.mqtt, self.door = folder, mqtt, door
        self.url = f"http://127.0.0.1:{operator}"
        self.place = ["--url", self.url, "--token-file", f"{folder}/admin.token"]
        self.refusal = "nothing was refused"  # what the API said last of a request that it did not take

    def ask(self, *words, code=0):
        done = subprocess.run([BIN + "/selvedge", *words, *self.place], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        expect(done.returncode == code, f"selvedge {' '.join(words)} ended with {done.returncode}: {done.stderr.decode()}")
        return done.stdout.decode()

    def as_json(self, *words):
        return json.loads(self.ask(*words, "--output", "json"))

    def call(self, method, path, document=None):
        """The API; None: the answer is an error, `refusal`, or the server is away."""
        token = open(f"{self.folder}/admin.token").read().strip()
        body = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(f"{self.url}/api/v1{path}", body, {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request) as answer:
                return json.loads(answer.read() or "null")
        except urllib.error.HTTPError as error:
            self.refusal = f"{method} {path}: {error.code} {error.read().decode()[:300]}"
        except OSError as error:
            self.refusal = f"{method} {path}: {error}"
        return None

    def version_is(self, version):
        return lambda: [row["version"] for row in self.as_json("device", "versions")] == [version]

    def started(self, version):
        """The number of a campaign for everybody."""
        said = self.ask("update", "start", "--image", path_of(version), "--query", "all", "--wave", "1")
        return said.split()[1].rstrip(":")


class Machine:
    """press-17: `house` with its updater, and the agent. `name` begins the names of its files; `update` has what its agent is told more about updates, as YAML."""

    def __init__(self, site, house, name="", deadline="4s", update=""):
        self.site, self.house = site, house
        self.script = os.path.abspath(f"{name}healthy")
        self.agent = None
        atexit.register(self.end_agent)
        self.yaml, self.log = f"{name}agent.yaml", f"{name}agent.log"
        self.be_healthy(True)
        with open(self.yaml, "w") as out:
            out.write(f"""id: press-17
gateway: {{host: 127.0.0.1, port: {site.mqtt}}}
tls: {{ca: {site.folder}/pki/ca.crt, cert: {site.folder}/keys/press-17.crt, key: {site.folder}/keys/press-17.key}}
enrolment: {{renew: off}}
health: {{interval: 1s}}
machine: false
sources: []
update:
  door: 'https://127.0.0.1:{site.door}'
  socket: {self.house.config['socket']}
  {update}
  health: {{deadline: {deadline}, script: {self.script}}}
""")

    def be_healthy(self, truth):
        with open(self.script, "w") as out:
            out.write(f"#!/bin/sh\nexit {0 if truth else 1}\n")
        os.chmod(self.script, 0o700)

    def start(self):
        slot = self.house.start()
        self.agent = subprocess.Popen([BIN + "/selvedge-agent", "--config", self.yaml], stderr=open(self.log, "ab"))
        return slot

    def restart(self):
        """The updater ends for a start of the machine, and with it goes the agent."""
        self.house.ended()
        self.end_agent()
        return self.start()

    def end_agent(self):
        if self.agent is not None:
            self.agent.kill()
            self.agent.wait()

    def end(self):
        self.end_agent()
        self.house.stop()

    def log_text(self):
        return open(self.log).read()

    def told(self, what):
        """For wait_for: what does not come, and what was said meanwhile."""
        return lambda: f"{what() if callable(what) else what}\n{self.said()}"

    def said(self):
        return f"{self.log_text()[-2500:]}{self.house.said()[-1500:]}{self.site.refusal}"

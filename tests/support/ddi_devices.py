#!/usr/bin/env python3
"""Devices that speak DDI with their own certificates over a bad link: ddi_devices.py URL CA KEYS TRUTH SEED ID=FATE...

A fate is confirmed, failed, rolled_back, unproved (says success and runs what it ran before) or silent (no word once it is installed). TRUTH gets a
line "ID FATE" when a device has come to it. The link is cut at random, before a request or before its answer is read. Runs until it is ended."""
import http.client
import json
import random
import socket
import ssl
import sys
import threading
import time

CUT_BEFORE, CUT_AFTER = 0.05, 0.10
POLL_S = 0.2


class Cut(Exception):
    pass


class Device(threading.Thread):
    def __init__(self, place, ca, keys, truth, seed, name, fate):
        super().__init__(daemon=True)
        self.host, self.port = place
        self.context = ssl.create_default_context(cafile=ca)
        self.context.load_cert_chain(f"{keys}/{name}.crt", f"{keys}/{name}.key")
        self.truth, self.name, self.fate = truth, name, fate
        self.random = random.Random(f"{seed} {name}")
        self.done = set()  # actions that it has come to the end of
        self.version = "1.0"

    def ask(self, method, path, body=None):
        if self.random.random() < CUT_BEFORE:
            raise Cut
        line = http.client.HTTPSConnection(self.host, self.port, timeout=10, context=self.context)
        try:
            text = None if body is None else json.dumps(body)
            line.request(method, f"/default/controller/v1/{self.name}{path}", text, {"Content-Type": "application/json"})
            if self.random.random() < CUT_AFTER:
                raise Cut
            answer = line.getresponse()
            content = answer.read()
            if answer.status >= 500:
                raise Cut
            if answer.status != 200:
                return None
            return json.loads(content) if content else {}
        finally:
            line.close()

    def insist(self, method, path, body=None):
        """Until an answer comes."""
        while True:
            try:
                return self.ask(method, path, body)
            except (Cut, OSError, http.client.HTTPException, ssl.SSLError, socket.timeout):
                time.sleep(0.05)

    def say(self, action, execution, finished="none", progress=None, **selvedge):
        result = {"finished": finished}
        if progress is not None:
            result["progress"] = {"cnt": progress, "of": 1}
        status = {"execution": execution, "result": result, "details": [f"{execution} {finished}"]}
        if selvedge:
            status["selvedge"] = selvedge
        self.insist("POST", f"/deploymentBase/{action}/feedback", {"id": str(action), "status": status})

    def tell_version(self):
        self.insist("PUT", "/configData", {"mode": "replace", "data": {"product": "lathe", "version": self.version, "timezone": "Europe/Oslo"}})

    def install(self, action):
        self.say(action, "download")
        if self.fate == "failed":
            self.say(action, "closed", "failure")
            return
        self.say(action, "proceeding", progress=1)
        if self.fate == "silent":
            return
        if self.fate == "rolled_back":
            self.say(action, "proceeding", state="trial")
            self.say(action, "closed", "failure", state="rolled-back")
            return
        self.say(action, "closed", "success")
        self.version = "1.1" if self.fate == "confirmed" else "1.0"
        self.tell_version()

    def turn(self):
        poll = self.insist("GET", "") or {}
        links = poll.get("_links", {})
        if "configData" in links:
            self.tell_version()
        if "cancelAction" in links:
            action = links["cancelAction"]["href"].rsplit("/", 1)[1]
            self.insist("POST", f"/cancelAction/{action}/feedback", {"id": action, "status": {"execution": "closed", "result": {"finished": "success"}}})
        if "deploymentBase" in links:
            action = int(links["deploymentBase"]["href"].split("/deploymentBase/")[1].split("?")[0])
            if action not in self.done and self.insist("GET", f"/deploymentBase/{action}") is not None:
                self.install(action)
                self.done.add(action)
                with open(self.truth, "a", encoding="ascii") as file:
                    file.write(f"{self.name} {self.fate}\n")

    def run(self):
        self.tell_version()
        while True:
            self.turn()
            time.sleep(POLL_S * (0.5 + self.random.random()))


def main():
    url, ca, keys, truth, seed = sys.argv[1:6]
    host, port = url.removeprefix("https://").split(":")
    for word in sys.argv[6:]:
        name, fate = word.split("=")
        Device((host, int(port)), ca, keys, truth, seed, name, fate).start()
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()

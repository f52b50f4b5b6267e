#!/usr/bin/env python3
"""kicks.py WORK PORT FLEET_OPERATOR_PORT COUNT: so many live sessions, revoked one after the other; prints the longest time from the operator's
word to the end of a session, in seconds. Exit 1: one lived on, somebody else's ended, or a revoked device comes in again."""
import json
import ssl
import sys
import time
import urllib.request
from pathlib import Path

from live_sessions import Folder, Sessions, connect, context_of


def main():
    work, port, operator, count = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    keys, token = work / "keys", (work / "admin.token").read_text().strip()
    folder, sessions = Folder(work / "pki", keys), Sessions()
    names = [f"live-{i:03}" for i in range(count + 1)]  # the last one stays
    contexts = {}
    for name in names:
        folder.device(name)
        contexts[name] = context_of(work / "pki/ca.crt", keys / f"{name}.crt", keys / f"{name}.key")
        sessions.add(name, connect(name, contexts[name], port))
    time.sleep(1.1)  # certificates count in whole seconds
    worst = 0
    for name in names[:-1]:
        body = json.dumps({"state": "revoked", "reason": "kicks", "unknown": True}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{operator}/api/v1/devices/{name}/standing", body, {"Authorization": f"Bearer {token}"})
        began = time.monotonic()
        urllib.request.urlopen(request, timeout=10).close()
        while name not in sessions.ended and time.monotonic() - began < 20:
            sessions.look(0.05)
        if name not in sessions.ended:
            sys.exit(f"the session of {name} lives on")
        worst = max(worst, sessions.ended[name] - began)
        try:
            connect(name, contexts[name], port)
            sys.exit(f"{name} comes in again")
        except (ConnectionError, ssl.SSLError):
            pass
    if len(sessions.ended) != count:
        sys.exit(f"{len(sessions.ended)} sessions ended, {count} were revoked")
    print(f"{worst:.3f}")


main()

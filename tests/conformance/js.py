#!/usr/bin/python3
"""MQTT.js against the gateway over mutual TLS; js/cases.mjs tells the cases, this starts, kills and restarts the gateway."""
import json
import subprocess
import sys
from pathlib import Path

import house

JS = Path(__file__).resolve().parent / "js"
SECONDS = 100
GROUP_MS = 5


def serve(gateway, node):
    """Until the program ends; its exit code."""
    for line in node.stdout:
        if line == "kill\n":
            gateway.restart()
            try:
                print("up", file=node.stdin, flush=True)
            except BrokenPipeError:  # it has ended, and said why
                pass
        else:
            print(line, end="")
    return node.wait(SECONDS)


def main():
    options = house.arguments(__doc__).parse_args()
    if not (JS / "node_modules").is_dir():
        print(f"MQTT.js is not there: npm --prefix {JS} ci", file=sys.stderr)
        return 1

    def tell(folder, houses):
        # MQTT.js sends what it kept one by one after a kill, each with two waits for the disk.
        gateway = house.House(folder, options.programs, apps=["js-app"], group_ms=GROUP_MS)
        houses.append(gateway)
        gateway.site.issue("js-device", "device")
        gateway.site.issue("js-app", "app")
        where = {"port": gateway.site.mqtt_port, "ca": str(gateway.site.pki / "ca.crt"), "keys": str(folder / "keys"), "verbose": options.verbose}
        command = ["node", str(JS / "cases.mjs"), json.dumps(where)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as node:
            try:
                code = serve(gateway, node)
            finally:
                node.kill()
        gateway.site.died()
        return code

    return house.in_house(options, tell)


sys.exit(main())

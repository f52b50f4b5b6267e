"""What tests/scenario/update_offline.sh tells. Arguments: those of update_machine.Site. The agent's half is the test's own: it asks the gateway's device door for what the updater wants."""
import http.client
import os
import ssl
import sys

import updater_agent as ua
from update_machine import Site
from updater_house import House, digest_of, expect, path_of, wait_for

VERSION = "2.0.0"  # in plain


class Off(Exception):
    """The machine's power goes."""


class GatewayHouse(House):
    """Its door is the gateway's."""

    def __init__(self, name, site, **config):
        super().__init__(name, **config)
        self.site, self.answers, self.goes_off, self.image = site, {}, False, None
        self.tls = ssl.create_default_context(cafile=f"{site.folder}/pki/ca.crt")
        self.tls.load_cert_chain(f"{site.folder}/keys/press-17.crt", f"{site.folder}/keys/press-17.key")

    def get(self, path, headers=None):
        link = http.client.HTTPSConnection("127.0.0.1", int(self.site.door), context=self.tls, timeout=20)
        link.request("GET", path, headers=headers or {})
        answer = link.getresponse()
        data = answer.read()
        link.close()
        self.answers[path] = answer.status
        return answer.status, data

    def fetch(self, want):
        ranged = want["kind"] == ua.CHUNKS
        if want["kind"] == ua.INDEX and self.goes_off:
            self.image = want["path"].removesuffix(".index")
            raise Off
        status, data = self.get(want["path"], {"Range": f"bytes={want['offset']}-{want['offset'] + want['bytes'] - 1}"} if ranged else None)
        expect(status in (200, 206, 404), f"{want['path']}: {status} {data[:300]}")
        return None if status == 404 else data


def said_of(name):
    return lambda: f"nobody says {name}"


site = Site(*sys.argv[1:5])
house = GatewayHouse("offline", site, director_root=f"{site.folder}/director-root.json")
made = site.call("POST", "/devices/press-17/updates", {"image": path_of(VERSION), "forced": True})
expect(made is not None, f"it cannot be assigned: {site.refusal}")

# With the link it begins, and its power goes before a byte is written; the image is at the gateway by then, as when others have installed it.
expect(house.start() == 0, "slot a does not start")
house.goes_off = True
try:
    house.check()
    expect(False, "it got through")
except Off:
    house.kill()
roots = [path for path in house.answers if path.endswith(".root.json")]
expect(roots and all(house.answers[path] == 404 for path in roots), house.answers)
for path in (house.image + ".index", house.image):
    status, _ = house.get(path)
    expect(status == 200, f"{path} does not come: {status}")

open("cut-the-link", "w").close()
wait_for(lambda: os.path.exists("link-is-cut"), said_of("that the link is cut"), 30)
expect(site.call("GET", "/images") is None, "the fleet server is there still")

# Without the link it begins anew, from the first root that it was ever given, and gets through.
house = GatewayHouse("anew", site, director_root=f"{site.folder}/director-root.json")
expect(house.start() == 0, "slot a does not start again")
verb, what = house.check()
expect(verb == ua.REBOOT, f"no update without the link: {verb} {what}, {house.answers}")
expect([house.answers[path] for path in house.answers if path.endswith(".root.json")] == [404, 404], house.answers)
expect(house.reboot() == 1, "it is not started")
expect(house.slot_is(1, VERSION) and house.status()["runs"]["sha256"] == digest_of(VERSION), house.status())
house.confirm()

# With the link again a root is asked for again: nothing that is remembered hides one.
open("mend-the-link", "w").close()
wait_for(lambda: os.path.exists("link-is-mended"), said_of("that it is mended"), 30)
verb, what = house.check()
expect(verb == ua.IDLE, f"{verb} {what}")
house.stop()

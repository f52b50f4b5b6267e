"""A reader of TUF repositories that shares nothing with lib/update: Python's own JSON, its own canonical form, signatures by python3-cryptography."""
import hashlib
import json
import os
import re
from datetime import datetime, timezone

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding


class Refused(Exception):
    pass


def must(holds, sentence):
    if not holds:
        raise Refused(sentence)


def canonical(value):
    if isinstance(value, dict):
        return b"{" + b",".join(canonical(k) + b":" + canonical(value[k]) for k in sorted(value, key=lambda k: k.encode())) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(canonical, value)) + b"]"
    if isinstance(value, str):
        return b'"' + value.replace("\\", "\\\\").replace('"', '\\"').encode() + b'"'
    if value is None or isinstance(value, bool):
        return {True: b"true", False: b"false", None: b"null"}[value]
    must(isinstance(value, int), f"{value} is no whole number")
    return str(value).encode()


def unique(pairs):
    must(len(dict(pairs)) == len(pairs), "a member stands there twice")
    return dict(pairs)


def signed_by(key, signature, data):
    public = key["keyval"]["public"]
    try:
        if key["scheme"] == "ed25519":
            ed25519.Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(signature, data)
        else:
            loaded = serialization.load_pem_public_key(public.encode())
            if key["scheme"] == "ecdsa-sha2-nistp256":
                must(isinstance(loaded.curve, ec.SECP256R1), "not P-256")
                loaded.verify(signature, data, ec.ECDSA(hashes.SHA256()))
            else:
                must(key["scheme"] == "rsassa-pss-sha256", f"scheme {key['scheme']}")
                loaded.verify(signature, data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    except Refused:
        raise
    except Exception:  # whatever else a library says: it is no signature
        return False
    return True


def check(document, keys, role, name):
    """At least `threshold` different keys of `role` have signed."""
    data = canonical(document["signed"])
    good = set()
    for one in document["signatures"]:
        key = keys.get(one["keyid"])
        if one["keyid"] in role["keyids"] and key and signed_by(key, bytes.fromhex(one["sig"]), data):
            good.add(key["keyval"]["public"])
    must(len(good) >= role["threshold"], f"{name}: {len(good)} of {role['threshold']} signatures")
    for keyid in role["keyids"]:
        must(keyid == hashlib.sha256(canonical(keys[keyid])).hexdigest(), f"{name}: key id {keyid}")


class Reader:
    """`root` is what is trusted at the beginning."""

    def __init__(self, repo, root):
        self.repo, self.now = repo, datetime.now(timezone.utc)
        self.root = self.parse(open(root, "rb").read(), "root")
        self.targets = {}
        self.refresh()

    def bytes_of(self, name):
        with open(os.path.join(self.repo, "metadata", name), "rb") as file:
            return file.read()

    def parse(self, data, kind):
        document = json.loads(data, object_pairs_hook=unique)
        signed = document["signed"]
        must(signed["_type"] == kind and re.fullmatch(r"1\.0\.\d+", signed["spec_version"]), kind)
        must(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", signed["expires"]), signed["expires"])
        return document

    def alive(self, document, name):
        end = datetime.strptime(document["signed"]["expires"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
        must(end > self.now, f"{name} ended at {end}")

    def top(self, data, kind):
        document = self.parse(data, kind)
        check(document, self.root["signed"]["keys"], self.root["signed"]["roles"][kind], kind)
        self.alive(document, kind)
        return document

    def announced(self, said, name):
        data = self.bytes_of(name)
        must(len(data) == said["length"], f"{name}: {len(data)} bytes, {said['length']} announced")
        must(hashlib.sha256(data).hexdigest() == said["hashes"]["sha256"], f"{name}: its hash")
        return data

    def follow_roots(self):
        while True:
            number = self.root["signed"]["version"] + 1
            try:
                data = self.bytes_of(f"{number}.root.json")
            except FileNotFoundError:
                break
            following = self.parse(data, "root")
            must(following["signed"]["version"] == number, "a root is left out")
            for before in (self.root, following):
                check(following, before["signed"]["keys"], before["signed"]["roles"]["root"], f"root {number}")
            self.root = following
        self.alive(self.root, "root")
        must(self.root["signed"]["consistent_snapshot"] is True, "snapshots are not consistent")

    def read_targets(self, said, name, keys, role):
        document = self.parse(self.announced(said[f"{name}.json"], f"{said[name + '.json']['version']}.{name}.json"), "targets")
        must(document["signed"]["version"] == said[f"{name}.json"]["version"], f"{name}: its version")
        check(document, keys, role, name)
        self.alive(document, name)
        self.targets[name] = document
        delegations = document["signed"].get("delegations", {"keys": {}, "roles": []})
        for one in delegations["roles"]:
            self.read_targets(said, one["name"], delegations["keys"], one)

    def refresh(self):
        self.follow_roots()
        self.timestamp = self.top(self.bytes_of("timestamp.json"), "timestamp")
        said = self.timestamp["signed"]["meta"]["snapshot.json"]
        self.snapshot = self.top(self.announced(said, f"{said['version']}.snapshot.json"), "snapshot")
        must(self.snapshot["signed"]["version"] == said["version"], "snapshot: its version")
        root = self.root["signed"]
        meta = self.snapshot["signed"]["meta"]
        self.read_targets(meta, "targets", root["keys"], root["roles"]["targets"])
        must(set(meta) == {f"{name}.json" for name in self.targets}, f"the snapshot knows {sorted(meta)}")

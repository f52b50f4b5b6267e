#!/usr/bin/env python3
"""What `selvedge update` writes, read by somebody else (update_reader.py): every kind of key, two of three, other keys, a supplier. [repo-1] [repo-2] [repo-4]"""
import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from update_reader import Reader, Refused, canonical


class Failed(Exception):
    pass


def expect(holds, sentence):
    if not holds:
        raise Failed(sentence)


class Desk:
    """A release engineer's folder, with the program at hand."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder

    def run(self, *words, code=0):
        done = subprocess.run([self.program, "update", *words], cwd=self.folder, capture_output=True, text=True)
        expect(done.returncode == code, f"{' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def read(self, root="first.json"):
        return Reader(os.path.join(self.folder, "repo"), os.path.join(self.folder, root))

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def first_root(self):
        os.link(self.path("keys", "metadata", "1.root.json"), self.path("first.json"))


def every_kind_of_key(desk):
    """Ed25519, P-256 and RSA, alone."""
    for kind in ("ed25519", "ec", "rsa"):
        desk.run("keys", "init", "--dir", kind, "--key", kind)
        desk.run("publish", "--keys", kind, "--repo", f"repo-{kind}")
        Reader(desk.path(f"repo-{kind}"), desk.path(kind, "root.json"))


def people_in_turn(desk):
    """Two of three, each with a folder and a kind of key of their own, sign a root and targets in turn."""
    desk.run("keys", "init", "--dir", "keys")
    desk.first_root()
    for name, kind in (("anna", "ec"), ("ben", "rsa"), ("cleo", "ed25519")):
        desk.run("keys", "new", name, "--keys", name, "--key", kind)
    publics = [word for name in ("anna", "ben", "cleo") for word in ("--public", f"{name}/public/{name}.json")]
    desk.run("keys", "add", "targets", *publics, "--threshold", "2", "--keys", "keys")
    own = json.loads(desk.run("keys", "show", "--keys", "keys", "--output", "json"))
    old = next(key["id"] for role in own if role["role"] == "targets" for key in role["keys"] if key["name"] == "targets")
    desk.run("keys", "remove", "targets", old, "--keys", "keys")
    said = desk.run("publish", "--keys", "keys", "--repo", "repo", code=4)
    expect("missing: " in said and "0 of the keys in root have signed, 2 needed" in said, said)
    for name in ("anna", "cleo"):
        with open(desk.path("keys", "root.json"), "rb") as file, open(desk.path(name, "root.json"), "wb") as to:
            to.write(file.read())
        desk.run("sign", "--metadata", "keys/pending/targets.json", "--keys", name)
    desk.run("sign", "--take", "keys/pending/targets.json", "--keys", "keys")
    desk.run("publish", "--keys", "keys", "--repo", "repo")
    reader = desk.read()
    expect(reader.root["signed"]["version"] == 3, "the root that is followed to")
    expect(len(reader.targets["targets"]["signatures"]) >= 2, "two have signed")


def other_root_keys(desk):
    """A root key is replaced: the new root is signed by the keys before it and by its own."""
    desk.run("keys", "init", "--dir", "keys", "--threshold", "2", "--count", "3")
    desk.first_root()
    desk.run("publish", "--keys", "keys", "--repo", "repo")
    for role in ("root", "root", "targets", "snapshot", "timestamp"):
        shown = json.loads(desk.run("keys", "show", "--keys", "keys", "--output", "json"))
        first = next(one for one in shown if one["role"] == role)["keys"][0]["id"]
        desk.run("keys", "replace", role, first[:12], "--keys", "keys")
        desk.run("publish", "--keys", "keys", "--repo", "repo")
        expect(first not in desk.read().root["signed"]["roles"][role]["keyids"], f"{role}: the old key counts no more")


def a_supplier(desk):
    """Images of a supplier are vouched for by the supplier's own key."""
    desk.run("keys", "init", "--dir", "keys")
    desk.first_root()
    desk.run("keys", "new", "acme", "--keys", "acme", "--key", "ec")
    desk.run("keys", "delegate", "acme", "--paths", "acme-drive/*", "--public", "acme/public/acme.json", "--keys", "keys")
    expect("signed nothing yet" in desk.run("publish", "--keys", "keys", "--repo", "repo", code=4), "a role without metadata")
    desk.run("sign", "--renew", "acme", "--keys", "acme")
    desk.run("sign", "--take", "acme/pending/acme.json", "--keys", "keys")
    desk.run("publish", "--keys", "keys", "--repo", "repo")
    reader = desk.read()
    expect(set(reader.targets) == {"targets", "acme"}, "both are there")


def merkle(leaves):
    """RFC 6962, over hashes of chunks that have been made already."""
    if len(leaves) == 1:
        return leaves[0]
    left = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + merkle(leaves[:left]) + merkle(leaves[left:])).digest()


def an_image(desk):
    """A plain image is where TUF clients look for it, and in chunks under the root that is signed."""
    image = os.urandom(5 * 65536 + 77)
    with open(desk.path("image"), "wb") as file:
        file.write(image)
    desk.run("keys", "init", "--dir", "keys")
    desk.first_root()
    desk.run("sign", "image", "--product", "press", "--version", "1.0", "--hardware", "a", "--plain", "--keys", "keys")
    desk.run("publish", "--keys", "keys", "--repo", "repo")
    entry = desk.read().targets["targets"]["signed"]["targets"]["press/1.0.img"]
    digest = hashlib.sha256(image).hexdigest()
    expect(entry["length"] == len(image) and entry["hashes"] == {"sha256": digest}, "length and hash")
    expect(open(desk.path("repo", "targets", "press", f"{digest}.1.0.img"), "rb").read() == image, "the target's file")
    raw = next(one for one in entry["custom"]["selvedge"]["encodings"] if one["name"] == "raw")
    leaves = [hashlib.sha256(b"\0" + image[at:at + 65536]).digest() for at in range(0, len(image), 65536)]
    expect(raw == {"name": "raw", "length": len(image), "root": merkle(leaves).hex()}, f"the root over its chunks: {raw}")
    index = open(desk.path("repo", "artifacts", digest, "raw.index"), "rb").read()
    expect(index[16:].endswith(leaves[-1]) and len(index) == 16 + 36 * len(leaves), "the index")


def a_sealed_image(desk):
    """A sealed image opens with its content key, by AES-GCM of somebody else's, and is nowhere in the open."""
    image = os.urandom(2 * 65536 + 5)
    with open(desk.path("image"), "wb") as file:
        file.write(image)
    desk.run("keys", "init", "--dir", "keys")
    desk.first_root()
    desk.run("sign", "image", "--product", "press", "--version", "1.0", "--hardware", "a", "--keys", "keys")
    desk.run("publish", "--keys", "keys", "--repo", "repo")
    expect(desk.read().targets["targets"]["signed"]["targets"]["press/1.0.img"]["custom"]["selvedge"]["sealed"] is True, "it says so")
    expect(not os.path.exists(desk.path("repo", "targets")), "nothing of it is for other clients")
    digest = hashlib.sha256(image)
    key_file = desk.path("keys", "content", f"{digest.hexdigest()}.key")
    secret = bytes.fromhex(next(line.split()[1] for line in open(key_file) if line.startswith("key ")))
    key = HKDF(hashes.SHA256(), 32, None, b"selvedge image 1\nraw\n" + digest.digest()).derive(secret)
    stored = open(desk.path("repo", "artifacts", digest.hexdigest(), "raw"), "rb").read()
    opened = b"".join(
        AESGCM(key).decrypt(i.to_bytes(12, "big"), stored[i * 65552:(i + 1) * 65552], digest.digest() + i.to_bytes(8, "big") + (3).to_bytes(8, "big"))
        for i in range(3))
    expect(opened == image, "what comes out is the image")


def hash_bins(desk):
    """Releases spread over 256 files: each lies where anybody who hashes its path looks, signed by the keys of targets. [repo-20]"""
    desk.run("keys", "init", "--dir", "keys", "--threshold", "2", "--count", "2")
    desk.first_root()
    desk.run("keys", "bins", "256", "--keys", "keys")
    paths = []
    for number in range(3):
        with open(desk.path("image"), "wb") as file:
            file.write(b"release %d" % number)
        desk.run("sign", "image", "--product", "press", "--version", f"{number}", "--hardware", "a", "--plain", "--keys", "keys")
        paths.append(f"press/{number}.img")
    desk.run("publish", "--keys", "keys", "--repo", "repo")
    reader = desk.read()
    roles = reader.targets["targets"]["signed"]["delegations"]["roles"]
    expect(len(roles) == 256 and sorted(p for one in roles for p in one["path_hash_prefixes"]) == [f"{n:02x}" for n in range(256)], "every hash has one bin")
    expect(all(one["threshold"] == 2 and len(one["keyids"]) == 2 for one in roles), "the keys are those of targets")
    for path in paths:
        digest = hashlib.sha256(path.encode()).hexdigest()
        homes = [one["name"] for one in roles if any(digest.startswith(prefix) for prefix in one["path_hash_prefixes"])]
        expect([name for name, said in reader.targets.items() if path in said["signed"]["targets"]] == homes, f"{path} is where it is looked for: {homes}")


def the_reader_has_eyes(desk):
    """What is bent is refused: else the rest proves nothing."""
    desk.run("keys", "init", "--dir", "keys", "--key", "ec")
    desk.first_root()
    desk.run("publish", "--keys", "keys", "--repo", "repo")
    for name in ("timestamp.json", "1.snapshot.json", "1.targets.json"):
        path = desk.path("repo", "metadata", name)
        whole = open(path, "rb").read()
        document = json.loads(whole)
        document["signed"]["x"] = 1
        open(path, "wb").write(json.dumps(document).encode())
        try:
            desk.read()
            raise Failed(f"{name} was bent and nobody noticed")
        except Refused:
            open(path, "wb").write(whole)
    desk.read()
    expect(canonical({"b": [1, None, True], "a": 'x"\\\n'}) == b'{"a":"x\\"\\\\\n","b":[1,null,true]}', "the canonical form")


STORIES = (every_kind_of_key, people_in_turn, other_root_keys, a_supplier, an_image, a_sealed_image, hash_bins, the_reader_has_eyes)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", required=True)
    parser.add_argument("--only", default="")
    chosen = parser.parse_args()
    failed = 0
    for story in STORIES:
        if chosen.only not in story.__name__:
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                story(Desk(os.path.join(os.path.abspath(chosen.programs), "selvedge"), folder))
            except (Failed, Refused) as error:
                failed += 1
                print(f"FAILED {story.__name__}: {story.__doc__}\n  {error}")
    print(f"{len(STORIES)} stories, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

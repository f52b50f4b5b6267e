#!/usr/bin/env python3
"""Sealed and plain images that `selvedge update` makes, opened by others from the words of docs/spec/image.md alone: Python's cryptography and the zstd command; content
keys wrapped by us and opened by the openssl command, and the other way round. [image-5] [image-8] [image-9] [image-10] [image-15]"""
import argparse
import hashlib
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

CHUNK = 65536


def run(*words, **more):
    done = subprocess.run([str(word) for word in words], capture_output=True, check=False, **more)
    if done.returncode != 0:
        raise SystemExit(f"FAILED: {' '.join(map(str, words))}: {done.stderr.decode()}")
    return done.stdout


def root_of(leaves):
    """RFC 6962, §2.1, as it is written there."""
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return hashlib.sha256(b"\1" + root_of(leaves[:half]) + root_of(leaves[half:])).digest()


def stored_chunks(path, encoding):
    """What lies in a repository, judged by its index, and that by the entry."""
    index, stored = Path(f"{path}.index").read_bytes(), path.read_bytes()
    magic, version, count = struct.unpack_from("<4sIQ", index)
    assert (magic, version, len(index)) == (b"SvIx", 1, 16 + 36 * count), path
    chunks, leaves, at = [], [], 0
    for i in range(count):
        length, leaf = struct.unpack_from("<I32s", index, 16 + 36 * i)
        chunks.append(stored[at:at + length])
        assert hashlib.sha256(b"\0" + chunks[-1]).digest() == leaf, f"{path}, chunk {i}"
        leaves.append(leaf)
        at += length
    assert at == len(stored) == encoding["length"] and root_of(leaves).hex() == encoding["root"], path
    return chunks


def unsealed(chunks, name, digest, content_key):
    info = b"selvedge image 1\n" + name.encode() + b"\n" + digest
    sealer = AESGCM(HKDF(hashes.SHA256(), 32, None, info).derive(content_key))
    return [sealer.decrypt(i.to_bytes(12, "big"), chunk, digest + struct.pack(">QQ", i, len(chunks))) for i, chunk in enumerate(chunks)]


def expanded(chunk, old, size, folder, methods):
    """A chunk of a delta."""
    method = chunk[0]
    methods.add(method)
    if method == 1:
        at, = struct.unpack("<Q", chunk[1:])
        return old[at:at + size]
    if method == 2:
        return run("zstd", "-dc", input=chunk[1:])
    at, length = struct.unpack_from("<QI", chunk, 1)
    (folder / "prefix").write_bytes(old[at:at + length])
    return run("zstd", "-dc", f"--patch-from={folder / 'prefix'}", input=chunk[13:])


def make_images(folder):
    random.seed(11)
    old = bytearray(b"".join(random.randbytes(4096) if i % 3 else bytes(4096) for i in range(150)))
    new = bytearray(old)
    new[100000:100000] = b"a longer program " * 500  # what is behind it moves by 8,500 bytes
    new[400000:400010] = b"0123456789"
    new += random.randbytes(100000)
    (folder / "old.img").write_bytes(old)
    (folder / "new.img").write_bytes(new)
    return bytes(old), bytes(new)


def targets_of(folder):
    newest = max((folder / "repo/metadata").glob("*.targets.json"), key=lambda path: int(path.name.split(".")[0]))
    return json.loads(newest.read_text())["signed"]["targets"]


def images(selvedge, folder):
    old, new = make_images(folder)
    update = [selvedge, "update"]
    about = ["--product", "lathe-ctl", "--hardware", "rev-b", "--keys", folder / "keys"]
    run(*update, "keys", "init", "--dir", folder / "keys")
    run(*update, "sign", folder / "old.img", "--version", "1.0.0", "--plain", *about)
    run(*update, "sign", folder / "new.img", "--version", "2.0.0", "--from", folder / "old.img", *about)
    run(*update, "publish", "--keys", folder / "keys", "--repo", folder / "repo")
    targets = targets_of(folder)
    plain = folder / "repo/artifacts" / hashlib.sha256(old).hexdigest()
    assert run("zstd", "-dc", plain / "zstd") == old and (plain / "raw").read_bytes() == old, "a plain image"
    entry = targets["lathe-ctl/2.0.0.img"]
    digest = hashlib.sha256(new).digest()
    assert entry["hashes"]["sha256"] == digest.hex() and entry["length"] == len(new)
    key_file = (folder / "keys/content" / f"{digest.hex()}.key").read_text()
    content_key = bytes.fromhex(key_file.split("key ")[2].split()[0])
    sealed, methods = entry["custom"]["selvedge"], set()
    assert sealed["sealed"] is True and len(sealed["encodings"]) == 3, sealed
    for encoding in sealed["encodings"]:
        name = encoding["name"]
        chunks = stored_chunks(folder / "repo/artifacts" / digest.hex() / name.replace(":", "-"), encoding)
        opened = unsealed(chunks, name, digest, content_key)
        if name == "zstd":
            opened = [run("zstd", "-dc", input=chunk) for chunk in opened]
        if name.startswith("delta:"):
            assert name == "delta:" + hashlib.sha256(old).hexdigest(), name
            opened = [expanded(chunk, old, min(CHUNK, len(new) - i * CHUNK), folder, methods) for i, chunk in enumerate(opened)]
        assert b"".join(opened) == new, f"{name} gives another image"
    assert methods == {1, 2, 3}, f"the delta tried {methods}"
    print(f"{len(sealed['encodings'])} sealed encodings and 2 plain ones give their images to others")


def wrapped_keys(peer, folder):
    kinds = {"P-256": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "RSA": ["-newkey", "rsa:2048"]}
    options = {"P-256": ["ecdh_kdf_md:sha256"], "RSA": ["rsa_padding_mode:oaep", "rsa_oaep_md:sha256", "rsa_mgf1_md:sha256"]}
    for kind, how in kinds.items():
        key, certificate, cms = folder / f"{kind}.key", folder / f"{kind}.crt", folder / f"{kind}.cms"
        content_key = os.urandom(32)
        run("openssl", "req", "-x509", *how, "-noenc", "-subj", "/CN=press-17", "-keyout", key, "-out", certificate)
        key.chmod(0o600)
        cms.write_bytes(run(peer, "wrap", certificate, input=content_key))
        opened = run("openssl", "cms", "-decrypt", "-binary", "-inform", "DER", "-in", cms, "-recip", certificate, "-inkey", key)
        assert opened == content_key, f"{kind}: openssl opens another key"
        choices = [word for option in options[kind] for word in ("-keyopt", option)]
        cms.write_bytes(run("openssl", "cms", "-encrypt", "-binary", "-aes-256-gcm", "-outform", "DER", "-recip", certificate, *choices, input=content_key))
        assert run(peer, "open", certificate, key, input=cms.read_bytes()) == content_key, f"{kind}: we open another key"
        print(f"{kind}: a wrapped content key passes both ways")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=Path, required=True)
    parser.add_argument("--peer", required=True)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sv-image-") as folder:
        images(chosen.programs / "selvedge", Path(folder))
        wrapped_keys(chosen.peer, Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""What may be started, and what is tried instead: boot headers made by another hand (docs/spec/boot.md, in Python) and bent, against selvedge-verify. attacks rows 21 to 25"""
import argparse
import hashlib
import os
import struct
import subprocess
import sys
import tempfile

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

IMAGE = bytes(range(256)) * 700 + b"the end"
LIKE = {"product": "lathe-ctl", "version": "2.1.0", "slot": "rootfs", "hardware": ["rev-b", "rev-c"], "counter": 7}
ASKED = ["--product", "lathe-ctl", "--hardware", "rev-b", "--slot", "rootfs", "--release", "2.1.0", "--counter", "7"]
ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551


def spki(key):
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def pem(key):
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def sign(key, message, digest=None):
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(digest or hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def header(key, image=IMAGE, signer=None, length=None, digest=None, **but):
    """The header of docs/spec/boot.md, byte for byte; length and digest of an image that is not at hand."""
    said = {**LIKE, **but}
    room = lambda name: name.encode().ljust(64, b"\0")
    head = b"SvBt" + struct.pack("<IIIQII", 1, 1024, 0, length or len(image), said["counter"], len(said["hardware"])) + (digest or hashlib.sha256(image).digest())
    head += room(said["product"]) + room(said["version"]) + room(said["slot"])
    head += b"".join(map(room, said["hardware"]))
    head = head.ljust(928, b"\0") + hashlib.sha256(spki(key)).digest()
    assert len(head) == 960
    return head + sign(signer or key, head)


class Bench:
    def __init__(self, programs, folder):
        self.program, self.folder, self.failed, self.count = os.path.join(programs, "selvedge-verify"), folder, 0, 0
        self.ours, self.other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        self.key, self.other_key = self.file("ours.pem", pem(self.ours)), self.file("other.pem", pem(self.other))
        self.good = header(self.ours)

    def file(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as out:
            out.write(content)
        return path

    def ask(self, *arguments):
        return subprocess.run([self.program, *arguments], capture_output=True, text=True, timeout=60)

    def expect(self, what, code, sentence, *arguments):
        """The exit code, and what is said: on stdout the verdict, on stderr what kept it from judging."""
        self.count += 1
        done = self.ask(*arguments)
        said = done.stdout if code < 2 else done.stderr
        verdict = {0: "Firmware verification: PASSED", 1: "Firmware verification: FAILED - "}.get(code, "selvedge-verify: ")
        if done.returncode != code or not said.startswith(verdict) or sentence not in said or (done.stderr if code < 2 else done.stdout):
            self.failed += 1
            print(f"FAILED {what}: exit {done.returncode}, wanted {code} and '{sentence}': {done.stdout}{done.stderr}")

    def judge(self, what, code, sentence, head=None, image=IMAGE, options=(), keys=None):
        """An image beside its header, and the same two as a slot."""
        head = self.good if head is None else head
        keys = keys or ["--key", self.key]
        self.expect(what, code, sentence, self.file("image", image), "--header", self.file("head", head), *keys, *ASKED, *options)
        if len(head) == 1024:
            slot = image.ljust(256 * 1024, b"\xff") + head.ljust(4096, b"\0")
            self.expect(what + " (slot)", code, sentence, self.file("slot", slot), "--trailer", *keys, *ASKED, *options)


def what_is_signed_for_this_device_may_be_started(b):
    """[boot-14] [boot-15]"""
    b.judge("as signed", 0, "lathe-ctl 2.1.0, counter 7, slot rootfs")
    b.judge("for the other hardware that it names", 0, "", options=["--hardware", "rev-c"])
    b.judge("newer than what was confirmed", 0, "", options=["--counter", "6"])
    b.judge("with a second key that counts", 0, "", keys=["--key", b.other_key, "--key", b.key])
    for form, content in ("der", spki(b.ours)), ("point", b.ours.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)):
        b.judge(f"with its key as {form}", 0, "", keys=["--key", b.file(form, content)])
    b.expect("asked for nothing but the signature", 0, "", b.file("image", IMAGE), "--header", b.file("head", b.good), "--key", b.key)


def an_image_that_was_cut_flipped_lengthened_or_emptied_is_refused(b):
    """[boot-6] [boot-14] [boot-15] attacks row 21"""
    for at in 0, 1, 4096, len(IMAGE) // 2, len(IMAGE) - 1:
        bent = bytearray(IMAGE)
        bent[at] ^= 0x10
        b.judge(f"image flipped at {at}", 1, "is not the image that was signed", image=bytes(bent))
    sealed = b.file("head", b.good)
    for what, image in ("empty", b""), ("cut by one", IMAGE[:-1]), ("cut to half", IMAGE[:len(IMAGE) // 2]), ("one byte more", IMAGE + b"\0"), ("twice", IMAGE * 2):
        b.expect(f"image {what}", 1, f"has {len(IMAGE)} bytes as it was signed", b.file("image", image), "--header", sealed, "--key", b.key)
    whole = IMAGE + b.good.ljust(4096, b"\0")
    b.expect("a slot as long as it has to be", 0, "", b.file("slot", whole), "--trailer", "--key", b.key)
    b.expect("a slot too small for its image", 1, "room for", b.file("slot", whole[1:]), "--trailer", "--key", b.key)
    for what, slot in ("empty", b""), ("without room for a trailer", b"x" * 4095), ("without a header", b"\xff" * 65536), ("with its header one byte off", whole + b"\0"):
        b.expect(f"a slot {what}", 1, "there is no boot header", b.file("slot", slot), "--trailer", "--key", b.key)


def a_header_that_was_changed_is_refused(b):
    """[boot-1] [boot-3] [boot-5] attacks row 21"""
    for at in range(1024):
        if at in (0, 3, 4, 11, 12, 16, 24, 28, 32, 63, 64, 128, 192, 256, 300, 767, 768, 927, 928, 959, 960, 992, 1023):
            bent = bytearray(b.good)
            bent[at] ^= 1
            reason = "there is no boot header" if at < 4 else "format" if at < 12 else "names a key that is not trusted" if 928 <= at < 960 else "signature is not the key's"
            b.judge(f"header flipped at {at}", 1, reason, head=bytes(bent))
    for what, head in ("empty", b""), ("cut", b.good[:-1]), ("longer", b.good + b"\0"), ("a megabyte", b.good * 1024):
        b.judge(f"header {what}", 1, "there is no boot header", head=head)


def who_may_not_sign_signs_nothing(b):
    """[boot-5] attacks row 22"""
    b.judge("by a key that nobody trusts", 1, "names a key that is not trusted: " + hashlib.sha256(spki(b.other)).hexdigest(), head=header(b.other))
    b.judge("by another key in our key's name", 1, "signature is not the key's", head=header(b.ours, signer=b.other))
    b.judge("by another trusted key in our key's name", 1, "signature is not the key's", head=header(b.ours, signer=b.other), keys=["--key", b.key, "--key", b.other_key])
    b.judge("by a revoked key", 1, "signed by a revoked key: " + hashlib.sha256(spki(b.ours)).hexdigest(), options=["--revoked", b.key])
    b.judge("while another one is revoked", 0, "", options=["--revoked", b.other_key])


def a_signature_for_something_else_is_refused(b):
    """[boot-6] attacks row 23"""
    b.judge("another product", 1, "for product mill-ctl, not for lathe-ctl", head=header(b.ours, product="mill-ctl"))
    b.judge("a product that begins alike", 1, "for product lathe-ctl2", head=header(b.ours, product="lathe-ctl2"))
    b.judge("another version", 1, "is version 2.0.9, not 2.1.0", head=header(b.ours, version="2.0.9"))
    b.judge("other hardware", 1, "for hardware rev-a, rev-d, not for rev-b", head=header(b.ours, hardware=["rev-a", "rev-d"]))
    b.judge("another slot", 1, "for a slot of class kernel, not rootfs", head=header(b.ours, slot="kernel"))
    b.judge("the header of another image", 1, "", head=header(b.ours, image=b"another one"))
    other = bytes(len(IMAGE))
    b.judge("the header of another image as long", 1, "is not the image that was signed", head=header(b.ours, image=other))


def an_old_release_does_not_come_back(b):
    """[boot-6] attacks row 24"""
    old = header(b.ours, counter=6)
    b.judge("replayed", 1, "counter is 6, and 7 was confirmed already", head=old)
    b.judge("replayed, long after", 1, "and 4294967295 was confirmed", head=old, options=["--counter", "4294967295"])
    b.judge("with its counter raised by hand", 1, "signature is not the key's", head=old[:24] + b"\7" + old[25:])


def signatures_of_other_kinds_are_refused(b):
    """[boot-4] [boot-5] attacks row 25"""
    head = b.good[:960]
    r, s = int.from_bytes(b.good[960:992], "big"), int.from_bytes(b.good[992:], "big")
    pair = lambda x, y: x.to_bytes(32, "big") + y.to_bytes(32, "big")
    der = b.ours.sign(head, ec.ECDSA(hashes.SHA256()))
    forged = {
        "nothing": bytes(64), "r 0": pair(0, s), "s 0": pair(r, 0), "r the order": pair(ORDER, s), "s the order": pair(r, ORDER), "r 1 and s 1": pair(1, 1),
        "all ones": b"\xff" * 64, "r and s swapped": pair(s, r), "DER": der[:64], "over all of the header": sign(b.ours, head + bytes(64)),
        "over a SHA-384": sign(b.ours, head, hashes.SHA384()), "over the digest of a digest": sign(b.ours, hashlib.sha256(head).digest()),
    }
    for what, signature in forged.items():
        b.judge(f"signature: {what}", 1, "signature is not the key's", head=head + signature)
    for x, y in (r + ORDER, s), (r, s + ORDER):
        if max(x, y) < 2 ** 256:
            b.judge("signature: the order added", 1, "signature is not the key's", head=head + pair(x, y))
    keys = {
        "P-384": pem(ec.generate_private_key(ec.SECP384R1())), "secp256k1": pem(ec.generate_private_key(ec.SECP256K1())), "RSA": pem(rsa.generate_private_key(65537, 2048)),
        "Ed25519": pem(ed25519.Ed25519PrivateKey.generate()), "compressed": b.ours.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint),
        "off the curve": spki(b.ours)[:-1] + bytes([spki(b.ours)[-1] ^ 1]), "empty": b"", "two at once": pem(b.ours) + pem(b.other), "a megabyte": b"-----BEGIN PUBLIC KEY-----\n" * 40000,
    }
    for what, content in keys.items():
        b.expect(f"key: {what}", 2, "is not a P-256 public key", b.file("image", IMAGE), "--header", b.file("head", b.good), "--key", b.file("strange", content))


def what_cannot_be_judged_is_no_yes(b):
    """[boot-14]"""
    image, head = b.file("image", IMAGE), b.file("head", b.good)
    pipe = os.path.join(b.folder, "pipe")
    os.mkfifo(pipe)
    absent = os.path.join(b.folder, "absent")
    for what, code, sentence, arguments in [
        ("no key", 2, "no --key", [image, "--header", head]), ("no header", 2, "say where", [image, "--key", b.key]), ("both", 2, "say where", [image, "--key", b.key, "--trailer", "--header", head]),
        ("no image", 2, "one image", ["--header", head, "--key", b.key]), ("two images", 2, "one image", [image, image, "--header", head, "--key", b.key]),
        ("an empty product", 2, "--product: an empty name", [image, "--header", head, "--key", b.key, "--product", ""]),
        ("a counter below 0", 2, "'-1' is not a number", [image, "--header", head, "--key", b.key, "--counter", "-1"]),
        ("a counter of 33 bits", 2, "'4294967296' is not", [image, "--header", head, "--key", b.key, "--counter", "4294967296"]),
        ("17 keys", 2, "more than 16", [image, "--header", head] + ["--key", b.key] * 17), ("an unknown option", 2, "--force is not an option", ["--force"]),
        ("an absent image", 2, "cannot open", [absent, "--header", head, "--key", b.key]), ("an absent header", 2, "cannot open", [image, "--header", absent, "--key", b.key]),
        ("an absent key", 2, "cannot open", [image, "--header", head, "--key", absent]), ("a folder", 2, "neither a file", [b.folder, "--header", head, "--key", b.key]),
        ("a pipe", 2, "neither a file", [pipe, "--header", head, "--key", b.key]), ("a medium that does not answer", 5, "", ["/proc/self/mem", "--trailer", "--key", b.key]),
    ]:
        b.expect(what, code, sentence, *arguments)


def memory_stays_flat(b):
    """[boot-16]"""
    peaks, image, chunk = [], b.file("zeros", b""), bytes(1 << 16)
    for chunks in 1, 4096:
        os.truncate(image, chunks * len(chunk))
        digest = hashlib.sha256()
        for _ in range(chunks):
            digest.update(chunk)
        head = b.file("head", header(b.ours, length=chunks * len(chunk), digest=digest.digest()))
        child = os.posix_spawn(b.program, [b.program, image, "--header", head, "--key", b.key], os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])
        _, status, usage = os.wait4(child, 0)
        peaks.append(usage.ru_maxrss)  # what this program itself has is in both of them
        b.count += 1
        if status != 0:
            b.failed += 1
            print(f"FAILED {chunks} chunks of zeros are not judged: status {status}")
    if peaks[1] > peaks[0] + 4096:
        b.failed += 1
        print(f"FAILED an image of 256 MiB takes {peaks[1]} kB, one of 64 KiB {peaks[0]} kB")


STORIES = [
    what_is_signed_for_this_device_may_be_started, an_image_that_was_cut_flipped_lengthened_or_emptied_is_refused, a_header_that_was_changed_is_refused, who_may_not_sign_signs_nothing,
    a_signature_for_something_else_is_refused, an_old_release_does_not_come_back, signatures_of_other_kinds_are_refused, what_cannot_be_judged_is_no_yes, memory_stays_flat,
]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", required=True)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(chosen.programs, folder)
        for story in STORIES:
            story(bench)
    print(f"{bench.count} images and slots, {bench.failed} judged otherwise")
    return 1 if bench.failed else 0


if __name__ == "__main__":
    sys.exit(main())

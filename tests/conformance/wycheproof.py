#!/usr/bin/env python3
"""Vectors of the Wycheproof project: signatures against the verifiers of update metadata and of boot headers, AES-256-GCM against what seals images. The vectors are no part of this project:
SV_WYCHEPROOF names the folder that holds them, and without it nothing is checked. [trust-3] [boot-5] [image-9]"""
import argparse
import gzip
import json
import os
import subprocess
import sys

# (file, scheme, whether the vectors' own word counts). A salt of no bytes is valid RSA-PSS, and refused here on purpose. The two salts that are taken, 32 bytes and the
# largest that fits, are "changed" ones for vectors of another length.
FILES = [
    ("ed25519_test", "ed25519", True), ("ecdsa_secp256r1_sha256_test", "ecdsa-sha2-nistp256", True), ("ecdsa_secp256r1_sha256_test", "boot", True),
    ("rsa_pss_2048_sha256_mgf1_32_test", "rsassa-pss-sha256", True), ("rsa_pss_3072_sha256_mgf1_32_test", "rsassa-pss-sha256", True),
    ("rsa_pss_2048_sha256_mgf1_0_test", "rsassa-pss-sha256", False),
]
TAKEN = {f"s_len changed to {salt}" for salt in (32, 222, 350)}


def expected(test, ours):
    """What the vectors say; `acceptable` may be either."""
    if test["comment"] in TAKEN:
        return {"1"}
    if not ours:
        return {"0"}
    return {"valid": {"1"}, "invalid": {"0"}, "acceptable": {"0", "1"}}[test["result"]]


def groups_of(name):
    with gzip.open(os.path.join(os.environ["SV_WYCHEPROOF"], name + ".json.gz")) as file:
        return json.load(file)["testGroups"]


def ask(program, questions):
    """`questions` are (fields of a line, the test, the answers that are right). Gives how many were answered otherwise."""
    lines = "".join("\t".join(fields) + "\n" for fields, _, _ in questions)
    answers = subprocess.run([program], input=lines, capture_output=True, text=True, check=True).stdout.split()
    assert len(answers) == len(questions), f"{len(answers)} answers to {len(questions)} questions"
    failed = 0
    for answer, (_, test, good) in zip(answers, questions):
        if answer not in good:
            failed += 1
            print(f"FAILED {test['tcId']} ({test['comment']}; {test['flags']}): {answer}, the vectors say {test['result']}")
    return failed


def integer(der):
    """The bytes of a DER INTEGER that is not negative and written as short as it can be, and what follows; None when it is none."""
    if len(der) < 3 or der[0] != 2 or not 1 <= der[1] <= 33 or len(der) < 2 + der[1]:
        return None
    body = der[2:2 + der[1]]
    if body[0] >= 0x80 or (len(body) > 1 and body[0] == 0 and body[1] < 0x80):
        return None
    return body.lstrip(b"\0"), der[2 + der[1]:]


def r_and_s(der):
    """The 64 bytes that a boot header has in place of this signature; none for what is not DER to the last bit, or does not fit: a boot header cannot hold it."""
    if len(der) < 2 or der[0] != 0x30 or der[1] != len(der) - 2 or der[1] >= 0x80:
        return b""
    r = integer(der[2:])
    s = integer(r[1]) if r else None
    if not s or s[1] or len(r[0]) > 32 or len(s[0]) > 32:
        return b""
    return r[0].rjust(32, b"\0") + s[0].rjust(32, b"\0")


def question(scheme, group, test):
    if scheme == "boot":
        return group["publicKeyPem"].encode().hex(), r_and_s(bytes.fromhex(test["sig"])).hex()
    return (group["publicKey"]["pk"] if scheme == "ed25519" else group["publicKeyPem"]).encode().hex(), test["sig"]


def signatures():
    for name, scheme, ours in FILES:
        for group in groups_of(name):
            for test in group["tests"]:
                key, signature = question(scheme, group, test)
                yield [scheme, key, test["msg"], signature], test, expected(test, ours)


def sealed_messages():
    """The one kind that is used: keys of 256 bits, nonces of 96, tags of 128."""
    for group in groups_of("aes_gcm_test"):
        if (group["keySize"], group["ivSize"], group["tagSize"]) == (256, 96, 128):
            for test in group["tests"]:
                yield [test["key"], test["iv"], test["aad"], test["msg"], test["ct"] + test["tag"]], test, expected(test, True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs")
    parser.add_argument("--verifier", required=True)
    parser.add_argument("--aead", required=True)
    chosen = parser.parse_args()
    if not os.path.isdir(os.environ.get("SV_WYCHEPROOF", "")):
        print("skipped: SV_WYCHEPROOF names no folder with the vectors of Wycheproof")
        return 77
    failed = 0
    for what, program, questions in (("signatures", chosen.verifier, list(signatures())), ("sealed messages", chosen.aead, list(sealed_messages()))):
        wrong = ask(program, questions)
        print(f"{len(questions)} {what}, {wrong} judged otherwise")
        failed += wrong + (not questions)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

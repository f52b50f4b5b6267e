#!/usr/bin/env python3
"""Signatures of the Wycheproof project against the verifier of update metadata. The vectors are no part of this project: SV_WYCHEPROOF names the folder that holds them,
and without it nothing is checked. [trust-3]"""
import argparse
import gzip
import json
import os
import subprocess
import sys

# (file, scheme, whether the vectors' own word counts). A salt of no bytes is valid RSA-PSS, and refused here on purpose. The two salts that are taken, 32 bytes and the
# largest that fits, are "changed" ones for vectors of another length.
FILES = [
    ("ed25519_test", "ed25519", True), ("ecdsa_secp256r1_sha256_test", "ecdsa-sha2-nistp256", True),
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


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs")
    parser.add_argument("--verifier", required=True)
    chosen = parser.parse_args()
    folder = os.environ.get("SV_WYCHEPROOF", "")
    if not os.path.isdir(folder):
        print("skipped: SV_WYCHEPROOF names no folder with the vectors of Wycheproof")
        return 77
    failed = seen = 0
    for name, scheme, ours in FILES:
        with gzip.open(os.path.join(folder, name + ".json.gz")) as file:
            groups = json.load(file)["testGroups"]
        lines, wanted = [], []
        for group in groups:
            key = group["publicKey"]["pk"] if scheme == "ed25519" else group["publicKeyPem"]
            for test in group["tests"]:
                lines.append("\t".join([scheme, key.encode().hex(), test["msg"], test["sig"]]))
                wanted.append((test, expected(test, ours)))
        answers = subprocess.run([chosen.verifier], input="\n".join(lines) + "\n", capture_output=True, text=True, check=True).stdout.split()
        assert len(answers) == len(wanted), f"{len(answers)} answers to {len(wanted)} questions"
        for answer, (test, good) in zip(answers, wanted):
            seen += 1
            if answer not in good:
                failed += 1
                print(f"FAILED {name} {test['tcId']} ({test['comment']}; {test['flags']}): {answer}, the vectors say {test['result']}")
    print(f"{seen} signatures, {failed} judged otherwise")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""artifact_make.py DIR BYTES SEED: an image of random bytes in DIR/artifacts, as the encoding `raw` with its index and as the file image.swu; its SHA-256 is printed."""
import hashlib
import os
import random
import struct
import sys

root, length, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
body = random.Random(seed).randbytes(length)
sha256 = hashlib.sha256(body).hexdigest()
folder = os.path.join(root, "artifacts", sha256)
os.makedirs(folder, exist_ok=True)
chunks = [body[i : i + 65536] for i in range(0, length, 65536)]
index = b"SvIx" + struct.pack("<IQ", 1, len(chunks))
for chunk in chunks:
    index += struct.pack("<I", len(chunk)) + hashlib.sha256(b"\0" + chunk).digest()
for name, content in (("raw", body), ("raw.index", index), ("image.swu", body)):
    with open(os.path.join(folder, name), "wb") as file:
        file.write(content)
print(sha256)

#!/bin/bash
# A firmware file is signed here and judged by Python's cryptography, and the other way round; what
# was changed, cut, made by another key or with another salt is refused with a reason.
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
selvedge=$SV_BIN/selvedge

passes() { [ "$("$selvedge" firmware verify "$1" --signature "$2" --key "$3")" = "Firmware verification: PASSED" ]; }
fails() {
    local said code=0
    said=$("$selvedge" firmware verify "$1" --signature "$2" --key "$3") || code=$?
    if [ "$code" != 1 ] || [[ "$said" != "Firmware verification: FAILED - "?* ]]; then
        echo "expected FAILED for $*, got $code: $said" >&2
        exit 1
    fi
}

head -c 300000 /dev/urandom > firmware.bin
for key in rsa ec ed25519; do
    "$selvedge" firmware keygen --out "$key" --key "$key"
    [ "$(stat -c %a "$key/firmware.key")" = 600 ]
    "$selvedge" firmware sign firmware.bin --key "$key/firmware.key" --out "$key.sig"
    passes firmware.bin "$key.sig" "$key/firmware.pub"
    head -c 20 "$key.sig" > cut.sig
    : > empty.sig
    head -c 2000 /dev/urandom > long.sig
    { cat firmware.bin; echo x; } > longer.bin
    fails firmware.bin cut.sig "$key/firmware.pub"
    fails firmware.bin long.sig "$key/firmware.pub"
    fails firmware.bin empty.sig "$key/firmware.pub"
    fails firmware.bin absent.sig "$key/firmware.pub"
    fails longer.bin "$key.sig" "$key/firmware.pub"
    fails absent.bin "$key.sig" "$key/firmware.pub"
done
fails firmware.bin rsa.sig ec/firmware.pub
fails firmware.bin ec.sig rsa/firmware.pub
"$selvedge" firmware keygen --out other
fails firmware.bin rsa.sig other/firmware.pub

sum=$(sha256sum rsa/firmware.key)
if "$selvedge" firmware keygen --out rsa 2> said; then exit 1; fi
grep -q 'exists already' said
[ "$sum" = "$(sha256sum rsa/firmware.key)" ]

/usr/bin/python3 - <<'PY'
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

def pss(salt):
    return padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=salt)

data = open("firmware.bin", "rb").read()
key = serialization.load_pem_private_key(open("rsa/firmware.key", "rb").read(), None)
key.public_key().verify(open("rsa.sig", "rb").read(), data, pss(padding.PSS.MAX_LENGTH), hashes.SHA256())
for name, salt in ("max", padding.PSS.MAX_LENGTH), ("32", 32), ("20", 20), ("0", 0):
    open(f"python-{name}.sig", "wb").write(key.sign(data, pss(salt), hashes.SHA256()))
open("pkcs1.sig", "wb").write(key.sign(data, padding.PKCS1v15(), hashes.SHA256()))
PY
passes firmware.bin python-max.sig rsa/firmware.pub
passes firmware.bin python-32.sig rsa/firmware.pub
fails firmware.bin python-20.sig rsa/firmware.pub
fails firmware.bin python-0.sig rsa/firmware.pub
fails firmware.bin pkcs1.sig rsa/firmware.pub
echo "firmware: ok"

#!/bin/bash
# One reading from the command line arrives as it was given, and whatever stands in its way is named
# with the exit code of its kind: wrong usage 2, unreachable 3, refused 4.
set -euo pipefail
# shellcheck source=tests/support/broker.sh
source "$SV_SOURCE/tests/support/broker.sh"

issue device-001
issue a-server --role server
"$selvedge" pki init --dir other
"$selvedge" pki issue --dir other --id device-001 --out strange
publish=("$selvedge" publish --gateway "127.0.0.1:$port")
mine=(--ca pki/ca.crt --cert keys/device-001.crt --key keys/device-001.key --id device-001)
listen heard 'sensors/#'

exits 0 'sensors/device-001/temperature {"value":-23.5.*acknowledged after' \
    "${publish[@]}" "${mine[@]}" --unit °C temperature -23.5
[ ! -s out ]
exits 0 '' "${publish[@]}" "${mine[@]}" --timestamp 2026-11-22T06:15:04.5 --output json pressure 1e-9
jq -e '.acknowledged and .topic == "sensors/device-001/pressure" and .reading.value == 1e-9
    and .reading.timestamp == "2026-11-22T06:15:04.5" and .ack_ms > 0' out > /dev/null
within 20 grep -q pressure heard || fail "the reading does not arrive"
grep -q '^sensors/device-001/temperature {"value":-23.5,.*"device_id":"device-001","unit":"°C"}$' heard

exits 2 'SENSOR and VALUE are missing' "${publish[@]}" "${mine[@]}" temperature
exits 2 'SENSOR "a/b" is not valid' "${publish[@]}" "${mine[@]}" a/b 1
exits 2 "VALUE '1e999' is not a finite number" "${publish[@]}" "${mine[@]}" a 1e999
exits 2 "is 'device-001', and a device speaks for itself" "${publish[@]}" "${mine[@]}" --id device-002 a 1
exits 2 "--timestamp 'yesterday' is not a time" "${publish[@]}" "${mine[@]}" --timestamp yesterday a 1
exits 2 '--unit is UTF-8 of at most 16 bytes' "${publish[@]}" "${mine[@]}" --unit furlongs/fortnight a 1
exits 2 "--gateway '127.0.0.1:0' is not HOST:PORT" "${publish[@]}" "${mine[@]}" --gateway 127.0.0.1:0 a 1
exits 2 "cannot open 'nowhere.crt'" "${publish[@]}" "${mine[@]}" --cert nowhere.crt a 1
exits 2 "is not the key of" "${publish[@]}" "${mine[@]}" --key keys/gw.key a 1
exits 2 '--output is json or table' "${publish[@]}" "${mine[@]}" --output xml a 1

# Who the broker does not believe, and whom the device does not.
exits 4 'unknown ca, before CONNECT was answered' "${publish[@]}" --ca pki/ca.crt \
    --cert strange/device-001.crt --key strange/device-001.key --id device-001 a 1
exits 4 'certificate verify failed: unable to get local issuer' "${publish[@]}" "${mine[@]}" --ca other/ca.crt a 1
exits 4 'unsupported certificate' "${publish[@]}" --ca pki/ca.crt --cert keys/a-server.crt \
    --key keys/a-server.key --id a-server a 1
/usr/bin/python3 - << 'PY'
from datetime import datetime, timedelta
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

leaf = x509.load_pem_x509_certificate(open("keys/device-001.crt", "rb").read())
ca = x509.load_pem_x509_certificate(open("pki/ca.crt", "rb").read())
key = serialization.load_pem_private_key(open("pki/ca.key", "rb").read(), None)
for name, begin, end in ("expired", -3, -1), ("future", 1, 3):
    made = x509.CertificateBuilder(ca.subject, leaf.subject, leaf.public_key(), x509.random_serial_number(),
                                   datetime.utcnow() + timedelta(begin), datetime.utcnow() + timedelta(end))
    for extension in leaf.extensions:
        made = made.add_extension(extension.value, extension.critical)
    pem = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    open(name + ".crt", "wb").write(pem + ca.public_bytes(serialization.Encoding.PEM))
PY
exits 4 'certificate expired' "${publish[@]}" "${mine[@]}" --cert expired.crt a 1
exits 4 'TLS: ' "${publish[@]}" "${mine[@]}" --cert future.crt a 1

# Nobody there, nobody answering, somebody who does not speak TLS.
exits 3 'connection refused (127.0.0.1:1)' "${publish[@]}" "${mine[@]}" --gateway 127.0.0.1:1 a 1
exits 3 '' "${publish[@]}" "${mine[@]}" --gateway no-such-host.invalid --timeout 5 a 1
cat > deaf.py << 'PY'
import socket, sys
door = socket.socket()
door.bind(("127.0.0.1", 0))
door.listen()
print(door.getsockname()[1], flush=True)
while True:
    peer = door.accept()[0]
    if sys.argv[1] == "hangs-up":
        peer.recv(1)
        peer.close()
    else:
        sys.modules.setdefault("kept", []).append(peer)
PY
for kind in silent hangs-up; do
    python3 deaf.py $kind > $kind.port &
    started+=($!)
    within 20 test -s $kind.port
done
exits 3 'no connection with TLS and CONNACK within 1 s' \
    "${publish[@]}" "${mine[@]}" --gateway "127.0.0.1:$(cat silent.port)" --timeout 1 a 1
exits 3 'during the TLS handshake\|connection reset' \
    "${publish[@]}" "${mine[@]}" --gateway "127.0.0.1:$(cat hangs-up.port)" a 1

# Stopped in the middle, the broker accepts connections and says nothing.
kill -STOP "$broker"
exits 3 'within 1 s (--timeout)' "${publish[@]}" "${mine[@]}" --timeout 1 a 1
kill -CONT "$broker"
echo "publish: ok"

#!/bin/bash
# A device whose certificate was made with the classic openssl commands, verbatim in the PKI folder,
# publishes through mosquitto with mosquitto's own client and with ours.
set -euo pipefail
# shellcheck source=tests/support/broker.sh
source "$SV_SOURCE/tests/support/broker.sh"
listen heard 'sensors/#'

(
    cd pki
    openssl genrsa -out device.key 2048
    openssl req -new -key device.key -out device.csr -subj "/CN=device-001/O=Acme/C=IN/ST=Maharashtra/L=Pune"
    openssl x509 -req -in device.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out device.crt -days 365 -sha256
    [ "$(openssl verify -CAfile ca.crt device.crt)" = "device.crt: OK" ]
    openssl x509 -in device.crt -noout -text | grep -q 'Version: 1 '
) > classic.log 2>&1 || fail "the classic commands"

mosquitto_pub -h 127.0.0.1 -p "$port" --cafile pki/ca.crt --cert pki/device.crt --key pki/device.key -q 1 \
    -t sensors/device-001/temperature \
    -m '{"value":23.5,"timestamp":"2026-11-22T06:15:04.123456","device_id":"device-001"}'
publish=("$selvedge" publish --gateway "127.0.0.1:$port" --ca pki/ca.crt --cert pki/device.crt --key pki/device.key)
exits 0 'acknowledged' "${publish[@]}" --id device-001 pressure 4.5
exits 2 "its CN is 'device-001'" "${publish[@]}" --id device-002 pressure 6.6
# Nobody speaks for another device: mosquitto acknowledges it, and lets it go nowhere.
mosquitto_pub -h 127.0.0.1 -p "$port" --cafile pki/ca.crt --cert pki/device.crt --key pki/device.key -q 1 \
    -t sensors/device-002/temperature -m '{"value":1,"timestamp":"2026-11-22T06:15:04","device_id":"device-002"}'
exits 0 'acknowledged' "${publish[@]}" --id device-001 last 1

within 20 grep -q '^sensors/device-001/last ' heard || fail "the last reading does not arrive"
grep -q '^sensors/device-001/temperature {"value":23.5,' heard
grep -q '^sensors/device-001/pressure {"value":4.5,' heard
if grep -q device-002 heard; then fail "a reading on another device's topic went through"; fi
echo "classic: ok"

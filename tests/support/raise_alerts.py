#!/usr/bin/env python3
"""What a gateway says when many devices fail at once: one POST /v1/alerts each, some beside each other, so that they share the server's commits and a slow disk does not spread them.

usage: raise_alerts.py PORT CA CERT KEY EVENT FIRST COUNT [SEVERITY]"""
import concurrent.futures
import datetime
import hashlib
import http.client
import json
import ssl
import sys

port, ca, cert, key, event, first, count, *severity = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
context.load_cert_chain(cert, key)
BESIDE = 10


def tell(numbers):
    link = http.client.HTTPSConnection("127.0.0.1", int(port), context=context)
    for number in numbers:
        now = datetime.datetime.now(datetime.timezone.utc)
        device = f"press-{number}"
        alert = {
            "id": hashlib.md5(device.encode()).hexdigest(),
            "deviceId": device,
            "alertType": "HIGH",
            "severity": severity[0] if severity else "warning",
            "message": "Value 91.2 exceeds high threshold",
            "data": {"timestamp": int(now.timestamp() * 1000), "deviceId": device, "sensor": "temperature", "value": 91.2, "raw": 95},
            "timestamp": now.isoformat(),
            "event": event,
        }
        link.request("POST", "/v1/alerts", json.dumps(alert), {"Content-Type": "application/json"})
        answer = link.getresponse()
        answer.read()
        if answer.status != 200:
            raise SystemExit(f"alert of {device}: {answer.status}")


numbers = range(int(first), int(first) + int(count))
with concurrent.futures.ThreadPoolExecutor(BESIDE) as crew:
    list(crew.map(tell, [numbers[i::BESIDE] for i in range(min(BESIDE, len(numbers)))]))

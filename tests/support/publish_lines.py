#!/usr/bin/python3
"""A device that does not give up: publishes every line of stdin with QoS 1, as paho-mqtt does it, and ends when all of them
are acknowledged, however often the connection is lost meanwhile. Exit 1: not within the time.

usage: publish_lines.py PORT CA CERT KEY ID TOPIC [SECONDS]
"""
import sys
import threading

import paho.mqtt.client as mqtt

INFLIGHT = 50


def main():
    port, ca, cert, key, name, topic = sys.argv[1:7]
    patience = float(sys.argv[7]) if len(sys.argv) > 7 else 60
    acknowledged, waiting = threading.Semaphore(0), threading.Semaphore(INFLIGHT)

    def on_publish(_client, _data, _mid):
        acknowledged.release()
        waiting.release()

    client = mqtt.Client(name, clean_session=False)
    client.tls_set(ca, cert, key)
    client.max_inflight_messages_set(INFLIGHT)
    client.reconnect_delay_set(min_delay=1, max_delay=1)
    client.on_publish = on_publish
    client.connect("127.0.0.1", int(port), keepalive=10)
    client.loop_start()
    sent = 0
    for line in sys.stdin:
        if not waiting.acquire(timeout=patience):
            sys.exit(f"publish_lines: line {sent + 1} waits for {patience:.0f} s; {sent - INFLIGHT} are acknowledged")
        client.publish(topic, line.rstrip("\n"), qos=1)
        sent += 1
    for done in range(sent):
        if not acknowledged.acquire(timeout=patience):
            sys.exit(f"publish_lines: of {sent} lines {done} are acknowledged")
    client.disconnect()
    client.loop_stop()


main()

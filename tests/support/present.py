#!/usr/bin/python3
"""A device that says that it is there, and has a will for when it is not; it comes back by itself.

usage: present.py PORT CA CERT KEY ID KEEPALIVE-SECONDS"""
import sys

import paho.mqtt.client as mqtt

port, ca, cert, key, name, keepalive = sys.argv[1:]
client = mqtt.Client(client_id=name, clean_session=True)
client.tls_set(ca, cert, key)
client.will_set(f"presence/{name}", '{"online":false}', qos=1, retain=True)
client.on_connect = lambda *_: client.publish(f"presence/{name}", '{"online":true}', qos=1, retain=True)
client.reconnect_delay_set(1, 1)
client.connect_async("127.0.0.1", int(port), int(keepalive))
client.loop_forever(retry_first_connection=True)

#!/usr/bin/env python3
"""A webhook's other end over TLS: checks each signature (Standard Webhooks), appends a line of JSON to a file, and answers
with the status that stands in a control file ("hang" for none at all, "302 URL" for a redirect).

usage: hook_taker.py CERT KEY PORT SECRET-FILE CONTROL-FILE OUT-FILE"""
import base64
import hashlib
import hmac
import http.server
import json
import ssl
import sys
import time

cert, key, port, secret_path, control_path, out_path = sys.argv[1:]
with open(secret_path, "rb") as file:
    secret = file.read().strip()
if secret.startswith(b"whsec_"):
    secret = base64.b64decode(secret[6:])


class Taker(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def signature_fits(self, body):
        name, stamp = self.headers.get("webhook-id", ""), self.headers.get("webhook-timestamp", "")
        mac = hmac.new(secret, f"{name}.{stamp}.".encode() + body, hashlib.sha256).digest()
        given = self.headers.get("webhook-signature", "").split(" ")
        fresh = stamp.isdigit() and abs(time.time() - int(stamp)) < 300
        return fresh and "v1," + base64.b64encode(mac).decode() in given

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with open(control_path, encoding="ascii") as control:
            answer = control.read().split()
        line = {
            "status": answer[0],
            "path": self.path,
            "id": self.headers.get("webhook-id"),
            "signed": self.signature_fits(body),
            "body": json.loads(body),
        }
        with open(out_path, "a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")
        if answer[0] == "hang":
            time.sleep(60)
            return
        self.send_response(int(answer[0]))
        if len(answer) > 1:
            self.send_header("Location", answer[1])
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(cert, key)
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Taker)
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()

#!/usr/bin/env python3
"""A fleet server's device door as far as artifacts go, by Python's HTTP and TLS: what a gateway fetches from it, and what it is told.

artifact_door.py PORT CA CERT KEY DIR
Below DIR lie artifacts/<sha256>/<name> and tuf/… . Each answer is a line of DIR/log: kind (ask, index, piece, tuf, none), status, bytes, path. While DIR/deny holds ids,
these devices get 403; DIR/corrupt holds how many pieces to come have a wrong byte."""
import http.server
import os
import re
import ssl
import sys
import threading

from cryptography import x509
from cryptography.x509.oid import NameOID

port, ca, cert, key, root = int(sys.argv[1]), *sys.argv[2:6]
lock = threading.Lock()


def words(name):
    try:
        return open(os.path.join(root, name)).read().split()
    except FileNotFoundError:
        return []


def one_less(name):
    with lock:
        left = int((words(name) or ["0"])[0])
        if left > 0:
            open(os.path.join(root, name), "w").write(str(left - 1))
        return left > 0


def device_of(header):
    import base64

    leaf = x509.load_der_x509_certificate(base64.b64decode(header.strip(": ")))
    return leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value


class Door(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def give(self, kind, status, body, headers=()):
        with lock, open(os.path.join(root, "log"), "a") as log:
            log.write(f"{kind} {status} {len(body)} {self.path}\n")
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.give("none", 503, b"")

    def do_GET(self):
        asker = self.headers.get("Client-Cert")
        artifact = self.path.startswith("/artifacts/")
        kind = "tuf" if self.path.startswith("/tuf/") else "none" if not artifact else "ask" if asker else "index" if self.path.endswith(".index") else "piece"
        path = os.path.normpath(root + "/" + self.path)
        if artifact and asker and device_of(asker) in words("deny"):
            self.give(kind, 403, b"{}")
        elif kind == "none" or not path.startswith(root) or not os.path.isfile(path):
            self.give(kind, 404, b"{}")
        else:
            self.give_file(kind, path)

    def give_file(self, kind, path):
        size = os.path.getsize(path)
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        first = int(wanted[1]) if wanted else 0
        last = min(int(wanted[2] or size), size - 1) if wanted else size - 1
        if first >= size:
            self.give(kind, 416, b"{}")
            return
        with open(path, "rb") as file:
            file.seek(first)
            body = bytearray(file.read(last - first + 1))
        if kind == "piece" and len(body) > 1 and one_less("corrupt"):
            body[len(body) // 2] ^= 1
        if wanted:
            self.give(kind, 206, bytes(body), [("Content-Range", f"bytes {first}-{last}/{size}")])
        else:
            self.give(kind, 200, bytes(body))


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_):
        pass  # a gateway that was killed


tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(cert, key)
tls.load_verify_locations(ca)
tls.verify_mode = ssl.CERT_REQUIRED
server = Server(("127.0.0.1", port), Door)
server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()

#!/usr/bin/env python3
"""A fleet server's device door that gives a revocation list and takes everything: crl_giver.py CA CERT KEY FILE PORT_FILE. GET /crl gives what is in FILE."""
import http.server
import os
import ssl
import sys

ca, cert, key, given, port_file = sys.argv[1:]


class Giver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        found = self.path == "/crl"
        self.answer(200 if found else 404, open(given, "rb").read() if found else b"{}")

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(200, b"{}")

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/pkix-crl" if self.path == "/crl" else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(cert, key)
context.load_verify_locations(ca)
context.verify_mode = ssl.CERT_REQUIRED
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Giver)
server.daemon_threads = True
server.socket = context.wrap_socket(server.socket, server_side=True)
with open(port_file + ".new", "w", encoding="ascii") as out:
    out.write(str(server.server_port))
os.rename(port_file + ".new", port_file)
server.serve_forever()

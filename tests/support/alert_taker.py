#!/usr/bin/env python3
"""An HTTPS endpoint for alerts: appends each body to a file, answers with the statuses in turn, the last one for ever.

usage: alert_taker.py CERT KEY PORT FILE STATUS..."""
import http.server
import ssl
import sys

cert, key, port, path, *statuses = sys.argv[1:]


class Taker(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = int(statuses.pop(0) if len(statuses) > 1 else statuses[0])
        with open(path, "ab") as out:
            out.write(f"{status} {self.path} ".encode() + body + b"\n")
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(cert, key)
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Taker)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()

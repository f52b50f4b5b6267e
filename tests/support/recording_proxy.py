#!/usr/bin/env python3
"""Between a gateway and its fleet server: keeps what the gateway sends, opened and decompressed.

recording_proxy.py PORT FLEET_PORT CA CERT KEY CLIENT_CERT CLIENT_KEY FILE
CERT is shown to the gateway, CLIENT_CERT (the gateway's own) to the fleet server. FILE gets every request: its line, its
headers, its body as it was before compression.
"""
import http.client
import http.server
import ssl
import subprocess
import sys
import threading

port, fleet_port, ca, cert, key, client_cert, client_key, path = sys.argv[1:]
TIMEOUT_S = 30
HOP = {"connection", "transfer-encoding", "content-length", "keep-alive"}
to_fleet = ssl.create_default_context(cafile=ca)
to_fleet.load_cert_chain(client_cert, client_key)
lock = threading.Lock()
record = open(path, "ab", buffering=0)


def opened(body, encoding):
    if encoding is None:
        return body
    assert encoding == "zstd", encoding
    return subprocess.run(["zstd", "-dc"], input=body, stdout=subprocess.PIPE, check=True).stdout


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def pass_on(self):
        assert self.headers.get("Transfer-Encoding") is None
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with lock:
            record.write(f"{self.requestline}\n{self.headers}".encode() + opened(body, self.headers.get("Content-Encoding")) + b"\n")
        fleet = http.client.HTTPSConnection("127.0.0.1", int(fleet_port), context=to_fleet, timeout=TIMEOUT_S)
        try:
            fleet.request(self.command, self.path, body or None, dict(self.headers.items()))
            self.answer(fleet.getresponse())
        except OSError:
            self.close_connection = True
        finally:
            fleet.close()

    def answer(self, reply):
        stream = "event-stream" in (reply.getheader("Content-Type") or "")
        body = b"" if stream else reply.read()
        self.send_response(reply.status)
        for name, value in reply.getheaders():
            if name.lower() not in HOP:
                self.send_header(name, value)
        self.send_header(*(("Connection", "close") if stream else ("Content-Length", str(len(body)))))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = self.close_connection or stream
        while stream and (line := reply.readline()):
            self.wfile.write(line)

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = pass_on


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(cert, key)
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Handler)
server.daemon_threads = True
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()

#!/usr/bin/env python3
"""bad_door.py MODE PORT CERT KEY CA --config FILE: a door as it should be (good), or with one fault. Modes old, cbc, plain, open, extra: of an MQTT
door with mutual TLS; told, framed and api-good: of an operator door on loopback without TLS. For `selvedge checklist` to look at."""
import socket
import ssl
import sys
import threading
import warnings

warnings.simplefilter("ignore")  # old versions are what it is for
mode, port, cert, key, ca = sys.argv[1:6]
PAGE = (b"Content-Security-Policy: default-src 'none'; script-src 'self'; frame-ancestors 'none'\r\n"
        b"X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n")


def context():
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(cert, key)
    made.load_verify_locations(ca)
    made.verify_mode = ssl.CERT_NONE if mode == "open" else ssl.CERT_REQUIRED
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_ciphers("ECDHE+AESGCM")
    if mode == "old":  # 1.1 and 1.3, so that nothing else changes
        made.minimum_version = ssl.TLSVersion.TLSv1
        made.options |= ssl.OP_NO_TLSv1_2
        made.set_ciphers("ALL:@SECLEVEL=0")
    if mode == "cbc":
        made.set_ciphers("ECDHE+AESGCM:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0")
    return made


def serve_tls(made, peer):
    try:
        if mode == "plain" and peer.recv(1, socket.MSG_PEEK) != b"\x16":
            peer.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
            return
        with made.wrap_socket(peer, server_side=True) as talk:
            talk.recv(4096)
    except (OSError, ssl.SSLError):
        pass
    finally:
        peer.close()


def serve_http(peer):
    try:
        path = peer.recv(4096).split(b" ")[1]
        head = b"" if mode == "framed" else PAGE
        told = path == b"/" or (mode == "told" and path == b"/metrics")
        peer.sendall((b"HTTP/1.1 200 OK\r\n" if told else b"HTTP/1.1 401 No\r\n") + head + b"\r\n")
    except (OSError, IndexError):
        pass
    finally:
        peer.close()


listener = socket.create_server(("127.0.0.1", int(port)))
also = socket.create_server(("127.0.0.1", 0)) if mode == "extra" else None
http = mode in ("told", "framed", "api-good")
shown = None if http else context()
while True:
    taken, _ = listener.accept()
    threading.Thread(target=serve_http if http else serve_tls, args=(taken,) if http else (shown, taken), daemon=True).start()

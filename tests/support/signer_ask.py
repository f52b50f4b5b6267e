#!/usr/bin/env python3
"""Asks selvedge-signer as the fleet server does, and as nobody should.

usage: signer_ask.py SOCKET issue ID OUT.der     prints the sentence of a refusal and ends with 1
       signer_ask.py SOCKET rude                  every kind of packet that is none: each ends its connection
       signer_ask.py SOCKET cut                   is the connection cut at once?"""
import os
import socket
import struct
import sys

MAGIC, VERSION, ISSUE = 0x53765367, 1, 1
ISSUE_BYTES = 7096


def connect(path):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.settimeout(10)
    s.connect(path)
    return s


def head(magic=MAGIC, version=VERSION, verb=ISSUE, number=1):
    return struct.pack("=IHHQ", magic, version, verb, number)


def issue(name):
    # lifetime, not before, role, texts, names, addresses, then an Ed25519 key (RFC 8032, test 1) and the id
    key = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    body = struct.pack("=qqIIII", 600, 0, 0, 0, 0, 0)
    body += struct.pack("=III512s", 4, len(key), 0, key)
    body += struct.pack("76s", name.encode())
    return body.ljust(ISSUE_BYTES, b"\0")


def is_cut(s):
    try:
        return s.recv(65536) == b""
    except ConnectionError:
        return True


def ask_issue(path, name, out):
    with connect(path) as s:
        s.send(head() + issue(name))
        answer = s.recv(65536)
    err, count, total = struct.unpack_from("=IIQ", answer, 16)
    if err != 0:
        print(answer[32:32 + 384].split(b"\0")[0].decode())
        sys.exit(1)
    assert count == total
    with open(out, "wb") as file:
        file.write(answer[32 + 384:32 + 384 + count])


def rude(path):
    whole = head() + issue("rude-1")
    packets = [b"x", whole[:-1], whole + b"\0", head(magic=1) + issue("rude-1"), head(version=2) + issue("rude-1"),
               head(verb=0) + issue("rude-1"), head(verb=250) + issue("rude-1"), os.urandom(len(whole)), os.urandom(100)]
    for number, packet in enumerate(packets):
        with connect(path) as s:
            s.send(packet)
            if not is_cut(s):
                sys.exit(f"packet {number} was answered")
    # More than fits, and nobody reads the answers: cut as well, and nobody else waits for it.
    with connect(path) as s:
        s.setblocking(False)
        try:
            for _ in range(10000):
                s.send(whole)
        except BlockingIOError:
            pass
        except OSError:
            return


def main():
    path, what = sys.argv[1:3]
    if what == "issue":
        ask_issue(path, sys.argv[3], sys.argv[4])
    elif what == "rude":
        rude(path)
    else:
        with connect(path) as s:
            sys.exit(0 if is_cut(s) else 1)


main()

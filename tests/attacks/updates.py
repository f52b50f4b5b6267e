#!/usr/bin/env python3
"""What a hostile server of updates tries, against selvedge-tuf: the ones that need a server of their own. Those that a bent repository shows are in
tests/conformance/tuf; docs/spec/update-attacks.md has them all."""
import argparse
import concurrent.futures
import ipaddress
import os
import socketserver
import ssl
import sys
import threading
import time
import traceback
from datetime import datetime, timezone

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "../conformance/tuf"), os.path.join(HERE, "../support")]
from attacks_page import tests_of  # noqa: E402
from repository import DAY, file_of  # noqa: E402
from stage import Stage, must  # noqa: E402

MIB = 1 << 20
PATIENCE_S = 30  # docs/spec/trust.md, trust-14
ATTACKS = []


def attack(function):
    ATTACKS.append(function)
    return function


class Server(socketserver.ThreadingTCPServer):
    """Stands before the repository: what `instead` knows is answered by it, with the bare socket, everything else by the repository."""
    daemon_threads, allow_reuse_address = True, True

    def __init__(self, repo, instead, tls=None):
        self.repo, self.instead, self.sent, self.tls = repo, instead, 0, tls
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def handle_error(self, *_):
        """A client that wants no such server is no fault of it."""


class Handler(socketserver.StreamRequestHandler):
    def setup(self):
        if self.server.tls:
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def handle(self):
        while line := self.rfile.readline():
            while self.rfile.readline().strip():
                pass
            path = line.split()[1].decode()
            try:
                for part, answer in self.server.instead.items():
                    if part in path:
                        return answer(self)
                status, data = self.server.repo.answer(path)
                self.wfile.write(b"HTTP/1.1 %d x\r\nContent-Length: %d\r\n\r\n" % (status, len(data)) + data)
            except OSError:
                return  # the client has had enough

    def give(self, data):
        self.wfile.write(data)
        self.server.sent += len(data)


def before(at, instead):
    """The client asks this server from now on."""
    server = Server(at.repo, instead)
    at.repo.stop()
    at.repo.stop = lambda: (server.shutdown(), server.server_close())
    at.repo.url = server.url
    return server


def nothing_is_left(at):
    left = os.listdir(at.out) if os.path.isdir(at.out) else []
    must(left == [], f"left behind are {left}")


def with_target(at, data=b"x" * 3 * MIB):
    at.repo.add_target("file", data)
    at.repo.publish()
    at.ready()


def endless(head):
    def answer(handler):
        handler.wfile.write(head)
        for _ in range(4096):  # 256 MiB are as good as no end
            handler.give(b"x" * 65536)
    return answer


CHUNKED = b"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n"


def endless_chunks(handler):
    handler.wfile.write(CHUNKED)
    for _ in range(4096):
        handler.give(b"10000\r\n" + b"x" * 65536 + b"\r\n")


@attack
def endless_target_with_a_length(at):
    """A server that announces more than the metadata does. [trust-11]"""
    server = before(at, {"/targets/": endless(b"HTTP/1.1 200 x\r\nContent-Length: 4294967295\r\n\r\n")})
    with_target(at)
    at.bad("more than the announced 3145728 bytes", at.download("file"))
    must(server.sent < 16 * MIB, f"{server.sent} bytes were taken")
    nothing_is_left(at)


@attack
def endless_target_without_a_length(at):
    """A body up to the end of the connection, which does not come."""
    server = before(at, {"/targets/": endless(b"HTTP/1.1 200 x\r\n\r\n")})
    with_target(at)
    at.bad("more than the announced 3145728 bytes", at.download("file"))
    must(server.sent < 16 * MIB, f"{server.sent} bytes were taken")
    nothing_is_left(at)


@attack
def endless_target_in_chunks(at):
    """Chunk after chunk."""
    server = before(at, {"/targets/": endless_chunks})
    with_target(at)
    at.bad("more than the announced 3145728 bytes", at.download("file"))
    must(server.sent < 16 * MIB, f"{server.sent} bytes were taken")
    nothing_is_left(at)


@attack
def endless_metadata(at):
    """A timestamp without end is cut at its limit. [trust-4]"""
    server = before(at, {"timestamp.json": endless(b"HTTP/1.1 200 x\r\n\r\n")})
    at.ready().bad("more than 16384 bytes")
    must(server.sent < 8 * MIB, f"{server.sent} bytes were taken")


@attack
def endless_headers(at):
    """Headers without end."""
    server = before(at, {"timestamp.json": endless(b"HTTP/1.1 200 x\r\nX: ")})
    at.ready().bad("headers are larger")
    must(server.sent < 8 * MIB, f"{server.sent} bytes were taken")


@attack
def target_cut_short(at):
    """The connection ends in the middle of a target."""
    before(at, {"/targets/": lambda handler: handler.give(b"HTTP/1.1 200 x\r\nContent-Length: 3145728\r\n\r\n" + b"x" * MIB)})
    with_target(at)
    must(not at.download("file"), "it was taken")
    nothing_is_left(at)
    before_end = Server(at.repo, {"/targets/": lambda handler: handler.give(b"HTTP/1.1 200 x\r\n\r\n" + b"x" * MIB)})
    at.repo.url = before_end.url
    at.bad("1048576 bytes instead of 3145728", at.download("file"))
    nothing_is_left(at)
    before_end.shutdown()
    before_end.server_close()


@attack
def redirect_is_not_followed(at):
    """A redirect elsewhere, where the right bytes are. attacks row 28 [trust-13]"""
    data = b"a target"
    other = Server(at.repo, {"/elsewhere": lambda handler: handler.give(b"HTTP/1.1 200 x\r\nContent-Length: 8\r\n\r\n" + data)})
    before(at, {"/targets/": lambda handler: handler.give(b"HTTP/1.1 302 x\r\nLocation: %s/elsewhere\r\nContent-Length: 0\r\n\r\n" % other.url.encode())})
    with_target(at, data)
    at.bad("302", at.download("file"))
    must(other.sent == 0, "the other server was asked")
    nothing_is_left(at)
    other.shutdown()
    other.server_close()


@attack
def extraneous_dependencies(at):
    """A target that asks for others brings nobody else with it: what was asked for is fetched, once."""
    at.repo.add_target("file")
    at.repo.add_target("other", b"more software")
    at.repo.md["targets"]["targets"]["file"]["custom"] = {"depends": ["other"], "requires": "other"}
    at.repo.publish()
    at.ready().good(result=at.download("file"))
    must(at.targets() == [b"a target"], f"there are {at.targets()}")
    must([name for name in at.repo.asked if not name.endswith(".json")] == [f"{file_of(b'a target')['hashes']['sha256']}.file"], f"asked were {at.repo.asked}")


@attack
def malicious_mirror(at):
    """A mirror without keys changes one byte of any file: none is taken. The same bytes unchanged are."""
    at.repo.delegate("targets", "supplier")
    at.repo.add_target("file", role="supplier")
    at.repo.publish("supplier", "targets")
    at.repo.publish_root()
    at.ready()
    honest = at.repo.answer
    for name in ("2.root.json", "timestamp.json", "snapshot.json", "targets.json", "supplier.json", ".file"):
        def bent(path, name=name):
            status, data = honest(path)
            return (status, data[:len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1:]) if path.endswith(name) and data else (status, data)
        at.repo.answer = bent
        must(not at.download("file"), f"a changed {name} was taken")
        nothing_is_left(at)
    at.repo.answer = honest
    at.good(result=at.download("file"))


@attack
def clock_set_back(at):
    """With a clock of last month, what was seen does not come back all the same. [trust-7]"""
    old = at.repo.published["timestamp"]
    at.repo.publish_timestamp()  # of the same snapshot: the timestamp's own version is all that tells
    at.ready().good()
    at.repo.bend["timestamp.json"] = (200, old)
    at.bad("timestamp", at.refresh(time="30 days ago"))
    at.versions(timestamp=2, snapshot=1, targets=1)


@attack
def clock_set_forward(at):
    """With a clock far ahead everything has ended: nothing is taken and nothing is lost, and with the right clock it goes on. [trust-6]"""
    at.repo.add_target("file")
    at.repo.publish()
    at.ready().good()
    at.repo.publish()
    at.bad("its time ended", at.refresh(time="+4000d"))
    at.versions(root=1, timestamp=2, snapshot=2, targets=2)
    at.good(result=at.download("file"))
    at.versions(timestamp=3, snapshot=3, targets=3)


@attack
def link_in_the_place_of_a_target(at):
    """Who may write in the folder of targets has put a link there: the link goes, what it names stays. attacks row 31"""
    victim = os.path.join(at.home.name, "victim")
    with open(victim, "w", encoding="ascii") as file:
        file.write("stays")
    os.mkdir(at.out)
    os.symlink(victim, os.path.join(at.out, "file"))
    with_target(at, b"a target")
    at.good(result=at.download("file"))
    must(not os.path.islink(os.path.join(at.out, "file")) and at.targets() == [b"a target"], "the link is still there")
    with open(victim, encoding="ascii") as file:
        must(file.read() == "stays", "what the link names was written")


def certificate(folder, name, address, issuer=None):
    """(path of certificate, path of key, what signs). Without an issuer a CA of its own."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    by_name, by_key = issuer or (subject, key)
    now = datetime.now(timezone.utc)
    made = x509.CertificateBuilder(by_name, subject, key.public_key(), x509.random_serial_number(), now - DAY, now + DAY)
    made = made.add_extension(x509.BasicConstraints(issuer is None, None), True)
    made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    made = made.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by_key.public_key()), False)
    if issuer:
        made = made.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), False)
        made = made.add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH]), False)
    else:
        made = made.add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), True)
    paths = [os.path.join(folder, f"{name}.{kind}") for kind in ("crt", "key")]
    texts = (made.sign(by_key, hashes.SHA256()).public_bytes(Encoding.PEM), key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    for path, text in zip(paths, texts):
        with open(path, "wb") as file:
            file.write(text)
    return (*paths, (subject, key))


def over_tls(at, files, ca):
    """A refresh over https from a server with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files[0], files[1])
    server = Server(at.repo, {}, context)
    try:
        return at.run("--ca", ca, "--metadata-url", server.url.replace("http:", "https:") + "/metadata/", "refresh")
    finally:
        server.shutdown()
        server.server_close()


@attack
def another_server_over_https(at):
    """The right certificate is taken; one for another address and one of another authority are not, whatever the metadata is. attacks row 28"""
    ca = certificate(at.home.name, "authority", None)
    stranger = certificate(at.home.name, "stranger", None)
    at.ready()
    at.bad("verify failed", over_tls(at, certificate(at.home.name, "elsewhere", "10.9.8.7", ca[2]), ca[0]))
    at.bad("verify failed", over_tls(at, certificate(at.home.name, "foreign", "127.0.0.1", stranger[2]), ca[0]))
    must(at.kept("timestamp") is None and at.repo.asked == [], f"asked were {at.repo.asked}")
    at.good(result=over_tls(at, certificate(at.home.name, "here", "127.0.0.1", ca[2]), ca[0]))


def trickle(handler):
    """A byte now and then, for ever: less than any floor."""
    handler.wfile.write(b"HTTP/1.1 200 x\r\nContent-Length: 3145728\r\n\r\n")
    while True:
        handler.give(b"x")
        time.sleep(0.2)


def slowly(handler):
    """3 MiB in more time than one part may take, and never less than the floor."""
    handler.wfile.write(b"HTTP/1.1 200 x\r\nContent-Length: 3145728\r\n\r\n")
    for _ in range(4):
        handler.give(b"x" * (3 * MIB // 4))
        time.sleep(PATIENCE_S / 2.5)


def ends_in_time(at, result):
    began = time.monotonic()
    must(not result(), "it was taken")
    took = time.monotonic() - began
    must(PATIENCE_S - 1 < took < PATIENCE_S + 20, f"it took {took:.0f} s")
    must("no" in at.said and f"{PATIENCE_S}000 ms" in at.said, f"it was refused, but not for its time: {at.said}")
    nothing_is_left(at)


@attack
def slow_retrieval_of_a_target(at):
    """A server that trickles is left. [trust-14]"""
    before(at, {"/targets/": trickle})
    with_target(at)
    ends_in_time(at, lambda: at.download("file"))


@attack
def slow_retrieval_of_metadata(at):
    """So it is with metadata."""
    before(at, {"timestamp.json": trickle})
    at.ready()
    ends_in_time(at, at.refresh)


@attack
def slow_and_yet_above_the_floor(at):
    """A thin line is no attack: what goes on comes whole, however long the whole takes."""
    before(at, {"/targets/": slowly})
    with_target(at)
    began = time.monotonic()
    at.good(result=at.download("file"))
    must(time.monotonic() - began > PATIENCE_S, "it was not slow")
    must(at.targets() == [b"x" * 3 * MIB], "it is not what was sent")


def run(function, program):
    at = Stage(program)
    try:
        function(at)
    except Exception:  # an attack that breaks is one that succeeds
        return f"FAILED {function.__name__}: {function.__doc__}\n{traceback.format_exc()}"
    finally:
        at.end()
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", required=True)
    parser.add_argument("--only", default="", help="attacks whose name holds this")
    chosen = parser.parse_args()
    program = os.path.join(os.path.abspath(chosen.programs), "selvedge-tuf")
    with concurrent.futures.ThreadPoolExecutor(4) as side_by_side:  # some wait for half a minute
        failed = [said for said in side_by_side.map(lambda f: run(f, program), [f for f in reversed(ATTACKS) if chosen.only in f.__name__]) if said]
    named, missing = tests_of("update-attacks.md")
    must(named > 50, "the page of attacks names no tests")
    failed += [f"FAILED docs/spec/update-attacks.md names {name}, which is no test" for name in missing]
    print("\n".join([*failed, f"{len(ATTACKS)} attacks, {len(failed)} failed"]))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""The operator door is attacked as a web application is: foreign pages, planted sessions, guesses, foreign files, endless and
oversized requests, broken headers, SQL in every filter, markup in every name. A real fleet server, plain and behind TLS."""
import argparse
import http.client
import json
import socket
import ssl
import sys
import tempfile
import threading
import time
import urllib.parse
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from attacks_page import tests_of  # noqa: E402
from site_programs import Site, SiteError, wait_until  # noqa: E402

PASSWORD = "a long enough password"
DEADLINE_S = 10 + 5  # of lib/net http_server.h, and what a busy machine adds
BODY_MAX = 1024 * 1024  # of apps/fleet/operator_door.h
PEER_FAILURES, USER_FAILURES = 20, 10  # of apps/fleet/throttle.h
MARKUP = "<script>alert(1)</script>"
POLICY = ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'")
SQL = ("'", "''", "' OR '1'='1", "' OR 1=1 --", "\"", "\" OR \"\"=\"", "1; DROP TABLE user; --", "%' UNION SELECT password FROM user --", "\\'", "%", "_", "*", "\x00x", "\u2019")


def check(true, sentence):
    if not true:
        raise SiteError(sentence)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


class Door:
    """The operator door of a fleet server, asked from an address of one's choice."""

    def __init__(self, site):
        self.site = site
        self.port = site.operator_port
        self.token = (site.dir / "admin.token").read_text().strip()
        self.context = None

    def ask(self, method, path, body=None, headers=None, source="127.0.0.1"):
        if self.context:
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=self.context, source_address=(source, 0))
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30, source_address=(source, 0))
        data = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
        connection.request(method, path, data, headers or {})
        answer = connection.getresponse()
        read = Answer(answer.status, answer.headers, answer.read())
        connection.close()
        strict(read, f"{method} {path}")
        return read

    def admin(self, method, path, body=None):
        return self.ask(method, path, body, {"Authorization": f"Bearer {self.token}"})

    def raw(self, data, wait_s=5):
        """Bytes as they are; what is answered until the server ends the connection, or for so long."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as sock:
            sock.settimeout(wait_s)
            got = b""
            try:
                sock.sendall(data)
                while True:
                    piece = sock.recv(65536)
                    if not piece:
                        break
                    got += piece
            except (TimeoutError, ConnectionError):
                pass
            return got

    def metric(self, name):
        text = self.admin("GET", "/metrics").body.decode()
        return int(next(line.split()[1] for line in text.splitlines() if line.startswith(name + " ")))

    def user(self, name, role="viewer", sites=None, password=None):
        """Somebody new, signed in: the headers of a change."""
        made = self.admin("POST", "/api/v1/users", {"name": name, "role": role, "sites": sites})
        check(made.status == 201, f"no user {name}: {made.status} {made.body}")
        who = self.link(made.headers["Location"])
        if password:
            done = self.ask("POST", "/api/v1/session/password", {"password": password}, who)
            check(done.status == 204, f"no password: {done.status} {done.body}")
            who = cookie(done)
        return who

    def link(self, location):
        done = self.ask("POST", "/api/v1/session", {"token": location.split("#login=")[1]})
        check(done.status == 204, f"the link is not taken: {done.status} {done.body}")
        return cookie(done)

    def sign_in(self, user, password, source="127.0.0.1", headers=None):
        return self.ask("POST", "/api/v1/session", {"user": user, "password": password}, headers, source)


def cookie(answer):
    return {"Cookie": answer.headers["Set-Cookie"].split(";")[0], "X-Selvedge": "1"}


def strict(answer, what):
    """Every answer whatever has the policy, and nobody guesses its type."""
    policy = answer.headers.get("Content-Security-Policy", "")
    if answer.status == 400 and policy == "default-src 'none'; frame-ancestors 'none'":
        return  # refused before it was a request for anything
    for rule in POLICY:
        check(rule in policy, f"{what}: no {rule} in '{policy}' ({answer.status})")
    check("unsafe" not in policy and "*" not in policy, f"{what}: '{policy}'")
    check(answer.headers.get("X-Content-Type-Options") == "nosniff", f"{what}: its type may be guessed")
    check(answer.headers.get("X-Frame-Options") == "DENY", f"{what}: it may be framed")


# ---- what foreign pages try -----------------------------------------------------------------------


def foreign_pages(door):
    """A form or script of another site acts with the cookie of who looks at it. [people-11]"""
    who = door.user("ada", "admin", password=PASSWORD)
    bare = {"Cookie": who["Cookie"]}
    forms = ({}, {"Content-Type": "text/plain"}, {"Content-Type": "application/x-www-form-urlencoded"}, {"X-Selvedge": "0"})
    pages = ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
             {"Origin": f"http://127.0.0.1.evil.example:{door.port}"}, {"Origin": f"http://127.0.0.1:{door.port + 1}"})
    attempts = [{**bare, **form} for form in forms] + [{**who, **page} for page in pages]
    for headers in attempts:
        for method, path in (("POST", "/api/v1/users"), ("DELETE", "/api/v1/session"), ("PUT", "/api/v1/sites/site-1/maintenance")):
            answer = door.ask(method, path, b'{"name":"eve","role":"admin","for_s":60}', headers)
            check(answer.status == 403, f"{method} {path} with {headers}: {answer.status}")
    for page in pages:  # nor is anybody signed in as somebody else, or listened to
        answer = door.ask("GET", "/api/v1/events", headers={**who, **page})
        check(answer.status == 403, f"live events for {page}: {answer.status}")
        answer = door.sign_in("ada", PASSWORD, headers=page)
        check(answer.status == 403 and "Set-Cookie" not in answer.headers, f"signed in by {page}: {answer.status}")
    check(door.admin("GET", "/api/v1/users/eve").status == 404, "a foreign page has added somebody")
    check(door.ask("GET", "/api/v1/session", headers=who).status == 200, "a foreign page has ended the session")
    for header in ("Access-Control-Allow-Origin", "Access-Control-Allow-Credentials"):
        answer = door.ask("OPTIONS", "/api/v1/users", headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"})
        check(header not in answer.headers, f"{header} is given to strangers")


def planted_session(door):
    """Who can set a cookie in a browser waits until its owner signs in. [people-8]"""
    eve = door.user("eve")
    done = door.sign_in("ada", PASSWORD, headers={"Cookie": eve["Cookie"]})
    check(done.status == 204, f"not signed in: {done.status}")
    check(cookie(done)["Cookie"] != eve["Cookie"], "the planted session goes on")
    check(door.ask("GET", "/api/v1/session", headers=eve).status == 401, "the planted session still counts")
    for value in ("a" * 43, "", "../../x", "a" * 4096):
        answer = door.ask("GET", "/api/v1/session", headers={"Cookie": f"selvedge={value}"})
        check(answer.status == 401, f"cookie '{value[:20]}': {answer.status}")


# ---- guesses ----------------------------------------------------------------------------------------


def same_work(door):
    """Whether a name exists is told neither by words nor by work: each refusal has judged one password. [people-9]"""
    door.user("invited")
    told = set()
    for user in ("ada", "nobody-of-this-name", "invited", "admin", "' OR 1=1 --", "x" * 500, ""):
        before = door.metric("selvedge_fleet_passwords_judged_total")
        answer = door.sign_in(user, "a wrong long password")
        after = door.metric("selvedge_fleet_passwords_judged_total")
        check(answer.status == 401, f"'{user[:20]}': {answer.status}")
        check(after == before + 1, f"'{user[:20]}': {after - before} passwords judged")
        told.add(answer.body)
    check(len(told) == 1, f"refusals differ: {told}")
    lines = door.admin("GET", "/api/v1/audit?what=session.begin&limit=500").json()["items"]
    check(not any("nobody-of-this-name" in json.dumps(line) for line in lines), "what was typed as a name is kept")


def brute_force(door):
    """From one address, from many, and many at once. [people-7]"""
    seen = [door.sign_in(f"user-{i}", "a wrong long password", source="127.0.0.20").status for i in range(PEER_FAILURES + 5)]
    check(seen[:PEER_FAILURES] == [401] * PEER_FAILURES and set(seen[PEER_FAILURES:]) == {429}, f"from one address: {seen}")
    door.user("target", password=PASSWORD)
    statuses, threads = [], []
    for i in range(3 * USER_FAILURES):  # at once, each from an address of its own
        ask = lambda i=i: statuses.append(door.sign_in("target", "a wrong long password", source=f"127.0.1.{i + 1}").status)
        threads.append(threading.Thread(target=ask))
    before = door.metric("selvedge_fleet_passwords_judged_total")
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    judged = door.metric("selvedge_fleet_passwords_judged_total") - before
    check(judged == USER_FAILURES, f"{judged} guesses of one password were judged in a minute")
    check(sorted(statuses) == [401] * USER_FAILURES + [429] * (2 * USER_FAILURES), f"{statuses}")
    answer = door.sign_in("target", PASSWORD, source="127.0.2.1")
    check(answer.status == 429 and answer.headers["Retry-After"] == "60", "the guesser gets in with the right one")
    tokens = [door.ask("GET", "/api/v1/devices", headers={"Authorization": f"Bearer {'x' * 43}"}, source="127.0.3.1").status
              for _ in range(PEER_FAILURES + 3)]
    check(tokens == [401] * PEER_FAILURES + [429] * 3, f"API tokens: {tokens}")
    check(door.admin("GET", "/api/v1/devices").status == 200, "others are held up by a guesser")


# ---- what strangers send ----------------------------------------------------------------------------


def foreign_files(door):
    for path in ("/../../etc/passwd", "/..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/....//....//etc/passwd", "/admin.token",
                 "//etc/passwd", "/app.js/../../fleet.db", "/app.js%00.html", "/api/v1/devices/..%2f..%2fusers", "/api/v1/devices/%2e%2e/users",
                 "/.git/config", "/first-admin.link", "/people.key", "/\\..\\..\\etc\\passwd"):
        answer = door.raw(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {door.token}\r\nConnection: close\r\n\r\n".encode())
        status = answer.split(b" ", 2)[1:2]
        check(status in ([b"404"], [b"400"]), f"{path}: {answer[:80]}")
        check(b"root:" not in answer and door.token.encode() not in answer, f"{path}: a file is given")


def filters(door):
    """Every filter of every list, and every id in a path, takes SQL for a text."""
    api = door.admin("GET", "/api/v1/openapi.json").json()
    asked = 0
    users = len(door.admin("GET", "/api/v1/users").json()["items"])
    for path, operations in api["paths"].items():
        read = operations.get("get")
        if not read or path == "/api/v1/events":
            continue
        names = [p["name"] for p in read.get("parameters", []) if p.get("in") == "query"]
        for text in SQL:
            quoted = urllib.parse.quote(text, safe="")
            here = path
            for part in [p for p in path.split("/") if p.startswith("{")]:
                here = here.replace(part, quoted)
            for name in names or [None]:
                query = f"?{name}={quoted}" if name else ""
                if not name and here == path:
                    continue
                answer = door.admin("GET", here + query)
                asked += 1
                check(answer.status in (200, 400, 404), f"GET {here}{query}: {answer.status} {answer.body[:200]}")
                check(b"SQL" not in answer.body and b"syntax" not in answer.body and b"scrypt" not in answer.body,
                      f"GET {here}{query}: {answer.body[:200]}")
    check(asked > 300, f"only {asked} filters were tried")
    check(len(door.admin("GET", "/api/v1/users").json()["items"]) == users, "a filter has changed the users")


def markup(door):
    """Names with markup are refused, or come back as JSON that nobody takes for a page."""
    who = {"Authorization": f"Bearer {door.token}"}
    for method, path, body in (
            ("POST", "/api/v1/users", {"name": MARKUP, "role": "viewer"}), ("POST", "/api/v1/users", {"name": "mallory", "role": MARKUP}),
            ("POST", "/api/v1/users", {"name": "mallory", "role": "viewer", "sites": [MARKUP]}),
            ("POST", "/api/v1/tokens", {"name": MARKUP, "scopes": ["read"]}), ("POST", "/api/v1/tokens", {"name": "t", "scopes": [MARKUP]}),
            ("POST", "/api/v1/enrolments", {"devices": [{"id": MARKUP, "site": "site-1"}]}), ("GET", "/api/v1/" + urllib.parse.quote(MARKUP), None),
            ("GET", "/api/v1/devices?sort=" + urllib.parse.quote(MARKUP), None), ("POST", "/api/v1/session", {"user": MARKUP, "password": MARKUP})):
        answer = door.ask(method, path, body, who)
        check(400 <= answer.status < 500, f"{method} {path}: {answer.status}")
        check(answer.headers["Content-Type"] == "application/problem+json", f"{method} {path}: {answer.headers['Content-Type']}")
    agent = {"User-Agent": MARKUP + "\x1b[2J"}
    made = door.admin("POST", "/api/v1/users", {"name": "marked", "role": "viewer"})
    done = door.ask("POST", "/api/v1/session", {"token": made.headers["Location"].split("#login=")[1]}, agent)
    check(done.status == 204, f"{done.status}")
    sessions = door.admin("GET", "/api/v1/users/marked/sessions")
    check(sessions.headers["Content-Type"] == "application/json" and b"\x1b" not in sessions.body, "a terminal or a page is written to")


def broken_headers(door):
    """Nothing that is sent becomes a header of an answer, or a second request."""
    for path in ("/x%0d%0aSet-Cookie:%20selvedge=planted", "/api/v1/devices?q=%0d%0aX-Planted:%201", "/%0d%0a%0d%0a<html>"):
        answer = door.raw(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {door.token}\r\nConnection: close\r\n\r\n".encode())
        head = answer.split(b"\r\n\r\n", 1)[0].lower()
        check(b"x-planted" not in head and b"set-cookie" not in head, f"{path}: {head}")
    smuggled = (b"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                b"GET /api/v1/users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + door.token.encode() + b"\r\n\r\n")
    check(door.raw(smuggled).count(b"HTTP/1.1 200") == 0, "a second request was smuggled in")
    head = b"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    for size in (b"-1", b"ffffffffffffffff", b"8000000000000000", b"7fffffffffffffff", b"10000000000000001", b"0x2", b"100000000"):
        answer = door.raw(head + size + b"\r\n{}\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 2)
        check(answer == b"" or answer.split(b" ", 2)[1][:1] == b"4", f"a chunk of {size}: {answer[:80]}")
        check(door.ask("GET", "/healthz").status == 200, f"nobody is served after a chunk of {size}")
    answer = door.raw(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 1024 * 1024 + b"\r\n\r\n")
    check(answer == b"" or answer.split(b" ", 2)[1][:1] == b"4", f"a header of a megabyte: {answer[:80]}")
    for head in (b"Host: x\r\nHost: y\r\nContent-Length: 1\r\nContent-Length: 2", b"X: " + b"a" * 100000, b"A: b\r\n" * 5000):
        answer = door.raw(b"GET /healthz HTTP/1.1\r\n" + head + b"\r\n\r\n")
        check(b" 200 " not in answer[:20] or b"Content-Length" not in head, f"{head[:40]}: {answer[:60]}")
        check(b" 5" not in answer[8:10], f"{head[:40]}: {answer[:60]}")


def oversized(door):
    who = {"Authorization": f"Bearer {door.token}", "Content-Type": "application/json"}
    for method, path in (("POST", "/api/v1/session"), ("POST", "/api/v1/users"), ("PUT", "/api/v1/sites/site-1/rules")):
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {who['Authorization']}\r\nContent-Length: {BODY_MAX * 64}\r\n\r\n"
        answer = door.raw(head.encode() + b" " * 4096)
        check(answer == b"" or answer.split(b" ", 2)[1] == b"413", f"{path}: {answer[:80]}")
    for body in ("[" * 100000, '{"a":' * 50000, '{"user":"' + "x" * 900000 + '","password":"y"}', '{"user":1e999,"password":[]}'):
        answer = door.ask("POST", "/api/v1/session", body.encode())
        check(answer.status in (400, 401, 429), f"{body[:20]}: {answer.status}")
    answer = door.sign_in("ada", "p" * 500000, source="127.0.4.1")
    check(answer.status == 401, f"a password of half a megabyte: {answer.status}")


def slow(door):
    """Who sends a byte now and then has a deadline, and holds up nobody."""
    socks = []
    for _ in range(100):
        sock = socket.create_connection(("127.0.0.1", door.port), 5)
        sock.sendall(b"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        socks.append(sock)
    start = time.monotonic()
    for _ in range(4):
        check(door.ask("GET", "/healthz").status == 200, "others wait for who is slow")
        time.sleep(0.5)
        for sock in socks:
            try:
                sock.sendall(b" ")
            except OSError:
                pass
    for sock in socks:
        sock.settimeout(max(0.1, DEADLINE_S - (time.monotonic() - start)))
        try:
            while sock.recv(4096):
                pass
        except TimeoutError:
            raise SiteError("a slow request is kept for ever") from None
        except OSError:
            pass
        sock.close()


def behind_tls(door):
    """Over TLS the cookie is the browser's for this host alone, and no other name counts."""
    site = door.site
    text = (site.dir / "fleet.yaml").read_text()
    plain = f"operator: {{bind: 127.0.0.1, port: {site.operator_port}}}"
    check(plain in text, "the operator door is configured otherwise")
    (site.dir / "fleet.yaml").write_text(text.replace(plain, plain[:-1] + f", tls: {{cert: {site.cert('fleet-server')}, key: {site.key('fleet-server')}}}}}"))
    site.stop(next(process for name, process in site.running if name == "fleet"))
    site.restart_fleet()
    site.wait_port(site.operator_port, "the operator door")
    door.context = ssl.create_default_context(cafile=site.pki / "ca.crt")
    made = door.admin("POST", "/api/v1/users", {"name": "tess", "role": "viewer"})
    done = door.ask("POST", "/api/v1/session", {"token": made.headers["Location"].split("#login=")[1]})
    said = done.headers["Set-Cookie"]
    check(said.startswith("__Host-selvedge=") and "; Secure" in said and "; Path=/;" in said and "Domain" not in said, said)
    check("HttpOnly" in said and "SameSite=Strict" in said, said)
    who = cookie(done)
    check(door.ask("GET", "/api/v1/session", headers=who).status == 200, "the cookie does not count")
    tossed = {"Cookie": who["Cookie"].replace("__Host-", "")}
    check(door.ask("GET", "/api/v1/session", headers=tossed).status == 401, "a cookie that another host may set counts")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", required=True, type=Path)
    options = parser.parse_args()
    named, missing = tests_of("operator-attacks.md")
    if named < 20 or missing:
        print(f"FAILED: docs/spec/operator-attacks.md names {missing}, which are no tests", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        site = Site(Path(folder), options.programs)
        try:
            site.start_fleet()
            site.wait_port(site.operator_port, "the operator door")
            door = Door(site)
            check(door.admin("POST", "/api/v1/login-links", {}).status == 201, "no link")
            door.link(door.admin("POST", "/api/v1/login-links", {}).headers["Location"])
            for attack in (foreign_pages, planted_session, same_work, foreign_files, filters, markup, broken_headers, oversized, slow,
                           brute_force, behind_tls):
                attack(door)
                site.died()
                print(f"ok   {attack.__name__.replace('_', ' ')}", flush=True)
        except SiteError as error:
            print(f"FAILED: {error}", file=sys.stderr)
            return 1
        finally:
            site.stop_all()
    return 0


if __name__ == "__main__":
    sys.exit(main())

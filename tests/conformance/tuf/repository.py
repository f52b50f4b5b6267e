"""A TUF repository that can be bent: metadata as plain dictionaries, signed and served by HTTP when a client asks. What was published is kept under its version, as
with consistent snapshots; everything else is up to the situation."""
import copy
import hashlib
import http.server
import json
import threading
import urllib.parse
from datetime import datetime, timedelta, timezone

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

TOP = ("root", "timestamp", "snapshot", "targets")
DAY = timedelta(days=1)


def when(after=DAY * 30):
    return (datetime.now(timezone.utc) + after).strftime("%Y-%m-%dT%H:%M:%SZ")


def canonical(value):
    """As the reference implementation signs it."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{canonical(k)}:{canonical(value[k])}" for k in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return {True: "true", False: "false", None: "null"}.get(value) if isinstance(value, bool) or value is None else str(int(value))


class Key:
    """A private key, and its public half as metadata has it."""

    def __init__(self, scheme="ed25519"):
        self.scheme = scheme
        self.private = {
            "ed25519": ed25519.Ed25519PrivateKey.generate, "ecdsa-sha2-nistp256": lambda: ec.generate_private_key(ec.SECP256R1()),
            "rsassa-pss-sha256": lambda: rsa.generate_private_key(65537, 2048),
        }[scheme]()
        public = self.private.public_key()
        if scheme == "ed25519":
            text = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw).hex()
        else:
            text = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
        self.public = {"keytype": {"e": "ecdsa", "r": "rsa"}[scheme[0]] if scheme != "ed25519" else scheme, "scheme": scheme, "keyval": {"public": text}}
        self.id = hashlib.sha256(canonical(self.public).encode()).hexdigest()

    def sign(self, content, salt=None):
        data = canonical(content).encode()
        if self.scheme == "ed25519":
            return self.private.sign(data).hex()
        if self.scheme == "ecdsa-sha2-nistp256":
            return self.private.sign(data, ec.ECDSA(hashes.SHA256())).hex()
        return self.private.sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), 32 if salt is None else salt), hashes.SHA256()).hex()


def file_of(data, **more):
    return {"length": len(data), "hashes": {"sha256": hashlib.sha256(data).hexdigest()}, **more}


class Repository:
    """`md[role]` is what the next publication signs; `signers[role]` who does."""

    def __init__(self, scheme="ed25519"):
        self.signers, self.md, self.files, self.asked, self.bend = {}, {}, {}, [], {}
        self.published = {}  # (role, version) or role: bytes
        self.hash_meta = False
        self.prefix_targets = True
        keys = {role: Key(scheme) for role in TOP}
        self.md["root"] = self.new("root", consistent_snapshot=True, keys={k.id: k.public for k in keys.values()},
                                   roles={role: {"keyids": [keys[role].id], "threshold": 1} for role in TOP})
        self.md["timestamp"] = self.new("timestamp", meta={"snapshot.json": {"version": 1}})
        self.md["snapshot"] = self.new("snapshot", meta={"targets.json": {"version": 1}})
        self.md["targets"] = self.new("targets", targets={})
        for role in TOP:
            self.signers[role] = [keys[role]]
            self.put(role)
        self.start()

    @staticmethod
    def new(kind, **content):
        return {"_type": kind, "spec_version": "1.0.33", "version": 1, "expires": when(), **content}

    # ---- publishing ---------------------------------------------------------------------------

    def sealed(self, role):
        content = self.md[role]
        return json.dumps({"signatures": [{"keyid": k.id, "sig": k.sign(content)} for k in self.signers[role]], "signed": content}, indent=1).encode()

    def put(self, role, data=None):
        """Serve this role as it is now, under its version."""
        data = self.sealed(role) if data is None else data
        self.published[role] = data
        self.published[role, self.md[role]["version"]] = data
        return data

    def root(self):
        """The next root, signed by the old and the new keys."""
        before = self.signers["root"]
        self.md["root"]["version"] += 1
        return before

    def publish(self, *roles):
        """New versions of these, and of all that announces them."""
        for role in roles or ("targets",):
            self.md[role]["version"] += 1
            data = self.put(role)
            entry = {"version": self.md[role]["version"], **(file_of(data) if self.hash_meta else {})}
            self.md["snapshot"]["meta"][f"{role}.json"] = entry
        self.publish_snapshot()

    def publish_snapshot(self):
        self.md["snapshot"]["version"] += 1
        data = self.put("snapshot")
        self.publish_timestamp({"version": self.md["snapshot"]["version"], **(file_of(data) if self.hash_meta else {})})

    def publish_timestamp(self, said=None):
        self.md["timestamp"]["meta"]["snapshot.json"] = said or self.md["timestamp"]["meta"]["snapshot.json"]
        self.md["timestamp"]["version"] += 1
        self.put("timestamp")

    def publish_root(self, extra=()):
        """The next root; `extra` are keys of before that still have to sign."""
        self.md["root"]["version"] += 1
        known = {k.id: k for k in [*self.signers["root"], *extra]}
        signers, self.signers["root"] = self.signers["root"], list(known.values())
        self.put("root")
        self.signers["root"] = signers

    # ---- keys and roles -----------------------------------------------------------------------

    def rotate(self, role, count=1, threshold=None, scheme="ed25519"):
        """Other keys for a top-level role. Gives those of before."""
        before = self.signers[role]
        keys = [Key(scheme) for _ in range(count)]
        self.md["root"]["keys"].update({k.id: k.public for k in keys})
        self.md["root"]["roles"][role] = {"keyids": [k.id for k in keys], "threshold": threshold or count}
        self.signers[role] = keys
        return before

    def delegate(self, parent, name, key=None, paths=("*",), prefixes=None, terminating=False, targets=None):
        """`parent` hands paths on to `name`."""
        key = key or (self.signers[name][0] if name in self.signers else Key())
        delegations = self.md[parent].setdefault("delegations", {"keys": {}, "roles": []})
        delegations["keys"][key.id] = key.public
        match = {"path_hash_prefixes": list(prefixes)} if prefixes is not None else {"paths": list(paths)}
        delegations["roles"].append({"name": name, "keyids": [key.id], "threshold": 1, "terminating": terminating, **match})
        if name not in self.md:
            self.signers[name] = [key]
            self.md[name] = self.new("targets", targets=targets or {})
            self.put(name)
            self.md["snapshot"]["meta"][f"{name}.json"] = {"version": 1}
        return key

    def add_target(self, path, data=b"a target", role="targets"):
        self.md[role]["targets"][path] = file_of(data)
        self.files[path] = data

    # ---- serving ------------------------------------------------------------------------------

    def answer(self, path):
        """(status, bytes) of what is asked for; `bend` may put anything in the place of a file."""
        place, _, rest = path.lstrip("/").partition("/")
        self.asked.append(urllib.parse.unquote(rest))
        if rest in self.bend:
            return self.bend[rest]
        if place == "metadata" and rest.endswith(".json"):
            name = urllib.parse.unquote(rest[:-5])
            number, dot, role = name.partition(".")
            if dot and number.isdigit():
                data = self.published.get((role, int(number)))
                return (200, data) if data is not None and (role == "root" or self.md["root"]["consistent_snapshot"]) else (404, b"")
            data = self.published.get(name)
            return (200, data) if data is not None and name != "root" else (404, b"")
        if place == "targets":
            return self.answer_target(urllib.parse.unquote(rest))
        return 404, b""

    def answer_target(self, path):
        if not (self.md["root"]["consistent_snapshot"] and self.prefix_targets):
            return (200, self.files[path]) if path in self.files else (404, b"")
        folder, slash, name = path.rpartition("/")
        digest, _, name = name.partition(".")
        data = self.files.get(folder + slash + name)
        return (200, data) if data is not None and self.is_hash_of(digest, folder + slash + name) else (404, b"")

    def is_hash_of(self, digest, path):
        return any(digest in md.get("targets", {}).get(path, {}).get("hashes", {}).values() for md in self.md.values())

    def start(self):
        repository = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 1 << 16  # head and body in one piece

            def do_GET(self):
                status, data = repository.answer(urllib.parse.urlparse(self.path).path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                try:
                    self.wfile.write(data)
                except OSError:
                    pass  # the client has read enough

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def copy(self, role):
        return copy.deepcopy(self.md[role])

"""A device door over mutual TLS, for one device: DDI, both TUF repositories and artifacts with ranges, that can be told to fail: answers to feedback, connections cut in the middle of a range."""
import http.server
import json
import ssl
import threading


class Door:
    def __init__(self, house, ca, cert, key, device):
        self.house, self.device = house, device
        self.base = f"/default/controller/v1/{device}"
        self.action = None  # (number, version, sha256)
        self.cancel = None  # (number, action)
        self.said = []  # (path, document), as they were taken
        self.polls = 0
        self.refuse = 0  # a status for everything that is said
        self.cuts = 0  # answers to ranges that end in the middle
        self.sent = 0  # bytes of artifacts
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(cert, key)
        context.load_verify_locations(ca)
        context.verify_mode = ssl.CERT_REQUIRED
        door = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                door.get(self)

            def do_POST(self):
                door.take(self)

            do_PUT = do_POST

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @staticmethod
    def answer(request, status, body=b"", **head):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        request.send_response(status)
        for name, value in {"Content-Length": len(body), **head}.items():
            request.send_header(name.replace("_", "-"), str(value))
        request.end_headers()
        request.wfile.write(body)

    def get(self, request):
        if request.path == self.base:
            self.poll(request)
        elif request.path.startswith(self.base + "/deploymentBase/") and self.action:
            number, version, digest = self.action
            artifact = {"filename": "x.img", "size": 1, "hashes": {"sha256": digest}}
            self.answer(request, 200, {"id": str(number), "deployment": {"download": "forced", "update": "forced", "chunks": [{"part": "os", "version": version, "name": "x", "artifacts": [artifact]}]}})
        elif request.path.startswith(self.base + "/cancelAction/") and self.cancel:
            self.answer(request, 200, {"id": str(self.cancel[0]), "cancelAction": {"stopId": str(self.cancel[1])}})
        else:
            self.file(request, self.house.door(request.path) if request.path.startswith(("/tuf/", "/artifacts/")) else None)

    def poll(self, request):
        self.polls += 1
        links = {}
        if self.action:
            links["deploymentBase"] = {"href": f"https://elsewhere.example{self.base}/deploymentBase/{self.action[0]}"}
        if self.cancel:
            links["cancelAction"] = {"href": f"{self.base}/cancelAction/{self.cancel[0]}"}
        self.answer(request, 200, {"config": {"polling": {"sleep": "00:00:01"}}, "_links": links})

    def file(self, request, data):
        if data is None:
            self.answer(request, 404)
            return
        asked = request.headers.get("Range")
        if asked is None:
            self.answer(request, 200, data)
            return
        first, last = (int(n) for n in asked.removeprefix("bytes=").split("-"))
        part = data[first:last + 1]
        if self.cuts > 0 and len(part) > 100000:
            self.cuts -= 1
            self.cut(request, part, first, len(data))
            return
        self.sent += len(part)
        self.answer(request, 206, part, Content_Range=f"bytes {first}-{first + len(part) - 1}/{len(data)}")

    def cut(self, request, part, first, length):
        half = part[:len(part) // 2]
        self.sent += len(half)
        request.send_response(206)
        request.send_header("Content-Length", str(len(part)))
        request.send_header("Content-Range", f"bytes {first}-{first + len(part) - 1}/{length}")
        request.end_headers()
        request.wfile.write(half)
        request.wfile.flush()
        request.close_connection = True

    def take(self, request):
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        if self.refuse:
            self.answer(request, self.refuse)
            return
        self.said.append((request.path.removeprefix(self.base), json.loads(body)))
        self.answer(request, 200)

    def states(self, action):
        """What was said of an action, in order, without how far its download is."""
        said = [d["status"] for path, d in self.said if path == f"/deploymentBase/{action}/feedback"]
        return [s["selvedge"]["state"] for s in said if "progress" not in s["result"]]

"""What a certificate costs: devices with a token each, over TLS with a connection of its own, stored before it is answered."""
import base64
import concurrent.futures
import json
import os
import ssl
import time
import urllib.request
from http.client import HTTPSConnection

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

AT_ONCE = 500  # devices in one request of the operator
SIDE_BY_SIDE = 16
TICK = os.sysconf("SC_CLK_TCK")


def cpu_ms(process):
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return 1000 * (int(fields[11]) + int(fields[12])) / TICK


def request_of(name):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    csr = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return base64.b64encode(csr.public_bytes(serialization.Encoding.DER))


def add(site, names):
    """A token for each of them."""
    token = (site.dir / "admin.token").read_text().strip()
    tokens = {}
    for at in range(0, len(names), AT_ONCE):
        body = json.dumps({"devices": [{"id": name, "site": "site-1"} for name in names[at : at + AT_ONCE]]}).encode()
        asked = urllib.request.Request(
            f"http://127.0.0.1:{site.operator_port}/api/v1/enrolments", body, {"Authorization": f"Bearer {token}"}, method="POST"
        )
        with urllib.request.urlopen(asked, timeout=60) as answer:
            tokens.update({item["id"]: item["token"] for item in json.load(answer)["items"]})
    return tokens


def enrol(site, trust, name, token, body):
    connection = HTTPSConnection("127.0.0.1", site.device_port, context=trust, timeout=60)
    basic = base64.b64encode(f"{name}:{token}".encode()).decode()
    connection.request("POST", "/.well-known/est/simpleenroll", body, {"Authorization": f"Basic {basic}", "Content-Type": "application/pkcs10"})
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{name}: {answer.status}: {said[:200]}")


def start(site):
    """A fleet server with a signer beside it: both processes."""
    fleet = site.start_fleet()
    site.kill(fleet)
    socket = site.dir / "signer.sock"
    with (site.dir / "fleet.yaml").open("a") as yaml:
        yaml.write(f"signer: {{socket: {socket}}}\n")
    (site.dir / "signer.yaml").write_text(f"pki: {site.pki}\nsocket: {socket}\n")
    signer = site.start("signer", site.bin / "selvedge-signer", "--config", site.dir / "signer.yaml")
    while not socket.exists():
        site.died()
        time.sleep(0.01)
    fleet = site.restart_fleet()
    while not (site.dir / "admin.token").exists():
        site.died()
        time.sleep(0.01)
    return fleet, signer


def measure(results, site, quick):
    count = 200 if quick else 2000
    fleet, signer = start(site)
    names = [f"machine-{i}" for i in range(count)]
    bodies = [request_of(name) for name in names]
    tokens = add(site, names)
    trust = ssl.create_default_context(cafile=site.pki / "ca.crt")
    before = cpu_ms(fleet) + cpu_ms(signer)
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        for done in [pool.submit(enrol, site, trust, name, tokens[name], body) for name, body in zip(names, bodies)]:
            done.result()
    took = time.monotonic() - began
    spent = cpu_ms(fleet) + cpu_ms(signer) - before
    results.add("enrolment, CPU of fleet and signer", "ms each", [spent / count], aim=8)
    results.add("250 enrolments, TLS and disk, 16 side by side", "s", [250 * took / count], aim=1)
    site.kill(fleet)
    site.kill(signer)

#!/usr/bin/env python3
"""An EST server that is none of ours: Python's TLS and X.509, a PKI folder's authority.

est_door.py PORT PKI CERT KEY SECONDS ID:TOKEN...
Certificates last for SECONDS; a token works once. While the folder PKI holds a file `refuse`, its first line, "STATUS sentence", is the answer."""
import base64
import datetime
import http.server
import os
import ssl
import subprocess
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

port, pki, cert, key, seconds = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5])
tokens = dict(word.split(":") for word in sys.argv[6:])
issuing = x509.load_pem_x509_certificate(open(f"{pki}/ca.crt", "rb").read())
signer = serialization.load_pem_private_key(open(f"{pki}/ca.key", "rb").read(), None)


def certify(request, name):
    now = datetime.datetime.utcnow().replace(microsecond=0)
    usage = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"), False)
    build = x509.CertificateBuilder().subject_name(request.subject).issuer_name(issuing.subject).public_key(request.public_key())
    build = build.serial_number(x509.random_serial_number()).not_valid_before(now).not_valid_after(now + datetime.timedelta(seconds=seconds))
    for extension, critical in (
        (x509.BasicConstraints(False, None), True),
        (x509.KeyUsage(digital_signature=True, **usage), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False),
        (x509.SubjectAlternativeName([x509.UniformResourceIdentifier(f"spiffe://selvedge.local/device/{name}")]), False),
        (x509.SubjectKeyIdentifier.from_public_key(request.public_key()), False),
        (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuing.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value), False),
    ):
        build = build.add_extension(extension, critical)
    return build.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def certs_only(pem):
    made = subprocess.run(["openssl", "crl2pkcs7", "-nocrl", "-certfile", "/dev/stdin", "-outform", "DER"], input=pem, capture_output=True, check=True)
    return base64.b64encode(made.stdout)  # in one line


class Door(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, status, sentence):
        print(self.path, status, sentence, flush=True)
        self.answer(status, "text/plain", sentence.encode() + b"\n")

    def certificates(self, pem):
        self.answer(200, "application/pkcs7-mime; smime-type=certs-only", certs_only(pem))

    def do_GET(self):
        if self.path == "/.well-known/est/cacerts":
            self.certificates(open(f"{pki}/ca.crt", "rb").read())
        else:
            self.refuse(404, "nothing is here")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if os.path.exists(f"{pki}/refuse"):
            status, _, sentence = open(f"{pki}/refuse").readline().strip().partition(" ")
            return self.refuse(int(status), sentence)
        request = x509.load_der_x509_csr(base64.b64decode(body))
        name = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
        if self.path.endswith("/simpleenroll"):
            user, _, token = base64.b64decode((self.headers["Authorization"] or "Basic ").split()[-1]).decode().partition(":")
            if token not in tokens.values():
                return self.refuse(403, "the token is not known, or was used")
            if user != name or tokens.get(name) != token:
                return self.refuse(403, f"the token is for another id than '{name}'")
            tokens.pop(name)
        elif not self.connection.getpeercert() or ((("commonName", name),)) not in self.connection.getpeercert()["subject"]:
            return self.refuse(403, "no certificate of that name was shown")
        assert request.is_signature_valid
        print(self.path, name, flush=True)
        return self.certificates(certify(request, name) + open(f"{pki}/ca.crt", "rb").read())

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(cert, key)
context.load_verify_locations(f"{pki}/ca.crt")
context.verify_mode = ssl.CERT_OPTIONAL
server = Server(("127.0.0.1", port), Door)
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()

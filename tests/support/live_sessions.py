"""Devices of a site as live MQTT sessions, each with its own certificate: who is connected, and when each session ended."""
import datetime
import selectors
import socket
import ssl
import struct
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


class Folder:
    """Certificates by the folder's own issuing key, faster than a program each."""

    def __init__(self, pki, keys):
        self.keys = keys
        self.issuing = x509.load_pem_x509_certificates((pki / "ca.crt").read_bytes())[0]
        self.key = serialization.load_pem_private_key((pki / "ca.key").read_bytes(), None)
        self.domain = (pki / "domain").read_text().strip()
        self.chain = (pki / "ca.crt").read_bytes()

    def device(self, name):
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
        ski = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        authority = self.issuing.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        leaf = (
            x509.CertificateBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])).issuer_name(self.issuing.subject)
            .public_key(key.public_key()).serial_number(x509.random_serial_number()).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(True, False, False, False, False, False, False, False, False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(f"spiffe://{self.domain}/device/{name}")]), critical=False)
            .add_extension(ski, critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        (self.keys / f"{name}.key").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        (self.keys / f"{name}.crt").write_bytes(leaf.public_bytes(pem) + self.chain)


def context_of(ca, cert, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(ca)
    context.load_cert_chain(cert, key)
    return context


def connect(name, context, port):
    """One session, held by nothing but its socket. ConnectionError: the door does not want it."""
    stream = context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=30))
    words = b"\x00\x04MQTT\x04\x02\x00\x00" + struct.pack(">H", len(name)) + name.encode()
    stream.sendall(b"\x10" + bytes([len(words)]) + words)
    answer = stream.recv(4)
    if answer != b"\x20\x02\x00\x00":
        raise ConnectionError(f"{name} is answered '{answer.hex()}'")
    stream.setblocking(False)
    return stream


class Sessions:
    """Live sessions, and when each of them ended."""

    def __init__(self):
        self.selector = selectors.DefaultSelector()
        self.ended = {}

    def add(self, name, stream):
        self.selector.register(stream, selectors.EVENT_READ, name)

    def look(self, seconds):
        for key, _ in self.selector.select(seconds):
            try:
                gone = key.fileobj.recv(4096) == b""
            except (ssl.SSLWantReadError, BlockingIOError):
                continue
            except OSError:
                gone = True
            if gone:
                self.ended[key.data] = time.monotonic()
                self.selector.unregister(key.fileobj)
                key.fileobj.close()

    def close(self):
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()

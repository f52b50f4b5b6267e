#!/usr/bin/env python3
"""Who gets in, and what for: certificates of every wrong kind, foreign ids, topics and tricks around them."""
import signal
import ssl
import struct
import subprocess
import sys
import time

from cryptography import x509
from cryptography.x509.oid import NameOID

from door import AT_ONCE_S, DISCONNECT, Client, Closed, SiteError, check, connect_packet, main, reading, text, wait_until

NOT_AUTHORIZED, ID_INVALID, OWN = 0x87, 0x85, "sensors/press-1/level"


def must_not_enter(door, what, paths, words):
    """Neither a CONNACK nor an MQTT byte parsed: the handshake or the identity ends it."""
    before = door.metrics()
    try:
        client = door.link(context=door.context(paths=paths, weak=True))
        client.send(connect_packet("press-1"))
        kind = client.receive()[0]
        raise SiteError(f"{what}: a packet of type {kind} came back")
    except (ssl.SSLError, OSError, Closed):
        pass
    wait_until(lambda: door.metric('door_refused_total{side="tls"}') > before['door_refused_total{side="tls"}'], f"{what}: counted", 20)
    after = door.metrics()
    for name in ('door_bytes_total{way="in"}', 'door_events_total{kind="connected"}', 'door_events_total{kind="refused"}'):
        check(after[name] == before[name], f"{what}: MQTT was parsed ({name})")
    check(any(words in line for line in door.logged("link.refused")[-3:]), f"{what}: no sentence with '{words}': {door.logged('link.refused')[-1:]}")


def strangers_do_not_get_in(door):  # row 1
    foreign = door.dir / "foreign"
    door.run("selvedge", "pki", "init", "--dir", foreign, "--org", "Selvedge site")
    door.run("selvedge", "pki", "issue", "--dir", foreign, "--id", "press-1", "--out", foreign / "keys")
    must_not_enter(door, "another CA of the same name", (foreign / "keys/press-1.crt", foreign / "keys/press-1.key"), "press-1")
    other = door.forger.load(foreign / "ca.crt", foreign / "ca.key")
    must_not_enter(door, "another CA, same subject", door.forger.make("press-1", ca=other), "certificate")


def times_are_kept(door):  # row 2
    must_not_enter(door, "expired", door.forger.make("press-1", hours=(-48, -1)), "expired")
    must_not_enter(door, "not yet valid", door.forger.make("press-1", hours=(1, 48)), "not yet valid")
    client = door.client(paths=door.forger.make("press-1", hours=(-1, 3 / 3600)))
    check(client.publish(OWN, reading("press-1")) == 0, "a device with a short certificate cannot publish")
    start = time.monotonic()
    check(client.is_closed(8) is not None, "a session outlives its certificate")
    check(time.monotonic() - start < 5 + 3, "the session ended too late")
    door.must_log("client.expelled", "press-1: the certificate of 'press-1' has ended")


def session_of(door, context):
    """What there is to resume of a session that was good."""
    link = Client(context.wrap_socket(door.tcp(), server_hostname="127.0.0.1"))
    check(link.open("press-9") == 0, "it is not revoked yet")
    session = link.sock.session
    link.close()
    return session


def revoked_ones_are_sent_away(door):  # row 3, [mqtt-20]
    door.issue("press-9", "device")
    crl, path = door.dir / "site.crl", door.dir / "gateway.yaml"
    door.run("selvedge", "pki", "crl", "--dir", door.pki, "--out", crl)
    before = path.read_text()
    door.stop(door.gateway)
    path.write_text(before.replace("tls: {", f"tls: {{crl: {crl}, ", 1))
    door.gateway = door.launch()
    sessions = [(context, session_of(door, context)) for context in
                (door.context("press-9", newest=newest) for newest in (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2))]
    revoked, other = door.client("press-9"), door.client("press-2", version=4)
    check(revoked.publish("sensors/press-9/level", reading("press-9")) == 0, "nobody is revoked yet")
    door.run("selvedge", "pki", "revoke", "--dir", door.pki, "press-9")
    door.run("selvedge", "pki", "crl", "--dir", door.pki, "--out", crl)
    told = time.monotonic()
    door.gateway.send_signal(signal.SIGHUP)
    kind, _, body = revoked.receive()
    check((kind, body[:1]) == (DISCONNECT, bytes([NOT_AUTHORIZED])), f"a packet of type {kind} came instead of a goodbye")
    check(revoked.is_closed(AT_ONCE_S) is not None and time.monotonic() - told < AT_ONCE_S, "a live session goes on although it is revoked")
    door.must_log("client.expelled", "press-9: certificate is revoked", 3)
    check(len(door.logged("client.expelled", "press-9")) == 1, "it is told more than once")
    check(door.metric('door_events_total{kind="expelled"}') == 1, "it is not counted")
    must_not_enter(door, "revoked", (door.cert("press-9"), door.key("press-9")), "revoked")
    for context, session in sessions:  # row 47
        parsed = door.metric('door_bytes_total{way="in"}')
        try:
            again = context.wrap_socket(door.tcp(), server_hostname="127.0.0.1", session=session)
            again.sendall(connect_packet("press-9"))
            check(again.recv(1) == b"", "a revoked device takes up its TLS session")
        except OSError:
            pass
        check(door.metric('door_bytes_total{way="in"}') == parsed, "MQTT was parsed of a revoked device")
    other.ping()
    check(other.publish("sensors/press-2/level", reading("press-2")) == 0, "somebody else was sent away")
    other.close()
    door.stop(door.gateway)
    path.write_text(before)
    door.gateway = door.launch()


def certificates_for_something_else_do_not_get_in(door):  # row 4
    make = door.forger.make
    must_not_enter(door, "a server", (door.cert("broker-1"), door.key("broker-1")), "not a client's")
    must_not_enter(door, "the CA as a device", (door.pki / "ca.crt", door.pki / "ca.key"), "")
    must_not_enter(door, "a CA with a device's name", make("press-1", is_ca=True), "is a CA")
    must_not_enter(door, "no usage", make("press-1", usages=()), "clientAuth")
    must_not_enter(door, "any usage", make("press-1", usages=("any",)), "")
    must_not_enter(door, "serverAuth alone", make("press-1", usages=("server",)), "not a client's")
    must_not_enter(door, "another id in the role URI", make("press-1", uri="spiffe://selvedge.local/device/press-2"), "another id")
    must_not_enter(door, "no role", make("press-1", uri=None), "no role")


def leaves_do_not_issue(door):  # row 5
    make, load = door.forger.make, door.forger.load
    stolen = load(door.cert("press-1"), door.key("press-1"))
    must_not_enter(door, "signed by a device", chained(door, make("press-7", ca=stolen), door.cert("press-1")), "press-7")
    below = make("press-1", is_ca=True)
    must_not_enter(door, "signed by a CA's forged device", chained(door, make("press-7", ca=load(*below)), below[0]), "press-7")


def chained(door, paths, *above):
    """The certificate with those that are to stand above it."""
    whole = paths[0].with_suffix(".chain")
    whole.write_bytes(b"".join(path.read_bytes() for path in (paths[0], *above, door.pki / "ca.crt")))
    return whole, paths[1]


GOOD = """basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=clientAuth
subjectAltName=URI:spiffe://selvedge.local/device/press-1
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid:always
"""


def by_openssl(door, what, key, *sign, extensions=GOOD):
    """A certificate of the site's own CA, as somebody with its key and openssl could make it."""
    paths = [door.dir / f"{what.replace(' ', '-')}.{end}" for end in ("crt", "key", "csr", "ext")]
    run("openssl", key[0], "-out", paths[1], *key[1:])
    run("openssl", "req", "-new", "-key", paths[1], "-subj", "/CN=press-1", "-out", paths[2])
    paths[3].write_text(extensions)
    more = ("-extfile", paths[3]) if extensions else ()
    serial = () if "-set_serial" in sign else ("-set_serial", str(4711 + door.forger.count))
    run("openssl", "x509", "-req", "-in", paths[2], "-CA", door.pki / "ca.crt", "-CAkey", door.pki / "ca.key", "-days", "2",
        "-out", paths[0], *serial, *more, *sign, *(() if "-sha1" in sign else ("-sha256",)))
    return paths[0], paths[1]


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, check=False, text=True)
    check(done.returncode == 0, f"{' '.join(str(part) for part in command)}: {done.stderr}")


def weak_and_odd_certificates_do_not_get_in(door):  # row 6
    ec = ("ecparam", "-genkey", "-noout", "-name", "prime256v1")
    parameters = door.dir / "dsa.pem"
    run("openssl", "dsaparam", "-out", parameters, "1024")
    good = by_openssl(door, "good", ec)
    door.client(paths=good).close()
    for what, key, sign, extensions, words in (
            ("SHA-1", ec, ("-sha1",), GOOD, ""),
            ("RSA 1024", ("genrsa", "1024"), (), GOOD, ""),
            ("DSA", ("gendsa", parameters), (), GOOD, ""),
            ("P-224", ("ecparam", "-genkey", "-noout", "-name", "secp224r1"), (), GOOD, ""),
            ("P-521", ("ecparam", "-genkey", "-noout", "-name", "secp521r1"), (), GOOD, "curve is not accepted"),
            ("v1", ec, (), "", "is X.509 v1"),
            ("serial 0", ec, ("-set_serial", "0"), GOOD, "serial number that is 0"),
            ("negative serial", ec, ("-set_serial", "-7"), GOOD, "serial number that is negative"),
            ("long serial", ec, ("-set_serial", "0x" + "81" * 20), GOOD, "serial number of 21 octets"),
            ("no authority", ec, (), GOOD.replace("keyid:always", "none"), "no authority key identifier"),
            ("unknown and critical", ec, (), GOOD + "1.2.3.4=critical,ASN1:NULL\n", ""),
            ("critical policy", ec, (), GOOD + "certificatePolicies=critical,1.2.3.4\n", "critical extension"),
            ("no signing", ec, (), GOOD.replace("digitalSignature", "keyEncipherment"), "not a client's")):
        must_not_enter(door, what, by_openssl(door, what, key, *sign, extensions=extensions), words)


def names_out_of_the_grammar_do_not_get_in(door):  # row 9
    for name in ("a/b", "+", "#", "$SYS", "a.b", "a b", "a\r\nb", "a\u0430", "x" * 64 + "y", "-a", "a\x00b"):
        try:
            paths = door.forger.make(name, uri=f"spiffe://selvedge.local/device/{name.encode('ascii', 'replace').decode()}",
                                     names=[common_name(name)])
        except ValueError:
            continue  # such a certificate cannot be written at all
        must_not_enter(door, f"CN {name!r}", paths, "")
    two = [x509.NameAttribute(NameOID.COMMON_NAME, "press-1"), x509.NameAttribute(NameOID.COMMON_NAME, "press-2")]
    must_not_enter(door, "two CNs", door.forger.make("press-1", names=two), "")
    for line in door.log().splitlines():
        check(line.startswith("time=") and line.endswith('"') and line.isprintable(), f"a name wrote into the log: {line!r}")  # row 49
    refused = subprocess.run([door.bin / "selvedge", "pki", "issue", "--dir", door.pki, "--id", "a/b", "--out", door.dir / "keys"],
                             capture_output=True, check=False)
    check(refused.returncode != 0, "a certificate for 'a/b' is issued")


def common_name(name):
    try:
        return x509.NameAttribute(NameOID.COMMON_NAME, name)
    except ValueError:
        return x509.NameAttribute(NameOID.COMMON_NAME, name, _validate=False)


def foreign_topics_are_denied(door):  # rows 8, 11
    before = door.metric('door_events_total{kind="denied"}')
    victim = door.program()
    check(victim.subscribe("#") == [1], "the local program cannot listen")
    client = door.client()
    foreign = ("sensors/press-2/level", "health/press-2", "presence/press-2", "alerts/press-1", "$SYS/x", "commands/press-2", "sensors/press-1x/level")
    for number, topic in enumerate(foreign, 1):
        check(client.publish(topic, reading("press-2"), packet_id=number) == NOT_AUTHORIZED, f"publishing to {topic} is allowed")
    wide = ("#", "+/#", "$SYS/#", "$share/x/#", "$share/x/sensors/press-2/#", "sensors/+/level", "sensors/#", "sensors/press-2/#",
            "+/press-1/level", "commands/+", "$share/a/$share/b/#")
    codes = client.subscribe(*wide)
    check(all(code >= 0x80 for code in codes), f"subscribed to too much: {dict(zip(wide, codes))}")
    check(client.subscribe("commands/press-1") == [1], "a device cannot listen to its own commands")
    old = door.client("press-2", version=4)
    check(old.subscribe("#", "sensors/press-1/#") == [0x80, 0x80], "3.1.1: subscribed to too much")
    check(old.publish(OWN, reading("press-1")) == 0, "3.1.1 has no reason to give")
    client.publish(OWN, reading("press-1"))
    seen = victim.receive()
    while b'"alertType":"SECURITY"' in seen[2]:  # the gateway's own word about all this
        seen = victim.receive()
    check(text(OWN) in seen[2], f"a denied message was passed on: {seen}")
    check(door.metric('door_events_total{kind="denied"}') - before >= len(foreign) + 11, "denials are not counted")
    door.must_log("client.denied", "may not", 30)
    for each in (client, old, victim):
        each.close()


def ids_belong_to_certificates(door):  # row 10, ids with wildcards
    victim = door.client("press-2")
    before = door.metric('door_events_total{kind="taken_over"}')
    for stolen in ("press-2", "press-1.x", "+", "#", "press-1/#", "", "press-1\0", "PRESS-1", "x" * 200, "$SYS"):
        link = door.link()
        try:
            reason = link.open(stolen)
            check(reason in (ID_INVALID, 0x81) or stolen == "", f"client id {stolen!r}: 0x{reason:02x}")
        except Closed:
            pass
        link.close()
    victim.ping()
    check(door.metric('door_events_total{kind="taken_over"}') == before, "somebody was thrown out")
    victim.close()


def every_way_to_a_foreign_topic_is_closed(door):  # row 12
    link = door.link()
    check(link.open("press-1", will=("sensors/press-2/level", "x", 1, False)) == NOT_AUTHORIZED, "a will for somebody else's topic is taken")
    link = door.link()
    answer = b"\x08" + text("commands/press-2")
    check(link.open("press-1", will=(OWN, "x", 1, False), will_properties=answer) == NOT_AUTHORIZED, "a will's response topic is not judged")
    client = door.client()
    check(client.publish("sensors/press-2/level", "x", retain=True) == NOT_AUTHORIZED, "a foreign topic is retained")
    check(client.publish(OWN, reading("press-1"), properties=answer) == NOT_AUTHORIZED, "a response topic is not judged")
    alias = b"\x23" + struct.pack("!H", 1)
    check(client.publish("sensors/press-2/level", "x", properties=alias) == NOT_AUTHORIZED, "an alias for a foreign topic")
    check(client.publish("", "x", properties=alias) == NOT_AUTHORIZED, "the alias of a foreign topic is used")
    check(door.metric("door_retained") == 0, "something foreign is retained")
    client.close()


def a_right_taken_away_ends_what_was_durable(door):  # a stored subscription that survives its right (mosquitto, CVE-2018-12550 and its kin)
    door.issue("panel", "app")
    path = door.dir / "gateway.yaml"
    before = path.read_text()
    for rights, granted in (("apps: {panel: ['sensors/#']}\n", True), ("apps: {panel: ['health/+']}\n", False)):
        door.stop(door.gateway)
        path.write_text(before + rights)
        door.gateway = door.launch()
        if granted:
            panel = door.client("panel", clean=False, properties=b"\x11" + struct.pack("!I", 3600))
            check(panel.subscribe("sensors/#") == [1], "an app cannot use its right")
            panel.close()
    device = door.client()
    check(device.publish(OWN, reading("press-1")) == 0, "a device cannot publish")
    panel = door.client("panel", clean=False, properties=b"\x11" + struct.pack("!I", 3600))
    check(device.publish(OWN, reading("press-1"), packet_id=2) == 0, "a device cannot publish")
    panel.ping_alone()
    device.close()
    panel.close()
    door.stop(door.gateway)
    path.write_text(before)
    door.gateway = door.launch()


def readings_speak_for_their_sender(door):  # row 13
    before = door.metrics()
    client = door.client()
    check(client.publish(OWN, reading("press-2")) == 0, "the message itself is acknowledged")
    client.close()
    after = door.metrics()
    check(after["readings_stored_total"] == before["readings_stored_total"], "a reading of somebody else is stored")
    changed = [name for name in after if name.startswith("refused_total") and after[name] > before[name]]
    check(len(changed) == 1, f"it is not counted: {changed}")


def tls_is_1_2_or_later_without_tricks(door):  # rows 46 (in part), 47, 48
    before = door.metric('door_accepted_total{side="tls"}')
    for newest in (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2):
        context = door.context(newest=newest)
        first = context.wrap_socket(door.tcp(), server_hostname="127.0.0.1")
        Client(first).open("press-1")
        session = first.session
        first.close()
        check(session is None or not session.has_ticket, "a ticket is given out")
        again = context.wrap_socket(door.tcp(), server_hostname="127.0.0.1", session=session)
        Client(again).open("press-1")
        check(not again.session_reused, f"a session of {newest} is resumed without its certificate")
        again.close()
    check(door.metric('door_accepted_total{side="tls"}') == before + 4, "accepted links are not counted")
    told = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{door.mqtt_port}", "-tls1_3", "-cert", door.cert("press-1"), "-key", door.key("press-1"),
         "-CAfile", door.pki / "ca.crt", "-brief", "-msg"], input=b"", capture_output=True, check=False, timeout=10)
    check(b"NewSessionTicket" not in told.stdout + told.stderr, "TLS 1.3 hands out a ticket: 0-RTT or resumption would follow")


def old_and_weak_tls_is_refused(door):  # row 46
    place = ("-connect", f"127.0.0.1:{door.mqtt_port}", "-cert", door.cert("press-1"), "-key", door.key("press-1"), "-CAfile", door.pki / "ca.crt")

    def talk(*how, say=b"", until=None):
        command = [str(part) for part in ("openssl", "s_client", *place, *how)]
        done = subprocess.run(command, input=say, capture_output=True, check=False, timeout=10)
        return done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")

    weak = ("-cipher", "ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    for what, how in (("TLS 1.1", ("-tls1_1", *weak)), ("TLS 1.0", ("-tls1", *weak)),
                      ("CBC", ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA384:ECDHE-ECDSA-AES128-SHA256:@SECLEVEL=0")),
                      ("no encryption", ("-tls1_2", "-cipher", "eNULL:@SECLEVEL=0")),
                      ("nobody's key", ("-tls1_2", "-cipher", "aNULL:@SECLEVEL=0")),
                      ("RSA key exchange", ("-tls1_2", "-cipher", "kRSA:@SECLEVEL=0"))):
        told = talk(*how)
        check("alert" in told and "Cipher is (NONE)" in told, f"{what} is spoken: {told[-600:]}")
    told = talk("-tls1_2", "-comp")
    check("Compression: NONE" in told and "Cipher is ECDHE" in told, f"compression: {told[-600:]}")
    told = talk("-tls1_2", say=b"R\n")
    check("RENEGOTIATING" in told and "no renegotiation" in told.lower().replace("_", " "), f"renegotiation: {told[-600:]}")


STORIES = [strangers_do_not_get_in, weak_and_odd_certificates_do_not_get_in, times_are_kept, revoked_ones_are_sent_away, certificates_for_something_else_do_not_get_in, foreign_topics_are_denied,
           leaves_do_not_issue, old_and_weak_tls_is_refused,
           ids_belong_to_certificates, every_way_to_a_foreign_topic_is_closed, readings_speak_for_their_sender,
           a_right_taken_away_ends_what_was_durable,
           tls_is_1_2_or_later_without_tricks, names_out_of_the_grammar_do_not_get_in]

if __name__ == "__main__":
    sys.exit(main(STORIES, group_ms=2))

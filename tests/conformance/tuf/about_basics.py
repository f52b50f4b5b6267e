"""What every client does: begins, refreshes, keeps what it has judged, refuses what is no metadata."""
import json

from repository import DAY, Key, file_of, when
from stage import must, situation


@situation()
def begin_and_refresh(at):
    """From the first root to all four roles. [trust-5]"""
    at.ready()
    at.has("root")
    at.good()
    at.has("root", "timestamp", "snapshot", "targets")


@situation()
def kept_as_it_came(at):
    """What is kept is what came, byte by byte. [trust-12]"""
    at.ready().good()
    for role in ("root", "timestamp", "snapshot", "targets"):
        must(at.kept(role) == at.repo.published[role], f"{role}.json is not what was sent")


@situation()
def no_root_to_begin_with(at):
    """Without a first root there is nothing to trust."""
    at.bad("init ROOT")


@situation()
def first_root_without_signature(at):
    """A first root has to vouch for itself."""
    at.repo.signers["root"] = []
    at.bad("signed it", at.init(at.repo.sealed("root")))


@situation()
def nothing_is_asked_twice(at):
    """What is current is not fetched again: a second refresh asks for the next root and the timestamp."""
    at.ready().good()
    at.repo.asked.clear()
    at.good()
    must(at.repo.asked == ["2.root.json", "timestamp.json"], f"asked were {at.repo.asked}")


@situation(("root",), ("timestamp",), ("snapshot",), ("targets",))
def new_versions_arrive(at, role):
    """A new version of each role."""
    at.ready().good()
    at.repo.publish_root() if role == "root" else at.repo.publish_timestamp() if role == "timestamp" else at.repo.publish_snapshot() if role == "snapshot" else at.repo.publish()
    at.good()
    at.versions(**{role: 2})


@situation()
def same_timestamp_with_other_content(at):
    """A timestamp of the version that is known is not taken, whatever is in it."""
    at.ready().good()
    before = at.kept("timestamp")
    at.repo.md["timestamp"]["expires"] = when(DAY * 60)
    at.repo.put("timestamp")
    at.good()
    must(at.kept("timestamp") == before, "another timestamp of the same version took its place")


@situation()
def hashes_and_lengths_are_used(at):
    """Timestamp and snapshot may announce lengths and hashes."""
    at.repo.hash_meta = True
    at.repo.publish()
    at.ready().good()
    at.versions(targets=2, snapshot=2)


@situation(("snapshot",), ("targets",))
def announced_hash_differs(at, role):
    """A file whose hash is not the announced one."""
    at.ready().good()
    at.repo.hash_meta = True
    at.repo.publish()
    at.repo.md[role]["x"] = "changed afterwards"
    at.repo.put(role)
    at.bad(f"2.{role}.json")
    at.versions(targets=1)


@situation(("snapshot",), ("targets",))
def announced_hash_of_a_kind_nobody_knows(at, role):
    """Hashes of which none can be checked. [trust-4]"""
    at.ready()
    at.repo.hash_meta = True
    at.repo.publish()
    said = {"version": 2, "length": len(at.repo.published[role]), "hashes": {"sha999": "00"}}
    if role == "snapshot":
        at.repo.publish_timestamp(said)
    else:
        at.repo.md["snapshot"]["meta"]["targets.json"] = said
        at.repo.publish_snapshot()
    at.bad("none of its hashes")


@situation(("snapshot",), ("targets",))
def length_alone_is_held(at, role):
    """A length without hashes counts as well."""
    at.ready()
    at.repo.publish()
    said = {"version": 2, "length": len(at.repo.published[role]) - 1}
    if role == "snapshot":
        at.repo.publish_timestamp(said)
    else:
        at.repo.md["snapshot"]["meta"]["targets.json"] = said
        at.repo.publish_snapshot()
    at.bad("more than")


@situation(("root", "timestamp"), ("timestamp", "snapshot"), ("snapshot", "targets"), ("targets", "snapshot"))
def one_role_in_the_place_of_another(at, role, other):
    """Good signatures over metadata of another type. [trust-1]"""
    at.ready().good()
    at.repo.md[role]["_type"] = other
    at.repo.publish_root() if role == "root" else at.repo.publish_timestamp() if role == "timestamp" else at.repo.publish_snapshot() if role == "snapshot" else at.repo.publish()
    at.bad("_type")
    at.versions(**{role: 1})


@situation(("timestamp.json",), ("1.snapshot.json",), ("1.targets.json",))
def absent(at, name):
    """A file that has to be there is not."""
    at.repo.bend[name] = (404, b"")
    at.ready().bad("404")


@situation(("2.root.json",), ("timestamp.json",), ("1.snapshot.json",), ("1.targets.json",))
def server_fails(at, name):
    """A server that fails is no repository without the file. [trust-13]"""
    at.repo.bend[name] = (500, b"broken")
    at.ready().bad("500")


@situation(("2.root.json",), ("timestamp.json",), ("1.snapshot.json",), ("1.targets.json",))
def no_json(at, name):
    """What is no JSON, or not whole."""
    for data in (b"", b"{", b"[]", b"<html>", b'{"signed": {}, "signatures": []} x', b'{"signed":{},"signed":{},"signatures":[]}'):
        at.repo.bend[name] = (200, data)
        must(at.init(), "the first root")
        at.bad(name.split(".")[-2])


@situation()
def unknown_members_are_kept_and_signed(at):
    """What nobody knows belongs to what is signed. [trust-2]"""
    for role in ("timestamp", "snapshot", "targets"):
        at.repo.md[role]["x-unknown"] = {"list": [1, None, True, "\u00e9\n\"\\"], "": {}}
    at.repo.publish()
    at.ready().good()
    must(json.loads(at.kept("targets"))["signed"]["x-unknown"]["list"][3] == "\u00e9\n\"\\", "it was changed")


@situation(("2.0.0",), ("0.9",), ("1",), ("1.x",), ("",))
def another_specification(at, version):
    """Metadata of another major version, or of none."""
    at.repo.md["timestamp"]["spec_version"] = version
    at.repo.publish_timestamp()
    at.ready().bad("spec_version")


@situation((0,), (-1,), ("1",), (1.5,), (True,), (None,))
def no_version(at, version):
    """Versions are whole numbers from 1."""
    data = at.repo.sealed("timestamp").replace(b'"version": 1,', b'"version": %s,' % json.dumps(version).encode(), 1)
    at.repo.bend["timestamp.json"] = (200, data)
    at.ready().bad("timestamp")


@situation(("ed25519",), ("ecdsa-sha2-nistp256",), ("rsassa-pss-sha256",))
def every_scheme(at, scheme):
    """Keys of each scheme sign each role."""
    for role in ("root", "timestamp", "snapshot", "targets"):
        before = at.repo.rotate(role, scheme=scheme)
        if role == "root":
            old = before
    at.repo.publish_root(extra=old)
    at.repo.publish()
    at.ready().good()
    at.versions(root=2, timestamp=2, snapshot=2, targets=2)


@situation((0,), (20,), (222,), (32,))
def salts_of_pss(at, salt):
    """RSA-PSS with the salt of a digest's length or the largest; others are refused. [trust-3]"""
    key = Key("rsassa-pss-sha256")
    at.repo.md["root"]["keys"][key.id] = key.public
    at.repo.md["root"]["roles"]["timestamp"] = {"keyids": [key.id], "threshold": 1}
    at.repo.publish_root()
    content = at.repo.md["timestamp"]
    at.repo.put("timestamp", json.dumps({"signed": content, "signatures": [{"keyid": key.id, "sig": key.sign(content, salt)}]}).encode())
    at.ready()
    at.good() if salt in (32, 222) else at.bad("signed it")


@situation()
def without_consistent_snapshots(at):
    """Names without versions, but for roots."""
    at.repo.md["root"]["consistent_snapshot"] = False
    at.repo.publish_root()
    at.repo.delegate("targets", "role1")
    at.repo.add_target("folder/file", role="role1")
    at.repo.md["targets"]["delegations"]["roles"][0]["paths"] = ["folder/*"]
    at.repo.publish("role1", "targets")
    at.ready().good(result=at.download("folder/file"))
    must("snapshot.json" in at.repo.asked and "folder/file" in at.repo.asked, f"asked were {at.repo.asked}")


def length(data):
    return file_of(data)["length"]


@situation(("timestamp.json", 17 * 1024), ("2.root.json", 600 * 1024), ("1.snapshot.json", 2200 * 1024), ("1.targets.json", 5300 * 1024))
def endless_data(at, name, size):
    """Files longer than any such file may be are not read to their end. [trust-4]"""
    at.repo.bend[name] = (200, b" " * size + b"{}")
    at.ready().bad("more than")

"""Who signs: thresholds, keys that change, roots one after the other."""
import json

from repository import Key
from stage import must, situation


def publish(repo, role):
    repo.publish_root() if role == "root" else repo.publish_timestamp() if role == "timestamp" else repo.publish_snapshot() if role == "snapshot" else repo.publish()


@situation(("root",), ("timestamp",), ("snapshot",), ("targets",))
def unsigned(at, role):
    """Nobody has signed it."""
    at.ready().good()
    at.repo.signers[role] = []
    publish(at.repo, role)
    at.bad("signed it")
    at.versions(**{role: 1})


@situation(("root",), ("timestamp",), ("snapshot",), ("targets",))
def signed_by_a_stranger(at, role):
    """A key that nobody named."""
    at.ready().good()
    at.repo.signers[role] = [Key()]
    publish(at.repo, role)
    at.bad("signed it")
    at.versions(**{role: 1})


@situation(("root",), ("timestamp",), ("snapshot",), ("targets",))
def signature_over_something_else(at, role):
    """The content was changed after it was signed."""
    at.ready().good()
    publish(at.repo, role)
    at.repo.put(role, at.repo.published[role].replace(b'"spec_version": "1.0.33"', b'"spec_version": "1.0.34"'))
    at.bad("signed it")
    at.versions(**{role: 1})


@situation(("timestamp",), ("snapshot",), ("targets",))
def too_few_signatures(at, role):
    """Two of three keys have to sign: one is not enough, two are."""
    at.ready().good()
    at.repo.rotate(role, count=3, threshold=2)
    keys, at.repo.signers[role] = at.repo.signers[role], at.repo.signers[role][:1]
    at.repo.publish_root()
    publish(at.repo, role)
    at.bad("it takes 2")
    at.repo.signers[role] = keys[1:]
    publish(at.repo, role)
    at.good()


@situation()
def one_key_under_several_ids(at):
    """A threshold counts keys, not names for them. [trust-3]"""
    at.ready().good()
    key = at.repo.signers["timestamp"][0]
    at.repo.md["root"]["keys"]["alias"] = dict(key.public, **{"x": 1})
    at.repo.md["root"]["roles"]["timestamp"] = {"keyids": [key.id, "alias"], "threshold": 2}
    at.repo.publish_root()
    content = at.repo.md["timestamp"]
    at.repo.put("timestamp", json.dumps({"signed": content, "signatures": [{"keyid": i, "sig": key.sign(content)} for i in (key.id, "alias")]}).encode())
    at.bad("it takes 2")


@situation(("\n",), (" \n\n",))
def one_key_written_in_two_ways(at, ending):
    """The same key with another line ending is the same key."""
    at.ready().good()
    at.repo.rotate("timestamp", scheme="ecdsa-sha2-nistp256")
    key = at.repo.signers["timestamp"][0]
    twin = json.loads(json.dumps(key.public))
    twin["keyval"]["public"] += ending
    at.repo.md["root"]["keys"]["twin"] = twin
    at.repo.md["root"]["roles"]["timestamp"] = {"keyids": [key.id, "twin"], "threshold": 2}
    at.repo.publish_root()
    content = at.repo.md["timestamp"]
    at.repo.put("timestamp", json.dumps({"signed": content, "signatures": [{"keyid": i, "sig": key.sign(content)} for i in (key.id, "twin")]}).encode())
    at.bad("it takes 2")


@situation()
def key_id_named_many_times(at):
    """A role that names one key nine times, to reach a threshold of six."""
    at.ready()
    key = at.repo.signers["snapshot"][0]
    at.repo.md["root"]["roles"]["snapshot"] = {"keyids": [key.id] * 9, "threshold": 6}
    at.repo.publish_root()
    at.repo.publish_snapshot()
    at.bad("twice")
    at.versions(snapshot=None)


@situation(("root",), ("timestamp",), ("snapshot",), ("targets",))
def two_signatures_by_one_id(at, role):
    """One id signs twice."""
    at.ready().good()
    publish(at.repo, role)
    at.repo.signers[role] *= 2
    at.repo.put(role)
    at.bad("two signatures")
    at.versions(**{role: 1})


@situation(("keyid",), ("sig",))
def signature_without_a_part(at, part):
    """A signature without an id or without itself."""
    content = at.repo.md["timestamp"]
    signature = {"keyid": at.repo.signers["timestamp"][0].id, "sig": at.repo.signers["timestamp"][0].sign(content)}
    del signature[part]
    at.repo.put("timestamp", json.dumps({"signed": content, "signatures": [signature]}).encode())
    at.ready().bad("no keyid or no sig")


@situation(("",), ("zz",), ("0",), ("00" * 64,), ("00" * 2000,))
def signature_of_no_use(at, sig):
    """A broken signature beside a good one does no harm, alone it is as good as none."""
    content = at.repo.md["timestamp"]
    key = at.repo.signers["timestamp"][0]
    other = Key()
    both = [{"keyid": other.id, "sig": sig}, {"keyid": key.id, "sig": key.sign(content)}]
    at.repo.md["root"]["keys"][other.id] = other.public
    at.repo.md["root"]["roles"]["timestamp"]["keyids"].append(other.id)
    at.repo.publish_root()
    at.repo.put("timestamp", json.dumps({"signed": content, "signatures": both[:1]}).encode())
    at.ready().bad("signed it")
    at.repo.put("timestamp", json.dumps({"signed": content, "signatures": both}).encode())
    at.good()


@situation(({"keytype": "new", "scheme": "new", "keyval": {"public": "00"}},), ({"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": "00"}},),
           ({"keytype": "rsa", "scheme": "rsassa-pss-sha256", "keyval": {"public": "no PEM"}},))
def key_that_nobody_can_use(at, public):
    """A key of another time does no harm as long as the others are enough."""
    at.repo.md["root"]["keys"]["other"] = public
    at.repo.md["root"]["roles"]["timestamp"]["keyids"].append("other")
    at.repo.publish_root()
    at.ready().good()
    at.repo.md["root"]["roles"]["timestamp"]["threshold"] = 2
    at.repo.publish_root()
    content = at.repo.md["timestamp"]
    key = at.repo.signers["timestamp"][0]
    at.repo.put("timestamp", json.dumps({"signed": content, "signatures": [{"keyid": key.id, "sig": key.sign(content)}, {"keyid": "other", "sig": "00"}]}).encode())
    at.bad("it takes 2")


@situation(("timestamp",), ("snapshot",), ("targets",))
def role_whose_key_is_not_there(at, role):
    """A role that names a key which the root does not hold."""
    at.ready()
    del at.repo.md["root"]["keys"][at.repo.signers[role][0].id]
    at.repo.publish_root()
    at.bad("signed it")
    at.versions(root=2, **{role: None})


@situation(("root",), ("timestamp",), ("snapshot",), ("targets",))
def root_without_a_role(at, role):
    """A root that does not name everybody."""
    at.ready()
    del at.repo.md["root"]["roles"][role]
    at.repo.publish_root()
    at.bad(f'"{role}"')
    at.versions(root=1)


@situation((0,), (-1,), ("1",), (None,))
def no_threshold(at, threshold):
    """A threshold is at least one."""
    at.ready()
    at.repo.md["root"]["roles"]["timestamp"]["threshold"] = threshold
    at.repo.publish_root()
    at.bad("threshold")


@situation(("timestamp",), ("snapshot",), ("targets",))
def other_keys_for_a_role(at, role):
    """Keys change: what the old ones signed counts no more, what the new ones sign counts."""
    at.ready().good()
    old = at.repo.rotate(role)
    at.repo.publish_root()
    new, at.repo.signers[role] = at.repo.signers[role], old
    publish(at.repo, role)
    at.bad("signed it")
    at.repo.signers[role] = new
    publish(at.repo, role)
    at.good()


# ---- roots, one after the other: (keys of each version, threshold, who signs it) and how it ends ----
ROTATIONS = [
    ("one key stays", [("1", 1, "1"), ("1", 1, "1")], 2),
    ("another key, both sign", [("1", 1, "1"), ("2", 1, "12")], 2),
    ("another key, the old one does not sign", [("1", 1, "1"), ("2", 1, "2")], 1),
    ("another key, the new one does not sign", [("1", 1, "1"), ("2", 1, "1")], 1),
    ("several roots, each with another key", [("1", 1, "1"), ("2", 1, "12"), ("3", 1, "23")], 3),
    ("the third root is signed by the first key", [("1", 1, "1"), ("2", 1, "12"), ("3", 1, "13")], 2),
    ("two of three, one of them changes", [("123", 2, "12"), ("124", 2, "24")], 1),
    ("two of three, enough of both sign", [("123", 2, "12"), ("345", 2, "1345")], 2),
    ("two of three, two of both sign", [("123", 2, "12"), ("345", 2, "2345")], 2),
    ("three of five, three of both", [("12345", 3, "123"), ("24567", 3, "12467")], 2),
    ("three of five, too few of the old ones", [("12345", 3, "123"), ("24567", 3, "4567")], 1),
    ("three of five, too few of the new ones", [("12345", 3, "123"), ("24567", 3, "1236")], 1),
    ("three of five, all of both", [("12345", 3, "123"), ("24567", 3, "1234567")], 2),
    ("the threshold grows", [("12", 1, "1"), ("12", 2, "12")], 2),
    ("the threshold grows, too few sign", [("12", 1, "1"), ("12", 2, "1")], 1),
    ("the threshold falls, the old one counts", [("12", 2, "12"), ("12", 1, "1")], 1),
    ("the threshold falls", [("12", 2, "12"), ("12", 1, "12")], 2),
    ("a key of before comes back", [("1", 1, "1"), ("2", 1, "12"), ("1", 1, "12")], 3),
]


@situation(*ROTATIONS)
def roots_one_after_the_other(at, _, roots, last):
    """Each root is signed by enough of the one before and enough of its own keys. [trust-5]"""
    keys = {}
    for version, (named, threshold, signers) in enumerate(roots, 1):
        keys.update({n: Key() for n in named + signers if n not in keys})
        root = at.repo.md["root"]
        root["version"] = version
        root["keys"].update({keys[n].id: keys[n].public for n in named})
        root["roles"]["root"] = {"keyids": [keys[n].id for n in named], "threshold": threshold}
        at.repo.signers["root"] = [keys[n] for n in signers]
        at.repo.put("root")
    must(at.init(), f"the first root was refused: {at.said}")
    must(at.refresh() == (last == len(roots)), f"the refresh: {at.said}")
    at.versions(root=last)


@situation((1,), (3,), (2**31,))
def root_of_a_wrong_version(at, version):
    """The root after the first has version 2, not another."""
    at.ready()
    at.repo.md["root"]["version"] = version
    at.repo.published["root", 2] = at.repo.sealed("root")
    at.bad("version")
    at.versions(root=1)


@situation()
def roots_up_to_the_last_good_one(at):
    """Of many roots the last good one stays when one behind it is bad."""
    at.ready()
    for _ in range(4):
        at.repo.publish_root()
    at.repo.published["root", 4] = at.repo.published["root", 4].replace(b'"spec_version": "1.0.33"', b'"spec_version": "1.0.34"')
    at.bad("signed it")
    at.versions(root=3)


@situation()
def timestamp_kept_from_before_the_keys_changed(at):
    """A timestamp that only the old key signed is no longer looked at."""
    at.ready().good()
    at.repo.rotate("timestamp")
    at.repo.publish_root()
    at.repo.put("timestamp")
    at.good()
    must(at.kept("timestamp") == at.repo.published["timestamp"], "the old timestamp is kept")

"""From a path to who may speak for it."""
import hashlib

from repository import Key
from stage import must, situation

# (who, to whom, paths or None for all, terminating); whom one asks, in which order, about "x.txt"
GRAPHS = [
    ("one role", [("targets", "A")], "A"),
    ("two roles", [("targets", "A"), ("targets", "B")], "AB"),
    ("two levels", [("targets", "A"), ("targets", "B"), ("B", "C")], "ABC"),
    ("depth comes first", [("targets", "A"), ("targets", "B"), ("A", "C"), ("A", "D")], "ACDB"),
    ("three levels, depth first", [("targets", "A"), ("targets", "B"), ("A", "C"), ("C", "D")], "ACDB"),
    ("terminating: nobody behind it", [("targets", "A"), ("targets", "B"), ("A", "C", None, True), ("A", "D")], "AC"),
    ("terminating: but those below it", [("targets", "A"), ("targets", "B"), ("A", "C", None, True), ("C", "D")], "ACD"),
    ("terminating at the top", [("targets", "A", None, True), ("targets", "B"), ("A", "C")], "AC"),
    ("a branch for other paths", [("targets", "A", ["*.py"]), ("targets", "B"), ("A", "C")], "B"),
    ("a branch for other paths, below", [("targets", "A"), ("targets", "B"), ("A", "C", ["*.py"]), ("C", "D")], "AB"),
    ("terminating, but for other paths", [("targets", "A", ["*.py"], True), ("targets", "B")], "B"),
    ("a circle", [("targets", "A"), ("targets", "B"), ("B", "C"), ("C", "D"), ("D", "B")], "ABCD"),
    ("a circle of one", [("targets", "A"), ("A", "A")], "A"),
    ("two that lead to a third", [("targets", "A"), ("targets", "B"), ("A", "C"), ("B", "C")], "ACB"),
    ("two that lead to a third, one for other paths", [("targets", "A"), ("targets", "B"), ("A", "C", ["*.py"]), ("B", "C")], "ABC"),
    ("a chain", [("targets", "A"), ("A", "B"), ("B", "C"), ("C", "D"), ("D", "E")], "ABCDE"),
]


@situation(*GRAPHS)
def order_of_a_walk(at, _, edges, order):
    """Depth first, in the order of the delegations, each role once. [trust-8]"""
    for parent, child, *rest in edges:
        at.repo.delegate(parent, child, paths=(rest or [None])[0] or ["*"], terminating=len(rest) > 1 and rest[1])
    at.repo.publish(*sorted({child for _, child, *_ in edges} | {"targets"}))
    at.ready().bad("knows it", at.download("x.txt"))
    asked = "".join(name.split(".")[1] for name in at.repo.asked if name.endswith(".json") and name.split(".")[-2] in "ABCDE")
    must(asked == order, f"asked were {asked}, expected {order}")
    at.repo.asked.clear()
    at.bad("knows it", at.download("x.txt"))
    must(not any(name.split(".")[-2] in "ABCDE" for name in at.repo.asked), "what is kept was fetched again")


PATTERNS = [
    ("*", "file", True), ("*", "dir/file", False), ("*/*", "dir/file", True), ("dir/*", "dir/file", True), ("dir/*", "dir/sub/file", False), ("dir/*", "other/file", False),
    ("dir/*.txt", "dir/a.txt", True), ("dir/*.txt", "dir/a.txt.exe", False), ("f?le", "file", True), ("f?le", "fle", False), ("f?le", "f/le", False), ("[a-c]x", "bx", True),
    ("[a-c]x", "dx", False), ("[!a-c]x", "dx", True), ("[]x", "[]x", True), ("a*b*c", "aXbYc", True), ("a*b*c", "aXcYb", False), ("", "", False), ("file", "FILE", False), ("*", "", False),
]


@situation(*[p for p in PATTERNS if p[1]])
def pattern(at, paths, path, matches):
    """Patterns go by the parts of a path."""
    at.repo.delegate("targets", "A", paths=[paths])
    at.repo.add_target(path, role="A")
    at.repo.publish("A", "targets")
    at.ready()
    must(at.download(path) == matches, f"{paths} and {path}: {at.said}")


@situation(("4", 4), ("ab", 2), ("", 1))
def hash_prefixes(at, prefix, _):
    """Roles for the hashes of paths."""
    path = next(f"file-{n}" for n in range(100000) if hashlib.sha256(f"file-{n}".encode()).hexdigest().startswith(prefix))
    other = next(f"file-{n}" for n in range(100000) if not prefix or not hashlib.sha256(f"file-{n}".encode()).hexdigest().startswith(prefix))
    at.repo.delegate("targets", "A", prefixes=["ff00ff", prefix])
    at.repo.add_target(path, role="A")
    if prefix:
        at.repo.add_target(other, b"other", role="A")
    at.repo.publish("A", "targets")
    at.ready().good(result=at.download(path))
    if prefix:
        at.bad("knows it", at.download(other))


@situation((1,), (4,), (5,), (8,), (12,))
def hash_bins(at, bits):
    """Bins whose names follow from a prefix and a number."""
    path = "some/file"
    number = int.from_bytes(hashlib.sha256(path.encode()).digest()[:4], "big") >> (32 - bits)
    name = f"bins-{number:0{len(f'{2 ** bits - 1:x}')}x}"
    key = Key()
    at.repo.signers[name] = [key]
    at.repo.md[name] = at.repo.new("targets", targets={})
    at.repo.add_target(path, role=name)
    at.repo.md["targets"]["delegations"] = {"keys": {key.id: key.public}, "succinct_roles": {"keyids": [key.id], "threshold": 1, "bit_length": bits, "name_prefix": "bins"}}
    at.repo.publish(name, "targets")
    at.ready().good(result=at.download(path))
    at.versions(**{name: 2})


@situation()
def delegated_role_of_the_wrong_key(at):
    """A role that its delegator's key has not signed."""
    at.repo.delegate("targets", "A")
    at.repo.add_target("file", role="A")
    at.repo.signers["A"] = [Key()]
    at.repo.publish("A", "targets")
    at.ready().bad("signed it", at.download("file"))
    must(not at.targets(), "it was downloaded")


@situation()
def delegator_takes_the_key_away(at):
    """What is kept of a role is judged by who delegates now."""
    at.repo.delegate("targets", "A")
    at.repo.add_target("file", role="A")
    at.repo.publish("A", "targets")
    at.ready().good(result=at.download("file"))
    at.repo.md["targets"]["delegations"]["roles"] = []
    at.repo.delegate("targets", "A", key=Key())
    at.repo.publish()
    at.bad("signed it", at.download("file"))


@situation()
def one_role_by_two_delegators_with_different_keys(at):
    """In one run, a role that is good by one delegator is not good by another that names another key. [trust-9]"""
    at.repo.delegate("targets", "A", paths=["a/*"])
    at.repo.delegate("targets", "B", paths=["b/*"])
    key = at.repo.delegate("A", "C", paths=["a/*"])
    at.repo.delegate("B", "C", key=Key(), paths=["b/*"])
    at.repo.add_target("a/file", b"a", role="C")
    at.repo.add_target("b/file", b"b", role="C")
    at.repo.publish("A", "B", "C", "targets")
    at.ready().good(result=at.download("a/file"))
    at.bad("signed it", at.download("a/file", "b/file"))
    must(at.targets() == [b"a"], "the second one was downloaded")
    at.repo.signers["C"] = [key]


@situation(("?",), ("#",), ("%",), ("/delegated",), ("../delegated",), ("..",), ("a b",), ("\u00e9",), ("a%2Fb",), ("a.b",), ("1.a",), ("\"quote\\",))
def odd_role_names(at, name):
    """Names of roles are encoded where they become addresses and files. [trust-10]"""
    at.repo.delegate("targets", name)
    at.repo.add_target("file", role=name)
    at.repo.publish(name, "targets")
    at.ready().good(result=at.download("file"))
    must(at.repo.asked.count(f"2.{name}.json") == 1, f"asked were {at.repo.asked}")


@situation(("root",), ("timestamp",), ("snapshot",), ("targets",), ("",), ("x" * 300,))
def names_nobody_can_have(at, name):
    """Names of the top-level roles, none, and one that is too long."""
    delegations = {"keys": {}, "roles": [{"name": name, "keyids": [], "threshold": 1, "terminating": False, "paths": ["*"]}]}
    at.repo.md["targets"]["delegations"] = delegations
    at.repo.publish()
    at.ready().bad("targets: \"" + name[:99])


@situation(("name",), ("keyids",), ("threshold",), ("terminating",), ("paths",))
def delegation_without_a_part(at, part):
    """A delegation that lacks something."""
    at.repo.delegate("targets", "A")
    del at.repo.md["targets"]["delegations"]["roles"][0][part]
    at.repo.publish()
    at.ready().bad("targets")


@situation()
def both_kinds_of_paths(at):
    """Patterns and prefixes at once."""
    at.repo.delegate("targets", "A")
    at.repo.md["targets"]["delegations"]["roles"][0]["path_hash_prefixes"] = ["00"]
    at.repo.publish()
    at.ready().bad("either")


@situation()
def delegated_role_that_the_snapshot_does_not_know(at):
    """A role without a version is not asked for."""
    at.repo.delegate("targets", "A")
    del at.repo.md["snapshot"]["meta"]["A.json"]
    at.repo.publish()
    at.ready().bad("does not know", at.download("file"))


@situation()
def endless_chain(at):
    """A chain of delegations without end is given up."""
    names = [f"R{n:03}" for n in range(60)]
    for parent, child in zip(["targets", *names], names):
        at.repo.delegate(parent, child)
    at.repo.add_target("file", role=names[-1])
    at.repo.publish(*names, "targets")
    at.ready().bad("33 asked", at.download("file"))

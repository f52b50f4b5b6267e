"""Files: what is fetched is what somebody vouches for."""
import os

from repository import file_of
from stage import must, situation


@situation(("file",), ("dir/file",), ("a/b/c/file",), ("a b",), ("file?x#y",), ("100%",), ("\u00e9t\u00e9",), ("../../file",), ("dir/../file",), ("/file",))
def comes_as_it_is(at, path):
    """A file under any path, in the folder and nowhere else."""
    at.repo.add_target(path, b"content of it")
    at.repo.publish()
    at.ready().good(result=at.download(path))
    must(at.targets() == [b"content of it"], "it is not what was sent")
    must(sorted(os.listdir(at.home.name)) == ["initial.json", "metadata", "targets"], f"beside the folder: {os.listdir(at.home.name)}")


@situation((b"",), (b"x" * 3000000,))
def of_any_length(at, data):
    """An empty file, and one that comes in pieces."""
    at.repo.add_target("file", data)
    at.repo.publish()
    at.ready().good(result=at.download("file"))
    must(at.targets() == [data], "it is not what was sent")


@situation((b"another file",), (b"a target and more",), (b"a targ",), (b"",))
def exchanged(at, data):
    """A repository that sends something else (arbitrary software). [trust-11]"""
    at.repo.add_target("file")
    at.repo.publish()
    at.repo.files["file"] = data
    at.ready()
    must(not at.download("file"), "it was taken")
    must(at.targets() == [], "something is in the folder")


@situation()
def not_there(at):
    """A target that nobody knows."""
    at.ready().bad("knows it", at.download("file"))


@situation()
def announced_and_not_there(at):
    """A target that is announced, and not served."""
    at.repo.add_target("file")
    at.repo.publish()
    del at.repo.files["file"]
    at.ready().bad("404", at.download("file"))


@situation()
def not_fetched_again(at):
    """What is there already is not fetched again; what was changed there is. [trust-11]"""
    at.repo.add_target("file")
    at.repo.publish()
    at.ready().good(result=at.download("file"))
    at.repo.asked.clear()
    at.good(result=at.download("file"))
    must(not any(name.endswith("file") for name in at.repo.asked), f"asked were {at.repo.asked}")
    with open(os.path.join(at.out, "file"), "wb") as file:
        file.write(b"a tarqet")
    at.good(result=at.download("file"))
    must(at.targets() == [b"a target"], "what was changed stayed")


@situation()
def several_in_their_order(at):
    """Several at once, in their order, up to the first that fails."""
    for name in "abc":
        at.repo.add_target(name, name.encode())
    at.repo.publish()
    at.ready().good(result=at.download("c", "a"))
    must(at.targets() == [b"c", b"a"], f"there are {at.targets()}")
    at.bad("knows it", at.download("b", "no", "a"))
    must(sorted(at.targets()) == [b"a", b"b", b"c"], "the one before the failure is not there")


@situation()
def changed_again_and_again(at):
    """Each new content takes the place of the one before."""
    at.ready()
    for n in range(4):
        at.repo.add_target("file", b"version %d" % n)
        at.repo.publish()
        at.good(result=at.download("file"))
        must(at.targets() == [b"version %d" % n], "the old one is there")


@situation(({"sha999": "00"}, False), ({"sha256": "00"}, False), ({}, False))
def hashes_that_cannot_be_checked(at, hashes, _):
    """Hashes of a kind that nobody knows, or that are none."""
    at.repo.add_target("file")
    at.repo.md["targets"]["targets"]["file"]["hashes"] = hashes
    at.repo.prefix_targets = False
    at.repo.publish()
    at.ready()
    must(not at.download("file"), "it was taken")


@situation()
def sha512_alone(at):
    """A target with a SHA-512 only."""
    import hashlib
    at.repo.add_target("file")
    at.repo.md["targets"]["targets"]["file"]["hashes"] = {"sha512": hashlib.sha512(b"a target").hexdigest()}
    at.repo.publish()
    at.ready().good(result=at.download("file"))


@situation()
def both_hashes_have_to_fit(at):
    """One good hash does not excuse another."""
    at.repo.add_target("file")
    at.repo.md["targets"]["targets"]["file"]["hashes"]["sha512"] = "00" * 64
    at.repo.publish()
    at.ready().bad("sha512", at.download("file"))


@situation()
def targets_come_before_delegations(at):
    """Who delegates speaks first."""
    at.repo.delegate("targets", "A")
    at.repo.md["A"]["targets"]["file"] = file_of(b"by A")
    at.repo.add_target("file", b"by targets")
    at.repo.publish("A", "targets")
    at.ready().good(result=at.download("file"))
    must(at.targets() == [b"by targets"], "the delegated role was asked first")


@situation()
def first_role_that_knows_it(at):
    """Of several roles that know it the first one counts."""
    at.repo.delegate("targets", "A")
    at.repo.delegate("targets", "B")
    at.repo.add_target("file", b"by B", role="B")
    at.repo.add_target("file", b"by A", role="A")
    at.repo.publish("A", "B", "targets")
    at.ready().good(result=at.download("file"))
    must(at.targets() == [b"by A"], "the second role won")

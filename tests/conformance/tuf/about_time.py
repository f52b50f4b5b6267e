"""Ends: of what comes, and of what is kept."""
from repository import DAY, when
from stage import situation


def publish(repo, role):
    repo.publish_root() if role == "root" else repo.publish_timestamp() if role == "timestamp" else repo.publish_snapshot() if role == "snapshot" else repo.publish()


@situation(("root",), ("timestamp",), ("snapshot",), ("targets",))
def it_has_ended(at, role):
    """What has ended is refused; only a root is kept, since the way to later ones leads through it. [trust-6]"""
    at.ready().good()
    at.repo.md[role]["expires"] = when(-DAY)
    publish(at.repo, role)
    at.bad("its time ended")
    at.versions(**{role: 2 if role == "root" else 1})


@situation()
def old_root_has_ended(at):
    """A root on the way may have ended, if the last one has not."""
    at.repo.md["root"]["expires"] = when(-DAY)
    at.repo.publish_root()
    at.repo.md["root"]["expires"] = when()
    at.repo.publish_root()
    at.ready().good()
    at.versions(root=3)


@situation()
def first_root_has_ended(at):
    """The root that one begins with may have ended, if there is a later one."""
    at.repo.md["root"]["expires"] = when(-DAY)
    data = at.repo.put("root")
    at.repo.md["root"]["expires"] = when()
    at.repo.publish_root()
    at.good("the beginning", at.init(data))
    at.good()
    at.versions(root=2)


@situation(("timestamp",), ("snapshot",), ("targets",))
def what_is_kept_has_ended(at, role):
    """What ended meanwhile is replaced by what is new."""
    at.repo.md[role]["expires"] = when(DAY * 7)
    publish(at.repo, role)
    at.ready().good()
    at.repo.md[role]["expires"] = when(DAY * 30)
    publish(at.repo, role)
    at.good(result=at.refresh(time="+18d"))
    at.versions(**{role: 3})


@situation(("timestamp",), ("snapshot",), ("targets",), ("root",))
def frozen(at, role):
    """A repository that stands still is noticed when its metadata ends (indefinite freeze)."""
    at.repo.md[role]["expires"] = when(DAY * 7)
    publish(at.repo, role)
    at.ready().good()
    at.bad("its time ended", at.refresh(time="+8d"))


@situation()
def ended_timestamp_still_guards_against_rollback(at):
    """A kept timestamp that has ended says all the same what was seen."""
    at.repo.md["timestamp"]["expires"] = when(DAY * 7)
    at.repo.publish_snapshot()
    at.ready().good()
    at.repo.md["timestamp"].update(version=1, expires=when(DAY * 30))
    at.repo.put("timestamp")
    at.bad("seen already", at.refresh(time="+18d"))


@situation()
def ended_snapshot_still_guards_against_rollback(at):
    """So does a kept snapshot."""
    at.repo.md["snapshot"]["expires"] = when(DAY * 7)
    at.repo.publish()
    at.ready().good()
    at.repo.md["snapshot"]["meta"]["targets.json"]["version"] = 1
    at.repo.md["snapshot"]["expires"] = when(DAY * 30)
    at.repo.publish_snapshot()
    at.bad("seen already", at.refresh(time="+18d"))


@situation(("2027-01-01",), ("2027-01-01T00:00:00",), ("2027-01-01T00:00:00+00:00",), ("2027-13-01T00:00:00Z",), ("2027-01-01T00:00:00.5Z",), (5,))
def ends_have_one_spelling(at, end):
    """Ends that are written otherwise."""
    at.repo.md["timestamp"]["expires"] = end
    at.repo.publish_timestamp()
    at.ready().bad("expires")

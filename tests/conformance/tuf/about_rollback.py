"""What was seen does not come back, and a way out of versions that are too high."""
from stage import must, situation


@situation()
def timestamp_goes_back(at):
    """A timestamp older than the one that was seen. [trust-7]"""
    at.repo.publish_timestamp()
    at.ready().good()
    at.repo.md["timestamp"]["version"] = 1
    at.repo.put("timestamp")
    at.bad("seen already")
    at.versions(timestamp=2)


@situation()
def timestamp_names_an_older_snapshot(at):
    """A newer timestamp with an older snapshot."""
    at.repo.publish_snapshot()
    at.ready().good()
    at.repo.publish_timestamp({"version": 1})
    at.bad("seen already")
    at.versions(timestamp=2)


@situation()
def snapshot_of_another_version(at):
    """A snapshot that is not the announced one."""
    at.ready().good()
    at.repo.publish_timestamp({"version": 2})
    at.repo.published["snapshot", 2] = at.repo.published["snapshot", 1]
    at.bad("announced")
    at.versions(snapshot=1)


@situation(("targets",), ("role1",))
def snapshot_names_an_older_file(at, role):
    """A newer snapshot with an older version of a targets file."""
    at.repo.delegate("targets", "role1")
    at.repo.publish("role1", "targets")
    at.repo.publish("role1", "targets")
    at.ready().good()
    at.repo.md["snapshot"]["meta"][f"{role}.json"]["version"] = 1
    at.repo.publish_snapshot()
    at.bad("seen already")
    at.versions(snapshot=3)


@situation()
def snapshot_forgets_a_file(at):
    """A newer snapshot that knows less."""
    at.repo.delegate("targets", "role1")
    at.repo.publish()
    at.ready().good()
    del at.repo.md["snapshot"]["meta"]["role1.json"]
    at.repo.publish_snapshot()
    at.bad("has gone")


@situation()
def targets_of_another_version(at):
    """Targets that are not the announced ones (mix and match)."""
    at.ready().good()
    at.repo.md["snapshot"]["meta"]["targets.json"]["version"] = 2
    at.repo.publish_snapshot()
    at.repo.published["targets", 2] = at.repo.published["targets", 1]
    at.bad("announced")
    at.versions(targets=1)


@situation()
def snapshot_without_targets(at):
    """A snapshot that knows no targets."""
    at.repo.md["snapshot"]["meta"] = {}
    at.repo.publish_snapshot()
    at.ready().bad("does not know")


@situation()
def way_back_from_a_timestamp_too_far(at):
    """Whoever held the timestamp's key made it very high: other keys, and one begins anew."""
    at.repo.md["timestamp"]["version"] = 99998
    at.repo.publish_timestamp()
    at.ready().good()
    at.versions(timestamp=99999)
    at.repo.rotate("timestamp")
    at.repo.publish_root()
    at.repo.md["timestamp"]["version"] = 1
    at.repo.put("timestamp")
    at.good()
    at.versions(timestamp=1)


@situation()
def way_back_from_a_snapshot_too_far(at):
    """The same for the snapshot, whose version the timestamp has seen as well."""
    at.repo.md["snapshot"]["version"] = 99998
    at.repo.publish_snapshot()
    at.ready().good()
    at.versions(snapshot=99999)
    at.repo.rotate("snapshot")
    at.repo.rotate("timestamp")
    at.repo.publish_root()
    at.repo.md["snapshot"]["version"] = 0
    at.repo.publish_snapshot()
    at.good()
    at.versions(snapshot=1)


@situation()
def way_back_from_targets_too_far(at):
    """And for targets: the snapshot's keys change."""
    at.repo.md["targets"]["version"] = 99998
    at.repo.publish()
    at.ready().good()
    at.versions(targets=99999)
    at.repo.rotate("snapshot")
    at.repo.publish_root()
    at.repo.md["targets"]["version"] = 0
    at.repo.publish()
    at.good()
    at.versions(targets=1)


@situation()
def too_far_without_other_keys(at):
    """Without other keys there is no way back."""
    at.repo.md["snapshot"]["version"] = 99998
    at.repo.publish_snapshot()
    at.ready().good()
    at.repo.md["snapshot"]["version"] = 1
    at.repo.publish_snapshot()
    at.bad("seen already")


@situation()
def kept_snapshot_of_another_hash(at):
    """What is kept is held against the announced hash: another file of the same version is fetched, and judged against what was seen."""
    at.ready().good()
    at.repo.hash_meta = True
    at.repo.md["snapshot"]["x"] = "another"
    data = at.repo.put("snapshot")
    at.repo.publish_timestamp({"version": 1, "length": len(data)})
    at.good()
    must(at.kept("snapshot") == data, "the kept one stayed")

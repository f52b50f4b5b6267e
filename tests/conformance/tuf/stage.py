"""One situation: a repository, the client, and what is expected of it."""
import json
import os
import subprocess
import tempfile

from repository import Repository

SITUATIONS = []


def situation(*parameters):
    """Register a function, once for each tuple of parameters."""
    def add(function):
        for values in parameters or [()]:
            SITUATIONS.append((f"{function.__module__}.{function.__name__}{list(values) if values else ''}", function, values))
        return function
    return add


class Failed(AssertionError):
    pass


def must(condition, sentence):
    if not condition:
        raise Failed(sentence)


class Stage:
    def __init__(self, program, **options):
        self.program, self.repo = program, Repository(**options)
        self.home = tempfile.TemporaryDirectory(prefix="tuf.")
        self.dir, self.out = os.path.join(self.home.name, "metadata"), os.path.join(self.home.name, "targets")
        self.said = ""

    def run(self, *arguments, time=None):
        env = dict(os.environ, ASAN_OPTIONS="verify_asan_link_order=0:" + os.environ.get("ASAN_OPTIONS", ""))
        command = [self.program, "--metadata-dir", self.dir, *arguments]
        if time:
            command = ["faketime", *(["-f"] if time.startswith("+") else []), time, *command]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, env=env)
        self.said = ended.stderr
        must(ended.returncode in (0, 1), f"the client ended with {ended.returncode}: {ended.stderr}")
        return ended.returncode == 0

    def init(self, data=None):
        path = os.path.join(self.home.name, "initial.json")
        with open(path, "wb") as file:
            file.write(self.repo.published["root", 1] if data is None else data)
        return self.run("init", path)

    def refresh(self, time=None):
        return self.run("--metadata-url", self.repo.url + "/metadata/", "refresh", time=time)

    def download(self, *names, time=None):
        chosen = [word for name in names for word in ("--target-name", name)]
        return self.run("--metadata-url", self.repo.url + "/metadata/", "--target-base-url", self.repo.url + "/targets/", "--target-dir", self.out, *chosen, "download", time=time)

    # ---- what the client has --------------------------------------------------------------------

    def kept(self, role):
        try:
            with open(os.path.join(self.dir, f"{role}.json"), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def version(self, role):
        data = self.kept(role)
        return None if data is None else json.loads(data)["signed"]["version"]

    def targets(self):
        found = [os.path.join(folder, name) for folder, _, names in os.walk(self.out) for name in names]
        return [open(path, "rb").read() for path in sorted(found, key=os.path.getmtime)]

    # ---- what is expected -----------------------------------------------------------------------

    def ready(self):
        must(self.init(), f"the first root was refused: {self.said}")
        return self

    def good(self, word="the refresh", result=None):
        must(self.refresh() if result is None else result, f"{word} was refused: {self.said}")

    def bad(self, reason="", result=None):
        must(not (self.refresh() if result is None else result), "it was taken, and must not be")
        must(reason in self.said, f"it was refused, but not for \"{reason}\": {self.said}")

    def versions(self, **expected):
        found = {role: self.version(role) for role in expected}
        must(found == expected, f"kept are the versions {found}, expected {expected}")

    def has(self, *roles):
        found = sorted(name[:-5] for name in os.listdir(self.dir))
        must(found == sorted(roles), f"kept are {found}, expected {sorted(roles)}")

    def end(self):
        self.repo.stop()
        self.home.cleanup()

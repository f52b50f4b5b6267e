"""A page of docs/spec that names tests: whether each of them is there."""
import os
import re

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")


def tests_of(page):
    """How many tests it names, and those of them that are none."""
    sources = {}
    for top in ("tests", "lib", "boot", "apps"):
        for folder, _, names in os.walk(os.path.join(ROOT, top)):
            for name in names:
                if name.endswith((".py", "_test.c", ".sh")):
                    with open(os.path.join(folder, name), encoding="utf-8") as source:
                        sources[name] = sources.get(name, "") + source.read()
    with open(os.path.join(ROOT, "docs/spec", page), encoding="utf-8") as text:
        named = sorted(set(re.findall(r"`(\w+)\.(\w+)`", text.read())))

    def is_there(file, name):
        text = sources.get(f"{file}.py", "") + sources.get(f"{file}.c", "")
        return f"{file}.sh" in sources if name == "sh" else re.search(rf"\b{name}\(", text) is not None
    return len(named), [f"{file}.{name}" for file, name in named if not is_there(file, name)]

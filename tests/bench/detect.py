#!/usr/bin/python3
"""What `./dev bench detect` prints: how good the detectors are, on the data that is there.

SV_DATA is the folder with nab, skab, gearbox and cmapss, SV_SCORE the one with their scorers. What has no data is left
out, and said. docs/detect.md says how each figure comes about.
"""
import importlib
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SELVEDGE = HERE.parents[1] / "build/release/bin/selvedge"


def measures():
    sys.path.insert(0, str(HERE))
    for file in sorted(HERE.glob("detect_*.py")):
        yield from importlib.import_module(file.stem).MEASURES


def main():
    data, score = os.environ.get("SV_DATA", ""), os.environ.get("SV_SCORE", "")
    if not os.path.isdir(data) or not os.path.isdir(score):
        print("bench detect: set SV_DATA and SV_SCORE to the folders of the data sets and of their scorers", file=sys.stderr)
        return 2
    line = "{:<72}{:>16}{:>16}   {}"
    print(line.format("measure", "reach", "aim", "today"))
    for measure in measures():
        rows = measure(str(SELVEDGE), data, score)
        if not rows:
            print(f"{measure.__name__}: no data in {data}, left out", file=sys.stderr)
        for row in rows:
            print(line.format(*row), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What `./dev bench detect` measures of single streams. Each function takes the program and the folders and gives rows
(measure, reach, aim, today), or none where the data is not there."""

import gzip
import json
import os
import re
import subprocess
import tempfile

VARIANTS = ("affine", "negate", "noise", "cut", "half")
THRESHOLD = "0.5"  # from which on an alert is raised, with normal sensitivity
PROFILES = ("standard", "reward_low_FP_rate", "reward_low_FN_rate")
PROBE = os.path.join(os.path.dirname(__file__), "../../build/release/bench/bench-detect-stream")


def read(path):
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            return file.read()
    with gzip.open(path + ".gz", "rt") as file:
        return file.read()


def judge_all(selvedge, data, labels, results):
    """Every file by a program of its own, as a stranger would run it."""
    with open(labels, encoding="utf-8") as file:
        names = sorted(json.load(file))
    for name in names:
        scores = subprocess.run([selvedge, "detect", "stream"], input=read(os.path.join(data, name)), capture_output=True, text=True, check=True).stdout
        path = os.path.join(results, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(scores)
    return len(names)


def score_of(score, data, labels, results, *more):
    said = subprocess.run([os.path.join(score, "nab_score.py"), "--data", data, "--labels", labels, "--results", results, *more],
                          capture_output=True, text=True, check=True).stdout
    return [float(re.search(rf"^{profile} +score +([-\d.]+)", said, re.M).group(1)) for profile in PROFILES]


def three(scores):
    return " / ".join(f"{s:.1f}" for s in scores)


def variant_row(selvedge, folder, labels, score, kind, original):
    with tempfile.TemporaryDirectory() as out, tempfile.TemporaryDirectory() as results:
        subprocess.run([os.path.join(score, "nab_variants.py"), "--data", os.path.join(folder, "data"), "--labels", labels,
                        "--out", out, "--kind", kind], check=True)
        data, labels = os.path.join(out, "data"), os.path.join(out, "combined_windows.json")
        judge_all(selvedge, data, labels, results)
        scores = score_of(score, data, labels, results, "--thresholds", THRESHOLD)
    return (f"NAB, variant {kind}, alert at {THRESHOLD}", "within 3", "within 1", f"{three(scores)} ({scores[0] - original[0]:+.1f})")


def nab(selvedge, data, score):
    folder = os.path.join(data, "nab")
    labels = os.path.join(folder, "labels/combined_windows.json")
    if not os.path.isfile(labels):
        return []
    source = os.path.join(folder, "data")
    with tempfile.TemporaryDirectory() as results:
        count = judge_all(selvedge, source, labels, results)
        best = score_of(score, source, labels, results)
        fixed = score_of(score, source, labels, results, "--thresholds", THRESHOLD)
    rows = [(f"NAB, {count} files: standard / low-FP / low-FN", "71 / 60 / 77", "76 / 68 / 81", three(best)),
            (f"NAB, {count} files, alert at {THRESHOLD}", "", "", three(fixed))]
    return rows + [variant_row(selvedge, folder, labels, score, kind, fixed) for kind in VARIANTS]


def cost(_selvedge, _data, _score):
    if not os.path.isfile(PROBE):
        return []
    told = json.loads(subprocess.run([PROBE], capture_output=True, text=True, check=True).stdout)
    return [("one reading of one stream, CPU", "1 µs", "", f"{told['ns']:.0f} ns"),
            ("one million streams: memory · readings a second and core", "1 GiB · 1 M", "512 MiB · 3 M",
             f"{told['mebibytes']:.0f} MiB · {told['per_second'] / 1e6:.1f} M")]


MEASURES = (nab, cost)

"""What `./dev bench detect` measures of models: C-MAPSS, the gearbox as classes, and what a row costs. Each function takes
the program and the folders and gives rows (measure, reach, aim, today), or none where the data is not there."""

import gzip
import itertools
import os
import re
import subprocess
import sys
import tempfile

CAP = 125
LOADS = (0, 20, 40, 60, 80)
GOALS = {"FD001": ("13.0", "10.6"), "FD003": ("12.3", "10.7")}


def unpack(path, to):
    with gzip.open(path, "rb") as packed, open(to, "wb") as plain:
        plain.write(packed.read())
    return to


def run(words, **more):
    return subprocess.run(words, capture_output=True, text=True, check=True, **more).stdout


def said(card, pattern):
    return re.search(pattern, card).group(1)


def numbers(path):
    with gzip.open(path, "rt") as file:
        return [float(x) for x in file.read().split()]


def judged(source, score, name, lines, folder):
    """RMSE by the scorer, and how many true lives lie in their interval, raw and capped."""
    rul, estimates = os.path.join(source, f"RUL_{name}.txt.gz"), os.path.join(folder, "estimates")
    with open(estimates, "w", encoding="utf-8") as file:
        file.writelines(f"{line[0]}\n" for line in lines)
    out = run([os.path.join(score, "cmapss_score.py"), "--rul", rul, "--pred", estimates, "--cap", str(CAP)])
    truth = numbers(rul)
    covered = [100 * sum(low <= min(left, cap) <= high for left, (_, low, high) in zip(truth, lines)) / len(truth)
               for cap in (CAP, 1e9)]
    return [float(x) for x in re.findall(r"RMSE ([\d.]+)", out)[:2]], covered


def cmapss(selvedge, data, score):
    source = os.path.join(data, "cmapss")
    if not os.path.isdir(source):
        return []
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in ("FD001", "FD002", "FD003", "FD004"):
            train, test = (unpack(os.path.join(source, f"{part}_{name}.txt.gz"), os.path.join(folder, part)) for part in ("train", "test"))
            model = os.path.join(folder, f"{name}.model")
            card = run([selvedge, "model", "train", "--task", "rul", "--format", "cmapss", "--data", train, "--out", model])
            with open(test, encoding="utf-8") as file:
                out = run([selvedge, "model", "predict", "--model", model, "--format", "cmapss"], stdin=file)
            lines = [[float(x) for x in line.split(",")] for line in out.splitlines()]
            if not os.path.exists(os.path.join(source, f"RUL_{name}.txt.gz")):
                rows.append((f"C-MAPSS {name}, engines left out of training: capped RMSE (all rows), 90 % interval", "", "",
                             f"{said(card, r'rmse: ([0-9.]+) over all')}, {said(card, r'interval: ([0-9.]+) %')} % ({len(lines)} predicted)"))
                continue
            (raw, capped), covered = judged(source, score, name, lines, folder)
            rows.append((f"C-MAPSS {name}, test engines: capped RMSE (raw)", *GOALS[name], f"{capped:.2f} ({raw:.2f})"))
            rows.append((f"C-MAPSS {name}, 90 % interval covers, capped / raw", "85-95 %", "88-92 %", f"{covered[0]:.0f} / {covered[1]:.0f} %"))
            if name == "FD001":
                rows += cost(selvedge, model)
    return rows


def cost(selvedge, model):
    program = os.path.join(os.path.dirname(selvedge), "..", "bench", "bench-tree-cost")
    size = f"{os.path.getsize(model) / 1024:.1f} KiB"
    if not os.path.exists(program):
        return [("tree model, size", "256 KiB", "64 KiB", size)]
    out = min((run([program, model]) for _ in range(5)), key=lambda text: float(said(text, r"walk_us: ([\d.]+)")))
    return [("tree model: one row's trees (and its features), CPU · size", "10 us · 256 KiB", "2 us · 64 KiB",
             f"{float(said(out, r'walk_us: ([0-9.]+)')):.2f} us ({float(said(out, r'row_us: ([0-9.]+)')):.2f}) · {size}")]


def gearbox(selvedge, data, _score):
    """Every choice of loads to learn from; windows of the other loads are judged."""
    source = os.path.join(data, "gearbox")
    if not os.path.isdir(source):
        return []
    rows, windows = [], {}
    with tempfile.TemporaryDirectory() as folder:
        for load, (letter, label) in itertools.product(LOADS, (("h", "healthy"), ("b", "broken"))):
            with open(unpack(os.path.join(source, f"{letter}30hz{load}.csv.gz"), os.path.join(folder, "raw")), encoding="utf-8") as raw:
                windows[load, label] = os.path.join(folder, f"{label}{load}.csv")
                with open(windows[load, label], "w", encoding="utf-8") as out:
                    out.write(run([selvedge, "detect", "vibration", "--features", "--label", label], stdin=raw))
        for count in range(1, len(LOADS)):
            right = judged_windows = 0
            for train in itertools.combinations(LOADS, count):
                files = [word for key, path in windows.items() if key[0] in train for word in ("--data", path)]
                model = os.path.join(folder, "model")
                run([selvedge, "model", "train", "--task", "class", "--label", "label", *files, "--out", model])
                for (load, label), path in windows.items():
                    if load not in train:
                        with open(path, encoding="utf-8") as file:
                            named = [line.split(",")[1] for line in run([selvedge, "model", "predict", "--model", model], stdin=file).splitlines()]
                        right += named.count(label)
                        judged_windows += len(named)
            rows.append((f"gearbox, classes, {count} of 5 loads learnt: accuracy on the others", "99 %", "100 %",
                         f"{100 * right / judged_windows:.2f} % of {judged_windows}"))
    return rows


MEASURES = (cmapss, gearbox)


def main():
    """detect_model.py SELVEDGE DATA SCORE: these rows alone."""
    for measure in MEASURES:
        for row in measure(*sys.argv[1:4]):
            print(" | ".join(row))


if __name__ == "__main__":
    main()

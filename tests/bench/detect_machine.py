"""What `./dev bench detect` measures of machines and of vibration. Each function takes the program and the folders and
gives rows (measure, reach, aim, today), or none where the data is not there."""

import gzip
import itertools
import os
import re
import subprocess
import sys
import tempfile

LOADS = (0, 20, 40, 60, 80)
TRAIN_ROWS = 400


def unpack(path):
    with gzip.open(path, "rt") as file:
        return file.read()


def without_labels(text):
    """What a plant would give: SKAB's last two columns are what somebody said later."""
    lines = text.splitlines()
    keep = [i for i, name in enumerate(lines[0].split(";")) if name not in ("anomaly", "changepoint")]
    return "".join(";".join(line.split(";")[i] for i in keep) + "\n" for line in lines)


def ask(selvedge, words, text):
    done = subprocess.run([selvedge, "detect", *words], input=text, capture_output=True, text=True, check=True)
    return [line.split(",") for line in done.stdout.splitlines()[1:]]


def skab(selvedge, data, score):
    folder = os.path.join(data, "skab")
    runs = [(group, name) for group in ("valve1", "valve2", "other") if os.path.isdir(os.path.join(folder, group))
            for name in sorted(os.listdir(os.path.join(folder, group)))]
    if not runs:
        return []
    with tempfile.TemporaryDirectory() as results:
        for group, name in runs:
            text = without_labels(unpack(os.path.join(folder, group, name)))
            rows = ask(selvedge, ["machine", "--train-rows", str(TRAIN_ROWS)], text)
            os.makedirs(os.path.join(results, group), exist_ok=True)
            with open(os.path.join(results, group, name.removesuffix(".gz")), "w", encoding="utf-8") as file:
                file.write("outlier,changepoint\n" + "".join(f"{row[-3]},{row[-2]}\n" for row in rows))
        said = subprocess.run([os.path.join(score, "skab_score.py"), "--data", folder, "--results", results],
                              capture_output=True, text=True, check=True).stdout
    f1, far, standard, low_fp = re.search(
        r"F1 ([\d.]+) FAR ([\d.]+)%.*nab std ([-\d.]+) lowFP ([-\d.]+)", said).groups()
    return [(f"SKAB, {len(runs)} runs: F1 (false alarm rate)", "0.82 (20 %)", "0.85", f"{float(f1):.3f} ({float(far):.1f} %)"),
            ("SKAB change points: standard / low-FP", "32.5 / 27", "38 / 32", f"{float(standard):.1f} / {float(low_fp):.1f}")]


def vibration_of(selvedge, folder, train, window):
    files = [os.path.join(folder, f"h30hz{load}.csv") for load in train]
    with open(os.path.join(folder, window), encoding="utf-8") as file:
        rows = ask(selvedge, ["vibration", "--train", *files], file.read())
    return [row[2] == "1" for row in rows]


def unpack_gearbox(data, folder):
    source = os.path.join(data, "gearbox")
    names = [name for name in os.listdir(source) if name.endswith(".csv.gz")] if os.path.isdir(source) else []
    for name in names:
        with open(os.path.join(folder, name.removesuffix(".gz")), "w", encoding="utf-8") as file:
            file.write(unpack(os.path.join(source, name)))
    return len(names)


def gearbox(selvedge, data, _score):
    """Every choice of one to four loads to learn from; the others are judged."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        if not unpack_gearbox(data, folder):
            return []
        for count in range(1, len(LOADS)):
            false, found = [], []
            for train in itertools.combinations(LOADS, count):
                for load in set(LOADS) - set(train):
                    false += vibration_of(selvedge, folder, train, f"h30hz{load}.csv")
                    found += vibration_of(selvedge, folder, train, f"b30hz{load}.csv")
            rows.append((f"gearbox, healthy-only, {count} of 5 loads learnt: false alarms / detection", "1 % / 99 %", "0 % / 100 %",
                         f"{100 * sum(false) / len(false):.2f} % / {100 * sum(found) / len(found):.2f} %"))
    return rows


MEASURES = (skab, gearbox)


def main():
    """detect_machine.py SELVEDGE DATA SCORE: these rows alone."""
    for measure in MEASURES:
        for row in measure(*sys.argv[1:4]):
            print(" | ".join(row))


if __name__ == "__main__":
    main()

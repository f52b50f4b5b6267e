#!/usr/bin/env python3
"""`./dev bench campaign [DEVICES]`: what a campaign over a large fleet costs, in CPU: the engine alone, and with its rows in SQLite in memory and on the disk."""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "build/release/bench/bench-campaign"
OUT = ROOT / "build/bench"

COLUMNS = (
    ("open_s", "server opens, s", "{:.1f}"),
    ("start_s", "start, s", "{:.2f}"),
    ("start_ms", "longest slice of it, ms", "{:.1f}"),
    ("gather_s", "gather, s", "{:.1f}"),
    ("slice_ms", "longest slice, ms", "{:.1f}"),
    ("page_ms", "campaign and a page, ms", "{:.2f}"),
    ("tag_ms", "tags of a device, ms", "{:.3f}"),
    ("assignments_per_s", "assignments/s", "{:,.0f}"),
    ("assign_ms", "at once at most, ms", "{:.1f}"),
    ("words_per_s", "words/s", "{:,.0f}"),
    ("retry_ms", "retry, at once at most, ms", "{:.1f}"),
)
BESIDE = (
    ("versions", "versions"),
    ("query", "a query that all fit"),
    ("query_few", "a query that no kind can fit"),
    ("list", "a page of devices by id"),
    ("list_urgent", "a page of devices by urgency"),
    ("list_version", "a page of devices of a version"),
    ("overview", "overview"),
    ("groups", "who of a site is in a group"),
    ("offline", "a minute of looking who is away"),
)


def run(devices, where=None):
    if where is None:
        return json.loads(subprocess.run([BENCH, str(devices)], check=True, stdout=subprocess.PIPE).stdout)
    with tempfile.TemporaryDirectory(prefix="selvedge-bench-", dir=where) as folder:
        return json.loads(subprocess.run([BENCH, str(devices), folder], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)


def main():
    devices = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    engine = run(devices)
    rows = [("SQLite in memory", run(devices, "/dev/shm")), ("SQLite on the disk", run(devices, ROOT / "build"))]
    print(f"{devices:,} devices, CPU time; the engine alone: gathers them in {engine['gather_s']:.2f} s, {engine['moves_per_s']:,.0f} moves/s\n")
    print("| | " + " | ".join(title for _, title, _ in COLUMNS) + " |")
    print("|---" * (len(COLUMNS) + 1) + "|")
    for name, row in rows:
        print(f"| {name} | " + " | ".join(form.format(row[key]) for key, _, form in COLUMNS) + " |")
    print("\n| | at once at most, ms | in all, s |\n|---|---|---|")
    for key, title in BESIDE:
        print(f"| {title} | {rows[0][1][key + '_ms']:.2f} | {rows[0][1][key + '_s']:.3f} |")
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "campaign.json").write_text(json.dumps({"engine": engine, "memory": rows[0][1], "disk": rows[1][1]}, indent=1) + "\n")


if __name__ == "__main__":
    main()

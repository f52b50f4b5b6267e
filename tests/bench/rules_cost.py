"""What rules cost: judged upon a reading, in memory, read again, and held against a gateway's history."""
import json
import resource
import subprocess
import tempfile
from pathlib import Path

# A threshold, a window (mean of five minutes) and a condition over two sensors, a third each.
WAYS = (("mix of the next three", "mix", 200), ("threshold", "threshold", None), ("window", "window", None), ("condition over two sensors", "condition", None), ("95th percentile", "quantile", None))

CANDIDATE = """thresholds: {default: {high: 80, low: 10, hysteresis: 5, hold: 10s}}
rules:
  default:
    hot: {when: 'mean(temperature, 5m) > 80', clear: 1m}
    dry: {when: pressure < 2 and pump_current > 5 for 10 s}
"""


def rounds_of(*command):
    out = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True).stdout
    rounds = [json.loads(line) for line in out.splitlines()]
    return {name: [r[name] for r in rounds] for name in rounds[0]}


def judging(results, probe, quick):
    each = rounds_of(probe, 5, 500_000 if quick else 3_000_000)
    for name, way, aim in WAYS:
        results.add(f"rule judged, {name}", "ns", each[way], aim=aim)


def memory(results, probe):
    each = rounds_of(probe, "memory")
    results.add("memory of a rule, of the mix", "bytes", each["mix"], aim=1024)
    results.add("memory of a rule, 95th percentile", "bytes", each["quantile"], aim=1024)


def reload(results, probe, quick):
    each = rounds_of(probe, "reload", 3 if quick else 9)
    results.add("10,000 rules read again and applied", "CPU ms", each["all"], ("YAML alone", each["yaml"]), aim=100)


def cpu_ns(command, readings):
    """Processor time of a program that ends, by reading."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e9 / readings, json.loads(out)


def backtest(results, selvedge, probe, quick):
    with tempfile.TemporaryDirectory(prefix="selvedge-rules-") as folder:
        store, config = Path(folder, "gateway.db"), Path(folder, "new.yaml")
        config.write_text(CANDIDATE)
        subprocess.run([probe, "store", store, str(1_000_000 if quick else 8_000_000)], check=True)
        command = [selvedge, "backtest", "--config", config, "--store", store, "--output", "json"]
        readings = cpu_ns(command, 1)[1]["readings"]
        runs = [(cpu_ns(command, readings)[0], cpu_ns([*command, "--from", "2100-01-01T00:00:00"], readings)[0]) for _ in range(2 if quick else 5)]
    results.add("backtest over a store, the mix", "ns/reading", [run[0] for run in runs], ("unpacking alone", [run[1] for run in runs]), aim=1000)


def instructions(results, probe, instructions_of, stored):
    """False: over the ceiling by more than a fifth."""
    count = (instructions_of(probe, "mix", 62_000) - instructions_of(probe, "mix", 2000)) / 60_000
    results.add("rule judged, mix of the three", "instructions", [count], aim=stored * 1.2)
    return count <= stored * 1.2


def run(results, bin_folder, probe, quick):
    judging(results, probe, quick)
    memory(results, probe)
    reload(results, probe, quick)
    backtest(results, bin_folder / "selvedge", probe, quick)

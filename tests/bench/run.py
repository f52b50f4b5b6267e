#!/usr/bin/env python3
"""What `./dev bench` runs: the real programs on loopback, counted and timed.

Prints a table, writes build/bench/bench.json and build/bench/bench.svg. docs/bench.md says what each
number means. Exit 1: a reading was lost, or an instruction count is over its ceiling.
"""
import argparse
import json
import os
import platform
import resource
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import connection_cost
import enrol_cost
import flood_latency
import image_cost
import install_cost
import rules_cost
import standing_cost
import trust_cost
import updater_cost
from site_programs import POLL_S, Site, SiteError, free_port, stored_counter, wait_until

SOURCE = Path(__file__).resolve().parents[2]
BIN = SOURCE / "build/release/bin"
PROBES = SOURCE / "build/release/bench"
CEILINGS = Path(__file__).with_name("ceilings.json")
TICK = os.sysconf("SC_CLK_TCK")
SETTLE_S = 90
BURST = 75_000  # below mosquitto's max_queued_messages, so that a slow consumer loses nothing
WINDOWS = 5
SUB_LINE = len("1700000000.123456789\n")
LIVE_RATE = 1000  # readings/s beside a drain


# --- results ----------------------------------------------------------------------------------


class Results:
    """Rows of the table. `aim` is an upper bound, `ratio_aim` one of the ratio to the baseline."""

    def __init__(self):
        self.rows = []

    def add(self, name, unit, values, baseline=None, aim=None, ratio_aim=None):
        median = statistics.median(values)
        row = {"name": name, "unit": unit, "median": median, "values": values}
        if baseline is not None:
            row["baseline"] = {"name": baseline[0], "median": statistics.median(baseline[1]), "values": baseline[1]}
            row["ratio"] = statistics.median([a / b for a, b in zip(values, baseline[1])])
        if aim is not None:
            row["aim"] = aim
            row["met"] = median <= aim
        if ratio_aim is not None:
            row["ratio_aim"] = ratio_aim
            row["met"] = row["ratio"] <= ratio_aim
        self.rows.append(row)
        print(self.line(row), flush=True)

    @staticmethod
    def spread(row):
        """The least and the largest of the ratios: what a single run would have said."""
        ratios = [a / b for a, b in zip(row["values"], row["baseline"]["values"])]
        return f", {min(ratios):.2f} to {max(ratios):.2f}" if len(ratios) > 1 else ""

    @staticmethod
    def line(row):
        base = row.get("baseline")
        beside = f"{row['ratio']:.2f} × {base['name']} ({number(base['median'])}){Results.spread(row)}" if base else ""
        bound = number(row["aim"]) if "aim" in row else f"{row['ratio_aim']:.2f} ×" if "ratio_aim" in row else ""
        aim = f"aim ≤ {bound}: {'met' if row['met'] else 'MISSED'}" if bound else ""
        return f"{row['name']:<46}{number(row['median']):>10} {row['unit']:<16}{aim:<22}{beside}".rstrip()


def number(value):
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


# --- what the kernel knows ---------------------------------------------------------------------


def cpu_s(process):
    fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def memory_mb(process):
    """(PSS, private) in MB of 1024 kB."""
    lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()[1:]
    kb = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    return kb["Pss"] / 1024, (kb["Private_Clean"] + kb["Private_Dirty"]) / 1024


def first_words(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()[0]
    except (OSError, IndexError):
        return "?"


def machine():
    cpu = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "cpu": cpu[0] if cpu else platform.machine(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "compiler": first_words("cc", "--version"),
        "mosquitto": first_words("mosquitto", "-h"),
        "load_before": os.getloadavg()[0],
    }


# --- (a) the pipeline in process -------------------------------------------------------------------


def pipeline(results, quick):
    out = subprocess.run([PROBES / "bench-pipeline", "5", "50000" if quick else "300000"], capture_output=True, text=True, check=True)
    rounds = [json.loads(line) for line in out.stdout.splitlines()]
    each = {name: [r[name] for r in rounds] for name in rounds[0]}
    results.add("pipeline, reading of 3 members", "ns/reading", each["pipeline_plain"], ("jansson alone", each["jansson_plain"]), aim=2000)
    results.add("pipeline, reading of 6 members", "ns/reading", each["pipeline_numbered"], ("jansson alone", each["jansson_numbered"]), aim=2000)
    results.add("pipeline without JSON", "ns/reading", each["without_json"])
    results.add("the same, looking for what is unusual", "ns/reading", each["watched"], ("without", each["without_json"]), aim=1000)
    results.add("a stream in which that is looked for", "bytes", each["watched_bytes"], ("without", each["stream_bytes"]))


def instructions_of(probe, way, readings):
    """Instructions of a whole run, as callgrind counts them."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", probe, "once", way, str(readings)]
    err = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    return int(next(line for line in err.splitlines() if "Collected" in line).split(":")[1])


def instructions(results):
    """False: over the ceiling by more than a fifth."""
    if shutil.which("valgrind") is None:
        print("instructions per reading: not counted, valgrind is not installed")
        return True
    pipeline_probe = PROBES / "bench-pipeline"
    count = (instructions_of(pipeline_probe, "pipeline_numbered", 12000) - instructions_of(pipeline_probe, "pipeline_numbered", 2000)) / 10000
    stored = json.loads(CEILINGS.read_text())["pipeline_instructions"]
    results.add("pipeline, reading of 6 members", "instructions", [count], aim=stored * 1.2)
    return count <= stored * 1.2


# --- (b) through mosquitto ---------------------------------------------------------------------------


class Watch:
    """Samples (time, count, CPU of each process) whenever the count has moved."""

    def __init__(self, site, count, processes):
        self.site, self.count, self.processes, self.samples = site, count, processes, []

    def look(self):
        self.site.died(but="simulate")
        count = self.count()
        if not self.samples or count != self.samples[-1][1]:
            self.samples.append((time.monotonic(), count, [cpu_s(p) for p in self.processes]))

    def follow(self, load):
        while load.poll() is None:
            self.look()
            time.sleep(POLL_S)
        report = self.site.simulated(load)
        wanted = report["published"]
        end = time.monotonic() + SETTLE_S
        while self.samples[-1][1] < wanted and time.monotonic() < end:
            self.look()
            time.sleep(POLL_S)
        if self.samples[-1][1] != wanted or report["acknowledged"] != wanted:
            raise SiteError(f"published {wanted}, acknowledged {report['acknowledged']}, arrived {self.samples[-1][1]}")
        return self.figures()

    def figures(self):
        # Handshakes lie before the first reading and goodbyes after the last: neither counts.
        first = next(s for s in self.samples if s[1] > 0)
        last = self.samples[-1]
        readings = last[1] - first[1]
        cpu = [(b - a) / readings * 1e6 for a, b in zip(first[2], last[2])]
        return {"readings": last[1], "per_s": readings / (last[0] - first[0]), "cpu_s_per_million": cpu}


def into_gateway(site, devices, rate, seconds):
    site.write_gateway(fleet=False, alerts_port=None, group_ms=None)
    broker = site.start_broker()
    gateway = site.start_gateway()
    watch = Watch(site, stored_counter(site.store), [gateway, broker])
    figures = watch.follow(site.simulate(devices, rate, seconds))
    rows = sqlite3.connect(f"file:{site.store}?mode=ro", uri=True).execute("SELECT coalesce(sum(count), 0) FROM kept").fetchone()[0]
    if rows != figures["readings"]:
        raise SiteError(f"the gateway's store has {rows} readings of {figures['readings']}")
    site.stop(gateway)
    site.stop(broker)
    return figures


def into_mosquitto_sub(site, devices, rate, seconds):
    site.write_gateway(fleet=False, alerts_port=None, group_ms=None)
    broker = site.start_broker()
    lines = site.dir / f"sub-{site.number}.txt"
    with open(lines, "wb") as out:
        sub = site.start(
            "mosquitto_sub", "stdbuf", "-oL", "mosquitto_sub", "-h", "127.0.0.1", "-p", site.mqtt_port, "-q", "1", "-t", "sensors/#", "-F", "%U",
            "--cafile", site.pki / "ca.crt", "--cert", site.cert("gateway-1"), "--key", site.key("gateway-1"), stdout=out,
        )
    time.sleep(1)
    watch = Watch(site, lambda: lines.stat().st_size // SUB_LINE, [sub, broker])
    figures = watch.follow(site.simulate(devices, rate, seconds))
    site.stop(sub, signal.SIGINT)
    site.stop(broker)
    return figures


def through_mosquitto(results, site, devices, pairs, seconds):
    rate = BURST // seconds
    ours, theirs = [], []
    for _ in range(pairs):
        ours.append(into_gateway(site, devices, rate, seconds))
        theirs.append(into_mosquitto_sub(site, devices, rate, seconds))
    name = f"mosquitto to gateway, {devices} devices"
    of = lambda all_, i: [f["cpu_s_per_million"][i] for f in all_]
    results.add(name, "readings/s", [f["per_s"] for f in ours], ("mosquitto_sub", [f["per_s"] for f in theirs]))
    results.add(f"gateway, {devices} devices", "CPU s/million", of(ours, 0), ("mosquitto_sub", of(theirs, 0)))
    results.add(f"mosquitto, {devices} devices", "CPU s/million", of(ours, 1), ("to mosquitto_sub", of(theirs, 1)))


# --- (c) the front door -----------------------------------------------------------------------------------


def established(port):
    """TLS or not: connections that the server on this port has accepted."""
    wanted = f":{port:04X} "
    with open("/proc/net/tcp") as table:
        return sum(1 for line in table if wanted in line[:21] and line.split()[3] == "01")


def ingest(site, server, devices, rate, seconds):
    """CPU and rate of whoever serves the devices, from the last connection to the last acknowledgement."""
    before = established(site.mqtt_port)
    load = site.simulate(devices, rate, seconds)
    wait_until(lambda: established(site.mqtt_port) >= before + devices, f"{devices} connections", 120)
    began, cpu = time.monotonic(), cpu_s(server)
    last = (began, cpu)
    while load.poll() is None:
        last = (time.monotonic(), cpu_s(server))
        time.sleep(POLL_S)
    report = site.simulated(load)
    if report["acknowledged"] != report["published"]:
        raise SiteError(f"published {report['published']}, acknowledged {report['acknowledged']}")
    readings = report["acknowledged"]
    return {"readings": readings, "per_s": readings / (last[0] - began), "cpu": (last[1] - cpu) / readings * 1e6}


def into_door(site, devices, rate, seconds, folder=None):
    site.write_gateway(fleet=False, alerts_port=None, group_ms=None, door=True, folder=folder)
    gateway = site.start_gateway()
    figures = ingest(site, gateway, devices, rate, seconds)
    site.stop(gateway)
    rows = sqlite3.connect(f"file:{site.store}?mode=ro", uri=True).execute("SELECT coalesce(sum(count), 0) FROM kept").fetchone()[0]
    if rows != figures["readings"]:
        raise SiteError(f"the gateway acknowledged {figures['readings']} readings, its store has {rows}")
    return figures


def into_mosquitto(site, devices, rate, seconds, subscriber):
    site.write_gateway(fleet=False, alerts_port=None, group_ms=None)
    broker = site.start_broker()
    if subscriber:
        site.start(
            "mosquitto_sub", "mosquitto_sub", "-h", "127.0.0.1", "-p", site.mqtt_port, "-q", "1", "-t", "sensors/#",
            "--cafile", site.pki / "ca.crt", "--cert", site.cert("gateway-1"), "--key", site.key("gateway-1"), stdout=subprocess.DEVNULL,
        )
        time.sleep(1)
    figures = ingest(site, broker, devices, rate, seconds)
    site.stop_all()
    return figures


def front_door(results, site, devices, pairs, seconds, rate):
    ours, alone, subscribed = [], [], []
    for _ in range(pairs):
        ours.append(into_door(site, devices, rate, seconds))
        alone.append(into_mosquitto(site, devices, rate, seconds, subscriber=False))
        subscribed.append(into_mosquitto(site, devices, rate, seconds, subscriber=True))
    of = lambda all_, key: [f[key] for f in all_]
    name = f"front door, {devices} devices"
    results.add(name, "CPU s/million", of(ours, "cpu"), ("mosquitto, ingest alone", of(alone, "cpu")), aim=9)
    results.add(f"{name}, against one subscriber", "CPU s/million", of(ours, "cpu"), ("mosquitto, null subscriber", of(subscribed, "cpu")))
    results.add(name, "readings/s", of(ours, "per_s"), ("mosquitto, ingest alone", of(alone, "per_s")))


def what_the_disk_costs(results, site, pairs):
    """As fast as the devices can: acknowledged when it is on disk, and with a store in memory."""
    on_disk, in_memory = [], []
    with tempfile.TemporaryDirectory(prefix="selvedge-bench-", dir="/dev/shm") as folder:
        for _ in range(pairs):
            on_disk.append(into_door(site, 500, 150_000, 3)["per_s"])
            in_memory.append(into_door(site, 500, 150_000, 3, Path(folder))["per_s"])
    results.add("front door, as fast as 500 devices can", "readings/s", on_disk, ("a store in memory", in_memory))


def back_after_a_restart(results, site, devices):
    """kill -9 of the gateway, and every device is connected again; how much memory a connection takes."""
    site.write_gateway(fleet=False, alerts_port=None, group_ms=None, door=f"connections: {devices + 100}")
    gateway = site.start_gateway()
    alone = memory_mb(gateway)[1]
    load = site.simulate(devices, devices / 10, 3600)
    connected = lambda: site.gateway_status()["front"]["clients"] == devices
    wait_until(connected, f"{devices} connections", 900)
    time.sleep(5)
    each = (memory_mb(gateway)[1] - alone) * 1024 / devices
    site.kill(gateway)
    gateway = site.start_gateway()
    began = time.monotonic()
    wait_until(connected, "the return of every device", 120)
    results.add(f"{devices} devices back after kill -9", "s", [time.monotonic() - began], aim=10)
    results.add(f"memory of one of {devices} connections", "kB", [each], aim=25)
    site.stop(load)
    site.stop_all()


def drain(results, site, quick):
    """What has waited while the fleet server was away: from the first item that goes up to the last."""
    fleet = site.start_fleet()
    site.write_gateway(fleet=True, alerts_port=None, group_ms=None, door=True, more="uplink: {default: all}\n")
    gateway = site.start_gateway()
    site.kill(fleet)
    site.simulated(site.simulate(20, 20_000, 3 if quick else 10))
    waits = lambda: site.gateway_status()["uplink"]["spool"]
    items = waits()
    fleet = site.restart_fleet()
    wait_until(lambda: waits() < items, "the first of what has waited", 120)
    began, cpu, above = time.monotonic(), cpu_s(gateway), cpu_s(fleet)
    left = waits()
    wait_until(lambda: waits() == 0, "the last of what has waited", 300)
    results.add(f"drain of {items:,} items", "items/s", [left / (time.monotonic() - began)])
    results.add("gateway while it drains", "CPU s/million", [(cpu_s(gateway) - cpu) / left * 1e6])
    results.add("fleet server while it takes that in", "CPU s/million", [(cpu_s(fleet) - above) / left * 1e6])
    site.stop_all()


def drain_beside_live(results, site, quick):
    """The same while devices go on: how soon a reading's PUBACK and its alert come during that."""
    alerts_port, samples = free_port(), WINDOWS * (20 if quick else 60)
    fleet = site.start_fleet()
    site.write_gateway(fleet=True, alerts_port=alerts_port, group_ms=None, door=True, more=PROBE_RULES + "uplink: {default: all}\n")
    site.start_gateway()
    probe = start_probe(site, alerts_port, samples)
    site.kill(fleet)
    site.simulated(site.simulate(20, 20_000, 10 if quick else 40))
    load = site.simulate(20, LIVE_RATE, 3600)
    waits = lambda: site.gateway_status()["uplink"]["spool"]
    time.sleep(2)
    site.restart_fleet()
    items = waits()
    wait_until(lambda: waits() < items, "the first of what has waited", 120)
    probe.send_signal(signal.SIGUSR1)
    began, left = time.monotonic(), waits()
    # What devices say meanwhile waits for its turn too, so there is never nothing.
    wait_until(lambda: waits() < 3 * LIVE_RATE, "the last of what has waited", 300)
    took = time.monotonic() - began
    results.add(f"drain of {items:,} items, {LIVE_RATE:,} readings/s beside it", "items/s", [(left - waits()) / took])
    times = probed(site, probe, samples, started=True)
    during = [i for i, at in enumerate(times["sent_us"]) if at / 1e6 < began + took]
    if len(during) < samples // 10:
        raise SiteError(f"{len(during)} of {samples} alerts were raised while {left} items went up: too few to say anything")
    results.add("alerts raised during that drain", "", [len(during)])
    for by, name in (("puback", "publish to PUBACK"), ("mqtt", "publish to alert on MQTT"), ("https", "publish to alert over HTTPS")):
        of = [times[by + "_us"][i] / 1000 for i in during]
        results.add(f"{name} during the drain, p50", "ms", [percentile(of, 0.5)])
        results.add(f"{name} during the drain, p99", "ms", [percentile(of, 0.99)], aim=100)
    site.stop(load)
    site.stop_all()


# --- (d) publish to alert, (e) memory -------------------------------------------------------------------


# Upon each step of the probe's sensors its own rule asks the probe to do something.
PROBE_RULES = "commands: {allow: {devices: {bench-probe: [%s]}}, rate: 60}\nrules:\n  devices:\n    bench-probe:\n%s" % (
    ", ".join(f"c{i:02d}" for i in range(60)),
    "".join(f"      r{i:02d}: {{when: step{i:02d} > 5000, then: {{command: c{i:02d}}}}}\n" for i in range(60)),
)


def whole_site(site, alerts_port=None, group_ms=None, more=""):
    """Devices come to the gateway's own door."""
    fleet = site.start_fleet()
    site.write_gateway(fleet=True, alerts_port=alerts_port, group_ms=group_ms, door=True, more=more)
    gateway = site.start_gateway()
    site.write_agent()
    return {"fleet": fleet, "gateway": gateway, "agent": site.start_agent()}


def wait_load(site):
    count = stored_counter(site.store)
    wait_until(lambda: count() > 2000, "the load of 1,000 readings/s", 120)


def probe_command(site, alerts_port, samples):
    return [
        PROBES / "bench-alert-latency", "--id", "bench-probe", "--ca", site.pki / "ca.crt", "--cert", site.cert("bench-probe"),
        "--key", site.key("bench-probe"), "--server-cert", site.cert("fleet-server"), "--server-key", site.key("fleet-server"),
        "--mqtt-port", str(site.mqtt_port), "--https-port", str(alerts_port), "--samples", str(samples),
    ]


def start_probe(site, alerts_port, samples):
    out = tempfile.TemporaryFile(dir=site.dir)
    process = site.start("probe", *probe_command(site, alerts_port, samples), stdout=out)
    process.report = out
    site.wait_port(alerts_port, "the probe's HTTPS address")
    return process


def probed(site, process, samples, started=False):
    """The times that each sample took, by way; every alert must have arrived."""
    if not started:
        process.send_signal(signal.SIGUSR1)
    code = process.wait()
    site.running = [(name, p) for name, p in site.running if p is not process]
    process.report.seek(0)
    times = json.loads(process.report.read() or "{}")
    if code != 0 or any(len(times.get(by + "_us", [])) != samples for by in ("broker", "puback", "mqtt", "https", "command")):
        arrived = {by: len(values) for by, values in times.items() if isinstance(values, list)}
        raise SiteError(f"of {samples} alerts arrived {arrived}: {(site.dir / 'probe.log').read_text()[-300:]}")
    return times


def windows_of(values):
    """Five stretches of equal length, so that one disturbance of the machine spoils one of them."""
    size = len(values) // WINDOWS
    return [values[i * size : (i + 1) * size] for i in range(WINDOWS)]


def alert_latency(results, site, quick, group_ms, rate):
    """`rate` readings/s in all, of 500 devices; the probe is one of them, with 40."""
    samples = WINDOWS * (40 if quick else 200)
    alerts_port = free_port()
    programs = whole_site(site, alerts_port, group_ms, PROBE_RULES)
    probe = start_probe(site, alerts_port, samples)
    load = site.simulate(499, rate - 40, 3600)
    wait_load(site)
    count, started = stored_counter(site.store), (time.monotonic(), cpu_s(programs["gateway"]))
    before = count()
    times = probed(site, probe, samples)
    readings = count() - before
    measured = readings / (time.monotonic() - started[0])
    paced = {"gateway": cpu_s(programs["gateway"]) - started[1]}
    site.stop(load)
    site.stop_all()
    windows = {by: windows_of(times[by + "_us"]) for by in ("broker", "mqtt", "https", "command")}
    at = f"at {rate:,}/s"
    of = lambda by, share: [percentile(window, share) / 1000 for window in windows[by]]
    for share, label in ((0.5, "p50"), (0.99, "p99")):
        baseline = ("broker alone", of("broker", share))
        aim = 20 if label == "p99" else None
        results.add(f"publish to alert on MQTT, {at}, {label}", "ms", of("mqtt", share), baseline, aim)
        results.add(f"publish to alert over HTTPS, {at}, {label}", "ms", of("https", share), baseline, aim)
        results.add(f"reading to command, {at}, {label}", "ms", of("command", share), baseline, aim)
    results.add(f"readings/s while that was measured {at}", "readings/s", [measured])
    for name, seconds in paced.items():
        results.add(f"{name} {at}", "CPU s/million", [seconds / readings * 1e6])


def memory_of_site(site, seconds, more=""):
    """(PSS, private) of each program while 500 devices speak; of the gateway also what their connections take."""
    programs = whole_site(site, more=more)
    gateway = programs["gateway"]
    alone = memory_mb(gateway)[0]
    load = site.simulate(499, 1000, 3600)  # the agent is the 500th
    wait_until(lambda: established(site.mqtt_port) >= 500, "500 connections", 120)
    connections = memory_mb(gateway)[0] - alone
    wait_load(site)
    time.sleep(seconds)
    site.died()
    found = {name: memory_mb(programs[name]) for name in ("agent", "gateway", "fleet")}
    site.stop(load)
    site.stop_all()
    return found, connections


def memory(results, site, quick):
    seconds = 20 if quick else 60
    found, connections = memory_of_site(site, seconds)
    plain, plain_connections = memory_of_site(site, seconds, "detect: off\n")
    for name, aim in (("agent", 6), ("gateway", 24), ("fleet", 40)):
        pss, private = found[name]
        results.add(f"{name} at 500 devices", "MB PSS", [pss], ("private", [private]), aim=aim)
    for name, all_of_it, part in (("", found, connections), (", detect: off", plain, plain_connections)):
        results.add(f"gateway at 500 devices{name}, besides connections", "MB PSS", [all_of_it["gateway"][0] - part], ("connections", [part]), aim=12)


# --- (f) the store -----------------------------------------------------------------------------------------


def written(process):
    lines = Path(f"/proc/{process.pid}/io").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("write_bytes")).split(":")[1])


def is_packed(path):
    """Nothing is left to be done but to wait for more readings."""
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    unfinished = "SELECT count(*) FROM stretch WHERE state <> 1"
    leftover = "SELECT count(*) FROM reading_row WHERE id <= (SELECT coalesce(max(upto), 0) FROM stretch WHERE kind = 0)"
    return db.execute(f"SELECT ({unfinished}) + ({leftover})").fetchone()[0] == 0


def stored_load(site, pack, seconds):
    """What 500 machines of four sensors cost the disk and the processor, from their first reading on."""
    site.write_gateway(fleet=False, alerts_port=None, group_ms=None, door=True, store=f", pack: {pack}, rows: 2000")
    gateway = site.start_gateway()
    load = site.simulate(500, 2000, seconds)
    count = stored_counter(site.store)
    wait_until(lambda: count() > 2000, "the load of 2,000 readings/s", 120)
    before, cpu, bytes_before = count(), cpu_s(gateway), written(gateway)
    site.simulated(load)
    wait_until(lambda: is_packed(site.store), "the end of the packing", SETTLE_S)
    readings = count() - before
    figures = {"written": (written(gateway) - bytes_before) / readings, "cpu": (cpu_s(gateway) - cpu) / readings * 1e6, "memory": memory_mb(gateway)[0]}
    figures["packed"] = site.gateway_status()["store"]["packed"]
    site.stop(gateway)
    db = sqlite3.connect(f"file:{site.store}?mode=ro", uri=True)
    pages = dict(db.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name"))
    figures["blocks"] = pages["block"] / max(1, figures["packed"]["count"])
    figures["rows"] = (pages["reading"] + pages["reading_b"]) / max(1, db.execute("SELECT count(*) FROM reading_row").fetchone()[0])
    figures["missing"] = count() - db.execute("SELECT sum(count) FROM kept").fetchone()[0]
    return figures


def store(results, site, quick):
    seconds = 45 if quick else 120
    rows, blocks = stored_load(site, "1d", seconds), stored_load(site, "15s" if quick else "30s", seconds)
    if rows["missing"] or blocks["missing"]:
        raise SiteError(f"{rows['missing']} and {blocks['missing']} readings are not in the store")
    results.add("stored reading, packed", "bytes", [blocks["blocks"]], ("as a row", [rows["rows"]]), aim=8)
    results.add("written per reading, packing included", "bytes", [blocks["written"]], ("rows alone", [rows["written"]]), aim=250)
    results.add("gateway at 2,000 readings/s, packing", "CPU s/million", [blocks["cpu"]], ("rows alone", [rows["cpu"]]))
    results.add("gateway at 2,000 readings/s, packing", "MB PSS", [blocks["memory"]], ("rows alone", [rows["memory"]]), aim=24)


# --- what remains ------------------------------------------------------------------------------------------


def picture(rows, path):
    """One bar per row that has an aim or a baseline: the median against it (1 = equal)."""
    bars = [(r, r["median"] / r["aim"], "aim") for r in rows if "aim" in r]
    bars += [(r, r["ratio"], r["baseline"]["name"]) for r in rows if "aim" not in r and "ratio" in r]
    height, left, unit = 24, 330, 140
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="900" height="{height * len(bars) + 30}" font-family="sans-serif" font-size="12">',
           '<rect width="100%" height="100%" fill="white"/>',
           f'<line x1="{left + unit}" x2="{left + unit}" y1="0" y2="{height * len(bars)}" stroke="#888" stroke-dasharray="3"/>']
    for i, (row, ratio, against) in enumerate(bars):
        y, colour = i * height, "#c0392b" if row.get("met") is False else "#2a7f62"
        out.append(f'<text x="{left - 8}" y="{y + 16}" text-anchor="end">{row["name"]} ({row["unit"]})</text>')
        out.append(f'<rect x="{left}" y="{y + 4}" width="{min(ratio, 2.8) * unit:.0f}" height="{height - 8}" fill="{colour}"/>')
        out.append(f'<text x="{left + min(ratio, 2.8) * unit + 6:.0f}" y="{y + 16}">{number(row["median"])}, {ratio:.2f} × {against}</text>')
    out.append(f'<text x="{left + unit}" y="{height * len(bars) + 18}" text-anchor="middle">1 = aim, or baseline</text></svg>')
    path.write_text("\n".join(out) + "\n")


def write(results, quick, facts):
    folder = SOURCE / "build/bench"
    folder.mkdir(parents=True, exist_ok=True)
    document = {"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "quick": quick, "machine": facts, "results": results.rows}
    (folder / "bench.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    picture(results.rows, folder / "bench.svg")
    print(f"written: {folder}/bench.json, {folder}/bench.svg")


PARTS = ("pipeline", "rules", "gateway", "disk", "restart", "held", "drain", "through", "latency", "memory", "store", "enrol", "floods", "identity", "image", "trust", "update")


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; none named: all of them")
    parser.add_argument("--group-ms", type=int, help="the gateway's store.group_wait for the latency")
    parser.add_argument("--keep", action="store_true", help="keep the temporary folder with the logs")
    asked = parser.parse_args()
    for part in asked.parts:
        if part not in PARTS:
            parser.error(f"there is no part '{part}'; there are {', '.join(PARTS)}")
    return asked


def measure(results, site, asked):
    parts = asked.parts or PARTS
    good = True
    if "pipeline" in parts:
        pipeline(results, asked.quick)
        good = instructions(results)
    if "rules" in parts:
        rules_cost.run(results, BIN, PROBES / "bench-rules", asked.quick)
        if shutil.which("valgrind") is not None:
            stored = json.loads(CEILINGS.read_text())["rules_instructions"]
            good = rules_cost.instructions(results, PROBES / "bench-rules", instructions_of, stored) and good
    if "gateway" in parts:
        for devices in (20, 500):
            front_door(results, site, devices, 2 if asked.quick else 5, 3, BURST // 3)
    if "disk" in parts:
        what_the_disk_costs(results, site, 2 if asked.quick else 5)
    if "held" in parts and not asked.quick:
        back_after_a_restart(results, site, 10_000)
    if "restart" in parts:
        back_after_a_restart(results, site, 200 if asked.quick else 2000)
    if "drain" in parts:
        drain(results, site, asked.quick)
        drain_beside_live(results, site, asked.quick)
    if "through" in parts:
        for devices in (20, 500):
            through_mosquitto(results, site, devices, 2 if asked.quick else 5, 3)
    if "latency" in parts:
        for rate in (1000, 5000):
            alert_latency(results, site, asked.quick, asked.group_ms, rate)
    if "memory" in parts:
        memory(results, site, asked.quick)
    if "store" in parts:
        store(results, site, asked.quick)
    if "enrol" in parts:
        enrol_cost.measure(results, site, asked.quick)
    if "floods" in parts:
        flood_latency.run(results, BIN, asked.quick)
    if "identity" in parts:
        standing_cost.run(results, site, asked.quick)
        connection_cost.run(results, site, asked.quick)
    if "image" in parts:
        image_cost.run(results, PROBES, asked.quick)
    if "trust" in parts:
        trust_cost.run(results, BIN, PROBES, asked.quick)
    if "update" in parts:
        install_cost.run(results, BIN, asked.quick)
        updater_cost.run(results, BIN, asked.quick)
    return good


def main():
    asked = options()
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))  # 500 devices are 500 connections, on either side
    facts, results = machine(), Results()
    folder = Path(tempfile.mkdtemp(prefix="selvedge-bench-"))
    print(f"{facts['cpu']}, {facts['cores']} cores, Linux {facts['kernel']}, {facts['mosquitto']}, load {facts['load_before']:.1f}")
    site = None
    try:
        site = Site(folder, BIN)
        good = measure(results, site, asked)
        write(results, asked.quick, facts)
    except (SiteError, subprocess.CalledProcessError) as failure:
        print(f"bench: {failure}", file=sys.stderr)
        good = False
    finally:
        if site is not None:
            site.stop_all()
        if not asked.keep:
            shutil.rmtree(folder)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Draws the pictures of docs/guide/rules.md: what `selvedge backtest` says that each kind of rule does.

usage: draw_rules.py SELVEDGE FOLDER [--check]

Writes FOLDER/<kind>.svg. --check compares instead and ends with 1 when a picture is not what the rules do now.
"""
import html
import json
import math
import pathlib
import subprocess
import sys
import tempfile

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BAND = 720, 190, 44, 10, 14, 26


def wave(at, mean, swing, period, noise=0.0):
    """A value that swings, with noise that is the same each time."""
    shake = math.sin(at * 12.9898) * 43758.5453
    return mean + swing * math.sin(2 * math.pi * at / period) + noise * 2 * (shake - math.floor(shake) - 0.5)


def ramp(at, *points):
    """Straight lines between (second, value)."""
    for (a, low), (b, high) in zip(points, points[1:]):
        if a <= at <= b:
            return low + (high - low) * (at - a) / (b - a)
    return points[-1][1]


KINDS = [
    ("threshold", "thresholds: {default: {high: 80}}",
     {"temperature": lambda t: wave(t, 76, 6, 100, 2)}, 300, [80], "a bound alone"),
    ("hysteresis", "thresholds: {default: {high: 80, hysteresis: 3}}",
     {"temperature": lambda t: 76 + 5.5 * math.sin(t / 60) + 2.5 * math.sin(t / 7)}, 300, [80, 77],
     "hysteresis: 3 ends the alert below 77"),
    ("hold", "thresholds: {default: {high: 80, hold: 30s}}",
     {"temperature": lambda t: 74 + ramp(t, (0, 0), (40, 0), (45, 12), (62, 12), (67, 0), (140, 0), (146, 11),
                                         (230, 11), (236, 0), (300, 0))}, 300, [80],
     "hold: 30s passes over what is short"),
    ("clear", "thresholds: {default: {high: 80, clear: 60s}}",
     {"temperature": lambda t: 74 + (12 if 40 <= t < 80 or 110 <= t < 150 else 0)}, 300, [80],
     "clear: 60s makes one alert of two peaks"),
    ("levels", "thresholds: {default: {high: {warning: 70, critical: 85}}}",
     {"temperature": lambda t: ramp(t, (0, 60), (60, 60), (160, 95), (200, 95), (260, 62), (300, 60))}, 300, [70, 85],
     "raised at 70, critical from 85 on"),
    ("rate", "rate: {default: {rise: 6, per: 1m}}",
     {"temperature": lambda t: ramp(t, (0, 40), (60, 44), (120, 48), (150, 58), (180, 58), (300, 60))}, 300, [],
     "more than 6 in a minute, wherever it stands"),
    ("stale", "stale: {default: 60s}",
     {"temperature": lambda t: None if 100 <= t < 220 else wave(t, 50, 3, 90, 1)}, 300, [],
     "silent for longer than 60s"),
    ("window", "rules: {default: {rough: {when: 'p95(vibration, 1 m) > 7'}}}",
     {"vibration": lambda t: wave(t, 4 + (2.2 if 90 < t < 190 else 0), 0.4, 23, 2.2)}, 300, [7],
     "p95(vibration, 1 m) > 7: single peaks are nothing"),
    ("expression", "rules: {default: {dry: {when: pressure < 2 and current > 5 for 10 s, clear: 10s}}}",
     {"pressure": lambda t: ramp(t, (0, 4), (60, 4), (70, 1.4), (110, 1.4), (120, 4), (180, 4), (190, 1.2), (300, 1.2)),
      "current": lambda t: 7.5 if t < 90 or 200 <= t < 270 else 3}, 300, [2, 5],
     "pressure < 2 and current > 5 for 10 s: neither alone"),
    ("flapping", "thresholds: {default: {high: 80}}\nflapping: {raises: 3, within: 2m}",
     {"temperature": lambda t: 76 + (9 if t < 170 and t % 40 >= 20 else 0)}, 420, [80],
     "the third time within 2m it stays until 2m are quiet"),
    ("escalate", "thresholds: {default: {high: 80, escalate: 2m}}",
     {"temperature": lambda t: ramp(t, (0, 76), (50, 76), (60, 84), (250, 84), (260, 76), (300, 76))}, 300, [80],
     "nobody acknowledges it for 2m: critical"),
    ("mute", "thresholds: {default: {high: 80}}\nmute: [{from: '10:01', to: '10:03'}]",
     {"temperature": lambda t: 76 + (9 if 30 <= t < 50 or 80 <= t < 110 or 150 <= t < 230 else 0)}, 300, [80],
     "nothing is raised from 10:01 to 10:03"),
    ("change", "change: {default: 1.5}",
     {"temperature": lambda t: ramp(t, (0, 50), (80, 50.5), (120, 58), (200, 57), (300, 51)) + wave(t, 0, 0.3, 13)}, 300,
     [], "change: 1.5, the averages that go up"),
]


def stamp(at):
    minutes, seconds = divmod(at, 60)
    return f"2026-11-21T10:{minutes:02d}:{seconds:02d}Z"


def readings(series, length):
    out = []
    for at in range(length + 1):
        for sensor, value in series.items():
            if value(at) is not None:
                out.append((at, sensor, round(value(at), 3)))
    return out


def backtest(selvedge, yaml, rows, *more):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as config:
        config.write(yaml + "\n")
        config.flush()
        lines = "".join(json.dumps({"device_id": "d", "sensor": s, "value": v, "timestamp": stamp(at)}) + "\n"
                        for at, s, v in rows)
        done = subprocess.run([selvedge, "backtest", "--config", config.name, *more], input=lines, text=True,
                              capture_output=True, timeout=120)
    if done.returncode != 0:
        sys.exit(f"{yaml}: {done.stderr}")
    return done.stdout


def second(text):
    return int(text[14:16]) * 60 + int(text[17:19])


def band(severity, begin, end, bottom):
    width = round(end - begin, 1)
    return f'<rect class="{severity}" x="{begin}" y="{TOP}" width="{width}" height="{bottom - TOP}"/>' if width > 0 else ""


def draw(selvedge, kind):
    name, yaml, series, length, bounds, title = kind
    rows = readings(series, length)
    alerts = json.loads(backtest(selvedge, yaml, rows, "--summary", "--output", "json"))["raised"]
    values = [v for _, _, v in rows] + bounds
    low, high = min(values), max(values)
    low, high = low - 0.08 * (high - low), high + 0.08 * (high - low)
    bottom = HEIGHT - BAND

    def x(at):
        return round(LEFT + (WIDTH - LEFT - RIGHT) * at / length, 1)

    def y(value):
        return round(TOP + (bottom - TOP) * (high - value) / (high - low), 1)

    parts = []
    for alert in alerts:
        begin = second(alert["raised"])
        end = length if alert["cleared"] is None else second(alert["cleared"])
        worst = second(alert["severitySince"])
        parts.append(band("warning", x(begin), x(worst), bottom) + band(alert["severity"], x(worst), x(end), bottom))
    for bound in bounds:
        parts.append(f'<line class="bound" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(bound)}" y2="{y(bound)}"/>'
                     f'<text x="{LEFT - 6}" y="{y(bound) + 4}" text-anchor="end">{bound:g}</text>')
    for index, sensor in enumerate(series):
        path, pen = [], "M"
        for at in range(length + 1):
            value = series[sensor](at)
            if value is None:
                pen = "M"
                continue
            path.append(f"{pen}{x(at)} {y(value)}")
            pen = "L"
        parts.append(f'<path class="line{index}" d="{"".join(path)}"/>')
        if len(series) > 1:
            parts.append(f'<text class="name{index}" x="{LEFT + 6}" y="{y(series[sensor](0)) - 6}">{sensor}</text>')
    if name == "change":
        for line in backtest(selvedge, yaml, rows).splitlines():
            decision = json.loads(line)
            if decision["significant"]:
                at = second(decision["timestamp"])
                parts.append(f'<circle class="sent" cx="{x(at)}" cy="{y(decision["value"])}" r="3.5"/>')
    for minute in range(length // 60 + 1):
        parts.append(f'<text x="{x(minute * 60)}" y="{HEIGHT - 8}" text-anchor="{"end" if minute * 60 == length else "middle"}">10:{minute:02d}</text>')
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(title)}">
<style>
text {{ font: 11px system-ui, sans-serif; fill: #6b7280 }}
.line0 {{ fill: none; stroke: #2563eb; stroke-width: 1.6 }} .line1 {{ fill: none; stroke: #0d9488; stroke-width: 1.6 }}
.name0 {{ fill: #2563eb }} .name1 {{ fill: #0d9488 }} .sent {{ fill: #2563eb }}
.bound {{ stroke: #6b7280; stroke-dasharray: 4 4 }}
.info, .warning {{ fill: #f59e0b; fill-opacity: .25 }} .critical {{ fill: #ef4444; fill-opacity: .28 }}
@media (prefers-color-scheme: dark) {{ text {{ fill: #9ca3af }} .line0 {{ stroke: #60a5fa }} .line1 {{ stroke: #2dd4bf }}
.name0 {{ fill: #60a5fa }} .name1 {{ fill: #2dd4bf }} .sent {{ fill: #60a5fa }} .bound {{ stroke: #9ca3af }} }}
</style>
{chr(10).join(parts)}
</svg>
"""


def main():
    selvedge, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    stale = []
    for kind in KINDS:
        picture, path = draw(selvedge, kind), folder / f"{kind[0]}.svg"
        if "--check" not in sys.argv:
            path.write_text(picture)
        elif not path.exists() or path.read_text() != picture:
            stale.append(path.name)
    if stale:
        sys.exit(f"not what the rules do now: {', '.join(stale)}; ./dev pictures draws them anew")


main()

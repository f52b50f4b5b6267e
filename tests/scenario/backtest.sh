#!/usr/bin/env bash
# backtest decides as the plain definition does: an independent reference in Python, digit for digit.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/gateway.yaml" <<'YAML'
thresholds:
  default: {high: 60, low: 40}
  devices:
    press-1: {high: 55}
YAML
python3 - "$work" <<'PY'
import json, math, random, sys
work = sys.argv[1]
random.seed(4)
rows = []
for i in range(5000):
    device = "press-1" if i % 3 == 0 else "lathe-1"
    value = round(50 + 25 * math.sin(i / 50) + random.gauss(0, 1), random.choice([0, 1, 2, 12]))
    rows.append({"value": value, "timestamp": "2026-11-22T06:15:%02d.%06d" % (i % 60, i), "device_id": device, "sensor": "temperature"})
open(work + "/in.ndjson", "w").write("".join(json.dumps(r) + "\n" for r in rows))

def shown(x):  # the shortest that reads back, without .0 and without a padded exponent
    return str(int(x)) if x == int(x) and abs(x) < 1e15 else repr(x)

window, sent, expected = {}, {}, []
for r in rows:
    d = r["device_id"]
    w = window.setdefault(d, [])
    w.append(float(r["value"]))
    del w[:-10]
    total = 0.0
    for x in w:
        total += x
    avg = total / len(w)
    high, low = (55, None) if d == "press-1" else (60, 40)
    alert = None
    if avg > high:
        alert = {"type": "HIGH", "message": "Value %s exceeds high threshold" % shown(avg)}
    elif low is not None and avg < low:
        alert = {"type": "LOW", "message": "Value %s below low threshold" % shown(avg)}
    significant = d not in sent or abs(avg - sent[d]) > 1.0
    if significant:
        sent[d] = avg
    expected.append((d, r["timestamp"], avg, float(r["value"]), alert, significant))
json.dump(expected, open(work + "/expected.json", "w"))
PY
"$SV_BIN/selvedge" backtest --config "$work/gateway.yaml" <"$work/in.ndjson" >"$work/out.ndjson"
python3 - "$work" <<'PY'
import json, sys
work = sys.argv[1]
expected = json.load(open(work + "/expected.json"))
lines = open(work + "/out.ndjson").read().splitlines()
assert len(lines) == len(expected), (len(lines), len(expected))
raised = cleared = 0
for line, (device, at, avg, raw, alert, significant) in zip(lines, expected):
    got = json.loads(line)
    assert list(got) == ["deviceId", "sensor", "timestamp", "value", "raw", "alert", "event", "significant"], line
    assert (got["deviceId"], got["timestamp"], float(got["value"]), float(got["raw"])) == (device, at, avg, raw), line
    assert got["alert"] == alert and got["significant"] == significant, (line, alert, significant)
    raised += got["event"] == "raised"
    cleared += got["event"] == "cleared"
assert raised > 10 and cleared > 10, (raised, cleared)
print("%d decisions agree, %d alerts raised" % (len(lines), raised))
PY

# A broken line costs only itself; a broken configuration is refused with its place; nothing good is exit 1.
printf 'nonsense\n%s\n' "$(head -1 "$work/in.ndjson")" >"$work/mixed"
[ "$("$SV_BIN/selvedge" backtest --config "$work/gateway.yaml" <"$work/mixed" 2>"$work/err" | wc -l)" = 1 ]
grep -q '^line 1: not JSON' "$work/err"
# So does a line without end.
{ head -c 20000000 /dev/zero | tr '\0' x; echo; head -1 "$work/in.ndjson"; } |
  "$SV_BIN/selvedge" backtest --config "$work/gateway.yaml" 2>"$work/err" | grep -q '"deviceId":"press-1"'
grep -q '^line 1: longer than 65536 bytes' "$work/err"
code=0; echo nonsense | "$SV_BIN/selvedge" backtest --config "$work/gateway.yaml" 2>/dev/null || code=$?
[ $code = 1 ]
echo 'thresholds: {default: {hihg: 3}}' >"$work/bad.yaml"
code=0; "$SV_BIN/selvedge" backtest --config "$work/bad.yaml" </dev/null 2>"$work/err" || code=$?
[ $code = 2 ] && grep -q 'bad.yaml:1:30: "hihg" is not a key here; did you mean "high"?' "$work/err"

# A CSV file and stdin come to the same, in words; a trip says how long before it there was an alert.
cat >"$work/press.yaml" <<'YAML'
thresholds: {default: {high: 80, hysteresis: 10}}
YAML
python3 - "$work" <<'PY'
import sys
work = sys.argv[1]
with open(work + "/press.csv", "w") as csv, open(work + "/press.ndjson", "w") as ndjson:
    csv.write("timestamp,temperature,flow\n")
    for i in range(3600):
        at = "2026-11-21T09:%02d:%02d" % divmod(i, 60)
        hot = 91.25 if i >= 2400 - 10 else 60
        csv.write("%s,%s,3\n" % (at, hot))
        for sensor, value in (("temperature", hot), ("flow", 3)):
            ndjson.write('{"value":%s,"timestamp":"%s","device_id":"press-1","sensor":"%s"}\n' % (value, at, sensor))
PY
told() { "$SV_BIN/selvedge" backtest --config "$work/press.yaml" --trip 2026-11-21T10:30:00 "$@"; }
told --replay "$work/press.csv" --device press-1 >"$work/csv.txt"
told --summary <"$work/press.ndjson" >"$work/ndjson.txt"
cmp "$work/csv.txt" "$work/ndjson.txt"
diff - "$work/csv.txt" <<'TXT'
7200 readings of 2 streams, 2026-11-21 09:00:00 to 2026-11-21 09:59:59 UTC
1 alert in 60 min; 1 without hysteresis
  2026-11-21 09:39:56  press-1 temperature HIGH, warning, open at the end: Value 81.875 exceeds high threshold
trip at 2026-11-21 10:30:00: would have raised at 09:39, 50 min before the trip: press-1 temperature HIGH, Value 81.875 exceeds high threshold
TXT
refused() { # refused WORDS OPTIONS...: wrong usage, with these words
  local words=$1 code=0
  shift
  told "$@" </dev/null >/dev/null 2>"$work/err" || code=$?
  if [ $code != 2 ] || ! grep -q -- "$words" "$work/err"; then echo "$words: $code $(cat "$work/err")"; exit 1; fi
}
refused "--replay needs --device" --replay "$work/press.csv"
refused "one of the two" --replay "$work/press.csv" --store "$work/none.db" --device press-1
refused "a time such as" --from yesterday
refused "a time such as" --trip yesterday
refused "hihg" --against "$work/bad.yaml"

# [edge-20] Who is in a group of the fleet server is said by hand, or nobody is and that is told.
cat >"$work/groups.yaml" <<'YAML'
groups: {hot: {group: pilots}}
thresholds: {groups: {hot: {high: 80}}}
YAML
alerts_of() { "$SV_BIN/selvedge" backtest --config "$work/groups.yaml" --replay "$work/press.csv" --device press-1 --output json "$@" 2>"$work/err" | jq .alerts; }
[ "$(alerts_of --group pilots=lathe-1,press-1)" = 1 ] && grep -qx 'group pilots: 2 devices' "$work/err"
[ "$(alerts_of --group pilots=lathe-1)" = 0 ]
[ "$(alerts_of)" = 0 ] && grep -q '^group pilots: nobody was said to be in it' "$work/err"
refused "a group and who is in it are wanted" --group pilots
refused "invalid\|not" --group 'pilots=a b'

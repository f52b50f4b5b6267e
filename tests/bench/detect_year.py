"""A seeded virtual year of 500 machines in three factories (year.c): run to failure against stopped for FAILURE alerts of a
model that `selvedge model train` has made of other machines. It needs no data; `./dev bench year` prints all of it."""

import json
import os
import subprocess
import sys
import tempfile

TRAIN_SEED, TRAIN_MACHINES = 1, 200
SEED, MACHINES, DAYS = 7, 500, 365
CAP_ROWS = 250


def live(selvedge, seed=SEED, machines=MACHINES, days=DAYS):
    bench = os.path.join(os.path.dirname(selvedge), "..", "bench", "bench-year")
    with tempfile.TemporaryDirectory() as folder:
        rows, model = os.path.join(folder, "lives.csv"), os.path.join(folder, "machine.model")
        with open(rows, "wb") as file:
            subprocess.run([bench, "train", str(TRAIN_SEED), str(TRAIN_MACHINES)], stdout=file, check=True)
        subprocess.run([selvedge, "model", "train", "--task", "rul", "--group", "machine", "--setting", "load", "--cap", str(CAP_ROWS),
                        "--data", rows, "--out", model], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        said = subprocess.run([bench, "run", str(seed), str(machines), model, str(days)], stdout=subprocess.PIPE, check=True)
    return json.loads(said.stdout)


def virtual_year(selvedge, _data, _score):
    found = live(selvedge)
    acted = found["on_alerts"]
    return [(f"a virtual year of {found['machines']} machines: unplanned downtime less", "30 %", "60 %", f"{100 * found['unplanned_less']:.0f} %"),
            ("  false stops of all stops · failures missed (worn out / sudden)", "", "",
             f"{acted['false_stops']} of {acted['stops']} · {acted['missed_worn']} / {acted['missed'] - acted['missed_worn']}")]


MEASURES = (virtual_year,)


def main():
    """detect_year.py SELVEDGE [SEED MACHINES DAYS]: everything that is counted."""
    found = live(sys.argv[1], *(int(word) for word in sys.argv[2:5]))
    failed, acted, often, lead = found["to_failure"], found["on_alerts"], found["per_machine_week"], found["lead_h"]
    line = "{:<58}{:>14}{:>14}"
    print(line.format(f"{found['machines']} machines, {found['days']} days", "to failure", "on alerts"))
    print(line.format("unplanned downtime, hours", failed["unplanned_h"], acted["unplanned_h"]))
    print(line.format("planned downtime, hours", 0, acted["planned_h"]))
    print(line.format("failures: worn out · sudden", f"{failed['worn']} · {failed['sudden']}", f"{acted['worn']} · {acted['sudden']}"))
    print(line.format("unplanned downtime less · all downtime less", "", f"{100 * found['unplanned_less']:.0f} % · {100 * found['down_less']:.0f} %"))
    print(line.format("stops for FAILURE alerts · false ones", "", f"{acted['stops']} · {acted['false_stops']}"))
    print(line.format("failures missed: worn out · sudden · told too late", "",
                      f"{acted['missed_worn']} · {acted['missed'] - acted['missed_worn']} · {acted['late']}"))
    print(line.format("lead of true alerts, hours: 10 % · half · 90 %", "", f"{lead['p10']} · {lead['p50']} · {lead['p90']}"))
    print(line.format("life given away by a stop, mean hours", "", acted["mean_left_h"]))
    print(line.format("alerts a machine-week: FAILURE · machine · streams", "",
                      f"{often['failure']:.2f} · {often['machine']:.2f} · {often['stream']:.2f}"))


if __name__ == "__main__":
    main()

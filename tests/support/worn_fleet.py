#!/usr/bin/env python3
"""A seeded fleet that wears out, for trying models.
usage: worn_fleet.py SEED MACHINES whole|cut csv|nasa > rows        rows to the end, or cut somewhere
       worn_fleet.py SEED MACHINES rests cut                        what each of the cut had left
       worn_fleet.py SEED ROWS windows                              rows of a class, with text and gaps"""
import random
import sys


def machine(rng):
    """Three operating conditions move the sensors more than wear does; wear grows ever faster."""
    life, sharp = rng.randint(60, 140), rng.uniform(1.2, 2.2)
    own = [rng.gauss(0, 0.3) for _ in range(3)]
    for row in range(life):
        load = rng.choice([0, 50, 100])
        wear = (row / life) ** sharp * 4
        yield life, [load + rng.gauss(0, 0.2), wear + own[0] + load / 10 + rng.gauss(0, 0.4),
                     60 - 2 * wear + own[1] - load / 5 + rng.gauss(0, 0.8), wear * wear / 4 + own[2] + rng.gauss(0, 0.5), rng.gauss(0, 1)]


def fleet(seed, machines, cut):
    rng = random.Random(seed)
    for number in range(1, machines + 1):
        rows = list(machine(rng))
        end = rng.randint(20, len(rows)) if cut else len(rows)
        yield number, len(rows) - end, [values for _, values in rows[:end]]


def windows(seed, rows):
    rng = random.Random(seed)
    print("id,grade,torque,speed,temperature,state")
    for number in range(rows):
        grade, torque, speed = rng.choice("LMH"), rng.gauss(40, 10), rng.gauss(1500, 150)
        broken = torque * speed > {"L": 66000, "M": 72000, "H": 78000}[grade]
        temperature = "" if rng.random() < 0.1 else "%.1f" % rng.gauss(300, 2)
        print("%d,%s,%.2f,%.0f,%s,%s" % (number, grade, torque, speed, temperature, "broken" if broken else "fine"))


def main():
    seed, count, what = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    if what == "windows":
        return windows(seed, count)
    form = sys.argv[4]
    if form == "csv":
        print("machine;load;vibration;pressure;debris;noise;row")
    for number, left, rows in fleet(seed, count, what == "rests" or what == "cut"):
        if what == "rests":
            print(left)
            continue
        for at, values in enumerate(rows, 1):
            if form == "csv":
                print("m-%d;%s;%d" % (number, ";".join("%.4f" % v for v in values), at))
            else:
                print(number, at, *("%.4f" % v for v in (values[:1] + [0, 100] + values[1:])), *["1.0"] * 17)


main()

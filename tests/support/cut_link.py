#!/usr/bin/env python3
"""A loopback port that leads to another one over a link that is told, line by line on stdin, what to be. The first line out is the port.

slow N         so many bytes a second
fine           as fast as it goes
cut-after N    when N more bytes have come: everything on it is cut, and a little later it is as it was; says cut
bytes          says how many have come so far"""
import sys
import time
from bad_link import BadLink

link = BadLink(int(sys.argv[1]), 1)
print(link.port, flush=True)
for line in sys.stdin:
    word, *number = line.split()
    if word == "slow":
        link.be(bytes_per_s=int(number[0]))
    elif word == "fine":
        link.be()
    elif word == "bytes":
        print(link.bytes, flush=True)
    elif word == "cut-after":
        before, weather = link.bytes, {key: link.weather[key] for key in ("bytes_per_s",)}
        while link.bytes - before < int(number[0]):
            time.sleep(0.01)
        link.be(cut=True, **weather)
        time.sleep(0.3)
        link.be(**weather)
        print("cut", flush=True)

#!/usr/bin/python3
"""Every case over the local socket, where a client may have any id and use any topic; on loopback those that paho-mqtt tells as well. [mqtt-26]"""
import sys

import cases_both
import cases_edges
import cases_five
import cases_wire
import house
from clients import Loopback, Way

sys.exit(house.run_ways(house.arguments(__doc__).parse_args(), [(Way, [cases_both, cases_edges, cases_five, cases_wire]), (Loopback, [cases_both, cases_five])]))

#!/usr/bin/python3
"""Every case over the local socket, where a client may have any id and use any topic."""
import sys

import cases_both
import cases_edges
import cases_five
import cases_wire
import house
from clients import Way

sys.exit(house.run_ways(house.arguments(__doc__).parse_args(), [(Way, [cases_both, cases_edges, cases_five, cases_wire])]))

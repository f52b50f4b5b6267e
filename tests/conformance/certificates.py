#!/usr/bin/python3
"""The cases that are told with a device and an app over mutual TLS, and what certificates alone decide."""
import sys

import cases_both
import cases_five
import cases_rights
import cases_wire
import house
from clients import MutualTls

sys.exit(house.run_ways(house.arguments(__doc__).parse_args(), [(MutualTls, [cases_both, cases_five, cases_wire, cases_rights])]))

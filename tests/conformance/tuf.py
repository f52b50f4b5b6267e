#!/usr/bin/env python3
"""selvedge-tuf in the situations of a TUF client, against a repository that can be bent: tuf/*.py. Ends with 0 when all went as they should."""
import argparse
import os
import sys
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "tuf"))

import stage  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", required=True)
    parser.add_argument("--only", default="", help="situations whose name holds this")
    chosen = parser.parse_args()
    for name in sorted(os.listdir(os.path.join(HERE, "tuf"))):
        if name.startswith("about_"):
            __import__(name[:-3])
    failed = []
    for name, function, values in stage.SITUATIONS:
        if chosen.only not in name:
            continue
        at = stage.Stage(os.path.join(os.path.abspath(chosen.programs), "selvedge-tuf"))
        try:
            function(at, *values)
        except Exception as error:  # a situation that breaks is one that fails
            failed.append(name)
            print(f"FAILED {name}: {function.__doc__}\n  {error}")
            if not isinstance(error, stage.Failed):
                traceback.print_exc()
        finally:
            at.end()
    print(f"{len(stage.SITUATIONS)} situations, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""Compares two tables of core features: every component of the peer's, every column, to 1e-9.

Usage: compare.py OURS PEERS [--loose COLUMN=TOLERANCE]...
Ends with 1 and a report of the first differences where they do not agree.
"""

import argparse
import math
import sys

import pyarrow.parquet

KEY = "measuring_component_id"
TOLERANCE = 1e-9
SHOWN = 10


def rows(path):
    table = pyarrow.parquet.read_table(path)
    names = table.column_names
    columns = [table.column(name).to_pylist() for name in names]
    return names, {row[names.index(KEY)]: dict(zip(names, row)) for row in zip(*columns)}


def number(value):
    """A float; unknown where it is null, not a number or infinite: peers write a division by zero in all three ways."""
    if value is None:
        return None
    value = float(value)
    return value if math.isfinite(value) else None


def agree(ours, theirs, tolerance):
    ours, theirs = number(ours), number(theirs)
    if ours is None or theirs is None:
        return ours is None and theirs is None
    return abs(ours - theirs) <= tolerance * max(1.0, abs(ours), abs(theirs))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("ours")
    parser.add_argument("peers")
    parser.add_argument("--loose", action="append", default=[])
    options = parser.parse_args()
    loose = {name: float(value) for name, value in (item.split("=") for item in options.loose)}

    our_names, ours = rows(options.ours)
    names, theirs = rows(options.peers)
    differences = [f"column {name} is not in ours" for name in names if name not in our_names]
    if not theirs:
        differences.append("the peer's table has no row")
    for key, their_row in sorted(theirs.items()):
        our_row = ours.get(key)
        if our_row is None:
            differences.append(f"{key} is not in ours")
            continue
        for name in names:
            if name != KEY and name in our_names:
                if not agree(our_row[name], their_row[name], loose.get(name, TOLERANCE)):
                    differences.append(f"{key} {name}: ours {our_row[name]}, theirs {their_row[name]}")
    for line in differences[:SHOWN]:
        print(line)
    if len(differences) > SHOWN:
        print(f"and {len(differences) - SHOWN} more")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())

"""The command line that all peers share."""

import argparse


def parse():
    parser = argparse.ArgumentParser(description="Core features per delivered-kWh component, one row each.")
    parser.add_argument("lake", help="folder of a lake in the names of Oracle MDM")
    parser.add_argument("output", help="Parquet file (Spark: folder) to write")
    parser.add_argument("--interval-seconds", type=int, default=1800)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", default="12g", help="heap of the JVM; other peers take what they need")
    return parser.parse_args()

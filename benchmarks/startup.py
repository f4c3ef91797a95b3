"""Time until the program is there: import of `local_runner`, and `openeo-sar --help`, as medians over fresh processes.

`python benchmarks/startup.py [--runs N]`. The bare interpreter is measured beside them. The limits hold on a quiet core.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python -c pass": (["-c", "pass"], None),
    "import local_runner": (["-c", "import local_runner"], 0.5),
    "import local_runner.jobs.run": (["-c", "import local_runner.jobs.run"], None),
    "openeo-sar --help": (["-m", "local_runner", "--help"], 0.7),
}


def seconds(arguments: list[str]) -> float:
    """Wall time of one process."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9, help="processes for each line, after one that does not count")
    runs = parser.parse_args().runs
    print("| what | median s | best s | limit s |\n|---|---|---|---|")
    for name, (arguments, limit) in COMMANDS.items():
        found = [seconds(arguments) for _ in range(runs + 1)][1:]
        print(f"| {name} | {statistics.median(found):.2f} | {min(found):.2f} | {limit or '-'} |")


if __name__ == "__main__":
    main()

"""Memory of a run, as `explain` estimates it and as it is measured: slc_coherence of stacks of full bursts.

`python benchmarks/memory.py [--lines N] [--samples N] [--dates N ...] [--folder F]`. Each run is a fresh process; measured
is the peak resident memory of the whole process. The constants of `local_runner/planning/estimate.py` come from this
table: where a ratio leaves 0.67 to 1.5, change them there, beginning with the smallest stack, which shows the base.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROCESS = "slc_coherence"
GRID = {"geocode": 32631, "resolution": 20.0}


def write_stack(lines: int, samples: int, dates: int, folder: Path) -> Path:
    """Write a simulated stack, and beside its collection others with the first dates only."""
    from local_runner.demo.catalogue import write_catalogue
    from local_runner.demo.simulator import simulate

    path = write_catalogue(simulate(lines, samples, dates=dates), folder)
    whole = json.loads(path.read_text())
    items = [link for link in whole["links"] if link["rel"] == "item"]
    others = [link for link in whole["links"] if link["rel"] not in ("item", "self", "root")]
    for count in range(2, dates + 1):
        first = {**whole, "links": [*others, *items[:count]]}
        path.with_name(f"first_{count}.json").write_text(json.dumps(first))
    return path


def arguments(catalogue: str, grid: str) -> dict[str, object]:
    """What `run` and `explain` are called with: all dates paired with the first one."""
    from local_runner.access import Access
    from local_runner.stac.walk import items

    days = sorted(str(found.time())[:10] for found in items(catalogue, Access().naming(catalogue)))
    pairs = [[days[0], day] for day in days[1:]]
    return {"parameters": {"pairs": pairs}, "inputs": {"data": catalogue}, **(GRID if grid == "map" else {})}


def measured(catalogue: str, grid: str, out: str) -> dict[str, float]:
    """Peak resident memory of this process and time, after a run."""
    from local_runner import run

    start = time.perf_counter()
    run(PROCESS, **arguments(catalogue, grid), out=out, quicklooks=False)  # type: ignore[arg-type]
    seconds = time.perf_counter() - start
    return {"bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, "seconds": seconds}


def estimated(catalogue: str, grid: str) -> dict[str, float]:
    """Estimate of the peak, and the time that `explain` took, imports left aside."""
    from local_runner.planning import explain
    from local_runner.processes import registry

    registry()
    start = time.perf_counter()
    plan = explain(PROCESS, **arguments(catalogue, grid))  # type: ignore[arg-type]
    seconds = time.perf_counter() - start
    return {"bytes": plan.memory.peak_bytes, "seconds": seconds}


def in_fresh_process(*task: str) -> dict[str, float]:
    """Do one task in a process of its own."""
    command = [sys.executable, "-W", "ignore", __file__, "--task", *task]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def table(lines: int, samples: int, dates: list[int], folder: Path) -> str:
    """Return the table, measured now."""
    if not (folder / f"first_{max(dates)}.json").exists():
        size = ["--lines", str(lines), "--samples", str(samples), "--dates", str(max(dates))]
        subprocess.run([sys.executable, __file__, *size, "--task", "write", str(folder)], check=True)
    rows = []
    for count in dates:
        for grid in ("radar", "map"):
            catalogue = str(folder / f"first_{count}.json")
            with tempfile.TemporaryDirectory(dir=folder) as out:
                real = in_fresh_process("measured", catalogue, grid, f"{out}/result")
            plan = in_fresh_process("estimated", catalogue, grid)
            ratio = plan["bytes"] / real["bytes"]
            figures = f"{plan['bytes'] / 1e6:.0f} | {real['bytes'] / 1e6:.0f} | {ratio:.2f}"
            rows.append(f"| {count} | {grid} | {figures} | {plan['seconds']:.2f} | {real['seconds']:.1f} |")
    title = f"{PROCESS} of {lines} x {samples} samples, threads on {os.cpu_count()} cores"
    head = "| dates | grid | estimated MB | measured MB | ratio | explain s | run s |"
    return "\n".join([title, "", head, "|---|---|---|---|---|---|---|", *rows])


def main() -> None:
    """Print the table, or the figures of one task as JSON (what the table's own processes do)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=1500, help="rows, azimuth")
    parser.add_argument("--samples", type=int, default=20000, help="columns, range")
    parser.add_argument("--dates", type=int, nargs="+", default=[2, 4, 12], help="sizes of the stacks")
    parser.add_argument("--folder", type=Path, help="where the stack is written, or is already")
    parser.add_argument("--task", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    match options.task:
        case ["write", folder]:
            print(write_stack(options.lines, options.samples, max(options.dates), Path(folder)))
        case ["measured", catalogue, grid, out]:
            print(json.dumps(measured(catalogue, grid, out)))
        case ["estimated", catalogue, grid]:
            print(json.dumps(estimated(catalogue, grid)))
        case _:
            with tempfile.TemporaryDirectory() as temporary:
                print(table(options.lines, options.samples, options.dates, options.folder or Path(temporary)))


if __name__ == "__main__":
    main()

"""A stack of a full burst through `slc_coherence`: one and two workers, threads and processes; 1, 4 and 11 pairs; memory.

`python benchmarks/scaling.py [--lines N] [--samples N] [--dates N] [--folder DIR]`. Every line is a run of its own in a
fresh process, from STAC on disk to coherence on disk. The dates are copies of two simulated ones: what the samples hold
does not matter here. `CPU s` includes worker processes; the peak is that of the resident memory of the largest process,
and of the coordinator alone. Ratios are those of wall times of this run on this machine, which must have two idle cores.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

FIRST = dt.date(2024, 8, 9)
REPEAT_DAYS = 12
PAIRS = (1, 4, 11)


def write_stack(folder: Path, *, lines: int, samples: int, dates: int) -> Path:
    """Write a stack of ZSTD GeoTIFFs as a STAC collection."""
    from local_runner.demo.catalogue import write_catalogue
    from local_runner.demo.simulator import simulate

    catalogue = write_catalogue(simulate(lines, samples, dates=2), folder / "stack")
    collection = json.loads(catalogue.read_text())
    simulated = sorted(path for path in catalogue.parent.iterdir() if path.is_dir())
    for number in range(2, dates):
        day = FIRST + dt.timedelta(number * REPEAT_DAYS)
        source = simulated[number % 2]
        name = f"simulated_slc_{day:%Y%m%d}"
        target = shutil.copytree(source, catalogue.parent / name)
        item = json.loads((target / f"{source.name}.json").read_text())
        item["id"], item["properties"]["datetime"] = name, f"{day}T17:06:52Z"
        (target / f"{source.name}.json").unlink()
        (target / f"{name}.json").write_text(json.dumps(item))
        collection["links"].append({"rel": "item", "href": f"./{name}/{name}.json", "type": "application/geo+json"})
    catalogue.write_text(json.dumps(collection))
    return catalogue


def measure(catalogue: str, pairs: int, scheduler: str, workers: int) -> dict[str, float]:
    """Run once; times in seconds, peak of resident memory in MB."""
    from local_runner import run
    from local_runner.access import Access
    from local_runner.pairs import of_collection
    from local_runner.processes import registry

    registry()  # imports what a run imports later
    chosen = of_collection("neighbours:1", catalogue, Access())[:pairs]
    with tempfile.TemporaryDirectory(dir=Path(catalogue).parent.parent) as folder:
        start = time.perf_counter()
        options: dict[str, Any] = {"scheduler": scheduler, "workers": workers, "quicklooks": False}
        run("slc_coherence", {"pairs": chosen}, inputs={"data": catalogue}, out=f"{folder}/out", **options)
        wall = time.perf_counter() - start
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {
        "wall": wall,
        "cpu": own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime,
        "own": own.ru_maxrss * 1024 / 1e6,
        "peak": max(own.ru_maxrss, children.ru_maxrss) * 1024 / 1e6,
    }


def in_fresh_process(task: str, *arguments: object) -> str:
    """Standard output of one task in a process of its own."""
    command = [sys.executable, "-W", "ignore", __file__, "--task", task, *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def table(catalogue: str, dates: int) -> str:
    """Return both tables, measured now."""
    most = min(dates - 1, max(PAIRS))
    cases = {(kind, n): most for kind in ("threads", "processes") for n in (1, 2)}
    rows = {case: json.loads(in_fresh_process("run", catalogue, most, *case)) for case in cases}
    lines = [
        f"{most} pairs of {dates} dates",
        "",
        "| workers | wall s | CPU s | from 1 to 2 | peak MB | coordinator MB |",
    ]
    lines.append("|---|---|---|---|---|---|")
    for (kind, workers), row in rows.items():
        gain = rows[kind, 1]["wall"] / row["wall"]
        lines.append(
            f"| {workers} {kind} | {row['wall']:.1f} | {row['cpu']:.1f} | {gain:.2f} | {row['peak']:.0f} | {row['own']:.0f} |"
        )
    lines += ["", "| pairs, 2 threads | wall s | s per pair beyond the first | peak MB |", "|---|---|---|---|"]
    counts = sorted({*(count for count in PAIRS if count < most), most})
    runs = {n: json.loads(in_fresh_process("run", catalogue, n, "threads", 2)) for n in counts[:-1]}
    runs[most] = rows["threads", 2]
    for count, row in runs.items():
        more = (row["wall"] - runs[counts[0]]["wall"]) / (count - counts[0]) if count > counts[0] else float("nan")
        lines.append(f"| {count} | {row['wall']:.1f} | {more:.2f} | {row['peak']:.0f} |")
    return "\n".join(lines)


def main() -> None:
    """Print the tables, or the figures of one task (what the tables' own processes do)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=1500, help="rows, azimuth")
    parser.add_argument("--samples", type=int, default=20000, help="columns, range")
    parser.add_argument("--dates", type=int, default=12)
    parser.add_argument("--folder", type=Path, help="where the stack is written and removed again (4 GB)")
    parser.add_argument("--task", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    match options.task:
        case ["write", folder, lines, samples, dates]:
            print(write_stack(Path(folder), lines=int(lines), samples=int(samples), dates=int(dates)))
        case ["run", catalogue, pairs, scheduler, workers]:
            print(json.dumps(measure(catalogue, int(pairs), scheduler, int(workers))))
        case _:
            with tempfile.TemporaryDirectory(dir=options.folder) as folder:
                written = in_fresh_process("write", folder, options.lines, options.samples, options.dates)
                print(table(written.strip(), options.dates))


if __name__ == "__main__":
    main()

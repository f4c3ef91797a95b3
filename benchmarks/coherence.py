"""Coherence 5 x 21 of one full burst: the UDF against the seed's formula and against summed-area tables.

Every figure of the table comes from one run on one machine: `python benchmarks/coherence.py [--lines N] [--samples N]`.
Each implementation runs in fresh processes: with one thread for the kernel (time and error, then peak memory), with all
cores from STAC on disk to coherence on disk. Interpreter start and imports are not counted.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from udfs import slc_coherence

WINDOW = (5, 21)  # azimuth rows, range columns
REFERENCE_ROWS = 64  # rows of a block of the float64 reference

Floats = npt.NDArray[np.float32]
Coherence = Callable[[Floats, Floats, Floats, Floats], npt.NDArray[np.floating]]


def udf_coherence(ip: Floats, qp: Floats, is_: Floats, qs: Floats) -> Floats:
    """Kernel of `udfs/slc_coherence.py`, validity of every sample included."""
    out = np.empty(ip.shape, np.float32)
    window = slc_coherence.Window(*WINDOW)
    slc_coherence.coherence((ip, qp), (is_, qs), out, window=window, bias_correction=False, min_valid=0.25)
    return out


def seed_coherence(ip: Floats, qp: Floats, is_: Floats, qs: Floats) -> Floats:
    """Seed's graph in numpy: four bands, `apply_kernel` with the zero-padded 21 x 21 kernel, factor 1/105, +1e-12."""
    bands = (ip * is_ + qp * qs, qp * is_ - ip * qs, ip * ip + qp * qp, is_ * is_ + qs * qs)
    kernel = np.pad(np.ones(WINDOW, np.float32), ((8, 8), (0, 0)))
    real, imag, power_p, power_s = (ndimage.convolve(band, kernel, mode="constant") / np.float32(105) for band in bands)
    denominator = np.sqrt(power_p * power_s + np.float32(1e-12))
    gamma: Floats = np.sqrt((real / denominator) ** 2 + (imag / denominator) ** 2)
    return gamma


def summed_area_coherence(ip: Floats, qp: Floats, is_: Floats, qs: Floats) -> npt.NDArray[np.float64]:
    """Zero-padded summed-area tables in float64 and 0 where the denominator is not positive, as SNAP's operator."""
    a, b, c, d = (band.astype(np.float64) for band in (ip, qp, is_, qs))
    real, imag, power_p, power_s = map(summed_area, (a * c + b * d, b * c - a * d, a * a + b * b, c * c + d * d))
    product = power_p * power_s
    return np.where(product > 0, np.hypot(real, imag) / np.sqrt(np.where(product > 0, product, 1)), 0)


def summed_area(band: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Box sum of WINDOW as four look-ups in the table of the sums above and left of each sample."""
    rows, columns = WINDOW
    table = np.pad(band, ((rows // 2 + 1, rows // 2), (columns // 2 + 1, columns // 2))).cumsum(0).cumsum(1)
    upper, lower = table[:-rows], table[rows:]
    box: npt.NDArray[np.float64] = lower[:, columns:] - upper[:, columns:] - lower[:, :-columns] + upper[:, :-columns]
    return box


IMPLEMENTATIONS: dict[str, tuple[Coherence, int]] = {  # function and number of runs, of which the best counts
    "udfs/slc_coherence": (udf_coherence, 3),
    "(a) seed formula": (seed_coherence, 1),
    "(b) summed-area": (summed_area_coherence, 1),
}


def scene(lines: int, samples: int) -> list[Floats]:
    """Speckle pair of coherence 0.6: i, q of the primary, i, q of the secondary."""
    rng = np.random.default_rng(0)
    bands = [rng.standard_normal((lines, samples), dtype=np.float32) for _ in range(4)]
    for ip, qp, is_, qs in zip(
        *bands, strict=True
    ):  # line by line: no temporary that would hide the peak measured later
        np.add(is_, 0.75 * ip, out=is_)
        np.add(qs, 0.75 * qp, out=qs)
        for line in (ip, qp, is_, qs):
            np.multiply(line, 30, out=line)
    return bands


def largest_error(result: npt.NDArray[np.floating], bands: list[Floats]) -> float:
    """Largest difference from the definition in float64, worked out in blocks of rows."""
    half, lines, error = WINDOW[0] // 2, len(result), 0.0
    for start in range(0, lines, REFERENCE_ROWS):
        top, stop = max(start - half, 0), min(start + REFERENCE_ROWS, lines)
        ip, qp, is_, qs = (band[top : stop + half].astype(np.float64) for band in bands)
        products = (ip * is_ + qp * qs, qp * is_ - ip * qs, ip**2 + qp**2, is_**2 + qs**2)
        real, imag, power_p, power_s = (ndimage.uniform_filter(p, WINDOW, mode="constant") for p in products)
        exact = np.hypot(real, imag) / np.sqrt(power_p) / np.sqrt(power_s)
        error = max(error, float(np.abs(result[start:stop] - exact[start - top : stop - top]).max()))
    return error


def timing(name: str, lines: int, samples: int) -> dict[str, float]:
    """Wall and CPU time of the best run, and the largest error."""
    compute, repeats = IMPLEMENTATIONS[name]
    bands = scene(lines, samples)
    runs = []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        result = compute(*bands)
        runs.append((time.perf_counter() - wall, time.process_time() - cpu))
    wall, cpu = min(runs)
    return {"wall": wall, "cpu": cpu, "error": largest_error(result, bands)}


def memory(name: str, lines: int, samples: int) -> dict[str, float]:
    """Growth of the peak resident memory in MB above what holds the inputs, result included."""
    bands = scene(lines, samples)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    IMPLEMENTATIONS[name][0](*bands)
    return {"megabytes": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / 1e6}


def in_fresh_process(task: str, name: str, lines: int, samples: int) -> dict[str, float]:
    """Run one task in a process of its own with one thread."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [sys.executable, __file__, "--lines", str(lines), "--samples", str(samples), "--task", task, name]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | threads)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def kernel_table(lines: int, samples: int) -> str:
    """Return the table of all implementations, measured now."""
    rows = {
        name: in_fresh_process("timing", name, lines, samples) | in_fresh_process("memory", name, lines, samples)
        for name in IMPLEMENTATIONS
    }
    ours = rows["udfs/slc_coherence"]["wall"]
    title = f"coherence {WINDOW[0]} x {WINDOW[1]} of {lines} x {samples} samples, one core"
    head = "| implementation | wall s | CPU s | times ours | error against float64 | peak MB beyond inputs |"
    body = [
        f"| {name} | {row['wall']:.3f} | {row['cpu']:.3f} | {row['wall'] / ours:.1f} | {row['error']:.1e} "
        f"| {row['megabytes']:.0f} |"
        for name, row in rows.items()
    ]
    return "\n".join([title, "", head, "|---|---|---|---|---|---|", *body])


def write_pair(lines: int, samples: int, folder: Path) -> Path:
    """Write a simulated pair as a STAC collection of ZSTD GeoTIFFs, one per band."""
    from local_runner.demo.catalogue import write_catalogue
    from local_runner.demo.simulator import simulate

    return write_catalogue(simulate(lines, samples, dates=2), folder / "pair")


def from_disk_to_disk(name: str, catalogue: str, out: str) -> dict[str, float]:
    """Time from STAC on disk to coherence on disk, and peak resident memory of the whole process in MB.

    Ours is `local_runner.run` on all cores, with positions, metadata, checksums and reading back. The others read the four
    bands whole, compute, and write one ZSTD GeoTIFF, nothing else.
    """
    import rasterio

    from local_runner import run
    from local_runner.access import Access
    from local_runner.pairs import of_collection
    from local_runner.processes import registry

    registry()  # imports what a run imports later
    (pair,) = of_collection("all", catalogue, Access())
    start = time.perf_counter()
    if name == "udfs/slc_coherence":
        run("slc_coherence", {"pairs": [pair]}, inputs={"data": catalogue}, out=out, quicklooks=False)
    else:
        folder = Path(catalogue).parent
        files = [next(folder.glob(f"*{day.replace('-', '')}*/{part}_VV.tif")) for day in pair for part in "iq"]
        bands = []
        for file in files:
            with rasterio.open(file) as source:
                bands.append(source.read(1))
        result = IMPLEMENTATIONS[name][0](*bands).astype(np.float32)
        profile = {
            "driver": "GTiff",
            "height": result.shape[0],
            "width": result.shape[1],
            "count": 1,
            "dtype": "float32",
        }
        with rasterio.open(out, "w", **profile, tiled=True, compress="zstd", predictor=3, zstd_level=1) as target:
            target.write(result, 1)
    seconds = time.perf_counter() - start
    return {"wall": seconds, "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6}


def end_to_end_table(lines: int, samples: int) -> str:
    """Return the table from disk to disk, measured now; the pair is written by a process of its own, which needs more."""

    def task(name: str, *arguments: str) -> str:
        size = ["--lines", str(lines), "--samples", str(samples)]
        command = [sys.executable, "-W", "ignore", __file__, *size, "--task", name, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    with tempfile.TemporaryDirectory() as folder:
        catalogue = task("write", folder).strip()
        rows = {
            name: json.loads(task("disk", name, catalogue, f"{folder}/out{number}.tif"))
            for number, name in enumerate(IMPLEMENTATIONS)
        }
    ours = rows["udfs/slc_coherence"]["wall"]
    body = [
        f"| {name} | {row['wall']:.2f} | {row['wall'] / ours:.1f} | {row['megabytes']:.0f} |"
        for name, row in rows.items()
    ]
    title = f"from STAC on disk to coherence on disk, {lines} x {samples} samples, {os.cpu_count()} cores"
    head = "| implementation | wall s | times ours | peak MB of the process |"
    return "\n".join([title, "", head, "|---|---|---|---|", *body])


def main() -> None:
    """Print the tables, or the figures of one task as JSON (what the tables' own processes do)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=1500, help="rows, azimuth")
    parser.add_argument("--samples", type=int, default=20000, help="columns, range")
    parser.add_argument("--task", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    match options.task:
        case ["write", folder]:
            print(write_pair(options.lines, options.samples, Path(folder)))
        case ["disk", name, catalogue, out]:
            print(json.dumps(from_disk_to_disk(name, catalogue, out)))
        case [task, name]:
            print(json.dumps({"timing": timing, "memory": memory}[task](name, options.lines, options.samples)))
        case _:
            print(kernel_table(options.lines, options.samples))
            print()
            print(end_to_end_table(options.lines, options.samples))


if __name__ == "__main__":
    main()

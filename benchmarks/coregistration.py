"""Coregistration of a full burst pair: the resampling kernel, and everything from SAFE to GeoTIFF, beside scipy in one run.

    python benchmarks/coregistration.py --lines 1500 --samples 23000

The kernel resamples band-limited speckle (IW2) by a shift that varies over the burst, on one core, without carrier; truth is
the speckle's own Fourier series. The alternative is `scipy.ndimage.map_coordinates` of order 5 (and 3) on real and imaginary
part. End to end, two simulated SAFE products with pixels are coregistered on all cores: ours by `run("slc_coregistration")`,
the alternative by the same geometry bands, `map_coordinates` of order 5 for the whole burst, and rasterio. Each row is a
process of its own; compiling is done before, on a small pair, and told apart. Carriers are the phase bands and the turns.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Kernel = Callable[[Floats, Floats, Floats], Floats]

KERNELS = {
    "slc_resample, numba, 12 taps": "numba-12",
    "slc_resample, numba, 16 taps": "numba-16",
    "slc_resample, numpy, 12 taps": "numpy-12",
    "scipy map_coordinates, order 5": "scipy-5",
    "scipy map_coordinates, order 3": "scipy-3",
}
BANDWIDTH = (0.672, 0.750)
"""Over the sampling rate, azimuth and range, IW2."""
MARGIN = 24
DAYS = ("2024-08-09", "2024-08-21")


def shifts(shape: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Azimuth and range shift in px: those of an orbit, a plane, and hills of a few hundredths."""
    y, x = (np.linspace(0, 1, n)[:, None] if k == 0 else np.linspace(0, 1, n) for k, n in enumerate(shape))
    return (
        np.asarray(0.37 + 0.02 * x + 0.004 * y, np.float32),
        np.asarray(-0.21 - 0.6 * x + 0.01 * y + 0.02 * np.sin(9 * y) * np.sin(20 * x), np.float32),
    )


def udf(*, compiled: bool) -> dict[str, Any]:
    """Namespace of the UDF, with numba or as if there were none."""
    from local_runner import catalog

    namespace: dict[str, Any] = {}
    exec(compile(catalog.udf_text("slc_resample"), "slc_resample", "exec"), namespace)
    if not compiled:
        namespace["WITH_NUMBA"] = False
    return namespace


def kernel_of(name: str) -> Kernel:
    """A resampling of real and imaginary part (2, y, x), as bands hold them, by its short name."""
    kind, number = name.split("-")
    if kind == "scipy":
        return lambda planes, azimuth, across: by_scipy(planes, azimuth, across, int(number))
    namespace = udf(compiled=kind == "numba")

    return lambda planes, azimuth, across: namespace["resample"](
        planes, (azimuth, across), None, None, taps=int(number)
    )


def by_scipy(planes: Floats, azimuth: Floats, across: Floats, order: int) -> Floats:
    """Splines of real and imaginary part."""
    from scipy.ndimage import map_coordinates

    y, x = np.indices(azimuth.shape, np.float32)
    places = np.stack([y + azimuth, x + across])
    return np.stack([map_coordinates(plane, places, order=order) for plane in planes])


def measure_kernel(name: str, lines: int, samples: int) -> dict[str, float]:
    """Seconds on one core, peak memory beyond the input, and the error of every eighth line."""
    from local_runner.demo.scatterers import Between, speckle

    kernel = kernel_of(name)
    start = time.perf_counter()
    kernel(np.ones((2, 64, 64), np.float32), *(np.full((64, 64), f, np.float32) for f in (0.3, 0.4)))
    compiling = time.perf_counter() - start
    slc = speckle((lines, samples), BANDWIDTH, (1,))
    azimuth, across = shifts(slc.shape)
    planes = np.stack([slc.real, slc.imag])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    real, imag = kernel(planes, azimuth, across)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    rows = np.arange(MARGIN, lines - MARGIN, 8)
    columns = np.arange(MARGIN, samples - MARGIN, dtype=float)
    inner = np.s_[rows, MARGIN:-MARGIN]
    exact = Between(slc).at(rows[:, None] + azimuth[inner].astype(float), columns + across[inner].astype(float))
    ours = (real[inner] + 1j * imag[inner]).astype(np.complex128).ravel()
    truth = exact.astype(np.complex128).ravel()
    power = np.sqrt(np.vdot(truth, truth).real * np.vdot(ours, ours).real)
    phase = np.angle(ours * truth.conj())[np.abs(truth) > 1]
    return {
        "seconds": seconds,
        "compiling": compiling,
        "mib": peak / 1024,
        "loss": float(1 - abs(np.vdot(ours, truth)) / power),
        "degrees": float(np.degrees(phase.std())),
    }


def write_pair(folder: Path, lines: int, samples: int) -> None:
    """Two simulated SAFE products and their catalogue below a folder."""
    from local_runner import products
    from local_runner.demo.geometry import write_dem
    from local_runner.demo.safe import Product, later, speckle, write_safe

    edge = (max(2, lines // 70), max(3, samples // 150))
    product = Product(lines=lines, samples=samples, valid=edge, bursts=1, content=speckle(with_carrier=True))
    folder.mkdir()
    safes = [write_safe(folder, each) for each in (product, later(product))]
    dem = write_dem(folder / "dem.tif")
    products.catalogue(safes, out=folder / "catalogue", dem=str(dem), dem_datum="ellipsoid")


def measure_ours(folder: Path, small: Path) -> dict[str, Any]:
    """Seconds of a run in this process, once everything is imported and compiled, and its stages."""
    from local_runner import run

    def coregister(pair: Path) -> Path:
        data = {"data": pair / "catalogue"}
        return run("slc_coregistration", inputs=data, out=pair / "ours", overwrite=True, quicklooks=False).folder

    start = time.perf_counter()
    coregister(small)
    first = time.perf_counter() - start
    start = time.perf_counter()
    out = coregister(folder)
    seconds = time.perf_counter() - start
    logged = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    stages = {entry["stage"]: entry["seconds"] for entry in logged if entry["event"] == "stage"}
    return {"seconds": seconds, "first": first, "stages": stages, "mib": peak_mib()}


def measure_bands(folder: Path) -> dict[str, Any]:
    """Seconds in which the bands that go into the resampling are made: what of a run is geometry, and what carriers."""
    import dask

    from local_runner import evaluate

    def seconds(*bands: str) -> float:
        arguments = {"url": str(folder / "catalogue" / "collection.json"), "bands": list(bands)}
        cube = evaluate({"load": {"process_id": "load_stac", "arguments": arguments, "result": True}})
        parts = cube.data.map_blocks(lambda block: block[..., :1, :1], dtype=np.float32)
        start = time.perf_counter()
        with dask.config.set(scheduler="threads", num_workers=os.cpu_count()):
            parts.compute()
        return time.perf_counter() - start

    ground = ("grid_lat", "grid_lon", "azimuth_shift", "range_shift")
    seconds("grid_lat")
    geometry = seconds(*ground)
    return {
        "pixels": seconds("i_VV", "q_VV"),
        "geometry": geometry,
        "carrier phases": seconds(*ground, "deramp_phase", "reramp_phase") - geometry,
    }


def measure_scipy(folder: Path) -> dict[str, Any]:
    """The plain way: whole bursts in memory, one step after the other."""
    import rasterio

    from local_runner import evaluate

    start = time.perf_counter()
    arguments = {"url": str(folder / "catalogue" / "collection.json")}
    cube = evaluate({"load": {"process_id": "load_stac", "arguments": arguments, "result": True}})
    date = cube.isel(t=1)
    names = ["i_VV", "q_VV", "azimuth_shift", "range_shift", "deramp_phase", "reramp_phase", "grid_lat", "grid_lon"]
    i, q, azimuth, across, deramp, reramp, latitude, longitude = date.sel(bands=names).values
    primary = cube.isel(t=0).sel(bands=["i_VV", "q_VV"]).values
    stages = {"pixels, geometry, carrier phases": time.perf_counter() - start}
    mark = time.perf_counter()
    slc = np.nan_to_num(i + 1j * q).astype(np.complex64) * np.exp(1j * deramp)
    stages["carriers"] = time.perf_counter() - mark
    mark = time.perf_counter()
    real, imag = by_scipy(np.stack([slc.real, slc.imag]), np.nan_to_num(azimuth), np.nan_to_num(across), 5)
    slc = real + 1j * imag
    stages["resampling"] = time.perf_counter() - mark
    mark = time.perf_counter()
    slc *= np.exp(-1j * reramp)
    stages["carriers"] += time.perf_counter() - mark
    mark = time.perf_counter()
    layout = {"driver": "GTiff", "dtype": "float32", "count": 1, "tiled": True, "compress": "zstd", "predictor": 3}
    (folder / "scipy").mkdir(exist_ok=True)
    for number, band in enumerate((*primary, slc.real, slc.imag, latitude, longitude)):
        path, (height, width) = folder / "scipy" / f"{number}.tif", band.shape
        with rasterio.open(path, "w", height=height, width=width, zstd_level=1, num_threads=2, **layout) as file:
            file.write(band, 1)
    stages["writing"] = time.perf_counter() - mark
    return {"seconds": time.perf_counter() - start, "stages": stages, "mib": peak_mib()}


def peak_mib() -> float:
    """Peak of the resident set of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def in_fresh_process(*task: str | int | Path, threads: int | None = None) -> dict[str, Any]:
    """Do one task in a process of its own, on one core where `threads` is 1."""
    command = [sys.executable, "-W", "ignore", __file__, "--task", *map(str, task)]
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1") if threads == 1 else {}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **one})
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def kernels(lines: int, samples: int) -> str:
    """Table of the kernels."""
    rows = {title: in_fresh_process("kernel", name, lines, samples, threads=1) for title, name in KERNELS.items()}
    ours = next(iter(rows.values()))["seconds"]
    head = "| kernel, one core | s | times ours | compiling s | 1 - coherence | phase std, degrees | peak MiB |"
    report = "| {} | {:.2f} | {:.1f} | {:.1f} | {:.1e} | {:.3f} | {:.0f} |".format
    table = [
        report(title, r["seconds"], r["seconds"] / ours, r["compiling"], r["loss"], r["degrees"], r["mib"])
        for title, r in rows.items()
    ]
    return "\n".join([head, "|---|---|---|---|---|---|---|", *table])


def end_to_end(lines: int, samples: int, folder: Path) -> str:
    """Table of the whole way."""
    for name, size in (("full", (lines, samples)), ("small", (64, 600))):
        in_fresh_process("write", folder / name, *size)
    bands = in_fresh_process("bands", folder / "full")
    ours = in_fresh_process("ours", folder / "full", folder / "small")
    scipy = in_fresh_process("scipy", folder / "full")
    report = "| {} | {:.1f} | {:.1f} | {:.0f} | {} |".format

    def stages(row: dict[str, Any]) -> str:
        return ", ".join(f"{name} {seconds:.1f}" for name, seconds in row["stages"].items())

    return "\n".join(
        [
            f"one run of everything small first, with imports and compiling: {ours['first']:.1f} s",
            "bands alone: " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in bands.items()),
            "",
            "| SAFE pair to GeoTIFF | s | times ours | peak MiB of the process | stages, s |",
            "|---|---|---|---|---|",
            report('`run("slc_coregistration")`', ours["seconds"], 1, ours["mib"], stages(ours)),
            report("scipy, order 5", scipy["seconds"], scipy["seconds"] / ours["seconds"], scipy["mib"], stages(scipy)),
        ]
    )


def main() -> None:
    """Print the tables, or the figures of one task as JSON (what the tables' own processes do)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=1500)
    parser.add_argument("--samples", type=int, default=23_000)
    parser.add_argument("--folder", type=Path, help="where the products are written")
    parser.add_argument("--task", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    match options.task:
        case ["kernel", name, lines, samples]:
            print(json.dumps(measure_kernel(name, int(lines), int(samples))))
        case ["write", folder, lines, samples]:
            write_pair(Path(folder), int(lines), int(samples))
            print("{}")
        case ["bands", folder]:
            print(json.dumps(measure_bands(Path(folder))))
        case ["ours", folder, small]:
            print(json.dumps(measure_ours(Path(folder), Path(small))))
        case ["scipy", folder]:
            print(json.dumps(measure_scipy(Path(folder))))
        case _:
            title = f"{options.lines} x {options.samples} samples, {os.cpu_count()} cores"
            print(title, kernels(options.lines, options.samples), sep="\n\n", flush=True)
            with tempfile.TemporaryDirectory(dir=options.folder) as folder:
                os.environ["XDG_STATE_HOME"] = f"{folder}/state"
                print("", end_to_end(options.lines, options.samples, Path(folder)), sep="\n")


if __name__ == "__main__":
    main()

"""Geocoding of one burst to UTM 32N: time, memory and error beside a nearest-neighbour search, in one run.

    python benchmarks/geocode.py --lines 1500 --samples 20000 --resolution 20

The source is a rotated, slightly bent grid of 14 m x 4 m with float32 degrees, as Sentinel-1 gives it. The alternative is
what one writes first: pyproj for the positions, scipy's cKDTree on every 4th sample in range, the nearest sample for each
cell. `error` is that of a wave of amplitude 0.3 (2 km, 3 km), `shift` that of two ramps, in cells of the target: both
against the exact value at the cell centre. Memory is the growth of the resident set above the inputs.
"""

from __future__ import annotations

import argparse
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import dask
import dask.array as da
import numpy as np
import pyproj
import xarray as xr
from scipy.spatial import cKDTree

from local_runner.geocode import geocode

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Fields = dict[str, NDArray[np.float32]]

CRS = pyproj.CRS.from_epsg(32632)
ORIGIN = (500_000.0, 5_100_000.0)
PAGE_BYTES = 4096


class Row(NamedTuple):
    """One line of the table."""

    wall_s: float
    cpu_s: float
    peak_mib: float
    result: xr.DataArray


def wave(east: NDArray[np.float64], north: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smooth field of amplitude 0.3 around 0.5."""
    return 0.5 + 0.3 * np.sin(2 * np.pi * east / 2000) * np.cos(2 * np.pi * north / 3000)


def burst(lines: int, samples: int) -> Fields:
    """Bands of a burst, float32: wave, ramps `e`, `n` in metres from the origin, latitude and longitude in degrees."""
    fields = {name: np.empty((lines, samples), np.float32) for name in ("wave", "e", "n", "latitude", "longitude")}
    inverse = pyproj.Transformer.from_crs(CRS, 4326, always_xy=True)
    across, angle = np.arange(samples) * 4.0, np.deg2rad(12.5)
    for line in range(lines):
        along = line * 14.0 + 300.0 * (across / 80_000) ** 2
        east, north = across * np.cos(angle) - along * np.sin(angle), across * np.sin(angle) + along * np.cos(angle)
        longitude, latitude = inverse.transform(east + ORIGIN[0], north + ORIGIN[1])
        for name, value in zip(fields, (wave(east, north), east, north, latitude, longitude), strict=True):
            fields[name][line] = value
    return fields


class Lazy:
    """An array that dask does not copy into its graph."""

    def __init__(self, array: NDArray[np.float32]) -> None:
        self.array = array
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def __getitem__(self, key: tuple[slice, ...]) -> NDArray[np.float32]:
        return self.array[key]


def cube(fields: Fields, name: str) -> xr.DataArray:
    """Dask cube of one band and the coordinate bands, in chunks of 256 lines."""
    bands = [name, "latitude", "longitude"]
    arrays = [da.from_array(Lazy(fields[b]), chunks=(256, -1), name=f"burst-{b}", asarray=False) for b in bands]
    return xr.DataArray(da.stack(arrays), dims=("bands", "y", "x"), coords={"bands": bands})


def by_geocode(fields: Fields, name: str, resolution: float) -> xr.DataArray:
    """Geocode with this project."""
    return geocode(cube(fields, name), crs=CRS, resolution=(resolution, resolution)).compute()[0]


def by_nearest(fields: Fields, name: str, resolution: float, grid: xr.DataArray) -> xr.DataArray:
    """Geocode with pyproj and the nearest of every 4th sample in range, on the cells of `grid`."""
    forward = pyproj.Transformer.from_crs(4326, CRS, always_xy=True)
    thin = {k: np.ascontiguousarray(fields[k][:, ::4]).ravel() for k in ("longitude", "latitude", name)}
    tree = cKDTree(np.stack(forward.transform(thin["longitude"], thin["latitude"]), axis=1))
    centres = np.stack(np.meshgrid(grid.x, grid.y), axis=-1).reshape(-1, 2)
    distance, nearest = tree.query(centres, distance_upper_bound=max(resolution, 16.0))
    values = np.append(thin[name], np.nan)[nearest]
    return grid.copy(data=np.where(np.isfinite(distance), values, np.nan).reshape(grid.shape))


def resident_mib() -> float:
    """Resident set of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES / 2**20


def measured(function: Callable[[], xr.DataArray]) -> Row:
    """Run once and watch the resident set every 5 ms."""
    before, peak, done = resident_mib(), [resident_mib()], threading.Event()

    def watch() -> None:
        while not done.wait(0.005):
            peak[0] = max(peak[0], resident_mib())

    watcher = threading.Thread(target=watch)
    watcher.start()
    wall, cpu = time.perf_counter(), time.process_time()
    result = function()
    row = Row(time.perf_counter() - wall, time.process_time() - cpu, 0.0, result)
    done.set()
    watcher.join()
    return row._replace(peak_mib=peak[0] - before)


def shift_cells(method: Callable[[str], xr.DataArray], resolution: float) -> NDArray[np.float64]:
    """Distance in cells between the centres and the positions that two ramps come out with."""
    e, n = method("e"), method("n")
    east, north = e.x.values - ORIGIN[0], n.y.values[:, None] - ORIGIN[1]
    distance: NDArray[np.float64] = np.hypot(e.values - east, n.values - north)
    return distance / resolution


def report(name: str, row: Row, base: Row, shift: NDArray[np.float64]) -> None:
    """Print one line of the table."""
    result = row.result
    truth = wave(*np.meshgrid(result.x - ORIGIN[0], result.y - ORIGIN[1]))
    error = np.abs(result.values - truth)
    print(
        f"{name:34s} {row.wall_s:7.2f} {row.cpu_s:7.2f} {row.wall_s / base.wall_s:7.1f} {row.peak_mib:9.0f}"
        f" {np.sqrt(np.nanmean(error**2)):10.1e} {np.nanmax(error):10.1e}"
        f" {np.sqrt(np.nanmean(shift**2)):9.3f} {np.nanmax(shift):9.3f}"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=1500)
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--resolution", type=float, default=20.0, help="metres")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=3, help="runs of geocode; the fastest counts")
    options = parser.parse_args()
    resolution = options.resolution
    fields = burst(options.lines, options.samples)
    with dask.config.set(scheduler="threads", num_workers=options.threads):
        small = {k: np.ascontiguousarray(v[:64, :64]) for k, v in fields.items()}
        print(
            f"first call with compilation or its cache: {measured(lambda: by_geocode(small, 'e', 20.0)).wall_s:.1f} s"
        )
        rows = [measured(lambda: by_geocode(fields, "wave", resolution)) for _ in range(options.repeat)]
        ours = min(rows, key=lambda r: r.wall_s)._replace(peak_mib=max(r.peak_mib for r in rows))
        print(f"{options.lines} x {options.samples} samples -> {ours.result.shape} cells, {options.threads} thread(s)")
        print(f"{'':34s} {'wall s':>7} {'cpu s':>7} {'ratio':>7} {'peak MiB':>9} {'error rms':>10} {'max':>10}", end="")
        print(f" {'shift rms':>9} {'max':>9}")
        report("geocode", ours, ours, shift_cells(lambda b: by_geocode(fields, b, resolution), resolution))
        nearest = measured(lambda: by_nearest(fields, "wave", resolution, ours.result))
        shift = shift_cells(lambda b: by_nearest(fields, b, resolution, ours.result), resolution)
        report("pyproj + cKDTree, 4x decimated", nearest, ours, shift)


if __name__ == "__main__":
    main()

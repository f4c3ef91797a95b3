"""Geometry bands of one secondary of a full burst, with a DEM: time and memory beside plain numpy, in one run.

    python benchmarks/geometry.py --lines 1507 --samples 23055

Two circular orbits some 130 m apart above hills of 2.4 km in a DEM of 1 arc second. The alternative is what one writes first,
the exact equations for each pixel in numpy: `forward` and the DEM by turns, eight times, `backward` to the secondary, the
carrier there; it runs on every 64th line and is extrapolated. `error` is the largest difference of the bands from it, where
both have found the same ground. Memory is the growth of the resident set beside the results.
"""

from __future__ import annotations

import argparse
import ctypes
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import dask
import dask.array as da
import numpy as np
import rasterio
from rasterio.transform import Affine

from local_runner.geometry.bands import CARRIER, POSITION, SHIFT, View, bands
from local_runner.geometry.baseline import phase_of_ranges
from local_runner.geometry.carrier import Carrier, RangePolynomial
from local_runner.geometry.constants import SPEED_OF_LIGHT_M_S
from local_runner.geometry.coregistration import coregister
from local_runner.geometry.elevation import heights_of_raster
from local_runner.geometry.orbit import Orbit
from local_runner.geometry.radar_grid import RadarGrid
from local_runner.geometry.range_doppler import backward, forward, look

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from local_runner.geometry.dem import RasterHeights

    Floats = NDArray[np.float64]

EPOCH = np.datetime64("2024-08-09T17:07:39", "us")
PAGE_BYTES = 4096
STEP = 64
"""Of the lines that the alternative computes."""
FIXED_POINTS = 8


class Measured(NamedTuple):
    """What a run took, and gave."""

    wall_s: float
    cpu_s: float
    peak_mib: float
    result: tuple[NDArray[np.float32], ...]


def orbit(radius_m: float, node_deg: float) -> Orbit:
    """A circular orbit above the turning Earth, by its positions; velocities are their differences."""
    time_s = np.arange(-80.0, 90.0, 10.0)

    def position(t: Floats) -> Floats:
        u = np.radians(40.0) + np.sqrt(3.986004418e14 / radius_m**3) * t
        i, turned = np.radians(98.18), np.radians(node_deg) - 7.2921151467e-5 * t
        x, y, z = np.cos(u), np.sin(u) * np.cos(i), np.sin(u) * np.sin(i)
        sin, cos = np.sin(turned), np.cos(turned)
        return radius_m * np.stack((cos * x - sin * y, sin * x + cos * y, z), axis=-1)

    return Orbit(EPOCH, time_s, position(time_s), position(time_s + 0.5) - position(time_s - 0.5))


def scene(lines: int, samples: int) -> tuple[RadarGrid, RadarGrid, Carrier]:
    """Primary, date, and the date's carrier, of the sampling of Sentinel-1."""
    primary = RadarGrid(EPOCH, 2.0555563e-3, 850e3, 2.329562, (lines, samples), 0.05546576, orbit(7.07e6, 20.0))
    date = replace(primary, orbit=orbit(7.07e6 + 120.0, 20.001))
    first = 2 * date.slant_range_first_m / SPEED_OF_LIGHT_M_S
    return (
        primary,
        date,
        Carrier(
            lines=lines,
            samples=samples,
            line_interval_s=date.line_interval_s,
            slant_range_time_first_s=first,
            range_sampling_rate_hz=SPEED_OF_LIGHT_M_S / (2 * date.range_spacing_m),
            radar_frequency_hz=SPEED_OF_LIGHT_M_S / date.wavelength_m,
            steering_rate_rad_s=float(np.radians(0.979863325)),
            velocity_m_s=7_590.0,
            fm_rate=RangePolynomial(first, (-2_200.0, 4.2e5, -7.0e7)),
            doppler_centroid=RangePolynomial(0.005337, (-40.0, 3.0e4, 2.0e6)),
        ),
    )


def terrain(folder: Path, grid: RadarGrid) -> RasterHeights:
    """Hills between 300 and 2700 m around an image."""
    corners = np.array([0, 0, 1, 1]) * grid.shape[0], np.array([0, 1, 0, 1]) * grid.shape[1]
    latitude, longitude = (
        np.concatenate(each) for each in zip(*(forward(grid, *corners, h) for h in (0.0, 2700.0)), strict=True)
    )
    box = longitude.min(), latitude.min(), longitude.max(), latitude.max()
    rows, columns = int((box[3] - box[1] + 0.1) * 3600), int((box[2] - box[0] + 0.1) * 3600)
    y, x = np.ogrid[:rows, :columns]
    values = 1500 + 1000 * np.sin(x / 150) * np.sin(y / 160) + 200 * np.sin((x + y) / 40)
    path = folder / "dem.tif"
    kinds = {"driver": "GTiff", "dtype": "float32", "count": 1, "height": rows, "width": columns, "crs": "EPSG:4326"}
    layout = {"tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "zstd", "predictor": 3}
    transform = Affine(1 / 3600, 0, box[0] - 0.05, 0, -1 / 3600, box[3] + 0.05)
    with rasterio.open(path, "w", transform=transform, **kinds, **layout) as file:
        file.write(values.astype(np.float32), 1)
    return heights_of_raster([path], "ellipsoid", box)


def per_pixel(view: View, carrier: Carrier, lines: NDArray[np.int64]) -> dict[str, Floats]:
    """All bands of some lines by exact equations for each pixel, in plain numpy."""
    placed = coregister(view.primary, view.date)
    line, sample = lines[:, None].astype(float), np.arange(view.primary.shape[1], dtype=float)
    height = np.full((lines.size, sample.size), 1500.0)
    source = view.heights.load() if hasattr(view.heights, "load") else view.heights
    for _ in range(FIXED_POINTS):
        height = source.at(*forward(view.primary, line, sample, height))
    latitude, longitude = forward(view.primary, line, sample, height)
    towards = look(view.primary, line, latitude, longitude, height)
    there = backward(view.date, latitude, longitude, height)
    start = line + placed.line_offset, sample + placed.sample_offset
    difference = view.primary.slant_range_m(sample) - view.date.slant_range_m(there[1])
    own = (latitude, longitude, height, np.arccos(towards[..., 2]), *np.moveaxis(towards, -1, 0))
    pair = (there[0] - start[0], there[1] - start[1], phase_of_ranges(difference, view.primary.wavelength_m))
    phases = carrier.phase(*start), carrier.phase(*there)
    return dict(zip(POSITION + SHIFT + CARRIER, own + pair + phases, strict=True))


def resident_mib() -> float:
    """Resident set of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES / 2**20


def measured(function: Callable[[], tuple[NDArray[np.float32], ...]]) -> Measured:
    """Run once and watch the resident set every 5 ms; what was free before is given back first (glibc)."""
    ctypes.CDLL(None).malloc_trim(0)
    before, peak, done = resident_mib(), [resident_mib()], threading.Event()

    def watch() -> None:
        while not done.wait(0.005):
            peak[0] = max(peak[0], resident_mib())

    watcher = threading.Thread(target=watch)
    watcher.start()
    wall, cpu = time.perf_counter(), time.process_time()
    result = function()
    row = Measured(time.perf_counter() - wall, time.process_time() - cpu, 0.0, result)
    done.set()
    watcher.join()
    return row._replace(peak_mib=peak[0] - before)


def best(view: View, names: tuple[str, ...], repeat: int) -> Measured:
    """The fastest of some runs that make bands together and put them chunk by chunk into arrays that are there."""
    made = bands(view)
    into = tuple(np.full(view.primary.shape, np.nan, np.float32) for _ in names)

    def run() -> tuple[NDArray[np.float32], ...]:
        da.store([made[name]() for name in names], into, lock=False)
        return into

    rows = [measured(run) for _ in range(repeat)]
    return min(rows, key=lambda r: r.wall_s)._replace(peak_mib=max(r.peak_mib for r in rows))


def errors(computed: dict[str, NDArray[np.float32]], exact: dict[str, Floats]) -> dict[str, float]:
    """Largest difference of each band where both have one height within 1 cm; phases around the circle."""
    same = np.abs(computed["height"] - exact["height"]) < 0.01
    found = {}
    for name, truth in exact.items():
        apart = computed[name] - truth
        found[name] = float(np.abs(np.angle(np.exp(1j * apart)) if "phase" in name else apart)[same].max())
    return found | {"share": float(same.mean())}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=1507)
    parser.add_argument("--samples", type=int, default=23_055)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3, help="runs of each; the fastest counts")
    options = parser.parse_args()
    primary, date, carrier = scene(options.lines, options.samples)
    everything = POSITION + SHIFT + CARRIER
    with tempfile.TemporaryDirectory() as folder, dask.config.set(scheduler="threads", num_workers=options.threads):
        view = View(primary, date, terrain(Path(folder), primary), carrier)
        first = measured(lambda: dask.compute(*(make()[:2] for make in bands(view).values())))
        print(f"first call with compilation or its cache: {first.wall_s:.1f} s")
        print(f"{options.lines} x {options.samples} pixels, {options.threads} thread(s)")
        lines = np.arange(0, options.lines, STEP)
        plain = measured(lambda: tuple(per_pixel(view, carrier, lines).values()))
        scale = options.lines / lines.size
        print(f"{'':44s} {'wall s':>7} {'cpu s':>7} {'faster':>7} {'peak MiB':>9}")
        report = "{:44s} {:7.2f} {:7.2f} {:7.0f} {:9.0f}".format
        print(
            report(
                "plain numpy per pixel, extrapolated", plain.wall_s * scale, plain.cpu_s * scale, 1.0, plain.peak_mib
            )
        )
        groups = (("height",), *((name,) for name in everything if name != "height"), POSITION, everything)
        for names in groups:
            row = best(view, names, options.repeat)
            title = names[0] if len(names) == 1 else f"{len(names)} bands: {names[0]} ... {names[-1]}"
            print(report(title, row.wall_s, row.cpu_s, plain.wall_s * scale / row.wall_s, row.peak_mib))
        computed = {name: array[lines] for name, array in zip(everything, row.result, strict=True)}
    exact = dict(zip(everything, plain.result, strict=True))
    print("error: " + ", ".join(f"{name} {value:.1e}" for name, value in errors(computed, exact).items()))


if __name__ == "__main__":
    main()

"""The demo of products: two simulated Sentinel-1 passes as SAFE folders without pixels, their catalogue, and two pictures.

The footprints of all bursts on a map, and the geometry bands of one burst over simulated terrain. Nothing here has pixels:
geometry needs annotation, orbit and a DEM alone.
"""

from __future__ import annotations

import logging
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import dask.array as da
import numpy as np
from affine import Affine
from pyproj import CRS

from local_runner import products
from local_runner.access import Access
from local_runner.demo.safe import Product, later, write_safe
from local_runner.files.raster_writer import Target, write_geotiff
from local_runner.graph import evaluate
from local_runner.products import catalogue
from local_runner.report.footprints import Outline, footprints
from local_runner.report.panels import panels
from local_runner.report.reduce import SAMPLE_ASPECT
from local_runner.stac.metadata import meaning_of
from local_runner.stac.walk import items

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

BANDS: Final = (
    "grid_lat",
    "grid_lon",
    "height",
    "incidence_angle",
    "look_east",
    "azimuth_shift",
    "range_shift",
    "reference_phase",
    "deramp_phase",
)
"""Bands in the picture, of the second date."""
BASELINE_M: Final = 60.0
"""How far east of the first pass the second one crosses the equator."""
BURST: Final = (1500, 23_500)
"""Lines and samples of a burst."""
_BOX: Final = (10.0, 45.7, 14.5, 48.1)
"""West, south, east and north of the DEM, degrees."""
_CELL: Final = 1 / 300
_STEPS: Final = (14, 80)
"""Lines and samples from one drawn sample to the next: a mean of phases that turn this fast would mean nothing."""


def show_geometry(
    out: Path, lines: int = BURST[0], samples: int = BURST[1], *, swaths: Sequence[str] = ("IW1", "IW2", "IW3")
) -> tuple[Path, Path]:
    """Write products, DEM and catalogue below `out`, which is written anew, and draw footprints and geometry bands."""
    shutil.rmtree(out, ignore_errors=True)
    edge = (lines // 60, samples // 120)
    made = _catalogue(out, Product(lines=lines, samples=samples, swaths=tuple(swaths), valid=edge, has_pixels=False))
    known = [found for found in items(str(made), Access().naming(str(made))) if "2024-08-09" in str(found.time())]
    outlines = [
        Outline(swath, burst, found.item["geometry"])
        for found in known
        for burst, swath in [found.id.upper().split("_")[1:3]]
    ]
    note = "Relative orbit 117, ascending; numbers are burst ids. Simulated pass over South Tyrol and Salzburg."
    first = footprints(outlines, out / "footprints.png", title="Footprints of the bursts of one pass", note=note)
    chosen = sorted({found.id.rpartition("_")[0] for found in known})[len(known) // 2]
    values = _values(made.parent if len(known) == 1 else made.parent / chosen)
    title = f"Geometry bands of burst {chosen}, second date against the stack primary"
    units = {name: meaning_of(name).unit.removeprefix("1") for name in BANDS}
    aspect = SAMPLE_ASPECT * _STEPS[0] / _STEPS[1]
    path, shape = out / "geometry.png", (lines, samples)
    return first, panels(values, path, title=title, units=units, sample_aspect=aspect, shape=shape)


def _catalogue(out: Path, product: Product) -> Path:
    """Two passes with their DEM as a catalogue; path of its collection.json."""
    (out / "products").mkdir(parents=True)
    safes = [write_safe(out / "products", each) for each in (product, later(product, across_m=BASELINE_M))]
    with _without_warnings():
        return catalogue(
            safes, out=out / "catalogue", dem=str(write_dem(out / "products" / "dem.tif")), dem_datum="ellipsoid"
        )


@contextmanager
def _without_warnings() -> Iterator[None]:
    """That these products have no pixels is no news."""
    log = logging.getLogger(products.__name__)
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def write_dem(path: Path) -> Path:
    """Write simulated mountains, float32 heights above the ellipsoid in m, EPSG:4326."""
    west, south, east, north = _BOX
    shape = (round((north - south) / _CELL), round((east - west) / _CELL))
    heights = da.from_array(_mountains(*shape), chunks=(256, -1), name=False)
    transform = Affine(_CELL, 0, west, 0, -_CELL, north)
    write_geotiff([Target(path, heights, "height", cog=True)], transform=transform, crs=CRS.from_epsg(4326))
    return path


def _mountains(rows: int, columns: int) -> NDArray[np.float32]:
    """Ridges of a few scales (rows, columns), 200 to 3200 m."""
    v, u = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, columns), indexing="ij")
    rng = np.random.default_rng(7)
    waves: NDArray[Any] = np.zeros((rows, columns))
    for k in (3, 5, 9, 14, 22):
        angle, phase = rng.uniform(0, np.pi), rng.uniform(0, 2 * np.pi)
        waves += np.sin(2 * np.pi * k * (u * np.cos(angle) * 1.9 + v * np.sin(angle)) + phase) / k**0.7
    ranked = (waves - waves.min()) / np.ptp(waves)
    return np.asarray(200 + 3000 * ranked**1.4, np.float32)


def _values(collection: Path) -> dict[str, NDArray[np.float32]]:
    """The bands of the second date of a burst, every few lines and samples."""
    arguments = {"url": str(collection), "bands": list(BANDS), "temporal_extent": ["2024-08-21", None]}
    cube = evaluate({"load": {"process_id": "load_stac", "arguments": arguments, "result": True}})
    sampled = cube.isel(t=0, y=slice(None, None, _STEPS[0]), x=slice(None, None, _STEPS[1])).compute()
    return {name: np.asarray(sampled.sel(bands=name)) for name in BANDS}

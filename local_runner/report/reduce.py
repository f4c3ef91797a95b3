"""Rasters at the size of a picture: block means that leave NaN out, strip by strip, north up, with the shape on the ground.

An overview of the file is read where one suffices, so that a file of any size is never held whole. Radar geometry keeps
azimuth lines downwards as stored. Not here: colours (`local_runner.report.drawing`).
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import rasterio
from pyproj import CRS
from rasterio.windows import Window

from local_runner.errors import OpenEOError
from local_runner.files.raster import GDAL_OPTIONS, Reader
from local_runner.stac.metadata import PARAMETERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    Rows = Callable[[int, int], NDArray[Any]]
    Raster = NDArray[Any] | Path
    Float32 = NDArray[np.float32]
    Bounds = tuple[float, float, float, float]

STRIP_SAMPLES: Final = 4e6
"""Samples read at a time."""
SAMPLE_ASPECT: Final = 14.0 / 3.9
"""Height over width of a Sentinel-1 IW sample on the ground: 14 m along azimuth, about 3.9 m in ground range."""
RADAR_SHAPE: Final = (0.36, 1.1)
"""Height over width of a picture in radar geometry: least and most."""


@dataclass(frozen=True)
class Picture:
    """A raster at the size of a picture: `values` (y, x) float32, north up; `shape` of the source.

    `mean`: how its blocks were reduced. `bounds` (west, south, east, north) and `crs` are None in radar geometry.
    """

    values: Float32
    shape: tuple[int, int]
    mean: str
    bounds: Bounds | None
    crs: CRS | None


def aspect_of(properties: Mapping[str, Any]) -> float:
    """Height over width of a cell on the ground, by the looks that an item tells: 1 where it does not."""
    asked = properties.get(PARAMETERS) or {}
    looks = [properties.get(f"sar:{name}") or asked.get(name) or 1 for name in ("looks_azimuth", "looks_range")]
    return float(SAMPLE_ASPECT * looks[0] / looks[1])


def fit(
    raster: Raster,
    room: tuple[int, int],
    *,
    mean: str = "linear",
    sample_aspect: float = SAMPLE_ASPECT,
    bounds: Bounds | None = None,
    crs: CRS | str | None = None,
) -> Picture:
    """Reduce (or repeat) the raster to fill `room` (width, height), in px, with the shape that it has on the ground.

    An array in map geometry needs `bounds` (row 0 is north) and `crs`; a file brings its own. `mean`: `linear`,
    `circular` (phase: mean of exp(j phase)), `rms` (parts of an SLC: root of the mean square) or `nearest` (flags: one sample
    of each block). `sample_aspect`: height over width of a sample on the ground, in radar geometry.
    """
    shape, box, system, flipped = _describe(raster, bounds, crs)
    if box is None:
        ratio = min(max(shape[0] * sample_aspect / shape[1], RADAR_SHAPE[0]), RADAR_SHAPE[1])
    else:
        ratio = (box[3] - box[1]) / (box[2] - box[0])
        ratio /= math.cos(math.radians((box[1] + box[3]) / 2)) if system and system.is_geographic else 1
    width = min(room[0], room[1] / ratio)
    values = reduce(raster, (max(1, round(width * ratio)), max(1, round(width))), mean)
    return Picture(values[::-1] if flipped else values, shape, mean, box, system)


def reduce(raster: Raster, size: tuple[int, int], mean: str) -> Float32:
    """Reduce to `size` (y, x) by means over blocks, NaN left out; samples repeat where `size` is larger."""
    with _rows(raster, size if mean == "linear" else None) as (read, shape):
        height, width = min(shape[0], size[0]), min(shape[1], size[1])
        rows, columns = np.arange(height + 1) * shape[0] // height, np.arange(width + 1) * shape[1] // width
        reduced = np.empty((height, width), np.float32)
        step = max(1, int(STRIP_SAMPLES / shape[1] * height / shape[0]))
        for a in range(0, height, step):
            b = min(a + step, height)
            reduced[a:b] = _blocks(read(int(rows[a]), int(rows[b])), rows[a:b] - rows[a], columns[:-1], mean)
    return reduced[np.arange(size[0])[:, None] * height // size[0], np.arange(size[1]) * width // size[1]]


def line_of(raster: Raster, line: int) -> NDArray[Any]:
    """One row at full resolution."""
    with _rows(raster) as (read, _):
        row: NDArray[Any] = read(line, line + 1)[0]
    return row


def _describe(
    raster: Raster, bounds: Bounds | None, crs: CRS | str | None
) -> tuple[tuple[int, int], Bounds | None, CRS | None, bool]:
    """Shape, map bounds and CRS (None: radar geometry), and whether row 0 is the south."""
    if isinstance(raster, np.ndarray):
        if raster.ndim != 2 or raster.dtype.kind == "c" or not raster.size:
            got = (raster.shape, str(raster.dtype))
            raise OpenEOError("ProcessParameterInvalid", "A raster must be real (y, x)", got=got)
        return raster.shape, bounds, None if crs is None or bounds is None else CRS.from_user_input(crs), False
    with _open(raster) as file:
        t, shape = file.transform, (file.height, file.width)
        identity = t.a == 1 and abs(t.e) == 1 and t.c == 0 and t.f in {0, file.height}
        if file.crs is None or identity:
            return shape, None, None, False
        west, low, east, high = file.bounds
        return shape, (west, min(low, high), east, max(low, high)), CRS.from_wkt(file.crs.to_wkt()), t.e > 0


@contextmanager
def _open(path: Path, **options: int) -> Iterator[Any]:
    with rasterio.Env(**GDAL_OPTIONS), Reader(str(path), driver="GTiff", sharing=False, **options) as file:
        yield file


@contextmanager
def _rows(raster: Raster, size: tuple[int, int] | None = None) -> Iterator[tuple[Rows, tuple[int, int]]]:
    """Give a reader of the rows [a, b) and the shape that it reads: the coarsest overview not smaller than `size`."""
    if isinstance(raster, np.ndarray):
        yield (lambda a, b: raster[a:b]), raster.shape
        return
    with _open(raster) as full:
        factors = full.overviews(1) if size else []
        enough = [k for k, f in enumerate(factors) if size and f * size[0] <= full.height and f * size[1] <= full.width]
    with _open(raster, **({"overview_level": enough[-1]} if enough else {})) as file:

        def read(a: int, b: int) -> NDArray[Any]:
            block: NDArray[Any] = file.read(1, window=Window(0, a, file.width, b - a))
            return block if file.nodata is None else np.where(block == file.nodata, np.nan, block)

        yield read, (file.height, file.width)


def _blocks(values: NDArray[Any], rows: NDArray[np.intp], columns: NDArray[np.intp], mean: str) -> NDArray[Any]:
    """Mean of each block that starts at `rows` and `columns`; NaN where nothing is finite."""
    if mean == "nearest":
        return values[rows[:, None], columns]
    finite = np.isfinite(values)
    clean = np.where(finite, values, 0)
    terms = np.where(finite, np.exp(1j * clean), 0) if mean == "circular" else clean.astype(np.float64)
    terms = terms**2 if mean == "rms" else terms
    total, count = (np.add.reduceat(np.add.reduceat(v, columns, axis=1), rows, axis=0) for v in (terms, finite * 1.0))
    value = np.angle(total) if mean == "circular" else total / np.maximum(count, 1)
    value = np.sqrt(value) if mean == "rms" else value
    return np.where(count > 0, value, np.nan)

"""The pixels of a Sentinel-1 SLC: GeoTIFF of complex integers, one strip per line, the bursts of a swath one below the other.

Lazy: a chunk reads the lines that it shows, once for both parts. Not here: which lines are those of another date's grid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import dask.array as da
import numpy as np
import rasterio
from dask.base import tokenize
from rasterio.errors import RasterioError
from rasterio.windows import Window

from local_runner.errors import DataError, LimitExceededError
from local_runner.files.raster import BLOCK_LIMIT, GDAL_OPTIONS, Reader, corrupt, root_of
from local_runner.products._driver import ROWS
from local_runner.products.sentinel1_slc.strips import end_of_blocks

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from local_runner.products.sentinel1_slc.annotation import Annotation

_TYPE: Final = "complex_int16"
_BYTES: Final = 4
"""Of a sample: two integers of 16 bits."""


@dataclass(frozen=True, eq=False)
class Placed:
    """A burst in a measurement, shown on the grid of another one.

    `first_row`: row of the file of its first line. Target (l, s) shows its sample (l + line_offset, s + sample_offset).
    `first_valid`, `last_valid` (lines,): as annotated, in samples of the burst. `shape`: of the target.
    """

    path: Path
    first_row: int
    samples: int
    first_valid: NDArray[np.int64]
    last_valid: NDArray[np.int64]
    shape: tuple[int, int]
    line_offset: int = 0
    sample_offset: int = 0


def require_raster(path: Path, annotation: Annotation) -> None:
    """Raise `DataCorrupt` unless a measurement is a GeoTIFF as its annotation tells; its header is read, no pixel is."""
    try:
        with rasterio.Env(**GDAL_OPTIONS), Reader(str(path), driver="GTiff", sharing=False) as file:
            shape, types, packed = file.shape, file.dtypes, file.compression is not None
            block = math.prod(file.block_shapes[0]) * _BYTES
        end = end_of_blocks(path)
    except (RasterioError, OSError, ValueError) as error:
        raise corrupt(path, error) from error
    if types != (_TYPE,):
        must = f"{path} must have one band of complex integers (CInt16)"
        raise DataError("DataCorrupt", must, got=types, do="Download the product again")
    if shape != annotation.raster_shape:
        must = (
            f"{path} must have {annotation.raster_shape[0]} lines and {annotation.raster_shape[1]} samples, which are those"
            f" of {len(annotation.bursts)} bursts by swathTiming of {annotation.path}"
        )
        raise DataError("DataCorrupt", must, got=shape, do="Download the product again")
    if packed and block > BLOCK_LIMIT:
        must = f"A compressed block of {path} must have at most {BLOCK_LIMIT >> 20} MiB"
        raise LimitExceededError("ArrayTooLarge", must, got=f"{block >> 20} MiB", do="Write it in strips of a line")
    size = path.stat().st_size
    if size < max(end, 0 if packed else math.prod(shape) * _BYTES):
        must = f"{path} must be whole, which it is with at least {end} bytes"
        raise DataError("DataCorrupt", must, got=size, do="Download the product again")


def parts(placed: Placed) -> tuple[da.Array, da.Array]:
    """Real and imaginary part (y, x) of a burst, float32, lazy; NaN where the burst has no valid sample."""
    values = _complex(placed)
    return (
        values.map_blocks(_real, dtype=np.float32, meta=np.empty((0, 0), np.float32)),
        values.map_blocks(_imaginary, dtype=np.float32, meta=np.empty((0, 0), np.float32)),
    )


def _complex(placed: Placed) -> da.Array:
    height, width = placed.shape
    rows = tuple(min(ROWS, height - start) for start in range(0, height, ROWS))
    stat = placed.path.stat()
    name = f"read-sentinel1-{tokenize(placed, stat.st_size, stat.st_mtime_ns)}"
    tasks = {(name, j, 0): (_read, placed, j * ROWS, count) for j, count in enumerate(rows)}
    return da.Array(tasks, name, (rows, (width,)), dtype=np.complex64)


def _read(placed: Placed, start: int, count: int) -> NDArray[np.complex64]:
    """Rows of the target from `start`, complex64; NaN in both parts where there is no valid sample."""
    target = np.full((count, placed.shape[1]), complex(np.nan, np.nan), np.complex64)
    lines = np.arange(start, start + count) + placed.line_offset
    inside = np.flatnonzero((lines >= 0) & (lines < placed.first_valid.size))
    inside = inside[placed.first_valid[lines[inside]] >= 0]
    if not inside.size:
        return target
    first, last = int(inside[0]), int(inside[-1]) + 1
    left = max(placed.sample_offset, 0)
    right = min(placed.sample_offset + placed.shape[1], placed.samples)
    if left >= right:
        return target
    window = Window(left, placed.first_row + int(lines[first]), right - left, last - first)
    raw = _window(placed.path, window)
    samples = np.arange(left, right)
    burst_lines = lines[first:last]
    valid = samples >= placed.first_valid[burst_lines, None]
    valid &= (samples <= placed.last_valid[burst_lines, None]) & (placed.first_valid[burst_lines, None] >= 0)
    raw[~valid] = complex(np.nan, np.nan)
    target[first:last, left - placed.sample_offset : right - placed.sample_offset] = raw
    return target


def _window(path: Path, window: Window) -> NDArray[np.complex64]:
    try:
        with rasterio.Env(**GDAL_OPTIONS), Reader(str(path), driver="GTiff", sharing=False) as file:
            raw: NDArray[np.complex64] = file.read(1, window=window).astype(np.complex64, copy=False)
    except (RasterioError, OSError) as error:
        must = f"{path} must be whole; lines from {window.row_off} on cannot be read ({root_of(error)})"
        raise DataError("DataCorrupt", must, do="Download the product again") from error
    return raw


def _real(values: NDArray[np.complex64]) -> NDArray[np.float32]:
    return np.ascontiguousarray(values.real)


def _imaginary(values: NDArray[np.complex64]) -> NDArray[np.float32]:
    return np.ascontiguousarray(values.imag)

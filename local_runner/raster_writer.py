"""The one writer of GeoTIFF: streams dask arrays by rows of tiles, reads back what it wrote and compares checksums.

All rasters of a call are computed in one pass, so that shared work is done once. The write tasks of one raster form a
chain: its blocks arrive in order, whatever the scheduler does, and the file has the same bytes each time. ZSTD level 1
with a predictor; a COG is translated from an uncompressed file beside it. Not here: the partial folder and its commit.
"""

from __future__ import annotations

import hashlib
import math
import threading
import uuid
import zlib
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import dask.array as da
import numpy as np
import rasterio
import rasterio.shutil
from dask import config
from dask.array.optimization import optimize
from dask.base import compute
from dask.delayed import Delayed, delayed
from dask.highlevelgraph import HighLevelGraph
from rasterio._err import CPLE_BaseError
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.io import DatasetWriter
from rasterio.windows import Window

from local_runner.errors import DataError, OpenEOError
from local_runner.raster import GDAL_OPTIONS, ROWS, Reader, root_of
from local_runner.statistics import Statistics, spans_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from affine import Affine
    from numpy.typing import NDArray
    from pyproj import CRS

LEVEL: Final = 1
THREADS: Final = 2
_IDENTITY: Final = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


@dataclass(frozen=True)
class Target:
    """One band to write: `data` is a 2-D dask array (y, x) of real numbers; floats become float32.

    `cog`: with overviews (average), for derived products; else plain tiles, for SLC parts and coordinates. To make a
    footprint from: `sample`, rows and columns whose values are returned; `spans`, whether those of valid data are.
    """

    path: Path
    data: da.Array
    description: str
    cog: bool = False
    sample: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
    spans: bool = False


@dataclass
class Written:
    """A raster that was written and read back: size in bytes, sha256 as multihash, statistics, sampled values.

    `spans`: first and last valid column of each row, -1 where none is valid; empty unless asked for.
    """

    path: Path
    shape: tuple[int, int]
    dtype: str
    statistics: Statistics = field(default_factory=Statistics)
    size: int = 0
    checksum: str = ""
    sample: NDArray[Any] = field(default_factory=lambda: np.empty((0, 0)))
    spans: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 2), np.int64))

    @property
    def nodata(self) -> float | None:
        """NaN for floats, none for integers."""
        return math.nan if np.dtype(self.dtype).kind == "f" else None


def write_geotiff(
    targets: Sequence[Target], *, transform: Affine | None = None, crs: CRS | None = None, tile: int | None = None
) -> list[Written]:
    """Write bands, one file each, on one grid, in one computation; read back and compared before it returns.

    Without `transform` and `crs` the rasters are in radar geometry. `tile`: 256 or 512, chosen by size if None. Raises
    `FormatUnsuitable` for data that are not real numbers, `StorageFailed` where a file does not hold what was written.
    Runs on threads even if another scheduler is set, since a file is written by one process.
    """
    streams = [_Stream(target, transform, crs, tile) for target in targets]
    arrays = [_by_rows(target.data, stream.dtype) for target, stream in zip(targets, streams, strict=True)]
    ends = []
    for stream, blocks in zip(streams, _blocks(arrays), strict=True):
        token: Any = None
        for start, block in zip(_starts(stream.shape[0]), blocks, strict=True):
            token = _put(stream, start, block, token)
        closed = _close(stream, token)
        checked = [_check(stream, start, closed) for start in _starts(stream.shape[0])]
        ends.append(_finish(stream, [_digest(stream, closed), *checked]))
    try:
        return list(compute(*ends, scheduler=scheduler()))
    finally:
        for stream in streams:
            stream.abandon()


def multihash(path: Path) -> str:
    """`file:checksum` of a file: sha256 as multihash (1220 and 64 hexadecimal digits)."""
    with path.open("rb") as file:
        return "1220" + hashlib.file_digest(file, "sha256").hexdigest()


def storage_failed(path: Path, reason: object) -> DataError:
    """Error for a file that does not hold what was written."""
    must = f"{path.name} must hold what was written ({reason})"
    return DataError("StorageFailed", must, got=str(path.parent), do="Check the space and the health of the disk")


def scheduler() -> str:
    """Scheduler of dask that writes: threads, or none where none is set, never processes."""
    return "synchronous" if config.get("scheduler", None) in ("sync", "synchronous", "single-threaded") else "threads"


def stored_dtype(array: Any, name: str) -> np.dtype[Any]:
    """Type that an array is stored in: float32 for floats, uint8 for bool, else its own; `FormatUnsuitable` if none."""
    kind = np.dtype(array.dtype)
    if kind.kind not in "fiub":
        must = f"Band {name!r} must hold real numbers to be saved as a raster"
        raise OpenEOError("FormatUnsuitable", must, got=str(kind), do="Save real and imaginary part as two bands")
    if kind.kind == "f":
        return np.dtype(np.float32)
    return np.dtype(np.uint8) if kind.kind == "b" else kind


class _Writer(DatasetWriter):  # type: ignore[misc]
    """A rasterio dataset that does not ask a new file for its transform, and so does not warn that there is none."""

    def read_transform(self) -> Sequence[float]:
        return (0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


class _Stream:
    """A file that takes the rows of one band in order; `abandon` closes and removes what is not finished.

    Where one task fails, those that are under way in other threads go on: GDAL crashes if their file is closed meanwhile.
    """

    def __init__(self, target: Target, transform: Affine | None, crs: CRS | None, tile: int | None) -> None:
        self.target = target
        self.shape: tuple[int, int] = target.data.shape
        self.dtype = stored_dtype(target.data, target.description)
        self.tile = tile or (512 if min(self.shape) >= 512 else 256)
        self.crs = crs
        self.transform = transform
        self.draft = target.path.with_name(f"{target.path.name}.draft") if target.cog else target.path
        self.written = Written(target.path, self.shape, self.dtype.name)
        self.written.sample = np.full(tuple(map(len, target.sample)), np.nan, self.dtype)
        if target.spans:
            self.written.spans = np.full((self.shape[0], 2), -1)
        self.description = "".join(filter(str.isprintable, target.description)).strip()
        self.sums: dict[int, int] = {}
        self.file: _Writer | None = None
        self.lock = threading.Lock()
        self.abandoned = False

    @property
    def compression(self) -> dict[str, Any]:
        predictor = 3 if self.dtype.kind == "f" else 2
        return {"compress": "ZSTD", "zstd_level": LEVEL, "predictor": predictor}

    def put(self, start: int, block: NDArray[Any]) -> None:
        block = np.ascontiguousarray(block, dtype=self.dtype)
        with self._in_use() as file:
            file.write(block, 1, window=Window(0, start, block.shape[1], block.shape[0]))
        self.sums[start] = zlib.crc32(block.data)
        self.written.statistics.add_block(block)
        if self.target.spans:
            self.written.spans[start : start + block.shape[0]] = spans_of(block)
        rows, columns = self.target.sample
        for at, row in enumerate(rows):
            if start <= row < start + block.shape[0]:
                self.written.sample[at] = block[row - start, list(columns)]

    def close(self) -> None:
        with self._in_use() as file:
            self.file = None
            file.close()
            if self.target.cog:
                self._translate()
        self._check_header()

    def check(self, start: int) -> None:
        """Read some rows back and compare."""
        height, width = self.shape
        path = self.target.path
        with Reader(str(path), driver="GTiff", sharing=False) as file:
            block = file.read(1, window=Window(0, start, width, min(ROWS, height - start)))
        if zlib.crc32(block.data) != self.sums[start]:
            raise storage_failed(path, f"the rows from {start} on differ when read back")

    def digest(self) -> None:
        self.written.size = self.target.path.stat().st_size
        self.written.checksum = multihash(self.target.path)

    def abandon(self) -> None:
        with self.lock, suppress(RasterioError, CPLE_BaseError, OSError):
            self.abandoned = True
            if self.target.cog:
                self.draft.unlink(missing_ok=True)
            if self.file is not None:
                self.file.close()

    @contextmanager
    def _in_use(self) -> Iterator[_Writer]:
        with self.lock:
            if self.abandoned:
                raise storage_failed(self.target.path, "it was abandoned")
            self.file = self.file or self._open()
            yield self.file

    def _open(self) -> _Writer:
        height, width = self.shape
        options = {"tiled": True, "blockxsize": self.tile, "blockysize": self.tile, "BIGTIFF": "IF_SAFER"}
        if not self.target.cog:
            options |= self.compression
        placed = self.transform is not None and tuple(self.transform)[:6] != _IDENTITY
        file = _Writer(
            str(self.draft),
            "w",
            driver="GTiff",
            width=width,
            height=height,
            count=1,
            crs=None if self.crs is None else rasterio.crs.CRS.from_wkt(self.crs.to_wkt()),
            transform=self.transform if placed else None,
            dtype=self.dtype.name,
            nodata=self.written.nodata,
            num_threads=THREADS,
            **options,
        )
        file.set_band_description(1, self.description)
        return file

    def _translate(self) -> None:
        rasterio.shutil.copy(
            str(self.draft),
            str(self.target.path),
            driver="COG",
            compress="ZSTD",
            level=LEVEL,
            predictor="YES",
            blocksize=self.tile,
            overviews="IGNORE_EXISTING",
            overview_resampling=Resampling.average.name.upper(),
            num_threads=str(THREADS),
            bigtiff="IF_SAFER",
        )
        self.draft.unlink()

    def _check_header(self) -> None:
        expected = (self.shape, (self.dtype.name,), (self.description or None,))
        with Reader(str(self.target.path), driver="GTiff", sharing=False) as file:
            found = (file.shape, file.dtypes, file.descriptions)
        if found != expected:
            raise storage_failed(self.target.path, f"another header was read: {found}")


@contextmanager
def _storing(stream: _Stream) -> Iterator[None]:
    # overviews of a COG are made in a file beside it, which need not be compressed first
    with rasterio.Env(**GDAL_OPTIONS, COG_TMP_COMPRESSION="NONE"):
        try:
            yield
        except (RasterioError, CPLE_BaseError, OSError) as error:  # rasterio.shutil raises errors of GDAL as they are
            raise storage_failed(stream.target.path, root_of(error)) from error


@delayed(pure=False)  # type: ignore[untyped-decorator]
def _put(stream: _Stream, start: int, block: NDArray[Any], after: None) -> None:
    """Write a block; `after` is the task of the block before."""
    del after
    with _storing(stream):
        stream.put(start, block)


@delayed(pure=False)  # type: ignore[untyped-decorator]
def _close(stream: _Stream, after: None) -> None:
    del after
    with _storing(stream):
        stream.close()


@delayed(pure=False)  # type: ignore[untyped-decorator]
def _check(stream: _Stream, start: int, after: None) -> None:
    del after
    with _storing(stream):
        stream.check(start)


@delayed(pure=False)  # type: ignore[untyped-decorator]
def _digest(stream: _Stream, after: None) -> None:
    del after
    with _storing(stream):
        stream.digest()


@delayed(pure=False)  # type: ignore[untyped-decorator]
def _finish(stream: _Stream, after: list[None]) -> Written:
    del after
    return stream.written


def _by_rows(data: da.Array, dtype: np.dtype[Any]) -> da.Array:
    rows: da.Array = data.astype(dtype).rechunk({0: ROWS, 1: -1})
    return rows


def _blocks(arrays: Sequence[da.Array]) -> list[list[Delayed]]:
    """The blocks of each array, all in one graph that was optimised as a whole: shared tasks stay shared."""
    keys = [[row[0] for row in array.__dask_keys__()] for array in arrays]
    merged = HighLevelGraph.merge(*(array.dask for array in arrays))
    tasks = optimize(merged, [key for rows in keys for key in rows])
    name = f"write-{uuid.uuid4().hex}"
    graph = HighLevelGraph({name: tasks}, {name: set()})
    return [[Delayed(key, graph, layer=name) for key in rows] for rows in keys]


def _starts(height: int) -> range:
    return range(0, height, ROWS)

"""The one writer of GeoTIFF: takes dask arrays block by block, reads back what it wrote and compares checksums.

All rasters of a call are computed in one pass, so that shared work is done once, and their blocks are written by the
caller alone. The bytes are the same each time, whoever computed them, because tiles stand in the file from top to bottom:
plain tiles are written as they come if they come in that order; else, and for overviews, they go into an uncompressed draft
beside the file, from which GDAL makes it. ZSTD level 1 with a predictor. Not here: the partial folder and its commit.
"""

from __future__ import annotations

import hashlib
import math
import zlib
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import rasterio
import rasterio.shutil
from rasterio._err import CPLE_BaseError
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.io import DatasetWriter
from rasterio.windows import Window

from local_runner.compute.blocks import plan_of
from local_runner.compute.workers import Threads, Workers, available
from local_runner.errors import DataError, OpenEOError
from local_runner.files.raster import GDAL_OPTIONS, Reader, root_of
from local_runner.files.statistics import Noting, Statistics, add_spans

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import dask.array as da
    from affine import Affine
    from numpy.typing import NDArray
    from pyproj import CRS

    from local_runner.compute.blocks import Place
    from local_runner.files.statistics import Facts

LEVEL: Final = 1
_IDENTITY: Final = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


@dataclass(frozen=True)
class Target:
    """One band to write: `data` is a 2-D dask array (y, x) of real numbers; floats become float32.

    `cog`: with overviews, for derived products; else plain tiles, for SLC parts and coordinates. `averaged`: overviews are
    means, else nearest cells, as of wrapped phases and of numbers that name classes. To make a footprint from: `sample`, rows
    and columns whose values are returned; `spans`, whether those of valid data are.
    """

    path: Path
    data: da.Array
    description: str
    cog: bool = False
    sample: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
    spans: bool = False
    averaged: bool = True


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
    targets: Sequence[Target],
    *,
    transform: Affine | None = None,
    crs: CRS | None = None,
    tile: int | None = None,
    workers: Workers | None = None,
) -> list[Written]:
    """Write bands, one file each, on one grid, in one computation; read back and compared before it returns.

    Without `transform` and `crs` the rasters are in radar geometry. `tile`: 256 or 512, chosen by size if None.
    `workers` compute the blocks; all threads if None. Raises `FormatUnsuitable` for data that are not real numbers,
    `StorageFailed` where a file does not hold what was written.
    """
    workers = workers or Threads(available())
    streams = [_Stream(target, transform, crs, tile, workers.count) for target in targets]
    plan = plan_of([stream.target.data for stream in streams], [stream.noting for stream in streams])
    places = [output.place for output in plan.outputs]
    for stream in streams:
        stream.is_drafted = stream.target.cog or places != sorted(places)
    try:
        with closing(workers.blocks(plan)) as blocks:
            for done, (place, facts) in enumerate(blocks):
                workers.report("compute", done, len(plan.outputs))
                for stream, found in zip(streams, facts, strict=True):
                    with _storing(stream):
                        stream.put(place, found)
        workers.report("compute", len(plan.outputs), len(plan.outputs))
        workers.each(_complete, streams, stage="write")
        workers.each(_check, [(stream, place) for stream in streams for place in stream.sums], stage="check")
    finally:
        for stream in streams:
            stream.abandon()
    return [stream.written for stream in streams]


def multihash(path: Path) -> str:
    """`file:checksum` of a file: sha256 as multihash (1220 and 64 hexadecimal digits)."""
    with path.open("rb") as file:
        return "1220" + hashlib.file_digest(file, "sha256").hexdigest()


def storage_failed(path: Path, reason: object) -> DataError:
    """Error for a file that does not hold what was written."""
    must = f"{path.name} must hold what was written ({reason})"
    return DataError("StorageFailed", must, got=str(path.parent), do="Check the space and the health of the disk")


def stored_dtype(array: Any, name: str) -> np.dtype[Any]:
    """Type that an array is stored in: float32 for floats, uint8 for bool, else its own; `FormatUnsuitable` if none."""
    kind = np.dtype(array.dtype)
    if kind.kind not in "fiub":
        must = f"Band {name!r} must hold real numbers to be saved as a raster"
        raise OpenEOError("FormatUnsuitable", must, got=str(kind), do="Save real and imaginary part as two bands")
    if kind.kind == "f":
        return np.dtype(np.float32)
    return np.dtype(np.uint8) if kind.kind == "b" else kind


def take_sample(
    into: NDArray[Any], sample: tuple[tuple[int, ...], tuple[int, ...]], place: Place, facts: Facts
) -> None:
    """Put those of the sampled rows and columns that lie in a block into the array of all of them."""
    rows, columns = map(np.asarray, sample)
    here = (
        (rows >= place.row) & (rows < place.row + place.height),
        (columns >= place.column) & (columns < place.column + place.width),
    )
    if here[0].any() and here[1].any():
        into[np.ix_(*here)] = facts.values[np.ix_(rows[here[0]] - place.row, columns[here[1]] - place.column)]


class _Writer(DatasetWriter):  # type: ignore[misc]
    """A rasterio dataset that does not ask a new file for its transform, and so does not warn that there is none."""

    def read_transform(self) -> Sequence[float]:
        return (0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


class _Stream:
    """A file that takes the blocks of one band; `abandon` closes and removes what is not finished."""

    def __init__(
        self, target: Target, transform: Affine | None, crs: CRS | None, tile: int | None, threads: int
    ) -> None:
        self.target = target
        self.shape: tuple[int, int] = target.data.shape
        self.dtype = stored_dtype(target.data, target.description)
        self.noting = Noting(self.dtype, target.spans)
        self.tile = tile or (512 if min(self.shape) >= 512 else 256)
        self.crs = crs
        self.transform = transform
        self.threads = threads
        self.draft = target.path.with_name(f"{target.path.name}.draft")
        self.written = Written(target.path, self.shape, self.dtype.name)
        self.written.sample = np.full(tuple(map(len, target.sample)), np.nan, self.dtype)
        if target.spans:
            self.written.spans = np.full((self.shape[0], 2), -1)
        self.description = "".join(filter(str.isprintable, target.description)).strip()
        self.sums: dict[Place, int] = {}
        self.file: _Writer | None = None
        self.is_drafted = True

    def put(self, place: Place, facts: Facts) -> None:
        self.file = self.file or self._open()
        self.file.write(facts.values, 1, window=_window(place))
        self.sums[place] = facts.checksum
        self.written.statistics.merge(facts.statistics)
        if facts.spans is not None:
            add_spans(self.written.spans[place.row : place.row + place.height], facts.spans, place.column)
        take_sample(self.written.sample, self.target.sample, place, facts)

    def complete(self) -> None:
        """Make the file of its draft."""
        if self.file is None:
            raise storage_failed(self.target.path, "nothing was computed")
        file, self.file = self.file, None
        file.close()
        if self.is_drafted:
            self._translate()
        self._check_header()
        self.written.size = self.target.path.stat().st_size
        self.written.checksum = multihash(self.target.path)

    def check(self, place: Place) -> None:
        """Read a block back and compare."""
        path = self.target.path
        with Reader(str(path), driver="GTiff", sharing=False) as file:
            block = file.read(1, window=_window(place))
        if zlib.crc32(block.data) != self.sums[place]:
            raise storage_failed(path, f"the block at row {place.row}, column {place.column} differs when read back")

    def abandon(self) -> None:
        with suppress(RasterioError, CPLE_BaseError, OSError):
            self.draft.unlink(missing_ok=True)
            if self.file is not None:
                if not self.is_drafted:
                    self.target.path.unlink(missing_ok=True)
                self.file.close()

    def _open(self) -> _Writer:
        height, width = self.shape
        placed = self.transform is not None and tuple(self.transform)[:6] != _IDENTITY
        file = _Writer(
            str(self.draft if self.is_drafted else self.target.path),
            "w",
            driver="GTiff",
            width=width,
            height=height,
            count=1,
            crs=None if self.crs is None else rasterio.crs.CRS.from_wkt(self.crs.to_wkt()),
            transform=self.transform if placed else None,
            dtype=self.dtype.name,
            nodata=self.written.nodata,
            **({"bigtiff": "IF_SAFER", **self._tiles} if self.is_drafted else self._compression | self._tiles),
        )
        file.set_band_description(1, self.description)
        return file

    @property
    def _tiles(self) -> dict[str, Any]:
        return {"tiled": True, "blockxsize": self.tile, "blockysize": self.tile}

    @property
    def _compression(self) -> dict[str, Any]:
        """Options of a compressed file, with those of its driver."""
        options: dict[str, Any] = {"compress": "ZSTD", "num_threads": str(self.threads), "bigtiff": "IF_SAFER"}
        if not self.target.cog:
            return options | {"zstd_level": LEVEL, "predictor": 3 if self.dtype.kind == "f" else 2}
        options |= {"level": LEVEL, "predictor": "YES", "blocksize": self.tile}
        resampling = Resampling.average if self.target.averaged else Resampling.nearest
        return options | {"overviews": "IGNORE_EXISTING", "overview_resampling": resampling.name.upper()}

    def _translate(self) -> None:
        options = {"driver": "COG"} if self.target.cog else {"driver": "GTiff", **self._tiles}
        rasterio.shutil.copy(str(self.draft), str(self.target.path), **self._compression, **options)
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


def _complete(stream: _Stream) -> None:
    with _storing(stream):
        stream.complete()


def _check(block: tuple[_Stream, Place]) -> None:
    stream, place = block
    with _storing(stream):
        stream.check(place)


def _window(place: Place) -> Window:
    return Window(place.column, place.row, place.width, place.height)

"""The one reader of GeoTIFF: lazy, by windows of whole blocks, float32 with NaN for no-data.

Only the GTiff driver is used, without sidecar files, and the header is judged before a pixel is read. A file without
georeferencing gets the identity transform; nobody is warned, since radar geometry has none. Scale and offset are not
applied. Not here: writing (`local_runner.files.raster_writer`), and what the grid means (`local_runner.stac.read`).
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import dask.array as da
import numpy as np
import rasterio
from dask.base import tokenize
from pyproj import CRS
from pyproj.exceptions import CRSError
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader
from rasterio.windows import Window

from local_runner.errors import DataError, LimitExceededError, OpenEOError
from local_runner.files.integrity import require_checksum

if TYPE_CHECKING:
    from collections.abc import Sequence

    from affine import Affine
    from numpy.typing import NDArray

GDAL_OPTIONS: Final = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_CACHEMAX": 128 * 2**20,
    "GDAL_VRT_ENABLE_PYTHON": "NO",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": "none",
}
"""No sidecar files, no network, and a block cache that does not grow with the machine."""
ROWS: Final = 512
"""Rows of a chunk; the nearest multiple of the file's blocks at or below."""
COLUMNS: Final = 1024
"""Columns of a chunk of a tiled file, likewise: a stack of many dates is then held by windows, not by whole rows."""
BLOCK_LIMIT: Final = 64 * 2**20
"""Largest decoded block of a compressed file, in bytes: reading one pixel costs as much. An uncompressed block may be
larger, since it cannot be larger than the file."""
CHUNK_LIMIT: Final = 512 * 2**20
BAND_LIMIT: Final = 8 * 2**30
MAX_BANDS: Final = 1_000
_MAGIC: Final = {b"II*\0": ("<", False), b"MM\0*": (">", False), b"II+\0": ("<", True), b"MM\0+": (">", True)}
_GEOREFERENCES: Final = tuple(map(frozenset, ((33550, 33922), (33920,), (34264,))))
"""TIFF tags ModelPixelScale with ModelTiepoint, IntergraphMatrix, ModelTransformation: one of them makes a transform."""
_IDENTITY: Final = (0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


@dataclass(frozen=True)
class Header:
    """What the header of a GeoTIFF says; `shape` is (rows, columns), `block` the rows and columns of its blocks."""

    path: Path
    shape: tuple[int, int]
    transform: Affine
    crs: CRS | None
    descriptions: tuple[str | None, ...]
    nodata: tuple[float | None, ...]
    dtypes: tuple[str, ...]
    block: tuple[int, int]
    pixel_interleaved: bool
    checksum: str = ""
    """What the metadata say that the file has; compared before a pixel is used."""

    @property
    def count(self) -> int:
        """Number of bands."""
        return len(self.dtypes)

    @property
    def rows(self) -> int:
        """Rows of a chunk: whole blocks, about `ROWS`."""
        return min(max(self.block[0], ROWS // self.block[0] * self.block[0]), self.shape[0])

    @property
    def columns(self) -> int:
        """Columns of a chunk: whole blocks, about `COLUMNS`; all where the file has strips."""
        return min(max(self.block[1], COLUMNS // self.block[1] * self.block[1]), self.shape[1])


class LazyRaster(NamedTuple):
    """One band of a GeoTIFF: `data` is a dask array (y, x), float32, NaN where there is no data."""

    data: da.Array
    transform: Affine
    crs: CRS | None
    descriptions: tuple[str | None, ...]
    nodata: float | None
    dtype: str


class Reader(DatasetReader):  # type: ignore[misc]
    """A rasterio dataset that takes the identity where the file has no transform, instead of warning about it.

    `warnings.catch_warnings` is no way to silence that warning: it is not safe in threads, and tasks run in threads.
    """

    def read_transform(self) -> Sequence[float]:
        """GDAL geotransform of the file, asked for only where the file has one."""
        tags = _tags(Path(self.name))
        try:
            return super().read_transform() if any(tags.issuperset(known) for known in _GEOREFERENCES) else _IDENTITY
        except NotGeoreferencedWarning as error:  # where warnings are errors: the tags are there and mean nothing
            raise corrupt(Path(self.name), error) from error


class _PixelReader(DatasetReader):  # type: ignore[misc]
    """A rasterio dataset for pixels only: its transform is of no interest."""

    def read_transform(self) -> Sequence[float]:
        return _IDENTITY


def open_lazy(path: Path, band: int = 1) -> LazyRaster:
    """One band of a GeoTIFF as dask array (y, x), float32, NaN where there is no data; bands count from 1.

    Raises `DataCorrupt`, `FormatUnsuitable`, `ArrayTooLarge`; `DataCorrupt` also when a chunk is read.
    """
    header = read_header(path)
    if not 1 <= band <= header.count:
        raise DataError("DataCorrupt", f"{path} must have band {band}", got=f"{header.count} bands")
    data = open_bands(header, [band])[0]
    return LazyRaster(
        data, header.transform, header.crs, header.descriptions, header.nodata[band - 1], header.dtypes[band - 1]
    )


def read_header(path: Path) -> Header:
    """Header of a GeoTIFF, judged: magic bytes, real numbers, sizes within limits, blocks that are no bombs."""
    _tags(path)
    try:
        with rasterio.Env(**GDAL_OPTIONS), Reader(str(path), driver="GTiff", sharing=False) as file:
            header = Header(
                path=path,
                shape=(file.height, file.width),
                transform=file.transform,
                crs=_crs(file),
                descriptions=file.descriptions,
                nodata=file.nodatavals,
                dtypes=file.dtypes,
                block=file.block_shapes[0],
                pixel_interleaved=file.count > 1 and file.profile.get("interleave") == "pixel",
            )
            compressed = file.compression is not None
    except (RasterioError, OSError, UnicodeDecodeError) as error:
        raise corrupt(path, error) from error
    _judge(header, compressed=compressed)
    return header


def open_bands(header: Header, bands: Sequence[int]) -> da.Array:
    """Bands of a GeoTIFF as dask array (bands, y, x), float32, NaN where there is no data; bands count from 1.

    Chunks are windows of whole blocks; a chunk holds all bands where the file interleaves them, else one.
    """
    height, width = header.shape
    groups = [list(bands)] if header.pixel_interleaved else [[band] for band in bands]
    rows = tuple(min(header.rows, height - start) for start in range(0, height, header.rows))
    columns = tuple(min(header.columns, width - start) for start in range(0, width, header.columns))
    stat = header.path.stat()
    name = f"read-{tokenize(header.path, header.checksum, stat.st_mtime_ns, stat.st_size, tuple(bands))}"
    tasks = {
        (name, i, j, k): (_read, header, tuple(group), (j * header.rows, k * header.columns), (count, samples))
        for i, group in enumerate(groups)
        for j, count in enumerate(rows)
        for k, samples in enumerate(columns)
    }
    chunks = (tuple(map(len, groups)), rows, columns)
    return da.Array(tasks, name, chunks, dtype=np.float32)


def corrupt(path: Path, error: Exception) -> DataError:
    """Error for a file that cannot be read."""
    must = f"{path} must be a whole, readable GeoTIFF ({root_of(error)})"
    return DataError("DataCorrupt", must, do="Make or download the file again")


def root_of(error: BaseException) -> BaseException:
    """The error that an error came from: rasterio's own says no more than to look there."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _read(header: Header, bands: tuple[int, ...], start: tuple[int, int], size: tuple[int, int]) -> NDArray[np.float32]:
    """A window by its first row and column and its size, both (rows, columns)."""
    require_checksum(header.path, header.checksum)
    window = Window(start[1], start[0], size[1], size[0])
    exact = all(np.can_cast(header.dtypes[band - 1], np.float32) for band in bands)
    into = np.empty((len(bands), *size), np.float32) if exact else None
    try:
        with rasterio.Env(**GDAL_OPTIONS), _PixelReader(str(header.path), driver="GTiff", sharing=False) as file:
            raw = file.read(list(bands), window=window, out=into)
    except (RasterioError, OSError) as error:
        raise corrupt(header.path, error) from error
    data: NDArray[np.float32] = raw.astype(np.float32, copy=False)
    for layer, source, band in zip(data, raw, bands, strict=True):
        nodata = header.nodata[band - 1]
        if nodata is not None and not math.isnan(nodata):
            layer[source == (_as_float32(nodata) if exact else nodata)] = np.nan
    return data


def _as_float32(value: float) -> np.float32:
    """Nearest float32, infinite where there is none: pixels of a float32 file never equal a double like -9999.9."""
    with np.errstate(over="ignore"):
        return np.float32(value)


def _crs(file: Any) -> CRS | None:
    if not file.crs:
        return None
    try:
        return CRS.from_wkt(file.crs.to_wkt())
    except CRSError as error:
        raise corrupt(Path(file.name), error) from error


def _judge(header: Header, *, compressed: bool) -> None:
    types = [np.dtype(name) if name != "complex_int16" else np.dtype(complex) for name in header.dtypes]
    if any(kind.kind == "c" for kind in types):
        must = f"{header.path} must hold real numbers; real and imaginary part are bands of their own"
        raise OpenEOError("FormatUnsuitable", must, got=header.dtypes[0], do="Write i and q as two bands")
    if header.count > MAX_BANDS:
        must = f"a file like {header.path} must have at most {MAX_BANDS} bands"
        raise LimitExceededError("ArrayTooLarge", must, got=header.count, do="Split it")
    height, width = header.shape
    sample = max(kind.itemsize for kind in types)
    together = header.count if header.pixel_interleaved else 1
    block = math.prod(header.block) * sample * together
    chunk = header.rows * header.columns * max(sample, 4) * together
    for size, limit, what in (
        (height * width * sample, BAND_LIMIT, "a band"),
        (chunk, CHUNK_LIMIT, f"{header.rows} rows by {header.columns} columns"),
        (block if compressed else 0, BLOCK_LIMIT, "a compressed block"),
    ):
        if size > limit:
            must = f"{what} of {header.path} must have at most {limit >> 20} MiB"
            raise LimitExceededError("ArrayTooLarge", must, got=f"{size >> 20} MiB", do="Tile the file, or cut it")


def _tags(path: Path) -> frozenset[int]:
    """Tags of the first image in a TIFF; `DataCorrupt` where the file is no TIFF."""
    try:
        with path.open("rb") as file:
            start = file.read(16)
            if start[:4] not in _MAGIC:
                raise DataError("DataCorrupt", f"{path} must be a GeoTIFF", got=start[:4], do="Check what the file is")
            order, big = _MAGIC[start[:4]]
            (offset,) = struct.unpack_from(f"{order}Q", start, 8) if big else struct.unpack_from(f"{order}I", start, 4)
            file.seek(offset)
            (count,) = struct.unpack(f"{order}Q", file.read(8)) if big else struct.unpack(f"{order}H", file.read(2))
            size = 20 if big else 12
            entries = file.read(min(count, 4096) * size)
    except (OSError, struct.error, OverflowError) as error:
        raise corrupt(path, error) from error
    return frozenset(struct.unpack_from(f"{order}H", entries, at)[0] for at in range(0, len(entries) - size + 1, size))

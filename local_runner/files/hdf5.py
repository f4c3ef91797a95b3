"""The one way into HDF5 files, netCDF-4 among them: judged first, then read under a lock, by windows of whole rows.

A file is tried in a process of its own and walked link by link before anything is read: what leads out of it (external
links, external storage, virtual data sets), soft links, which can form cycles, filters that would be loaded as plugins, and
sizes beyond the limits of `local_runner.files.raster` are refused. Groups may be nested. Not here: what the data sets of a
format mean.
"""

from __future__ import annotations

import math
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import dask.array as da
import h5py
import numpy as np
from dask.base import tokenize
from xarray.backends.locks import HDF5_LOCK

from local_runner.errors import DataError, LimitExceededError, OpenEOError
from local_runner.files.hdf5_links import links, require_harmless
from local_runner.files.integrity import require_checksum
from local_runner.files.netcdf_probe import require_sound
from local_runner.files.raster import BAND_LIMIT, BLOCK_LIMIT, CHUNK_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

LOCK: Final = HDF5_LOCK
"""Held around every call of h5py and netCDF4, neither of which is safe in threads; xarray holds it as well."""
MAGIC: Final = b"\x89HDF\r\n\x1a\n"
ROWS: Final = 256
"""Rows of a chunk, unless told otherwise."""
MAX_VALUES: Final = 1_000_000
"""Most values of a data set that is read whole, as metadata are."""
_LONG_VALUE: Final = 64
"""Bytes of a value above which it counts as several: a fixed text may be as long as its type says, without any there."""
MEDIA_TYPE: Final = "application/x-hdf5"
_FILTERS: Final = frozenset((1, 2, 3, 4))
"""Deflate, shuffle, Fletcher's checksum, szip: built in."""
_REAL: Final = "fiub"

_harmless: set[tuple[Path, int, int]] = set()
_names: dict[tuple[Path, int, int], frozenset[str]] = {}

while h5py.h5pl.size():  # no file may have code loaded: netCDF4 names its own folder of plugins when it is imported
    h5py.h5pl.remove(0)


@dataclass(frozen=True)
class Rows:
    """A plane (rows, columns) of a data set: its path in the file, its index on leading dims, some of its columns.

    `nodata`: stored values that mean no data, NaN as float32. `raw`: as stored (float64, complex64, int16, ...), `nodata` not
    looked at; else float32. `checksum`: `file:checksum`, compared before a value is used. `kind`: of the file, for errors.
    """

    path: Path
    name: str
    index: tuple[int, ...] = ()
    columns: tuple[int, int] | None = None
    nodata: tuple[float, ...] = ()
    raw: bool = False
    checksum: str = ""
    kind: str = "HDF5"


def is_hdf5(path: Path) -> bool:
    """Whether the first bytes of a file are those of HDF5."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def names(path: Path) -> frozenset[str]:
    """Paths of the groups and data sets that a file holds, e.g. `data/x_coordinates`; empty where it is no sound HDF5.

    Made to recognise a format: no link out of the file is followed, nothing is refused and nothing is raised.
    """
    try:
        if not path.is_file() or not is_hdf5(path):
            return frozenset()
        key = _key(path)
    except OSError:
        return frozenset()
    if key not in _names:
        _names[key] = frozenset()
        with suppress(OSError, OpenEOError):
            require_sound(path, "HDF5")
            with opened(path) as file:
                _names[key] = frozenset(name for name, _, _ in links(file))
    return _names[key]


@contextmanager
def guarded(path: Path, kind: str = "HDF5") -> Iterator[Any]:
    """A file open for reading, under the lock, once it is known to be sound and to hold its data itself.

    `kind` names the format in errors. Raises `DataCorrupt`, `AccessRefused` and `ArrayTooLarge`; errors of HDF5 inside the
    block become `DataCorrupt`. Data sets are to be read by `text`, `number` and `values`, which judge them. The lock cannot be
    taken twice: nothing that opens a file may be called inside the block.
    """
    if not is_hdf5(path):
        with path.open("rb") as stream:
            start = stream.read(len(MAGIC))
        raise DataError("DataCorrupt", f"{path} must be an HDF5 file", got=start, do="Check what the file is")
    require_sound(path, kind)
    key = _key(path)
    with opened(path, kind) as file:
        if key not in _harmless:
            require_harmless(path, file)
            _harmless.add(key)
        yield file


@contextmanager
def opened(path: Path, kind: str = "HDF5") -> Iterator[Any]:
    """A file that has been judged before, open under the lock; errors of HDF5 become `DataCorrupt`."""
    try:
        with LOCK, _file(path) as file:
            yield file
    except OpenEOError:
        raise
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        must = f"{path} must be a whole, readable {kind} file ({error})"
        raise DataError("DataCorrupt", must, do="Make or download the file again") from error


def _file(path: Path) -> Any:
    """A file without a lock on it, which not every disk allows; with one where this process has it open like that."""
    try:
        return h5py.File(path, "r", locking=False)
    except OSError as error:
        if "locking flag" not in str(error):
            raise
        return h5py.File(path, "r", locking="best-effort")


def has(file: Any, name: str) -> bool:
    """Whether a guarded file has a data set of this path."""
    return isinstance(file.get(name), h5py.Dataset)


def dataset(file: Any, name: str) -> Any:
    """Data set of a guarded file by its path; `DataCorrupt` where there is none."""
    if not has(file, name):
        group = file.get(name.rpartition("/")[0] or "/")
        got = sorted(group)[:50] if isinstance(group, h5py.Group) else None
        must = f"{file.filename} must have the data set {name!r}"
        raise DataError("DataCorrupt", must, got=got, do="Make or download the file again")
    return file[name]


def values(file: Any, name: str) -> NDArray[Any]:
    """A data set of at most `MAX_VALUES` values as it is stored, any number of dims, read now."""
    data = dataset(file, name)
    if data.size is None or data.size * max(1, data.dtype.itemsize // _LONG_VALUE) > MAX_VALUES:
        must = f"{name!r} in {file.filename} must have at most {MAX_VALUES} values"
        raise LimitExceededError("ArrayTooLarge", must, got=(data.shape, str(data.dtype)))
    if data.dtype.kind == "O" and data.size > 1:  # each may be as long as the file
        must = f"{name!r} in {file.filename} must be one text, or numbers"
        raise DataError("DataCorrupt", must, got=data.shape)
    judge(data)
    return np.asarray(data[()])


def number(file: Any, name: str) -> float:
    """A finite number, stored as a scalar or a single value."""
    found = values(file, name)
    if found.size != 1 or found.dtype.kind not in _REAL or not math.isfinite(found.flat[0]):
        must = f"{name!r} in {file.filename} must be one finite number"
        raise DataError("DataCorrupt", must, got=found.shape if found.size > 1 else found.tolist())
    return float(found.flat[0])


def text(file: Any, name: str) -> str:
    """A text, stored as a scalar or a single value."""
    found = values(file, name)
    value = found.flat[0] if found.size == 1 else None
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if not isinstance(value, str):
        must = f"{name!r} in {file.filename} must be one text"
        raise DataError("DataCorrupt", must, got=found.shape if found.size > 1 else found.tolist())
    return value.strip("\0 ")


def judge(data: Any, rows: int = 0) -> None:
    """Refuse a data set (..., rows, columns) for its sizes or filters; `rows`: those that are read at a time."""
    path, shape = data.file.filename, data.shape[-2:] or (1,)
    sample = max(data.dtype.itemsize, 4)
    block = math.prod(data.chunks) * data.dtype.itemsize if data.chunks else 0
    for size, limit, what in (
        (math.prod(shape) * sample, BAND_LIMIT, "a plane"),
        (rows * shape[-1] * sample, CHUNK_LIMIT, f"{rows} rows"),
        (block, BLOCK_LIMIT, "a chunk"),
    ):
        if size > limit:
            must = f"{what} of {data.name[1:]!r} in {path} must have at most {limit >> 20} MiB"
            raise LimitExceededError("ArrayTooLarge", must, got=f"{size >> 20} MiB", do="Chunk the file, or cut it")
    pipeline = data.id.get_create_plist()
    filters = [pipeline.get_filter(at)[0] for at in range(pipeline.get_nfilters())]
    if not _FILTERS.issuperset(filters):
        must = f"{path} must be compressed by deflate, shuffle or szip"
        do = f"Convert {data.name[1:]!r}, e.g. by nccopy -d 1 or h5repack -f GZIP=1"
        raise OpenEOError("FormatUnsuitable", must, got=filters, do=do)


def open_rows(source: Rows, shape: tuple[int, int] | None = None, rows: int = ROWS) -> da.Array:
    """Lazy array (rows, columns) in chunks of whole rows, whose name is a function of what it holds.

    `shape`: that of the plane, where the caller has judged the data set already; else it is judged here. float32 with NaN
    for `nodata`, or as stored. `DataCorrupt` also when a chunk is computed; a chunk reads its own rows and columns only.
    """
    shape = shape or _judged(source, rows)
    dtype = np.dtype(np.float32)
    if source.raw:
        with opened(source.path, source.kind) as file:
            dtype = file[source.name].dtype.newbyteorder("=")
    first, last = source.columns or (0, shape[1])
    stat = source.path.stat()
    token = f"read-{tokenize(source, stat.st_mtime_ns, stat.st_size, rows)}"
    starts = range(0, shape[0], rows)
    counts = tuple(min(rows, shape[0] - start) for start in starts)
    tasks = {
        (token, at, 0): (read_rows, source, start, count)
        for at, (start, count) in enumerate(zip(starts, counts, strict=True))
    }
    return da.Array(tasks, token, (counts, (last - first,)), dtype=dtype)


def read_rows(source: Rows, start: int, count: int) -> NDArray[Any]:
    """Some rows of a data set that has been judged before."""
    require_checksum(source.path, source.checksum)
    with opened(source.path, source.kind) as file:
        where = (*source.index, slice(start, start + count), slice(*(source.columns or (None,))))
        found: NDArray[Any] = file[source.name][where]
    if source.raw:
        return found.astype(found.dtype.newbyteorder("="), copy=False)
    missing = [found == nodata for nodata in source.nodata]
    real: NDArray[np.float32] = found.astype(np.float32, copy=False)
    for at in missing:
        real[at] = np.nan
    return real


def _judged(source: Rows, rows: int) -> tuple[int, int]:
    with guarded(source.path, source.kind) as file:
        data = dataset(file, source.name)
        if data.ndim != len(source.index) + 2 or not all(i < n for i, n in zip(source.index, data.shape, strict=False)):
            must = f"{source.name!r} in {source.path} must have rows and columns at {source.index}"
            raise DataError("DataCorrupt", must, got=data.shape)
        if not source.raw and data.dtype.kind not in _REAL:
            must = f"{source.path} must hold real numbers in {source.name!r}"
            raise OpenEOError("FormatUnsuitable", must, got=str(data.dtype))
        height, width = data.shape[-2:]
        first, last = source.columns or (0, width)
        if not 0 <= first < last <= width:
            raise DataError("DataCorrupt", f"{source.name!r} in {source.path} must have its columns", got=data.shape)
        judge(data, min(rows, height))
        return height, width


def _key(path: Path) -> tuple[Path, int, int]:
    status = path.stat()
    return path, status.st_size, status.st_mtime_ns

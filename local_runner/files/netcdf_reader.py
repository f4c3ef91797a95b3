"""The one reader of netCDF: lazy, by windows of whole rows, float32 with NaN for no-data.

Reads netCDF-4, which is HDF5, by h5py and nothing else: the netCDF library follows every link before anybody can judge
it. A file is walked link by link first: what leads out of the file (external links, external storage, virtual data
sets), soft links, which can form cycles, filters that would be loaded as plugins, and sizes beyond the limits of
`local_runner.files.raster` are refused. Not here: classic netCDF, packed values, variables with other dims than (t,) y, x.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import dask.array as da
import h5py
import numpy as np
import xarray as xr
from dask.base import tokenize
from xarray.backends.locks import HDF5_LOCK

from local_runner.cube import T, X, Y, parse_crs
from local_runner.errors import DataError, LimitExceededError, OpenEOError
from local_runner.files.integrity import require_checksum
from local_runner.files.netcdf_probe import MAX_OBJECTS, require_sound
from local_runner.files.raster import BAND_LIMIT, BLOCK_LIMIT, CHUNK_LIMIT, ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from pyproj import CRS

LOCK: Final = HDF5_LOCK
"""Held around every call of h5py and netCDF4, neither of which is safe in threads; xarray holds it as well."""
_HDF5: Final = b"\x89HDF\r\n\x1a\n"
_FILTERS: Final = frozenset((1, 2, 3, 4))
"""Deflate, shuffle, Fletcher's checksum, szip: built in."""
_MAX_LABELS: Final = 1_000_000

while h5py.h5pl.size():  # no file may have code loaded: netCDF4 names its own folder of plugins when it is imported
    h5py.h5pl.remove(0)


@dataclass(frozen=True)
class Variable:
    """A variable with the dims (t,) y, x: the grid mapping that it names, and the values that mean no data."""

    name: str
    temporal: bool
    grid_mapping: str
    nodata: tuple[float, ...]


@dataclass(frozen=True)
class NetcdfHeader:
    """What a netCDF file says before its pixels are read; `shape` is (rows, columns) and `rows` those of a chunk.

    `checksum`: what the metadata say that the file has, compared before a pixel is used.
    `x`, `y`: coordinates as stored, None where there are none. `times`: labels of `t`, empty where it has none.
    """

    path: Path
    shape: tuple[int, int]
    rows: int
    x: NDArray[Any] | None
    y: NDArray[Any] | None
    crs: CRS | None
    times: NDArray[np.datetime64]
    variables: dict[str, Variable]
    checksum: str = ""


def is_netcdf(path: Path) -> bool:
    """Whether the first bytes of a file are those of HDF5 or of classic netCDF."""
    with path.open("rb") as file:
        start = file.read(8)
    return start == _HDF5 or start[:3] == b"CDF"


def read_header(path: Path) -> NetcdfHeader:
    """Header of a netCDF-4 file, judged: magic bytes, links, sizes, filters, types, an even grid.

    Raises `DataCorrupt`, `FormatUnsuitable`, `ArrayTooLarge`, `AccessRefused`.
    """
    with path.open("rb") as stream:
        start = stream.read(8)
    if start[:3] == b"CDF":
        must = f"{path} must be netCDF-4"
        raise OpenEOError("FormatUnsuitable", must, got="classic netCDF", do="Convert it by nccopy -k nc4")
    if start != _HDF5:
        raise DataError("DataCorrupt", f"{path} must be a netCDF-4 file", got=start, do="Check what the file is")
    require_sound(path)
    with _opened(path) as file:
        _walk(path, file)
        found = {name: _variable(path, data) for name, data in _candidates(file).items()}
        if not found:
            must = f"{path} must have variables with the dims y, x or t, y, x"
            raise OpenEOError("FormatUnsuitable", must, got=sorted(file), do="Rename or reduce the dims")
        data = {name: file[name] for name in found}
        shapes = {variable.shape[-2:] for variable in data.values()}
        if len(shapes) > 1:
            raise DataError("DataCorrupt", f"The variables of {path} must have one shape", got=sorted(shapes))
        shape = shapes.pop()
        rows = min(_chunk_rows(variable) for variable in data.values())
        for variable in data.values():
            _judge(path, variable, rows)
        crs = _crs(path, file, found)
        return NetcdfHeader(
            path, shape, rows, _labels(path, file, X), _labels(path, file, Y), crs, _times(path, file), found
        )


def open_variable(header: NetcdfHeader, name: str, plane: int = 0) -> da.Array:
    """A variable (y, x), float32, lazy; `plane` is its place on `t`. `DataCorrupt` also when a chunk is read."""
    variable = header.variables.get(name)
    if variable is None:
        must = f"{header.path} must have the variable {name!r}, with dims y, x"
        raise DataError("DataCorrupt", must, got=tuple(header.variables), do="Repair the item")
    height, width = header.shape
    stat = header.path.stat()
    token = f"read-{tokenize(header.path, header.checksum, stat.st_mtime_ns, stat.st_size, name, plane)}"
    starts = range(0, height, header.rows)
    rows = tuple(min(header.rows, height - start) for start in starts)
    tasks = {
        (token, j, 0): (_read, header.path, header.checksum, variable, plane, start, count)
        for j, (start, count) in enumerate(zip(starts, rows, strict=True))
    }
    return da.Array(tasks, token, (rows, (width,)), dtype=np.float32)


def _read(path: Path, checksum: str, variable: Variable, plane: int, start: int, count: int) -> NDArray[np.float32]:
    require_checksum(path, checksum)
    rows = slice(start, start + count)
    with _opened(path) as file:
        raw = file[variable.name][(plane, rows) if variable.temporal else rows]
    missing = [raw == nodata for nodata in variable.nodata]
    values: NDArray[np.float32] = raw.astype(np.float32, copy=False)
    for where in missing:
        values[where] = np.nan
    return values


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """An open file, under the lock; errors of HDF5 become `DataCorrupt`."""
    try:
        with LOCK, h5py.File(path, "r", locking=False) as file:
            yield file
    except OpenEOError:
        raise
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        must = f"{path} must be a whole, readable netCDF file ({error})"
        raise DataError("DataCorrupt", must, do="Make or download the file again") from error


def _walk(path: Path, file: Any) -> None:
    """Refuse what leads out of the file or into a cycle, link by link: a path would hide the links in its middle."""
    waiting, seen = [file], {_address(file)}
    while waiting:
        group = waiting.pop()
        for name in group:
            kind = _kind_of_link(group, name)
            if kind != "HardLink":
                _refuse(path, f"{kind} {name!r}")
            thing = group[name]
            if _address(thing) in seen:
                continue
            seen.add(_address(thing))
            if len(seen) > MAX_OBJECTS:
                raise LimitExceededError("ArrayTooLarge", f"{path} must have at most {MAX_OBJECTS} objects")
            if isinstance(thing, h5py.Group):
                waiting.append(thing)
            elif isinstance(thing, h5py.Dataset) and (thing.external or thing.is_virtual):
                _refuse(path, f"data of {name!r} in another file")


def _kind_of_link(group: Any, name: str) -> str:
    try:
        return type(group.get(name, getlink=True)).__name__
    except TypeError:  # of a class that a program defined for itself
        return "user-defined link"


def _address(thing: Any) -> int:
    return int(h5py.h5o.get_info(thing.id).addr)


def _refuse(path: Path, got: str) -> None:
    must = f"{path} must hold its data itself, without soft, external or user-defined links"
    raise OpenEOError("AccessRefused", must, got=got, do="Copy the data into one file, e.g. by h5repack")


def _candidates(file: Any) -> dict[str, Any]:
    """Variables of the root group whose dims are (t,) y, x."""
    found = {name: thing for name, thing in file.items() if isinstance(thing, h5py.Dataset) and thing.ndim in (2, 3)}
    return {name: data for name, data in found.items() if _dims(data) in ((Y, X), (T, Y, X))}


def _dims(data: Any) -> tuple[str, ...]:
    return tuple(dim[0].name.rpartition("/")[2] if len(dim) else "" for dim in data.dims)


def _variable(path: Path, data: Any) -> Variable:
    name = data.name.rpartition("/")[2]
    if data.dtype.kind not in "fiu":
        must = f"{path} must hold real numbers in {name!r}"
        raise OpenEOError("FormatUnsuitable", must, got=str(data.dtype), do="Write i and q as two variables")
    if _number(data, "scale_factor", 1.0) != 1.0 or _number(data, "add_offset", 0.0) != 0.0:
        must = f"{path} must hold {name!r} as it is, without scale_factor and add_offset"
        raise OpenEOError("FormatUnsuitable", must, do="Unpack it, e.g. by ncpdq -U")
    given = [_number(data, key, math.nan) for key in ("_FillValue", "missing_value")]
    nodata = tuple(dict.fromkeys(value for value in given if not math.isnan(value)))
    return Variable(name, data.ndim == 3, _text(data, "grid_mapping").partition(":")[0], nodata)


def _number(data: Any, name: str, default: float) -> float:
    return float(np.ravel(data.attrs[name])[0]) if name in data.attrs else default


def _text(thing: Any, name: str) -> str:
    value = np.ravel(thing.attrs.get(name, ""))[0]
    return value.decode() if isinstance(value, bytes) else str(value)


def _chunk_rows(data: Any) -> int:
    """Rows of a chunk: whole blocks of the file, about `ROWS`."""
    block = data.chunks[-2] if data.chunks else 1
    return int(min(max(block, ROWS // block * block), data.shape[-2]))


def _judge(path: Path, data: Any, rows: int = 0) -> None:
    """Sizes and filters of a variable (..., y, x), or of a coordinate."""
    sample = max(data.dtype.itemsize, 4)
    block = math.prod(data.chunks) * data.dtype.itemsize if data.chunks else 0
    for size, limit, what in (
        (math.prod(data.shape[-2:]) * sample, BAND_LIMIT, "a plane"),
        (rows * data.shape[-1] * sample, CHUNK_LIMIT, f"{rows} rows"),
        (block, BLOCK_LIMIT, "a chunk"),
    ):
        if size > limit:
            must = f"{what} of {data.name[1:]!r} in {path} must have at most {limit >> 20} MiB"
            raise LimitExceededError("ArrayTooLarge", must, got=f"{size >> 20} MiB", do="Chunk the file, or cut it")
    pipeline = data.id.get_create_plist()
    filters = [pipeline.get_filter(at)[0] for at in range(pipeline.get_nfilters())]
    if not _FILTERS.issuperset(filters):
        must = f"{path} must be compressed by deflate, shuffle or szip"
        raise OpenEOError("FormatUnsuitable", must, got=filters, do="Convert it by nccopy -d 1")


def _stored(path: Path, file: Any, name: str) -> Any:
    """The coordinate variable of a dimension, if there is one: a dimension without one has no numbers."""
    data = file.get(name)
    plain = isinstance(data, h5py.Dataset) and data.ndim == 1 and "netCDF dimension but" not in _text(data, "NAME")
    if not plain or data.dtype.kind not in "fiu":
        return None
    if data.size > _MAX_LABELS:
        raise LimitExceededError("ArrayTooLarge", f"{path} must have at most {_MAX_LABELS} labels on {name}")
    _judge(path, data)
    return data


def _labels(path: Path, file: Any, name: str) -> NDArray[Any] | None:
    data = _stored(path, file, name)
    return None if data is None else np.asarray(data[()], dtype=np.float64)


def _times(path: Path, file: Any) -> NDArray[np.datetime64]:
    data = _stored(path, file, T)
    units = "" if data is None else _text(data, "units")
    if " since " not in units:
        return np.empty(0, "datetime64[ns]")
    attributes = {"units": units, "calendar": _text(data, "calendar") or "standard"}
    coded = xr.Dataset(coords={T: (T, np.asarray(data[()]), attributes)})
    return xr.decode_cf(coded)[T].values.astype("datetime64[ns]")


def _crs(path: Path, file: Any, variables: dict[str, Variable]) -> CRS | None:
    """CRS by the grid mapping; None in radar geometry. Axes of a map without a grid mapping are an error."""
    names = {variable.grid_mapping for variable in variables.values() if variable.grid_mapping in file}
    kinds = {_text(file[name], "standard_name") for name in (X, Y) if name in file}
    texts = [text for name in sorted(names) for key in ("crs_wkt", "spatial_ref") if (text := _text(file[name], key))]
    if texts:
        try:
            return parse_crs(texts[0])
        except OpenEOError as error:
            must = f"{path} must name its CRS as WKT2 or as EPSG code"
            raise OpenEOError("FormatUnsuitable", must, got=texts[0][:80]) from error
    if kinds == {"longitude", "latitude"} and not names:
        return parse_crs(4326)
    if names or kinds & {"projection_x_coordinate", "projection_y_coordinate", "longitude", "latitude"}:
        must = f"{path} must name its CRS as crs_wkt of the grid mapping of its variables"
        raise OpenEOError("FormatUnsuitable", must, got=sorted(names), do="Add it, e.g. by rio.write_crs of rioxarray")
    return None

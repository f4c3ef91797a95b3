"""The one reader of netCDF: lazy, by windows of whole rows, float32 with NaN for no-data.

Reads netCDF-4, which is HDF5, by `local_runner.files.hdf5` and nothing else: the netCDF library follows every link before
anybody can judge it. Not here: classic netCDF, packed values, variables with other dims than (t,) y, x.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import h5py
import numpy as np
import xarray as xr

from local_runner.cube import T, X, Y, parse_crs
from local_runner.errors import DataError, LimitExceededError, OpenEOError
from local_runner.files import hdf5
from local_runner.files.hdf5_attributes import attribute, attribute_number, fill_values
from local_runner.files.raster import ROWS

if TYPE_CHECKING:
    from pathlib import Path

    import dask.array as da
    from numpy.typing import NDArray
    from pyproj import CRS

_KIND: Final = "netCDF"
_MAX_LABELS: Final = 1_000_000


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
    return start == hdf5.MAGIC or start[:3] == b"CDF"


def read_header(path: Path) -> NetcdfHeader:
    """Header of a netCDF-4 file, judged: magic bytes, links, sizes, filters, types, an even grid.

    Raises `DataCorrupt`, `FormatUnsuitable`, `ArrayTooLarge`, `AccessRefused`.
    """
    with path.open("rb") as stream:
        start = stream.read(8)
    if start[:3] == b"CDF":
        must = f"{path} must be netCDF-4"
        raise OpenEOError("FormatUnsuitable", must, got="classic netCDF", do="Convert it by nccopy -k nc4")
    if start != hdf5.MAGIC:
        raise DataError("DataCorrupt", f"{path} must be a netCDF-4 file", got=start, do="Check what the file is")
    with hdf5.guarded(path, _KIND) as file:
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
            hdf5.judge(variable, rows)
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
    index = (plane,) if variable.temporal else ()
    source = hdf5.Rows(header.path, name, index, nodata=variable.nodata, checksum=header.checksum, kind=_KIND)
    return hdf5.open_rows(source, header.shape, header.rows)


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
    if attribute_number(data, "scale_factor", 1.0) != 1.0 or attribute_number(data, "add_offset", 0.0) != 0.0:
        must = f"{path} must hold {name!r} as it is, without scale_factor and add_offset"
        raise OpenEOError("FormatUnsuitable", must, do="Unpack it, e.g. by ncpdq -U")
    mapping = attribute(data, "grid_mapping").partition(":")[0]
    return Variable(name, data.ndim == 3, mapping, fill_values(data))


def _chunk_rows(data: Any) -> int:
    """Rows of a chunk: whole blocks of the file, about `ROWS`."""
    block = data.chunks[-2] if data.chunks else 1
    return int(min(max(block, ROWS // block * block), data.shape[-2]))


def _stored(path: Path, file: Any, name: str) -> Any:
    """The coordinate variable of a dimension, if there is one: a dimension without one has no numbers."""
    data = file.get(name)
    plain = isinstance(data, h5py.Dataset) and data.ndim == 1 and "netCDF dimension but" not in attribute(data, "NAME")
    if not plain or data.dtype.kind not in "fiu":
        return None
    if data.size > _MAX_LABELS:
        raise LimitExceededError("ArrayTooLarge", f"{path} must have at most {_MAX_LABELS} labels on {name}")
    hdf5.judge(data)
    return data


def _labels(path: Path, file: Any, name: str) -> NDArray[Any] | None:
    data = _stored(path, file, name)
    return None if data is None else np.asarray(data[()], dtype=np.float64)


def _times(path: Path, file: Any) -> NDArray[np.datetime64]:
    data = _stored(path, file, T)
    units = "" if data is None else attribute(data, "units")
    if " since " not in units:
        return np.empty(0, "datetime64[ns]")
    attributes = {"units": units, "calendar": attribute(data, "calendar") or "standard"}
    coded = xr.Dataset(coords={T: (T, np.asarray(data[()]), attributes)})
    return xr.decode_cf(coded)[T].values.astype("datetime64[ns]")


def _crs(path: Path, file: Any, variables: dict[str, Variable]) -> CRS | None:
    """CRS by the grid mapping; None in radar geometry. Axes of a map without a grid mapping are an error."""
    names = {variable.grid_mapping for variable in variables.values() if variable.grid_mapping in file}
    kinds = {attribute(file[name], "standard_name") for name in (X, Y) if name in file}
    texts = [
        text for name in sorted(names) for key in ("crs_wkt", "spatial_ref") if (text := attribute(file[name], key))
    ]
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

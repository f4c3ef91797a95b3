"""The one writer of netCDF: one variable per band, CF-1.11, compressed by zlib level 1, read back and compared.

Not here: reading netCDF as input of a graph.
"""

from __future__ import annotations

import threading
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import dask.array as da
import netCDF4
import numpy as np
import xarray as xr

from local_runner.cube import BANDS, T, X, Y, crs_of, with_crs
from local_runner.raster import ROWS
from local_runner.raster_writer import Statistics, Written, multihash, storage_failed, stored_dtype

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

CONVENTIONS: Final = "CF-1.11"
_RADAR_AXES: Final = {
    X: {"long_name": "range sample of the primary image", "units": "1", "axis": "X"},
    Y: {"long_name": "azimuth line of the primary image", "units": "1", "axis": "Y"},
}


@dataclass
class _Recorder:
    """Checksums and statistics of the blocks of one variable, noted as they pass on their way into the file."""

    sums: dict[tuple[int, ...], int] = field(default_factory=dict)
    statistics: Statistics = field(default_factory=Statistics)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, block: NDArray[Any], block_id: tuple[int, ...]) -> NDArray[Any]:
        block = np.ascontiguousarray(block)
        with self.lock:
            self.sums[block_id] = zlib.crc32(block.data)
            self.statistics.add_block(block)
        return block

    def __dask_tokenize__(self) -> int:
        return id(self)


def write_netcdf(
    path: Path, cube: xr.DataArray, *, attributes: Mapping[str, Mapping[str, str]], title: str
) -> dict[str, Written]:
    """Write a cube with the dims bands, y, x, and t if it has it, to one file; result per band.

    `attributes`: those of the variable of each band (`long_name`, `units`). Floats become float32 with NaN as fill
    value. Raises `FormatUnsuitable` and `StorageFailed`.
    """
    recorders = {str(name): _Recorder() for name in cube[BANDS].values}
    bands = {name: _variable(cube, name, recorder, attributes) for name, recorder in recorders.items()}
    dataset = with_axes(xr.Dataset(bands, attrs={"Conventions": CONVENTIONS, "title": title}), cube)
    encoding: dict[str, dict[str, Any]] = {name: _encoding(dataset[name]) for name in bands}
    if T in dataset.coords:
        encoding[T] = {"units": "seconds since 1970-01-01T00:00:00", "dtype": "float64", "calendar": "standard"}
    try:
        dataset.to_netcdf(path, engine="netcdf4", format="NETCDF4", encoding=encoding)
        _compare(path, recorders)
    except OSError as error:
        raise storage_failed(path, error) from error
    size, checksum, shape = path.stat().st_size, multihash(path), (cube.sizes[Y], cube.sizes[X])
    return {
        name: Written(path, shape, dataset[name].dtype.name, recorder.statistics, size, checksum)
        for name, recorder in recorders.items()
    }


def with_axes(dataset: xr.Dataset, cube: xr.DataArray) -> xr.Dataset:
    """The data set with CF attributes of its coordinates and, in map geometry, its grid mapping."""
    crs = crs_of(cube)
    if crs is not None:
        dataset = dataset.rio.write_crs(crs).rio.write_coordinate_system()
        for band in dataset.data_vars.values():
            band.attrs["grid_mapping"] = band.encoding.pop("grid_mapping")
    else:
        for name, attrs in _RADAR_AXES.items():
            dataset[name].attrs = attrs
    if T in dataset.coords:
        dataset[T].attrs = {"standard_name": "time", "axis": "T"}
    return dataset


def _variable(
    cube: xr.DataArray, name: str, recorder: _Recorder, attributes: Mapping[str, Mapping[str, str]]
) -> xr.DataArray:
    band = with_crs(cube.sel({BANDS: name}, drop=True), None)
    rows = {axis: ROWS if dimension == Y else (-1 if dimension == X else 1) for axis, dimension in enumerate(band.dims)}
    dtype = stored_dtype(band, name)
    data = da.asarray(band.data).astype(dtype).rechunk(rows)
    noted = data.map_blocks(recorder.note, dtype=dtype, meta=np.empty((0,) * data.ndim, dtype))
    return xr.DataArray(noted, dims=band.dims, coords=band.coords, attrs=dict(attributes.get(name, {})))


def _encoding(band: xr.DataArray) -> dict[str, Any]:
    chunk = {T: 1, Y: min(ROWS, band.sizes[Y]), X: min(ROWS, band.sizes[X])}
    kind = {"_FillValue": np.float32(np.nan)} if band.dtype.kind == "f" else {"_FillValue": None}
    return {"zlib": True, "complevel": 1, "shuffle": True, "chunksizes": [chunk[str(d)] for d in band.dims], **kind}


def _compare(path: Path, recorders: Mapping[str, _Recorder]) -> None:
    with netCDF4.Dataset(path) as file:
        file.set_auto_maskandscale(False)
        for name, recorder in recorders.items():
            variable = file.variables[name]
            for block_id, expected in recorder.sums.items():
                *before, row, _ = block_id
                block = variable[(*before, slice(row * ROWS, (row + 1) * ROWS))]
                if zlib.crc32(np.ascontiguousarray(block).data) != expected:
                    raise storage_failed(path, f"{name} differs when read back")

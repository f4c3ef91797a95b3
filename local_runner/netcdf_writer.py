"""The one writer of netCDF: one variable per band, CF-1.11, compressed by zlib level 1, read back and compared.

In map geometry the variables name their grid mapping, in radar geometry their latitude and longitude, which stand in the
file once. Not here: reading netCDF as input of a graph (`local_runner.netcdf_reader`).
"""

from __future__ import annotations

import re
import threading
import zlib
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import dask.array as da
import netCDF4
import numpy as np
import xarray as xr

from local_runner.cube import BANDS, T, X, Y, crs_of, with_crs
from local_runner.errors import OpenEOError
from local_runner.netcdf_reader import LOCK
from local_runner.raster import ROWS
from local_runner.raster_writer import Written, multihash, scheduler, storage_failed, stored_dtype
from local_runner.statistics import spans_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

CONVENTIONS: Final = "CF-1.11"
_RADAR_AXES: Final = {
    X: {"long_name": "range sample", "units": "1", "axis": "X"},
    Y: {"long_name": "azimuth line", "units": "1", "axis": "Y"},
}
_POSITIONS: Final = {
    name: {"standard_name": kind, "units": units}
    for kind, units, names in (
        ("latitude", "degrees_north", ("latitude", "grid_lat", "lat")),
        ("longitude", "degrees_east", ("longitude", "grid_lon", "lon")),
    )
    for name in names
}
_NAME: Final = re.compile(r"[A-Za-z0-9_\u0080-\U0010ffff](?:[^\x00-\x1f/\x7f]*[^\x00-\x20/\x7f])?")
_LONGEST_NAME: Final = 255
_TAKEN: Final = (T, Y, X, "spatial_ref")
_NOT_UDUNITS: Final = frozenset(("pixel", "pixel^2"))


@dataclass(frozen=True)
class File:
    """One file to write: a cube with the dims bands, y, x, and t if it has it.

    `attributes`: those of the variable of each band (`long_name`, `units`). To make a footprint from: `spans`, the band
    whose spans of valid data are returned; `sample`, rows and columns whose values are returned, of bands without t.
    """

    path: Path
    cube: xr.DataArray
    title: str
    attributes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    spans: str = ""
    sample: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())


@dataclass
class _Recorder:
    """Checksums of the blocks of one variable, noted as they pass on their way into the file, and what is to be known."""

    written: Written
    sample: tuple[tuple[int, ...], tuple[int, ...]]
    sums: dict[tuple[int, ...], int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, block: NDArray[Any], block_id: tuple[int, ...]) -> NDArray[Any]:
        block = np.ascontiguousarray(block)
        start, plane = block_id[-2] * ROWS, block.reshape(-1, *block.shape[-2:])[0]
        with self.lock:
            self.sums[block_id] = zlib.crc32(block.data)
            self.written.statistics.add_block(block)
            if self.written.spans.size:
                self.written.spans[start : start + plane.shape[0]] = spans_of(plane)
            for at, row in enumerate(self.sample[0]):
                if start <= row < start + plane.shape[0]:
                    self.written.sample[at] = plane[row - start, list(self.sample[1])]
        return block

    def __dask_tokenize__(self) -> int:
        return id(self)


def write_netcdf(files: Sequence[File]) -> list[dict[str, Written]]:
    """Write files in one computation, read back and compared before it returns; per file, the result of each band.

    Bands of latitude and longitude lose `t`. Floats become float32 with NaN as fill value. Raises `FormatUnsuitable`,
    also for names that no variable may have, and `StorageFailed`.
    """
    for file in files:
        _require_names(file)
    recorders = [{str(name): _recorder(file, str(name)) for name in file.cube[BANDS].values} for file in files]
    with ExitStack() as opened:
        created = [_create(file, bands) for file, bands in zip(files, recorders, strict=True)]
        variables = [_opened(file.path, bands, opened) for file, bands in zip(files, created, strict=True)]
        sources = [band.data for bands in created for band in bands]
        da.store(sources, [v for several in variables for v in several], lock=LOCK, scheduler=scheduler())
    for file, bands in zip(files, recorders, strict=True):
        with _storing(file.path):
            _compare(file.path, bands)
        size, checksum = file.path.stat().st_size, multihash(file.path)
        for recorder in bands.values():
            recorder.written.size, recorder.written.checksum = size, checksum
    return [{name: recorder.written for name, recorder in bands.items()} for bands in recorders]


def _require_names(file: File) -> None:
    for name in map(str, file.cube[BANDS].values):
        if name in _TAKEN or not _NAME.fullmatch(name) or len(name.encode()) > _LONGEST_NAME:
            must = f"A band saved as netCDF must have the name of a variable: no '/', not one of {_TAKEN}"
            raise OpenEOError("FormatUnsuitable", must, got=name, do="Rename it by rename_labels, or save as GTiff")


def _recorder(file: File, name: str) -> _Recorder:
    band = file.cube.sel({BANDS: name})
    written = Written(file.path, (band.sizes[Y], band.sizes[X]), stored_dtype(band, name).name)
    if name == file.spans:
        written.spans = np.full((band.sizes[Y], 2), -1)
    sample = file.sample if name in _POSITIONS else ((), ())
    written.sample = np.full(tuple(map(len, sample)), np.nan)
    return _Recorder(written, sample)


def _create(file: File, recorders: Mapping[str, _Recorder]) -> list[xr.DataArray]:
    """Write the axes and the grid mapping; the bands, which are to be written."""
    bands = {name: _variable(file.cube, name, recorder, file.attributes) for name, recorder in recorders.items()}
    dataset = with_axes(xr.Dataset(bands, attrs={"Conventions": CONVENTIONS, "title": file.title}), file.cube)
    encoding: dict[str, dict[str, Any]] = {name: {"_FillValue": None} for name in (X, Y)}
    if T in dataset.coords:
        time = {"units": "seconds since 1970-01-01T00:00:00", "dtype": "float64", "calendar": "standard"}
        encoding[T] = {**time, "_FillValue": None}
    # the grid mapping is a coordinate: xarray names it in a global attribute, by which it finds it again
    with _storing(file.path):
        dataset.drop_vars(bands).to_netcdf(file.path, engine="netcdf4", format="NETCDF4", encoding=encoding)
    return [dataset[name] for name in bands]


def _opened(path: Path, bands: Sequence[xr.DataArray], opened: ExitStack) -> list[_Variable]:
    """The variables of the bands, made in a file that stays open as long as `opened`."""
    with LOCK, _storing(path):
        file: Any = opened.enter_context(_Locked(path))
        variables = [file.createVariable(band.name, band.dtype, band.dims, **_storage(band)) for band in bands]
        for variable, band in zip(variables, bands, strict=True):
            variable.setncatts(band.attrs)
            variable.set_auto_maskandscale(False)
    return [_Variable(path, variable) for variable in variables]


@contextmanager
def _storing(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError) as error:  # netCDF4 raises RuntimeError where the disk is full
        raise storage_failed(path, error) from error


class _Variable:
    """A variable of an open file as a target of `dask.array.store`."""

    def __init__(self, path: Path, variable: Any) -> None:
        self.path = path
        self.variable = variable

    def __setitem__(self, index: Any, block: NDArray[Any]) -> None:
        with _storing(self.path):
            self.variable[index] = block

    def __dask_tokenize__(self) -> int:
        return id(self)


class _Locked:
    """A netCDF file opened by a holder of the lock, and closed under it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> netCDF4.Dataset:
        self.file = netCDF4.Dataset(self.path, "a")
        return self.file

    def __exit__(self, *_error: object) -> None:
        with LOCK, _storing(self.path):
            self.file.close()


def with_axes(dataset: xr.Dataset, cube: xr.DataArray) -> xr.Dataset:
    """The data set with CF attributes of its coordinates and, in map geometry, its grid mapping."""
    crs = crs_of(cube)
    if crs is not None:
        dataset = dataset.rio.write_crs(crs).rio.write_coordinate_system()
        dataset["spatial_ref"].attrs["crs_wkt"] = crs.to_wkt("WKT2_2019")  # rioxarray writes WKT 1
        for band in dataset.data_vars.values():
            band.attrs["grid_mapping"] = band.encoding.pop("grid_mapping")
    else:
        for name, attrs in _RADAR_AXES.items():
            dataset[name].attrs = attrs
    positions = " ".join(str(name) for name in dataset.data_vars if name in _POSITIONS)
    for key, band in dataset.data_vars.items():
        if positions and key not in _POSITIONS:
            band.attrs["coordinates"] = positions
    if T in dataset.coords:
        dataset[T].attrs = {"standard_name": "time", "axis": "T"}
    return dataset


def _variable(
    cube: xr.DataArray, name: str, recorder: _Recorder, attributes: Mapping[str, Mapping[str, str]]
) -> xr.DataArray:
    band = with_crs(cube.sel({BANDS: name}, drop=True), None)
    if name in _POSITIONS and T in band.dims:
        band = band.isel({T: 0}, drop=True)
    rows = {axis: ROWS if dimension == Y else (-1 if dimension == X else 1) for axis, dimension in enumerate(band.dims)}
    dtype = stored_dtype(band, name)
    data = da.asarray(band.data).astype(dtype).rechunk(rows)
    noted = data.map_blocks(recorder.note, dtype=dtype, meta=np.empty((0,) * data.ndim, dtype))
    return xr.DataArray(noted, dims=band.dims, coords=band.coords, attrs=_attributes(name, attributes.get(name, {})))


def _attributes(name: str, given: Mapping[str, str]) -> dict[str, str]:
    """Attributes in the terms of CF, whose units are those of UDUNITS: it has no pixels."""
    found = {**given, **_POSITIONS.get(name, {})}
    if found.get("units") in _NOT_UDUNITS:
        found |= {"long_name": f"{found.get('long_name', name)} ({found['units']})", "units": "1"}
    return found


def _storage(band: xr.DataArray) -> dict[str, Any]:
    chunk = {T: 1, Y: min(ROWS, band.sizes[Y]), X: min(ROWS, band.sizes[X])}
    fill = np.float32(np.nan) if band.dtype.kind == "f" else None
    sizes = [chunk[str(d)] for d in band.dims]
    return {"zlib": True, "complevel": 1, "shuffle": True, "chunksizes": sizes, "fill_value": fill}


def _compare(path: Path, recorders: Mapping[str, _Recorder]) -> None:
    with LOCK, netCDF4.Dataset(path) as file:
        file.set_auto_maskandscale(False)
        for name, recorder in recorders.items():
            variable = file.variables[name]
            for block_id, expected in recorder.sums.items():
                *before, row, _ = block_id
                block = variable[(*before, slice(row * ROWS, (row + 1) * ROWS))]
                if zlib.crc32(np.ascontiguousarray(block).data) != expected:
                    raise storage_failed(path, f"{name} differs when read back")

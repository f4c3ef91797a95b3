"""The one writer of netCDF: one variable per band, CF-1.11, compressed by zlib level 1, read back and compared.

In map geometry the variables name their grid mapping, in radar geometry their latitude and longitude, which stand in the
file once. Not here: reading netCDF as input of a graph (`local_runner.files.netcdf_reader`).
"""

from __future__ import annotations

import re
import zlib
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import dask.array as da
import netCDF4
import numpy as np
import xarray as xr

from local_runner.compute.blocks import ROWS, plan_of
from local_runner.compute.workers import Threads, Workers, available
from local_runner.cube import BANDS, T, X, Y, crs_of, with_crs
from local_runner.errors import OpenEOError
from local_runner.files.hdf5 import LOCK
from local_runner.files.raster_writer import Written, multihash, storage_failed, stored_dtype, take_sample
from local_runner.files.statistics import Noting, add_spans

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from local_runner.compute.blocks import Place
    from local_runner.files.statistics import Facts

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
class _Plane:
    """One date of the variable of a band: where it is written, and what is noted of its blocks as they pass.

    `index`: its place on `t`, empty where the variable has none.
    """

    path: Path
    name: str
    data: da.Array
    index: tuple[int, ...]
    written: Written
    sample: tuple[tuple[int, ...], tuple[int, ...]]
    variable: Any = None
    sums: dict[Place, int] = field(default_factory=dict)

    @property
    def noting(self) -> Noting:
        """What is done to the blocks: spans are those of the first date."""
        return Noting(np.dtype(self.written.dtype), bool(self.written.spans.size) and self.index in ((), (0,)))

    def put(self, place: Place, facts: Facts) -> None:
        """Write a block."""
        with LOCK, _storing(self.path):
            self.variable[self.at(place)] = facts.values
        self.sums[place] = facts.checksum
        self.written.statistics.merge(facts.statistics)
        if facts.spans is not None:
            add_spans(self.written.spans[place.row : place.row + place.height], facts.spans, place.column)
        take_sample(self.written.sample, self.sample, place, facts)

    def at(self, place: Place) -> tuple[Any, ...]:
        """Index of a block in the variable."""
        rows, columns = slice(place.row, place.row + place.height), slice(place.column, place.column + place.width)
        return (*self.index, rows, columns)


def write_netcdf(files: Sequence[File], *, workers: Workers | None = None) -> list[dict[str, Written]]:
    """Write files in one computation, read back and compared before it returns; per file, the result of each band.

    Bands of latitude and longitude lose `t`. Floats become float32 with NaN as fill value. `workers` compute the blocks;
    all threads if None. Raises `FormatUnsuitable`, also for names that no variable may have, and `StorageFailed`.
    """
    workers = workers or Threads(available())
    for file in files:
        _require_names(file)
    written = [{str(name): _written(file, str(name)) for name in file.cube[BANDS].values} for file in files]
    with ExitStack() as opened:
        planes = [plane for file, bands in zip(files, written, strict=True) for plane in _planes(file, bands, opened)]
        plan = plan_of([plane.data for plane in planes], [plane.noting for plane in planes])
        blocks = opened.enter_context(closing(workers.blocks(plan)))
        for done, (place, facts) in enumerate(blocks):
            workers.report("compute", done, len(plan.outputs))
            for plane, found in zip(planes, facts, strict=True):
                plane.put(place, found)
        workers.report("compute", len(plan.outputs), len(plan.outputs))
    for done, (file, bands) in enumerate(zip(files, written, strict=True)):
        workers.report("check", done, len(files))
        with _storing(file.path):
            _compare(file.path, [plane for plane in planes if plane.path == file.path])
        size, checksum = file.path.stat().st_size, multihash(file.path)
        for band in bands.values():
            band.size, band.checksum = size, checksum
    workers.report("check", len(files), len(files))
    return written


def _require_names(file: File) -> None:
    for name in map(str, file.cube[BANDS].values):
        if name in _TAKEN or not _NAME.fullmatch(name) or len(name.encode()) > _LONGEST_NAME:
            must = f"A band saved as netCDF must have the name of a variable: no '/', not one of {_TAKEN}"
            raise OpenEOError("FormatUnsuitable", must, got=name, do="Rename it by rename_labels, or save as GTiff")


def _written(file: File, name: str) -> Written:
    band = file.cube.sel({BANDS: name})
    written = Written(file.path, (band.sizes[Y], band.sizes[X]), stored_dtype(band, name).name)
    if name == file.spans:
        written.spans = np.full((band.sizes[Y], 2), -1)
    written.sample = np.full(tuple(map(len, _sample(file, name))), np.nan)
    return written


def _sample(file: File, name: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return file.sample if name in _POSITIONS else ((), ())


def _planes(file: File, written: Mapping[str, Written], opened: ExitStack) -> list[_Plane]:
    """Make a file with its axes, its grid mapping and its variables, which stays open as long as `opened`."""
    bands = {name: _variable(file.cube, name, file.attributes) for name in written}
    dataset = with_axes(xr.Dataset(bands, attrs={"Conventions": CONVENTIONS, "title": file.title}), file.cube)
    encoding: dict[str, dict[str, Any]] = {name: {"_FillValue": None} for name in (X, Y)}
    if T in dataset.coords:
        time = {"units": "seconds since 1970-01-01T00:00:00", "dtype": "float64", "calendar": "standard"}
        encoding[T] = {**time, "_FillValue": None}
    # the grid mapping is a coordinate: xarray names it in a global attribute, by which it finds it again
    with _storing(file.path):
        dataset.drop_vars(bands).to_netcdf(file.path, engine="netcdf4", format="NETCDF4", encoding=encoding)
    planes = []
    with LOCK, _storing(file.path):
        stream: Any = opened.enter_context(_Locked(file.path))
        for name, known in written.items():
            band = dataset[name]
            variable = stream.createVariable(name, known.dtype, band.dims, **_storage(band, known.dtype))
            variable.setncatts(band.attrs)
            variable.set_auto_maskandscale(False)
            for index in np.ndindex(band.shape[:-2]):
                data = da.asarray(band.data)[index]
                planes.append(_Plane(file.path, name, data, index, known, _sample(file, name), variable))
    return planes


@contextmanager
def _storing(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError) as error:  # netCDF4 raises RuntimeError where the disk is full
        raise storage_failed(path, error) from error


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


def _variable(cube: xr.DataArray, name: str, attributes: Mapping[str, Mapping[str, str]]) -> xr.DataArray:
    band = with_crs(cube.sel({BANDS: name}, drop=True), None)
    if name in _POSITIONS and T in band.dims:
        band = band.isel({T: 0}, drop=True)
    return xr.DataArray(
        band.data, dims=band.dims, coords=band.coords, attrs=_attributes(name, attributes.get(name, {}))
    )


def _attributes(name: str, given: Mapping[str, str]) -> dict[str, str]:
    """Attributes in the terms of CF, whose units are those of UDUNITS: it has no pixels."""
    found = {**given, **_POSITIONS.get(name, {})}
    if found.get("units") in _NOT_UDUNITS:
        found |= {"long_name": f"{found.get('long_name', name)} ({found['units']})", "units": "1"}
    return found


def _storage(band: xr.DataArray, dtype: str) -> dict[str, Any]:
    chunk = {T: 1, Y: min(ROWS, band.sizes[Y]), X: min(ROWS, band.sizes[X])}
    fill = np.float32(np.nan) if np.dtype(dtype).kind == "f" else None
    sizes = [chunk[str(d)] for d in band.dims]
    return {"zlib": True, "complevel": 1, "shuffle": True, "chunksizes": sizes, "fill_value": fill}


def _compare(path: Path, planes: Sequence[_Plane]) -> None:
    with LOCK, netCDF4.Dataset(path) as file:
        file.set_auto_maskandscale(False)
        for plane in planes:
            for place, expected in plane.sums.items():
                block = file.variables[plane.name][plane.at(place)]
                if zlib.crc32(np.ascontiguousarray(block).data) != expected:
                    raise storage_failed(path, f"{plane.name} differs when read back")

"""Amplitude stack with DEM as MoSARt writes it: one HDF5 file in radar geometry, all dates on one grid.

Data sets `YYYYMMDD` (amplitude), `dem`, `lon`, `lat`, `grad` (gradient of the DEM per range sample) and `std` (over the dates),
two-dimensional, rows azimuth, columns range. One item per date with the bands `amplitude`, `height`, `grid_lat`, `grid_lon`,
`gradient`, `amplitude_std`, those that are there; the day is all that is known of the time. Heights are those of the DEM
that was used: the file does not tell their datum. Not here: weights, masks and DEMs that MoSARt makes of the stack.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from local_runner.errors import DataError
from local_runner.files import hdf5
from local_runner.files.hdf5_attributes import fill_values
from local_runner.products import _hdf5, _items
from local_runner.products._driver import Options, Product, Stack
from local_runner.stac import footprint
from local_runner.stac.grid import Grid
from local_runner.stac.metadata import safe_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pystac
    from numpy.typing import NDArray

    from local_runner.access import Access
    from local_runner.stac.footprint import Ring
    from local_runner.stac.walk import Found

TITLE: Final = "Amplitude stack with DEM (MoSARt): an HDF5 file with data sets YYYYMMDD and dem"
_NAME: Final = "mosart"
_DATA: Final = "data"
_AMPLITUDE: Final = "amplitude"
_STATIC: Final = {"height": "dem", "grid_lat": "lat", "grid_lon": "lon", "gradient": "grad", "amplitude_std": "std"}
"""Data set by the name of its band."""
_DAY: Final = re.compile(r"\d{8}")
_DATASET: Final = "openeo_sar:dataset"
"""Property of an item: the data set of its amplitude."""


@dataclass(frozen=True)
class _Header:
    """One file: shape of all data sets, days, static data sets by band, nodata by data set, outline."""

    path: Path
    shape: tuple[int, int]
    days: tuple[str, ...]
    static: dict[str, str]
    nodata: dict[str, tuple[float, ...]]


def recognise(path: Path) -> bool:
    """Whether a path is HDF5 with `dem` and a data set named by a day at its root."""
    names = hdf5.names(path)
    return "dem" in names and any(_DAY.fullmatch(name) for name in names)


def stacks(paths: Sequence[Path], options: Options) -> list[Stack]:
    """One stack per file. For the footprint, some rows of `lat` and `lon` are read: metadata in another place.

    Raises `DataCorrupt`, `FormatUnsuitable`, `AccessRefused`, `ArrayTooLarge`, naming file and data set; warns where a
    file has no positions.
    """
    del options
    return [_stack(_read_header(path.resolve())) for path in paths]


def open_item(found: Found, access: Access) -> Product:
    """Grid and bands of an item."""
    path = _hdf5.path_of(found, _DATA, access) if _DATA in found.assets else None
    if path is None:
        raise DataError("DataCorrupt", f"Item {found.id} must have the asset {_DATA!r}", got=tuple(found.assets))
    header = _read_header(path)
    day = str(found.properties.get(_DATASET, ""))
    if day not in header.days:
        must = f"{_DATASET} of item {found.id} must be a data set of {path}"
        raise DataError("DataCorrupt", must, got=day, do="Make the catalogue again with `openeo-sar stac`")
    sources = {_AMPLITUDE: day, **header.static}
    bands = {}
    for name in _hdf5.bands_of(found.assets[_DATA]):
        if name not in sources:
            raise _hdf5.no_band(found, _DATA, path, sources, name)
        rows = hdf5.Rows(path, sources[name], nodata=header.nodata[sources[name]])
        bands[name] = partial(hdf5.open_rows, rows, header.shape)
    return Product(_grid(header), bands)


def _grid(header: _Header) -> Grid:
    height, width = header.shape
    return Grid(np.arange(width), np.arange(height), None)


def _read_header(path: Path) -> _Header:
    with hdf5.guarded(path) as file:
        days = tuple(sorted(name for name in file if _DAY.fullmatch(name)))
        static = {band: name for band, name in _STATIC.items() if band == "height" or hdf5.has(file, name)}
        first = hdf5.dataset(file, days[0] if days else "YYYYMMDD")
        if first.ndim != 2 or min(first.shape) < 1:
            must = f"{days[0]!r} in {path} must have rows and columns"
            raise DataError("DataCorrupt", must, got=first.shape, do="Make or download the file again")
        height, width = first.shape
        grid = Grid(np.arange(width), np.arange(height), None)
        nodata = {}
        for name in (*days, *static.values()):
            data = _hdf5.require_shape(file, name, grid)
            _hdf5.require_real(file, data)
            nodata[name] = fill_values(data)
        return _Header(path, (height, width), days, static, nodata)


def _stack(header: _Header) -> Stack:
    path, name = header.path, safe_name(header.path.stem)
    times = {day: _hdf5.time(path, day, day) for day in header.days}
    ring = _outline(header)
    items = [_item(f"{name}_{day}", day, time, ring, header) for day, time in times.items()]
    description = f"Coregistered amplitude images of {path.name} in radar geometry, with a DEM on their grid."
    return Stack(name, f"Amplitude stack {path.stem}", description, items, (path,))


def _item(name: str, day: str, time: Any, ring: Ring | None, header: _Header) -> pystac.Item:
    properties = {_DATASET: day, **_hdf5.projection(_grid(header))}
    bands = (_AMPLITUDE, *header.static)
    assets = {_DATA: _items.asset(header.path, hdf5.MEDIA_TYPE, ["data"], bands=bands)}
    return _hdf5.derive(_items.item(name, time, ring, properties, assets, driver=_NAME), [header.path])


def _outline(header: _Header) -> Ring | None:
    """Outline of the image by `footprint.POINTS` rows of its positions; None, with a warning, where it has none."""
    names = [header.static.get(band) for band in ("grid_lat", "grid_lon")]
    if None in names:
        text = f"{header.path} has no data sets 'lat' and 'lon': its items have no footprint and cannot be geocoded"
        warnings.warn(text, UserWarning, stacklevel=2)
        return None
    latitude, longitude = (_sampled(header, str(name)) for name in names)
    for name, values, lowest, highest in (("lat", latitude, -90, 90), ("lon", longitude, -180, 360)):
        known = values[np.isfinite(values)]
        if known.size and not lowest <= known.min() <= known.max() <= highest:
            must = f"{name!r} in {header.path} must be degrees from {lowest} to {highest}"
            got = (float(known.min()), float(known.max()))
            raise DataError("DataCorrupt", must, got=got, do="Repair the file")
    return footprint.of_samples(latitude, longitude)


def _sampled(header: _Header, name: str) -> NDArray[np.float64]:
    """A data set in float64 at the sampled positions, NaN where there is no data."""
    rows, columns = (footprint.sample_positions(size) for size in header.shape)
    source = hdf5.Rows(header.path, name, raw=True)
    stored = np.concatenate([hdf5.read_rows(source, row, 1)[:, columns] for row in rows])
    return np.where(np.isin(stored, header.nodata[name]), np.nan, stored.astype(np.float64))

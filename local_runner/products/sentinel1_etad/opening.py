"""An item of an ETAD product opened: its files by its assets, its bands lazy."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import dask.array as da
import numpy as np
from dask.base import tokenize

from local_runner.errors import DataError
from local_runner.files import hdf5
from local_runner.files.hdf5_attributes import fill_values
from local_runner.products._driver import ROWS, Product
from local_runner.products.sentinel1_etad import items, shifts
from local_runner.products.sentinel1_etad.frame import frame_of
from local_runner.products.sentinel1_etad.layers import STORED
from local_runner.products.sentinel1_etad.reader import KIND, read_burst
from local_runner.products.sentinel1_slc.annotation import read_annotation
from local_runner.products.sentinel1_slc.items import ORBIT
from local_runner.products.sentinel1_slc.orbits import read_orbit_file
from local_runner.stac.grid import Grid

if TYPE_CHECKING:
    from pathlib import Path

    from local_runner.access import Access
    from local_runner.products.sentinel1_etad.frame import Frame
    from local_runner.products.sentinel1_etad.reader import EtadBurst
    from local_runner.stac.walk import Found

_DO: Final = "Make the catalogue again with `openeo-sar stac`"


def open_item(found: Found, access: Access) -> Product:
    """Grid and bands of a burst. Reads headers, axes and annotation, no layer.

    Raises `FileNotFound` and `DataCorrupt` naming file and field.
    """
    burst = read_burst(_path(found, access, items.DATA), str(found.properties.get(items.GROUP)))
    if items.ANNOTATION in found.assets:
        frame = _frame(burst, found, access)
        return Product(_grid(frame.shape), shifts.bands(frame))
    return Product(_grid(burst.shape), {name: partial(_layer, burst, name) for name in items.own_bands(burst)})


def _frame(burst: EtadBurst, found: Found, access: Access) -> Frame:
    """Frame of the burst of the SLC that begins at the time of the item."""
    annotation = read_annotation(_path(found, access, items.ANNOTATION))
    start = found.time()
    index = next((known.index for known in annotation.bursts if known.azimuth_time == start), None)
    if index is None:
        must = f"Item {found.id} must have as datetime the time of a burst of {annotation.path}"
        raise DataError("DataCorrupt", must, got=str(start), do=_DO)
    orbit = read_orbit_file(_path(found, access, ORBIT)).orbit if ORBIT in found.assets else None
    return frame_of(burst, annotation, index, orbit)


def _layer(burst: EtadBurst, name: str) -> da.Array:
    """A layer on the grid of the product, float32."""
    if name not in burst.variables:
        token = f"{name}-{tokenize(burst.shape, name, burst.constant(name))}"
        return da.full(burst.shape, burst.constant(name), chunks=(ROWS, -1), dtype=np.float32, name=token)
    path = f"{burst.group}/{STORED[name]}"
    with hdf5.guarded(burst.file, KIND) as file:
        nodata = fill_values(hdf5.dataset(file, path))
    return hdf5.open_rows(hdf5.Rows(burst.file, path, nodata=nodata, kind=KIND), burst.shape, ROWS)


def _grid(shape: tuple[int, int]) -> Grid:
    lines, samples = shape
    return Grid(np.arange(samples), np.arange(lines), None)


def _path(found: Found, access: Access, key: str) -> Path:
    """Path of the file of an asset."""
    asset: Any = found.assets.get(key)
    if asset is None:
        raise DataError("DataCorrupt", f"Item {found.id} must have the asset {key!r}", got=tuple(found.assets), do=_DO)
    return access.open_path(access.resolve(str(asset.get("href", "")), found.href))

"""What drivers of HDF5 products share: their grids, the fields of items on them, and how the file of an asset is found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pystac
from affine import Affine

from local_runner.cube import parse_crs, to_time
from local_runner.errors import DataError, OpenEOError
from local_runner.files import hdf5
from local_runner.products import _items
from local_runner.stac import grid as grids
from local_runner.stac.grid import Grid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray
    from pyproj import CRS

    from local_runner.access import Access
    from local_runner.stac.walk import Found

_UNEVEN: Final = 1e-3
"""Largest deviation of a coordinate from an even grid, in cells."""


def map_grid(file: Any, x: str, y: str, crs: CRS) -> Grid:
    """Grid in map geometry of two data sets with the centres of the cells, rows as they are stored.

    Raises `DataCorrupt` unless both are even and have at least two values.
    """
    return Grid(_centres(file, x), _centres(file, y), crs)


def crs_of(file: Any, name: str, given: int | str) -> CRS:
    """CRS by an EPSG code or WKT2 text that stands at `name`; `FormatUnsuitable` where it is neither."""
    try:
        return parse_crs(given)
    except OpenEOError as error:
        must = f"{name!r} in {file.filename} must be an EPSG code or WKT2"
        raise OpenEOError("FormatUnsuitable", must, got=str(given)[:80]) from error


def projection(grid: Grid) -> dict[str, Any]:
    """Fields `proj:*` of an item on a grid."""
    dx, dy = steps(grid)
    west, north = float(grid.x[0]) - dx / 2, float(grid.y[0]) - dy / 2
    return _items.projection((grid.y.size, grid.x.size), grid.crs, Affine(dx, 0, west, 0, dy, north))


def steps(grid: Grid) -> tuple[float, float]:
    """Signed width and height of a cell."""
    return tuple(float(v[-1] - v[0]) / (v.size - 1) for v in (grid.x, grid.y))  # type: ignore[return-value]


def require_one_grid(known: Iterable[tuple[Path, Grid]]) -> None:
    """Raise `GridsDiffer`, naming both files, unless all grids are that of the first one."""
    first, *others = known
    for path, grid in others:
        grids.require_same(str(first[0]), first[1], str(path), grid)


def require_shape(file: Any, name: str, grid: Grid, leading: int = 0) -> Any:
    """The data set `name`, judged, which must have the rows and columns of a grid after `leading` dims of size 1."""
    data = hdf5.dataset(file, name)
    expected = (*(1,) * leading, int(grid.y.size), int(grid.x.size))
    if data.shape != expected:
        must = f"{name!r} in {file.filename} must have the shape of its grid, {expected}"
        raise DataError("DataCorrupt", must, got=data.shape, do="Make or download the file again")
    hdf5.judge(data, min(hdf5.ROWS, expected[-2]))
    return data


def require_real(file: Any, data: Any) -> None:
    """Raise `FormatUnsuitable` unless a data set holds real numbers."""
    if data.dtype.kind not in "fiu":
        must = f"{data.name[1:]!r} in {file.filename} must hold real numbers"
        raise OpenEOError("FormatUnsuitable", must, got=str(data.dtype))


def time(path: Path, name: str, text: str) -> np.datetime64:
    """Time of a text that stands at `name`; `DataCorrupt` where it is none."""
    try:
        return to_time(text)
    except ValueError:
        raise DataError("DataCorrupt", f"{name!r} in {path} must be a time", got=text) from None


def derive(item: pystac.Item, paths: Iterable[Path]) -> pystac.Item:
    """The item with links to the files of the product that it is derived from."""
    for path in paths:
        item.add_link(pystac.Link("derived_from", str(path.resolve()), hdf5.MEDIA_TYPE, path.name))
    return item


def path_of(found: Found, key: str, access: Access) -> Path:
    """Path of the file of an asset that may be opened."""
    return access.open_path(access.resolve(str(found.assets[key].get("href", "")), found.href))


def bands_of(asset: Mapping[str, Any]) -> list[str]:
    """Names of the bands that an asset offers."""
    return [str(band["name"]) for band in asset.get("bands") or () if isinstance(band, dict) and band.get("name")]


def no_band(found: Found, key: str, path: Path, known: Iterable[str], band: str) -> DataError:
    """Error for an item that names a band which the file of its asset lacks."""
    must = f"{path}, asset {key!r} of item {found.id}, must have its bands {tuple(known)}"
    return DataError("DataCorrupt", must, got=band, do="Make the catalogue again with `openeo-sar stac`")


def _centres(file: Any, name: str) -> NDArray[np.float64]:
    values = hdf5.values(file, name)
    found = values.astype(np.float64) if values.dtype.kind in "fiu" else np.empty(0)
    step = (found[-1] - found[0]) / (found.size - 1) if found.ndim == 1 and found.size > 1 else 0.0
    places = np.arange(found.size)
    if not step or not np.all(np.abs(found - found[0] - step * places) <= _UNEVEN * abs(step)):
        must = f"{name!r} in {file.filename} must be even coordinates, at least two"
        raise DataError("DataCorrupt", must, got=values.ravel()[:3].tolist(), do="Make or download the file again")
    return found

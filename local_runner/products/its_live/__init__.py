"""Granules of ITS_LIVE and autoRIFT: velocities of an image pair and conversion matrices, netCDF-4, packed or float32.

One item per granule with all variables on its grid as bands by their names (`vx`, `vy`, `v`, `M11`, `chip_size_width`, ...),
unpacked in float64, NaN for fill values; granules of one grid are a stack. The datetime is the middle of the two images,
start and end are theirs. x and y are taken as pixel centres as they stand: files of hyp3-autorift 0.18.0 have those of the
upper-left corners, half a cell off, which is marked (`openeo_sar:coordinates_like_corners`) and not repaired. Not here:
correcting the matrices of a granule.
"""

from __future__ import annotations

import warnings
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import dask.array as da
import numpy as np

from local_runner.cube import iso, to_time
from local_runner.errors import DataError, OpenEOError
from local_runner.files import hdf5
from local_runner.products import _hdf5, _items
from local_runner.products._driver import Options, Product, Stack
from local_runner.products._rasters import day_of
from local_runner.products.its_live.granule import MATRICES, PAIR, Granule, Variable, is_granule, read_granule
from local_runner.stac.metadata import safe_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pystac
    from numpy.typing import NDArray

    from local_runner.access import Access
    from local_runner.stac.grid import Grid
    from local_runner.stac.walk import Found

TITLE: Final = "ITS_LIVE or autoRIFT granule: a netCDF file with vx, vy, or M11, M12"
USABLE: Final = "openeo_sar:conversion_usable"
"""Property of an item: whether M11, M12 and dr_to_vr_factor can convert velocities."""
MEDIA_TYPE: Final = "application/netcdf"
_NAME: Final = "its_live"
_DATA: Final = "data"


def recognise(path: Path) -> bool:
    """Whether a path is netCDF-4 with the variables of a granule, or of its conversion matrices."""
    return is_granule(hdf5.names(path).__contains__)


def stacks(paths: Sequence[Path], options: Options) -> list[Stack]:
    """One stack per grid, granules sorted by their times.

    Of M11 and M12 rows are read until one is not 0, since published files have them truncated: a granule that cannot
    convert gets `openeo_sar:conversion_usable` false, and a warning. Files of matrices without dates get `options.date`.

    Raises what `read_granule` raises, `DateUnknown`, and `DatesNotUnique` for two granules of the same pair.
    """
    granules = [read_granule(path.resolve()) for path in paths]
    groups: dict[str, list[Granule]] = {}
    for granule in granules:
        groups.setdefault(_stack_id(granule.grid), []).append(granule)
    return [_stack(name, groups[name], options) for name in sorted(groups)]


def open_item(found: Found, access: Access) -> Product:
    """Grid and bands of an item."""
    if _DATA not in found.assets:
        raise DataError("DataCorrupt", f"Item {found.id} must have the asset {_DATA!r}", got=tuple(found.assets))
    granule = read_granule(_hdf5.path_of(found, _DATA, access))
    names = _hdf5.bands_of(found.assets[_DATA])
    for name in names:
        if name not in granule.variables:
            raise _hdf5.no_band(found, _DATA, granule.path, granule.variables, name)
    return Product(granule.grid, {name: partial(_array, granule, name) for name in names})


def _stack_id(grid: Grid) -> str:
    """Name of a grid: CRS, upper-left cell, cell size and shape."""
    known = _hdf5.projection(grid)
    code = str(known["proj:code"] or known.get("proj:wkt2")).lower().replace(":", "")
    dx, dy = _hdf5.steps(grid)
    place = f"x{grid.x[0]:.0f}_y{grid.y[0]:.0f}_{abs(dx):g}x{abs(dy):g}m_{grid.x.size}x{grid.y.size}"
    return safe_name(f"its_live_{code}_{place}")


def _stack(name: str, granules: Sequence[Granule], options: Options) -> Stack:
    _hdf5.require_one_grid((granule.path, granule.grid) for granule in granules)
    dated = sorted(((_times(granule, options), granule) for granule in granules), key=lambda entry: entry[0])
    items: dict[str, pystac.Item] = {}
    known: dict[str, Path] = {}
    for (first, last), granule in dated:
        key = f"{name}_{day_of(first)}" + ("" if granule.times is None else f"_{day_of(last)}")
        if key in items:
            must = f"A stack must have one granule per pair, not {known[key]} and {granule.path}"
            raise DataError("DatesNotUnique", must, got=[iso(first), iso(last)], do="Name one of them")
        items[key], known[key] = _item(key, first, last, granule), granule.path
    description = "Velocities of image pairs and their conversion matrices, as ITS_LIVE publishes them."
    roots = tuple(granule.path for granule in granules)
    return Stack(name, f"ITS_LIVE granules {name.removeprefix('its_live_')}", description, list(items.values()), roots)


def _times(granule: Granule, options: Options) -> tuple[np.datetime64, np.datetime64]:
    if granule.times is not None:
        return granule.times
    if options.date is None:
        must = f"{granule.path} must tell its dates in {PAIR!r}"
        raise OpenEOError("DateUnknown", must, got=None, do="Give them one by --date")
    return to_time(options.date), to_time(options.date)


def _item(name: str, first: np.datetime64, last: np.datetime64, granule: Granule) -> pystac.Item:
    grid = granule.grid
    properties = {
        "start_datetime": iso(first),
        "end_datetime": iso(last),
        **granule.properties,
        **_hdf5.projection(grid),
    }
    if _like_corners(grid):
        properties["openeo_sar:coordinates_like_corners"] = True
    if all(matrix in granule.variables for matrix in MATRICES):
        why = _useless(granule)
        properties[USABLE] = not why
        if why:
            text = f"{granule.path} cannot convert velocities: {why}; make its matrices again"
            warnings.warn(text, UserWarning, stacklevel=2)
    asset = _items.asset(granule.path, MEDIA_TYPE, ["data"], bands=tuple(granule.variables))
    outline = _items.outline(granule.path, grid)
    item = _items.item(name, first + (last - first) // 2, outline, properties, {_DATA: asset}, driver=_NAME)
    return _hdf5.derive(item, [granule.path])


def _like_corners(grid: Grid) -> bool:
    """Whether coordinates are multiples of the cell size, as edges on the grid of ITS_LIVE are and centres are not."""
    axes = zip((grid.x, grid.y), _hdf5.steps(grid), strict=True)
    return all(abs(values[0] / step - round(values[0] / step)) < 1e-6 for values, step in axes)


def _useless(granule: Granule) -> str:
    """Why the matrices cannot convert, empty where they can."""
    if not granule.properties.get("openeo_sar:dr_to_vr_factor"):
        return "dr_to_vr_factor of M11 is 0 or missing"
    truncated = [name for name in MATRICES if not _has_value(granule, name)]
    return f"{' and '.join(truncated)} truncated to 0" if truncated else ""


def _has_value(granule: Granule, name: str) -> bool:
    """Whether any value of a matrix is neither 0 nor missing; rows are read until one is found."""
    variable, source = granule.variables[name], granule.source(name)
    if variable.whole and variable.scale == 1:  # whole numbers of pixels per m/yr
        return False
    height = int(granule.grid.y.size)
    for start in range(0, height, hdf5.ROWS):
        values = _unpacked(hdf5.read_rows(source, start, min(hdf5.ROWS, height - start)), variable)
        if np.any(np.nan_to_num(values, nan=0.0)):
            return True
    return False


def _array(granule: Granule, name: str) -> da.Array:
    shape = (int(granule.grid.y.size), int(granule.grid.x.size))
    stored = hdf5.open_rows(granule.source(name), shape)
    blank = np.empty((0, 0), np.float32)
    return da.map_blocks(_unpacked, stored, granule.variables[name], dtype=np.float32, meta=blank)


def _unpacked(stored: NDArray[Any], variable: Variable) -> NDArray[np.float32]:
    """Value = stored * scale + offset in float64, then float32; NaN where there is no data."""
    values = stored.astype(np.float64) * variable.scale + variable.offset
    for nodata in variable.nodata:
        values[stored == nodata] = np.nan
    return values.astype(np.float32)

"""The grid of a cube: map or radar geometry, its axes, and the part of it that a spatial extent selects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from dask.base import compute
from pyproj import CRS, Transformer

from local_runner.cube import parse_crs
from local_runner.errors import DataError, LimitExceededError, OpenEOError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import dask.array as da
    from numpy.typing import NDArray

    from local_runner.files.netcdf_reader import NetcdfHeader
    from local_runner.files.raster import Header

AXIS_LIMIT: Final = 1_000_000
"""Most rows or columns: the longest images have a tenth of it, and each row of chunks is a task."""
_NEAR: Final = 100_000
_EDGES: Final = ("west", "south", "east", "north")


@dataclass(frozen=True)
class Grid:
    """Axes of a raster: `x`, `y` are cell centres, or 0-based indices in radar geometry (`crs` None).

    `flipped`: the rows of the file come in the opposite order and are turned on reading.
    """

    x: NDArray[Any]
    y: NDArray[Any]
    crs: CRS | None
    flipped: bool = False


@dataclass(frozen=True)
class Box:
    """A bounding box in degrees or in the units of `crs`."""

    west: float
    south: float
    east: float
    north: float
    crs: CRS

    def within(self, crs: CRS) -> tuple[float, float, float, float]:
        """Edges of the covering box in another CRS."""
        edges = (self.west, self.south, self.east, self.north)
        if self.crs == crs:
            return edges
        moved = Transformer.from_crs(self.crs, crs, always_xy=True).transform_bounds(*edges)
        if not np.all(np.isfinite(moved)):
            must = "spatial_extent must lie where the projection of the data is defined"
            raise OpenEOError("ProcessParameterInvalid", must, got=edges)
        return moved


def of_header(header: Header) -> Grid:
    """Grid of a GeoTIFF.

    Radar geometry: no CRS, or the makeshift of processes that have to name one: EPSG:3857 with pixels of 1 m near the
    origin, whose coordinates are the indices. A negative pixel height then means that the rows are stored from the last
    line on.
    """
    _require_short(header)
    height, width = header.shape
    transform = header.transform
    if header.crs is None:
        return Grid(np.arange(width), np.arange(height), None, flipped=transform.e < 0)
    if _is_makeshift(header):
        first = round(transform.f if transform.e > 0 else transform.f - height)
        x, y = max(0, round(transform.c)) + np.arange(width), max(0, first) + np.arange(height)
        return Grid(x, y, None, flipped=transform.e < 0)
    if transform.b or transform.d:
        must = f"{header.path} must have a grid along the axes of its CRS"
        raise DataError("FormatUnsuitable", must, got=tuple(transform)[:6], do="Warp the file")
    x = transform.c + transform.a * (np.arange(width) + 0.5)
    y = transform.f + transform.e * (np.arange(height) + 0.5)
    return Grid(x, y, header.crs)


def of_netcdf(header: NetcdfHeader) -> Grid:
    """Grid of a netCDF file: its coordinates in map geometry, indices in radar geometry as those of a GeoTIFF."""
    _require_short(header)
    height, width = header.shape
    if header.crs is None:
        flipped = header.y is not None and header.y.size > 1 and bool(header.y[0] > header.y[-1])
        return Grid(np.arange(width), np.arange(height), None, flipped=flipped)
    for name, values, size in (("x", header.x, width), ("y", header.y, height)):
        if values is None or values.size != size or not _is_even(values):
            must = f"{header.path} must have even coordinates {name} in map geometry"
            raise DataError("FormatUnsuitable", must, got=None if values is None else values[:3].tolist())
    assert header.x is not None and header.y is not None  # noqa: S101, PT018  (as the loop has seen)
    return Grid(header.x, header.y, header.crs)


def require_same(first: str, a: Grid, other: str, b: Grid) -> None:
    """Raise `GridsDiffer` unless the grids of two files, given by their names, have the same cells."""
    same = (a.x.size, a.y.size, a.crs) == (b.x.size, b.y.size, b.crs)
    step = 1e-3 * min(abs(_step(a.x)), abs(_step(a.y)))
    if not same or max(np.abs(a.x - b.x).max(), np.abs(a.y - b.y).max()) > step:
        must = (
            f"All files of a cube must have one grid, that of the primary; {first} has shape"
            f" {(a.y.size, a.x.size)} and its first cell at {_first(a)}, {other} {(b.y.size, b.x.size)} and {_first(b)}"
        )
        raise DataError("GridsDiffer", must, do="Coregister the dates, or select those of one grid")


def parse_extent(extent: Mapping[str, Any] | None) -> Box | None:
    """Bounding box of the argument `spatial_extent`. Polygons raise `FeatureUnsupported`: their box is not enough."""
    if extent is None:
        return None
    if not isinstance(extent, dict) or "type" in extent or not set(_EDGES) <= set(extent):
        code = "FeatureUnsupported" if isinstance(extent, dict) and "type" in extent else "ProcessParameterInvalid"
        do = "Give a bounding box here and apply the polygons afterwards, e.g. by mask_polygon"
        raise OpenEOError(code, f"spatial_extent must be a bounding box with {_EDGES}", got=extent, do=do)
    crs = parse_crs(extent.get("crs") or 4326)
    try:
        west, south, east, north = (float(extent[edge]) for edge in _EDGES)
    except (TypeError, ValueError):
        raise OpenEOError(
            "ProcessParameterInvalid", "The edges of spatial_extent must be numbers", got=extent
        ) from None
    if not south <= north or not (west <= east or crs.is_geographic):
        raise OpenEOError(
            "ProcessParameterInvalid", "spatial_extent must have south <= north, west <= east", got=extent
        )
    return Box(west, south, east, north, crs)


def select_map(grid: Grid, box: Box) -> tuple[slice, slice]:
    """Rows and columns whose centres lie in the box; map geometry. Raises `NoDataAvailable`."""
    assert grid.crs is not None  # noqa: S101  (map geometry by contract)
    west, south, east, north = box.within(grid.crs)
    in_x = (grid.x >= west) & (grid.x <= east) if west <= east else (grid.x >= west) | (grid.x <= east)
    return _covering((grid.y >= south) & (grid.y <= north), in_x, box)


def select_radar(latitude: da.Array, longitude: da.Array, box: Box) -> tuple[slice, slice]:
    """Rows and columns of the smallest index box that covers a box in degrees; reads both bands, a chunk at a time."""
    west, south, east, north = box.within(parse_crs(4326))
    in_x = (longitude >= west) & (longitude <= east) if west <= east else (longitude >= west) | (longitude <= east)
    inside = (latitude >= south) & (latitude <= north) & in_x
    rows, columns = compute(inside.any(axis=1), inside.any(axis=0))
    return _covering(rows, columns, box)


def _covering(rows: NDArray[np.bool_], columns: NDArray[np.bool_], box: Box) -> tuple[slice, slice]:
    if not rows.any() or not columns.any():
        got = (box.west, box.south, box.east, box.north)
        raise OpenEOError("NoDataAvailable", "spatial_extent must hold the centre of a pixel of the data", got=got)
    (y,), (x,) = np.nonzero(rows), np.nonzero(columns)
    return slice(int(y[0]), int(y[-1]) + 1), slice(int(x[0]), int(x[-1]) + 1)


def _require_short(header: Header | NetcdfHeader) -> None:
    if max(header.shape) > AXIS_LIMIT:
        must = f"{header.path} must have at most {AXIS_LIMIT} rows and columns"
        raise LimitExceededError("ArrayTooLarge", must, got=header.shape, do="Cut it")


def _step(centres: NDArray[Any]) -> float:
    return float(centres[-1] - centres[0]) / (centres.size - 1) if centres.size > 1 else 1.0


def _first(grid: Grid) -> tuple[float, float]:
    return float(grid.x[0]), float(grid.y[0])


def _is_even(values: NDArray[Any]) -> bool:
    step = _step(values)
    return bool(step and np.all(np.abs(values - values[0] - step * np.arange(values.size)) <= 1e-3 * abs(step)))


def _is_makeshift(header: Header) -> bool:
    """Pixels of 1 m of EPSG:3857 within 100 km of its origin, which lies in the sea: indices by another name."""
    transform = header.transform
    unit = abs(transform.a) == 1 and abs(transform.e) == 1 and not transform.b and not transform.d
    near = -1 < transform.c < _NEAR and -1 < transform.f < _NEAR
    return unit and near and header.crs is not None and header.crs.to_epsg() == 3857

"""Which pixels of a cube belong to a geometry: those with their centre in a polygon, those that a point or line touches.

In map geometry the centres are the labels of x and y. In radar geometry they are what the position bands say, in degrees;
there only polygons are possible, because the cells of such a grid have no edges.
"""

from __future__ import annotations

import uuid
import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import dask.array as da
import numpy as np
import rasterio.features
import shapely
import xarray as xr
from affine import Affine
from dask.array.core import elemwise

from local_runner.cube import BANDS, COORDINATE_BANDS, X, Y, crs_of, labels, require_spatial, spacing
from local_runner.errors import OpenEOError
from local_runner.execution import PlanningWarning
from local_runner.files.gdal_lock import GDAL_LOCK
from local_runner.vector import LONLAT, Geometries, projected

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray
    from pyproj import CRS

POSITION_BANDS: Final = (*COORDINATE_BANDS, ("grid_lat", "grid_lon"))
_POLYGONS: Final = ("Polygon", "MultiPolygon")


def positions(cube: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Latitude and longitude (y, x) in degrees of a cube in radar geometry by its position bands, lazy."""
    known = labels(cube, BANDS) if BANDS in cube.dims else []
    pair = next((p for p in POSITION_BANDS if set(p) <= set(known)), None)
    if pair is None:
        must = f"A place on a cube in radar geometry needs one of the band pairs {POSITION_BANDS}"
        raise OpenEOError("ProcessParameterInvalid", must, got=known)
    others = [d for d in cube.dims if d not in (BANDS, X, Y)]
    lat, lon = (cube.isel({BANDS: known.index(b)}, drop=True).max(others).transpose(Y, X) for b in pair)
    return lat, lon


def warn_unread() -> None:
    """Say that a plan does not know positions."""
    text = "The position bands were not read: the whole extent is taken for what lies within the bounds"
    warnings.warn(text, PlanningWarning, stacklevel=2)


@dataclass(frozen=True)
class Window:
    """Rows and columns, and which pixels among them belong to a geometry (y, x)."""

    rows: slice
    columns: slice
    inside: NDArray[np.bool_]

    @property
    def cells(self) -> dict[str, slice]:
        """The window for `take_cells`."""
        return {Y: self.rows, X: self.columns}


class Pixels:
    """The pixel centres of a cube, for questions about geometries.

    With `planning` nothing is read, and in radar geometry every pixel counts as one of every geometry.
    """

    def __init__(self, cube: xr.DataArray, *, planning: bool = False) -> None:
        require_spatial(cube)
        self.shape = (cube.sizes[Y], cube.sizes[X])
        self.chunks = cube.chunksizes if cube.chunks else {}
        crs = crs_of(cube)
        self.step = None if crs is None else spacing(cube)
        self.crs: CRS = crs or LONLAT
        self.unknown = planning and crs is None
        self.x: Any = np.asarray(labels(cube, X), float)[None, :]
        self.y: Any = np.asarray(labels(cube, Y), float)[:, None]
        if crs is None:
            lat, lon = positions(cube)
            self.x, self.y = lon.data, lat.data

    def shapes(self, geometries: Geometries) -> NDArray[np.object_]:
        """The geometries in the CRS of the pixels; empty ones stay as they are."""
        for shape in geometries.shapes:
            if self.step is None and not shape.is_empty and shape.geom_type not in _POLYGONS:
                must = f"A geometry on a cube in radar geometry must be one of {_POLYGONS}"
                do = "Take a polygon around it, or geocode the cube first"
                raise OpenEOError("FeatureUnsupported", must, got=shape.geom_type, do=do)
        return projected(geometries, self.crs)

    def covered(self, shapes: NDArray[np.object_]) -> xr.DataArray:
        """Whether each pixel (y, x) belongs to at least one of the shapes; bool, lazy."""
        x, y = self.x, self.y
        if self.step is not None:
            x = da.from_array(x, chunks=(1, self.chunks.get(X, -1)))
            y = da.from_array(y, chunks=(self.chunks.get(Y, -1), 1))
        function = _Inside([s for s in shapes if not s.is_empty], self.step)
        name = f"inside-{uuid.uuid4().hex}"
        return xr.DataArray(elemwise(function, x, y, dtype=bool, name=name), dims=(Y, X))

    def window(self, shape: Any) -> Window | None:
        """The smallest window that holds all pixels within the bounds of a shape; None where no pixel belongs to it."""
        if shape.is_empty:
            return None
        rows, columns = (_span(flags) for flags in self.within([shape]))
        if rows is None or columns is None:
            return None
        if self.unknown:
            return Window(rows, columns, np.broadcast_to(np.True_, self.shape))
        x, y = (
            a[rows if a.shape[0] > 1 else slice(None), columns if a.shape[1] > 1 else slice(None)] for a in self._loaded
        )
        inside = _Inside([shape], self.step)(x, y)
        return Window(rows, columns, inside) if inside.any() else None

    def within(self, shapes: Iterable[Any]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Rows and columns with pixels within the bounds of some shapes."""
        if self.unknown:
            return self._whole
        bounds = [_reach(shape, self.step) for shape in shapes if not shape.is_empty]
        if not bounds:
            return np.zeros(self.shape[0], bool), np.zeros(self.shape[1], bool)
        (west, south), (east, north) = np.min(bounds, axis=0)[:2], np.max(bounds, axis=0)[2:]
        x, y = self._loaded
        columns, rows = (x >= west) & (x <= east), (y >= south) & (y <= north)
        if self.step is None:
            columns = rows = rows & columns
        return rows.any(axis=1), columns.any(axis=0)

    @cached_property
    def _whole(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """All rows and columns, which is said once."""
        warn_unread()
        return np.ones(self.shape[0], bool), np.ones(self.shape[1], bool)

    @cached_property
    def _loaded(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        x, y = da.compute(self.x, self.y)
        return x, y


@dataclass(frozen=True)
class _Inside:
    """Whether pixel centres x and y, which broadcast to (y, x), belong to one of some shapes."""

    shapes: list[Any]
    step: tuple[float, float] | None

    def __call__(self, x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.bool_]:
        found = np.zeros(np.broadcast_shapes(x.shape, y.shape), bool)
        for shape in self.shapes:
            if self.step is None:
                west, south, east, north = shape.bounds
                near = (x >= west) & (x <= east) & (y >= south) & (y <= north)
                found[near] |= _hits(shape, x[near], y[near])
                continue
            west, south, east, north = _reach(shape, self.step)
            columns, rows = _span((x[0] >= west) & (x[0] <= east)), _span((y[:, 0] >= south) & (y[:, 0] <= north))
            if rows is not None and columns is not None:
                found[rows, columns] |= self._cells(shape, x[0, columns], y[rows, 0])
        return found

    def _cells(self, shape: Any, x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.bool_]:
        """GDAL fills quickly; only of the cells at the border of a polygon the centres are looked at one by one."""
        if shape.geom_type not in _POLYGONS:
            return self._burnt(shape, x, y, all_touched=True)
        inside = self._burnt(shape, x, y, all_touched=False)
        rows, columns = np.nonzero(self._burnt(shape.boundary, x, y, all_touched=True))
        inside[rows, columns] = _hits(shape, x[columns], y[rows])
        return inside

    def _burnt(self, shape: Any, x: NDArray[Any], y: NDArray[Any], *, all_touched: bool) -> NDArray[np.bool_]:
        dx, dy = self.step or (1.0, 1.0)
        transform = Affine(dx, 0, x[0] - dx / 2, 0, dy, y[0] - dy / 2)
        options = {"out_shape": (y.size, x.size), "transform": transform, "dtype": np.uint8}
        with GDAL_LOCK:
            burnt: NDArray[np.uint8] = rasterio.features.rasterize([shape], all_touched=all_touched, **options)
        return burnt.astype(bool)


def _hits(shape: Any, x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.bool_]:
    own = shapely.from_wkb(shapely.to_wkb(shape))  # preparing writes into a geometry that other threads use as well
    shapely.prepare(own)
    return np.asarray(shapely.intersects_xy(own, x.astype(float), y.astype(float)), bool)


def _reach(shape: Any, step: tuple[float, float] | None) -> tuple[float, float, float, float]:
    """Bounds that hold the centres of the pixels of a shape: of points and lines half a cell further out."""
    west, south, east, north = shape.bounds
    dx, dy = (0.0, 0.0) if step is None or shape.geom_type in _POLYGONS else map(abs, step)
    return west - dx / 2, south - dy / 2, east + dx / 2, north + dy / 2


def _span(flags: NDArray[np.bool_]) -> slice | None:
    hits = np.flatnonzero(flags)
    return slice(int(hits[0]), int(hits[-1]) + 1) if hits.size else None

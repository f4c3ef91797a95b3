"""Grids, and warping of cubes from one to another by GDAL."""

from __future__ import annotations

import math
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import dask.array as da
import numpy as np
import rasterio.warp
import xarray as xr
from affine import Affine
from pyproj import CRS, Transformer

from local_runner.cube import X, Y, crs_of, labels, same_grid, spacing, with_crs, with_steps
from local_runner.errors import OpenEOError
from local_runner.files.gdal_lock import GDAL_LOCK
from local_runner.processes._multilook import multilooked, whole_ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

Corner = Literal["lower-left", "upper-left", "lower-right", "upper-right"]
_GDAL_NAMES = {"near": "nearest", "cubicspline": "cubic_spline"}
_ANY_CRS = CRS.from_epsg(3857)
"""For radar geometry: GDAL wants a CRS, and does nothing with it where source and target have the same."""
_TOLERANCE_PX = 0.01
"""How far GDAL may be off by interpolating between exactly projected points."""
_BY_KERNEL = ("near", "bilinear", "cubic", "cubicspline", "lanczos")
"""Methods that weigh by distance; all others weigh by area, where GDAL lets the outermost pixel count for what lies beyond."""


class Grid(NamedTuple):
    """Shape (y, x), corner and signed steps of a grid, and its CRS."""

    shape: tuple[int, int]
    transform: Affine
    crs: CRS

    @property
    def centres(self) -> dict[str, NDArray[np.float64]]:
        """Centres of the cells along y and x."""
        a, e = self.transform.a, self.transform.e
        x, y = (np.arange(n) + 0.5 for n in reversed(self.shape))
        return {Y: self.transform.f + e * y, X: self.transform.c + a * x}


def grid_of(data: xr.DataArray) -> Grid:
    """The grid of a cube; in radar geometry its units are lines and samples."""
    (dx, dy), x, y = spacing(data), labels(data, X), labels(data, Y)
    if not x or not y:
        raise OpenEOError("DataCubeEmpty", "A cube that is resampled must have pixels", got=dict(data.sizes))
    return Grid((len(y), len(x)), Affine(dx, 0, x[0] - dx / 2, 0, dy, y[0] - dy / 2), crs_of(data) or _ANY_CRS)


def onto_grid_of(data: xr.DataArray, target: xr.DataArray, method: str) -> xr.DataArray:
    """`data` on the cells of `target`, with its labels on x and y; as it is where the grids are the same."""
    if (crs_of(data) is None) != (crs_of(target) is None):
        kinds = tuple("radar geometry" if crs_of(cube) is None else "map geometry" for cube in (data, target))
        do = 'Bring the one in radar geometry onto the map by resample_spatial(method="geocode") first'
        raise OpenEOError("FeatureUnsupported", "Both cubes must be in map or in radar geometry", got=kinds, do=do)
    result = data if same_grid(data, target) else warped(data, grid_of(data), grid_of(target), method)
    return result.assign_coords({d: target[d].variable for d in (X, Y) if d in target.coords})


def covers(outer: xr.DataArray, inner: xr.DataArray) -> bool:
    """Whether the cells of one cube cover all of another, within a hundredth of a cell."""
    if (crs_of(outer) is None) != (crs_of(inner) is None):
        return False
    there, here = grid_of(inner), grid_of(outer)
    west, south, east, north = _bounds(there)
    if there.crs != here.crs:
        project = Transformer.from_crs(there.crs, here.crs, always_xy=True)
        west, south, east, north = project.transform_bounds(west, south, east, north)
    left, bottom, right, top = _bounds(here)
    slack_x, slack_y = 0.01 * abs(here.transform.a), 0.01 * abs(here.transform.e)
    return bool(
        left - slack_x <= west and east <= right + slack_x and bottom - slack_y <= south and north <= top + slack_y
    )


def _bounds(grid: Grid) -> tuple[float, float, float, float]:
    (height, width), corner = grid.shape, grid.transform
    x, y = sorted((corner.c, corner.c + corner.a * width)), sorted((corner.f, corner.f + corner.e * height))
    return x[0], y[0], x[1], y[1]


def aligned(source: Grid, new: tuple[float, float], align: Corner) -> Grid:
    """The grid of that resolution from a corner of the source on, which covers the source."""
    old = source.transform
    dx, dy = math.copysign(new[0], old.a), math.copysign(new[1], old.e)
    height, width = old.e * source.shape[0], old.a * source.shape[1]
    ny, nx = (math.ceil(extent / step - 1e-9) for extent, step in ((height, dy), (width, dx)))
    left = old.c + (width - nx * dx if align.endswith("right") else 0)
    top = old.f + (height - ny * dy if align.startswith("lower") else 0)
    return Grid((ny, nx), Affine(dx, 0, left, 0, dy, top), source.crs)


def projected(source: Grid, crs: CRS, step: tuple[float, float], max_cells: int) -> Grid:
    """The grid on multiples of the resolution that covers the source; without one, the pixels keep about their size."""
    from local_runner.geocode import target_grid  # noqa: PLC0415  (which other graphs need not wait for)

    height, width = source.shape
    corners = _bounds(source)
    if step == (0, 0):
        kept, _, _ = rasterio.warp.calculate_default_transform(source.crs, crs, width, height, *corners)
        step = (kept.a, -kept.e)
    project = Transformer.from_crs(source.crs, crs, always_xy=True)
    new = (step[0] or step[1], step[1] or step[0])
    grid = target_grid(project.transform_bounds(*corners), new, max_cells=max_cells)
    return Grid(grid.shape, Affine(*grid.transform), crs)


def averaged(data: xr.DataArray, source: Grid, target: Grid) -> xr.DataArray:
    """Means onto a coarser grid that begins at the upper left corner of the source: chunk by chunk where cells are whole."""
    steps = [(abs(grid.transform.a), abs(grid.transform.e)) for grid in (source, target)]
    ratio = whole_ratio(steps[0], steps[1])
    if ratio is None:
        return warped(data, source, target, "average")
    bare = with_crs(data.transpose(..., Y, X), None)
    return _on_grid(multilooked(_floats(bare), ratio), data, source, target)


def warped(data: xr.DataArray, source: Grid, target: Grid, method: str) -> xr.DataArray:
    """One task of GDAL for each plane: cut into chunks, planes would get seams."""
    values = _floats(with_crs(data.transpose(..., Y, X), None))
    planes = values.reshape((-1, *source.shape)).rechunk((1, -1, -1))
    result = planes.map_blocks(
        _Warp(source, target, method),
        dtype=values.dtype,
        chunks=(1, *target.shape),
        meta=np.empty((0, 0, 0), values.dtype),
        name=f"warp-{uuid.uuid4().hex}",
    )
    return _on_grid(result.reshape((*values.shape[:-2], *target.shape)), data, source, target)


def _floats(cube: xr.DataArray) -> da.Array:
    values = da.asarray(cube.data)
    return values.astype(np.result_type(values.dtype, np.float32))


def _on_grid(result: da.Array, data: xr.DataArray, source: Grid, target: Grid) -> xr.DataArray:
    """Values (..., y, x) on the target grid as a cube with the labels of `data`."""
    bare = with_crs(data.transpose(..., Y, X), None)
    cube = xr.DataArray(result, dims=bare.dims, attrs=bare.attrs)
    kept = {name: data[name] for name in data.coords if name in cube.dims and name not in (X, Y)}
    cube = cube.assign_coords({**kept, **target.centres})
    cube = with_steps(cube, {X: target.transform.a, Y: target.transform.e})
    return with_crs(cube, target.crs if target.crs != source.crs else crs_of(data)).transpose(*data.dims)


@dataclass(frozen=True)
class _Warp:
    """Warps one plane."""

    source: Grid
    target: Grid
    method: str

    def __call__(self, plane: NDArray[Any]) -> NDArray[Any]:
        frame = 0 if self.method in _BY_KERNEL else 1
        result = np.full((1, *self.target.shape), np.nan, plane.dtype)
        with GDAL_LOCK:
            rasterio.warp.reproject(
                np.pad(plane, [(0, 0), (frame, frame), (frame, frame)], constant_values=np.nan),
                result,
                src_transform=self.source.transform * Affine.translation(-frame, -frame),
                src_crs=self.source.crs,
                src_nodata=np.nan,
                dst_transform=self.target.transform,
                dst_crs=self.target.crs,
                dst_nodata=np.nan,
                resampling=rasterio.warp.Resampling[_GDAL_NAMES.get(self.method, self.method)],
                tolerance=_TOLERANCE_PX,
                XSCALE=1,  # interpolate: GDAL would smooth where the pixels grow, and shift by up to a tenth of a pixel
                YSCALE=1,
            )
        return result

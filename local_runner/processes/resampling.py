"""Resampling to another resolution or projection, and geocoding by position bands."""

import math
import threading
from typing import Any, Literal, NamedTuple

import dask.array as da
import numpy as np
import rasterio.warp
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from local_runner.cube import X, Y, crs_of, labels, parse_crs, require_spatial, spacing, with_crs
from local_runner.errors import OpenEOError
from local_runner.execution import Execution
from local_runner.processes._types import Cube, Number

Method = Literal[
    "average", "bilinear", "cubic", "cubicspline", "lanczos", "max", "med", "min", "mode", "near", "q1", "q3", "rms", "sum",
    "geocode",
]  # fmt: skip
Corner = Literal["lower-left", "upper-left", "lower-right", "upper-right"]
_GDAL_NAMES = {"near": "nearest", "cubicspline": "cubic_spline"}
_ANY_CRS = CRS.from_epsg(3857)
"""For radar geometry: GDAL wants a CRS, and does nothing with it where source and target have the same."""
_TOLERANCE_PX = 0.01
"""How far GDAL may be off by interpolating between exactly projected points."""
_BY_KERNEL = ("near", "bilinear", "cubic", "cubicspline", "lanczos")
"""Methods that weigh by distance; all others weigh by area, where GDAL lets the outermost pixel count for what lies beyond."""
_WARPING = threading.Lock()
"""rasterio silences a warning of its own while it warps, in a way that does not allow two threads."""


class _Grid(NamedTuple):
    """Shape (y, x), corner and signed steps of a grid, and its CRS."""

    shape: tuple[int, int]
    transform: Affine
    crs: CRS

    @property
    def centres(self) -> dict[str, NDArray[np.float64]]:
        a, e = self.transform.a, self.transform.e
        x, y = (np.arange(n) + 0.5 for n in reversed(self.shape))
        return {Y: self.transform.f + e * y, X: self.transform.c + a * x}


def resample_spatial(
    data: Cube,
    resolution: Number | list[Number] = 0,
    projection: int | str | None = None,
    method: Method = "near",
    align: Corner = "upper-left",
    *,
    execution: Execution,
) -> Cube:
    """The cube on another grid; NaN counts as no value.

    Without `projection` the new grid starts at the corner `align` of the old one and covers it; a cube in radar geometry can
    be resampled so, its resolution being in samples and lines. With `projection` the new grid lies on multiples of the
    resolution. Equal resolution and projection return the cube as it is. Method `geocode` (not in the openEO specification,
    a method of the Copernicus Data Space back-end) brings a cube in radar geometry onto a map grid by its bands `latitude`
    and `longitude`, see `local_runner.geocode`.
    """
    require_spatial(data)
    step_x, step_y = _resolution(resolution)
    source_crs = crs_of(data)
    target_crs = None if projection is None else parse_crs(projection)
    if method == "geocode":
        return _geocode(data, target_crs, step_x, step_y, planning=execution.planning)
    if target_crs is not None and source_crs is None:
        do = 'Use method="geocode" with the bands latitude and longitude'
        raise OpenEOError(
            "FeatureUnsupported", "A cube in radar geometry has no projection to start from", got=projection, do=do
        )
    if projection is None and (step_x, step_y) == (0, 0):
        raise OpenEOError("ProcessParameterRequired", "resample_spatial must be given a resolution or a projection")
    source = _grid(data, source_crs)
    if target_crs is None or target_crs == source_crs:
        old = (abs(source.transform.a), abs(source.transform.e))
        new = (step_x or old[0], step_y or old[1])
        if all(map(math.isclose, new, old)):
            return data
        return _warped(data, source, _aligned(source, new, align), method)
    return _warped(data, source, _projected(source, target_crs, (step_x, step_y)), method)


def _resolution(resolution: Number | list[Number]) -> tuple[float, float]:
    pair = resolution if isinstance(resolution, list) else [resolution, resolution]
    if len(pair) != 2 or any(not math.isfinite(r) or r < 0 for r in pair):
        must = "resolution must be one number or [x, y], not negative"
        raise OpenEOError("ProcessParameterInvalid", must, got=resolution)
    return float(pair[0]), float(pair[1])


def _geocode(data: Cube, crs: CRS | None, step_x: float, step_y: float, *, planning: bool) -> Cube:
    if crs is None or step_x == 0 or step_y == 0:
        must = "Method geocode must be given a projection and a resolution"
        raise OpenEOError(
            "ProcessParameterRequired", must, got={"projection": crs and crs.name, "resolution": [step_x, step_y]}
        )
    from local_runner.geocode import geocode  # noqa: PLC0415  (brings numba, which other graphs need not wait for)

    return geocode(data, crs=crs, resolution=(step_x, step_y), planning=planning)


def _grid(data: Cube, crs: CRS | None) -> _Grid:
    (dx, dy), x, y = spacing(data), labels(data, X), labels(data, Y)
    return _Grid((len(y), len(x)), Affine(dx, 0, x[0] - dx / 2, 0, dy, y[0] - dy / 2), crs or _ANY_CRS)


def _aligned(source: _Grid, new: tuple[float, float], align: Corner) -> _Grid:
    """The grid of that resolution from a corner of the source on, which covers the source."""
    old = source.transform
    dx, dy = math.copysign(new[0], old.a), math.copysign(new[1], old.e)
    height, width = old.e * source.shape[0], old.a * source.shape[1]
    ny, nx = (math.ceil(extent / step - 1e-9) for extent, step in ((height, dy), (width, dx)))
    left = old.c + (width - nx * dx if align.endswith("right") else 0)
    top = old.f + (height - ny * dy if align.startswith("lower") else 0)
    return _Grid((ny, nx), Affine(dx, 0, left, 0, dy, top), source.crs)


def _projected(source: _Grid, crs: CRS, step: tuple[float, float]) -> _Grid:
    """The grid on multiples of the resolution that covers the source; without one, the pixels keep about their size."""
    from local_runner.geocode import target_grid  # noqa: PLC0415  (brings numba, which other graphs need not wait for)

    (height, width), old = source.shape, source.transform
    x, y = sorted((old.c, old.c + old.a * width)), sorted((old.f, old.f + old.e * height))
    corners = (x[0], y[0], x[1], y[1])
    if step == (0, 0):
        kept, _, _ = rasterio.warp.calculate_default_transform(source.crs, crs, width, height, *corners)
        step = (kept.a, -kept.e)
    project = Transformer.from_crs(source.crs, crs, always_xy=True)
    grid = target_grid(project.transform_bounds(*corners), (step[0] or step[1], step[1] or step[0]))
    return _Grid(grid.shape, Affine(*grid.transform), crs)


def _warped(data: Cube, source: _Grid, target: _Grid, method: str) -> Cube:
    """One task of GDAL for each plane: cut into chunks, planes would get seams."""
    bare = with_crs(data.transpose(..., Y, X), None)
    values = da.asarray(bare.data)
    values = values.astype(np.result_type(values.dtype, np.float32))
    planes = values.reshape((-1, *source.shape)).rechunk((1, -1, -1))
    frame = 0 if method in _BY_KERNEL else 1
    transform = source.transform * Affine.translation(-frame, -frame)

    def warp(plane: NDArray[Any]) -> NDArray[Any]:
        result = np.full((1, *target.shape), np.nan, plane.dtype)
        with _WARPING:
            rasterio.warp.reproject(
                np.pad(plane, [(0, 0), (frame, frame), (frame, frame)], constant_values=np.nan),
                result,
                src_transform=transform,
                src_crs=source.crs,
                src_nodata=np.nan,
                dst_transform=target.transform,
                dst_crs=target.crs,
                dst_nodata=np.nan,
                resampling=rasterio.warp.Resampling[_GDAL_NAMES.get(method, method)],
                tolerance=_TOLERANCE_PX,
                XSCALE=1,  # interpolate: GDAL would smooth where the pixels grow, and shift by up to a tenth of a pixel
                YSCALE=1,
            )
        return result

    warped = planes.map_blocks(
        warp, dtype=values.dtype, chunks=(1, *target.shape), meta=np.empty((0, 0, 0), values.dtype)
    )
    result = xr.DataArray(warped.reshape((*values.shape[:-2], *target.shape)), dims=bare.dims, attrs=bare.attrs)
    kept = {name: data[name] for name in data.coords if name in result.dims and name not in (X, Y)}
    result = result.assign_coords({**kept, **target.centres})
    return with_crs(result, target.crs if target.crs != source.crs else crs_of(data)).transpose(*data.dims)

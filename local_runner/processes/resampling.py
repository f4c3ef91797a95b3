"""Resampling to another resolution or projection, and geocoding by position bands."""

import math
from typing import Any, Literal

import dask.array as da
import numpy as np
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox
from odc.geo.xr import xr_reproject
from pyproj import CRS

from local_runner.cube import X, Y, crs_of, parse_crs, require_spatial, spacing, with_crs
from local_runner.errors import OpenEOError
from local_runner.geocode import geocode
from local_runner.processes._types import Cube, Number

Method = Literal[
    "average", "bilinear", "cubic", "cubicspline", "lanczos", "max", "med", "min", "mode", "near", "q1", "q3", "rms", "sum",
    "geocode",
]  # fmt: skip
Corner = Literal["lower-left", "upper-left", "lower-right", "upper-right"]
_GDAL_NAMES = {"near": "nearest", "cubicspline": "cubic_spline"}


def resample_spatial(
    data: Cube,
    resolution: Number | list[Number] = 0,
    projection: int | str | None = None,
    method: Method = "near",
    align: Corner = "upper-left",
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
        return _geocode(data, target_crs, step_x, step_y)
    if target_crs is not None and source_crs is None:
        do = 'Use method="geocode" with the bands latitude and longitude'
        raise OpenEOError(
            "FeatureUnsupported", "A cube in radar geometry has no projection to start from", got=projection, do=do
        )
    if projection is None and (step_x, step_y) == (0, 0):
        raise OpenEOError("ProcessParameterRequired", "resample_spatial must be given a resolution or a projection")
    old_x, old_y = spacing(data)
    same_crs = target_crs is None or target_crs == source_crs
    if same_crs:
        new = (step_x or abs(old_x), step_y or abs(old_y))
        if math.isclose(new[0], abs(old_x)) and math.isclose(new[1], abs(old_y)):
            return data
        return _reproject(data, _aligned(data, new, align), method, source_crs)
    source = _geobox(data, source_crs)
    wanted: Any = "auto" if (step_x, step_y) == (0, 0) else (step_y or step_x, step_x or step_y)
    if wanted != "auto":
        from odc.geo import resyx_  # noqa: PLC0415

        wanted = resyx_(-wanted[0], wanted[1])
    return _reproject(data, source.to_crs(target_crs.to_wkt(), resolution=wanted), method, source_crs)  # type: ignore[union-attr]


def _resolution(resolution: Number | list[Number]) -> tuple[float, float]:
    pair = resolution if isinstance(resolution, list) else [resolution, resolution]
    if len(pair) != 2 or any(not math.isfinite(r) or r < 0 for r in pair):
        must = "resolution must be one number or [x, y], not negative"
        raise OpenEOError("ProcessParameterInvalid", must, got=resolution)
    return float(pair[0]), float(pair[1])


def _geocode(data: Cube, crs: CRS | None, step_x: float, step_y: float) -> Cube:
    if crs is None or step_x == 0 or step_y == 0:
        must = "Method geocode must be given a projection and a resolution"
        raise OpenEOError(
            "ProcessParameterRequired", must, got={"projection": crs and crs.name, "resolution": [step_x, step_y]}
        )
    return geocode(data, crs=crs, resolution=(step_x, step_y))


def _transform(data: Cube) -> Affine:
    """Upper-left corner and signed steps: cell centres are at +0.5."""
    (dx, dy), x, y = spacing(data), data[X].values, data[Y].values
    return Affine(dx, 0, float(x[0]) - dx / 2, 0, dy, float(y[0]) - dy / 2)


def _geobox(data: Cube, crs: CRS | None) -> GeoBox:
    return GeoBox((data.sizes[Y], data.sizes[X]), _transform(data), (crs or CRS.from_epsg(3857)).to_wkt())


def _aligned(data: Cube, new: tuple[float, float], align: Corner) -> GeoBox:
    box = _geobox(data, crs_of(data))
    dx, dy = math.copysign(new[0], box.transform.a), math.copysign(new[1], box.transform.e)
    width, height = box.transform.a * box.shape[1], box.transform.e * box.shape[0]
    nx, ny = (math.ceil(extent / step - 1e-9) for extent, step in ((width, dx), (height, dy)))
    left = box.transform.c + (width - nx * dx if align.endswith("right") else 0)
    top = box.transform.f + (height - ny * dy if align.startswith("lower") else 0)
    return GeoBox((ny, nx), Affine(dx, 0, left, 0, dy, top), box.crs)


def _reproject(data: Cube, target: GeoBox, method: str, source_crs: CRS | None) -> Cube:
    source = with_crs(data.transpose(..., Y, X), None)
    source = source.astype(np.result_type(source.dtype, np.float32)) if source.dtype.kind != "f" else source
    if source.chunks is None:
        source = source.copy(deep=False, data=da.from_array(source.data))
    box = _geobox(data, source_crs)
    named = source.assign_coords({X: box.coords[X].values, Y: box.coords[Y].values}).rio.write_crs(str(box.crs))
    result = xr_reproject(named, target, resampling=_GDAL_NAMES.get(method, method), dst_nodata=np.nan)
    centres = {
        X: target.transform.c + target.transform.a * (np.arange(target.shape[1]) + 0.5),
        Y: target.transform.f + target.transform.e * (np.arange(target.shape[0]) + 0.5),
    }
    bare = xr.DataArray(result.data, dims=[*source.dims[:-2], Y, X], attrs=data.attrs)
    kept = {name: data[name] for name in data.coords if name in bare.dims and name not in (X, Y)}
    crs = source_crs if target.crs == box.crs else CRS.from_user_input(str(target.crs))
    return with_crs(bare.assign_coords({**kept, **centres}), crs).transpose(*data.dims)

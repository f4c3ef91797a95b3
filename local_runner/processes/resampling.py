"""Resampling to another resolution or projection, and geocoding by position bands."""

import math
from typing import Literal

from pyproj import CRS

from local_runner.cube import crs_of, parse_crs, require_spatial
from local_runner.errors import OpenEOError
from local_runner.execution import Execution
from local_runner.processes._axes import on_x_and_y
from local_runner.processes._types import Cube, Number
from local_runner.processes._warping import Corner, aligned, averaged, grid_of, onto_grid_of, projected, warped

Method = Literal[
    "average", "bilinear", "cubic", "cubicspline", "lanczos", "max", "med", "min", "mode", "near", "q1", "q3", "rms", "sum",
]  # fmt: skip


_COARSEST = 1e6
"""In units of the projection: beyond it there is no grid to speak of."""


@on_x_and_y
def resample_spatial(
    data: Cube,
    resolution: Number | list[Number] = 0,
    projection: int | str | None = None,
    method: Method | Literal["geocode"] = "near",
    align: Corner = "upper-left",
    *,
    execution: Execution,
) -> Cube:
    """The cube on another grid; NaN counts as no value.

    Without `projection` the new grid starts at the corner `align` of the old one and covers it; a cube in radar geometry can
    be resampled so, its resolution being in samples and lines. `average` over whole cells from the upper left corner on takes
    each cell at the edge as the mean of what is there. With `projection` the new grid lies on multiples of the
    resolution. Equal resolution and projection return the cube as it is. Method `geocode` (not in the openEO specification,
    a method of the Copernicus Data Space back-end) brings a cube in radar geometry onto a map grid by its bands `latitude`
    and `longitude`, see `local_runner.geocode`.
    """
    require_spatial(data)
    step_x, step_y = _resolution(resolution)
    source_crs = crs_of(data)
    target_crs = None if projection is None else parse_crs(projection)
    if method == "geocode":
        return _geocode(data, target_crs, step_x, step_y, execution)
    if target_crs is not None and source_crs is None:
        do = 'Use method="geocode" with the bands latitude and longitude'
        raise OpenEOError(
            "FeatureUnsupported", "A cube in radar geometry has no projection to start from", got=projection, do=do
        )
    if projection is None and (step_x, step_y) == (0, 0):
        raise OpenEOError("ProcessParameterRequired", "resample_spatial must be given a resolution or a projection")
    source = grid_of(data)
    if target_crs is None or target_crs == source_crs:
        old = (abs(source.transform.a), abs(source.transform.e))
        new = (step_x or old[0], step_y or old[1])
        if all(map(math.isclose, new, old)):
            return data
        execution.budget.require_plane(source.shape[0] * (old[1] / new[1]), source.shape[1] * (old[0] / new[0]))
        target = aligned(source, new, align)
        if method == "average" and align == "upper-left":
            return averaged(data, source, target)
        return warped(data, source, target, method)
    target = projected(source, target_crs, (step_x, step_y), execution.budget.max_pixels)
    return warped(data, source, target, method)


@on_x_and_y
def resample_cube_spatial(data: Cube, target: Cube, method: Method = "near") -> Cube:
    """The cube on exactly the grid of `target`; NaN counts as no value and stands where the cube does not reach.

    A cube that is on this grid already is returned with the very labels of `target`.
    """
    for cube in (data, target):
        require_spatial(cube)
    return onto_grid_of(data, target, method)


def _resolution(resolution: Number | list[Number]) -> tuple[float, float]:
    pair = resolution if isinstance(resolution, list) else [resolution, resolution]
    if len(pair) != 2 or any(not 0 <= r <= _COARSEST for r in pair):
        must = f"resolution must be one number or [x, y], from 0 to {_COARSEST:.0e}"
        raise OpenEOError("ProcessParameterInvalid", must, got=resolution)
    return float(pair[0]), float(pair[1])


def _geocode(data: Cube, crs: CRS | None, step_x: float, step_y: float, execution: Execution) -> Cube:
    if crs is None or step_x == 0 or step_y == 0:
        must = "Method geocode must be given a projection and a resolution"
        raise OpenEOError(
            "ProcessParameterRequired", must, got={"projection": crs and crs.name, "resolution": [step_x, step_y]}
        )
    from local_runner.geocode import geocode  # noqa: PLC0415  (which other graphs need not wait for)

    limit = execution.budget.max_pixels
    return geocode(data, crs=crs, resolution=(step_x, step_y), planning=execution.planning, max_cells=limit)

"""`resample_spatial`, geocoding included: G35, G39, G40."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import xarray as xr

from local_runner import cube as cubes
from local_runner.profiles import Rules, Violation

if TYPE_CHECKING:
    from collections.abc import Mapping

rule = Rules()
_METHODS: Final = (
    "near", "bilinear", "cubic", "cubicspline", "lanczos", "average", "mode", "max", "min", "med", "q1", "q3", "geocode",
)  # fmt: skip


@rule("G35", "resample_spatial")
def _method_is_known(arguments: Mapping[str, Any]) -> Violation | None:
    method = arguments.get("method", "near")
    if method in _METHODS:
        return None
    return Violation(f"method must be one of {_METHODS}", method, "The back-end takes any other silently as 'near'")


@rule("G35", "resample_spatial", action="warn")
def _align_is_ignored(arguments: Mapping[str, Any]) -> Violation | None:
    align = arguments.get("align", "upper-left")
    return None if align == "upper-left" else Violation("align is not looked at", align, "Expect upper-left")


@rule("G39", "resample_spatial")
def _geocode_needs_projection(arguments: Mapping[str, Any]) -> Violation | None:
    if arguments.get("method") != "geocode" or "projection" not in arguments:
        return None
    projection, cube = arguments.get("projection"), arguments.get("data")
    if projection is None:
        return Violation("geocode needs a projection", projection, "Give an EPSG code")
    if isinstance(cube, xr.DataArray) and cubes.crs_of(cube) == cubes.parse_crs(projection):
        return Violation("geocode needs a projection other than the cube's", projection, "Leave the node out")
    return None


@rule("G40", "resample_spatial")
def _geocode_needs_t_and_positions(arguments: Mapping[str, Any]) -> Violation | None:
    cube = arguments.get("data")
    if arguments.get("method") != "geocode" or not isinstance(cube, xr.DataArray):
        return None
    if cubes.T not in cube.dims:
        return Violation("geocode needs a cube with the dimension t", tuple(cube.dims), "Put add_dimension before it")
    bands = cubes.labels(cube, cubes.BANDS) if cubes.BANDS in cube.dims else []
    if any(set(pair) <= set(bands) for pair in cubes.COORDINATE_BANDS):
        return None
    return Violation(
        f"geocode needs the bands {cubes.COORDINATE_BANDS[0]}", bands, "Rename grid_lat, grid_lon with rename_labels"
    )

"""The geopyspark back-end of the Copernicus Data Space: its refusals and its leniencies.

The numbers are those of the list of back-end limits in `docs/backend-limits.md`. An argument that a rule does not find is
one whose value is not known yet.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from local_runner import cube as cubes
from local_runner.callback import CallbackOutline
from local_runner.profiles import Profile, Rules, Violation

if TYPE_CHECKING:
    from collections.abc import Mapping

rule = Rules()
_RESAMPLING = (
    "near", "bilinear", "cubic", "cubicspline", "lanczos", "average", "mode", "max", "min", "med", "q1", "q3", "geocode",
)  # fmt: skip


def _callback(arguments: Mapping[str, Any]) -> CallbackOutline | None:
    found = arguments.get("process", arguments.get("reducer"))
    return found if isinstance(found, CallbackOutline) else None


def _single_udf(arguments: Mapping[str, Any]) -> Violation | None:
    callback = _callback(arguments)
    if callback is None or not callback.contains_udf or callback.is_single_udf:
        return None
    return Violation(
        "A callback with run_udf must be exactly that one node",
        callback.process_ids,
        "Move the other processes into a node before or after it",
    )


for _parent in ("apply", "apply_dimension", "reduce_dimension", "apply_neighborhood"):
    rule("G01", _parent)(_single_udf)


def _udf_dimension(arguments: Mapping[str, Any]) -> Violation | None:
    callback, cube, dimension = _callback(arguments), arguments.get("data"), arguments.get("dimension")
    if callback is None or not callback.contains_udf or not isinstance(cube, xr.DataArray):
        return None
    if dimension not in cube.dims or cubes.dimension_type(cube, str(dimension)) in ("temporal", "bands"):
        return None
    return Violation("A UDF can run along t or bands only", dimension, "Use apply_neighborhood for a spatial UDF")


for _parent in ("apply_dimension", "reduce_dimension"):
    rule("G02", _parent)(_udf_dimension)


@rule("G03", "run_udf")
def _udf_on_cube(arguments: Mapping[str, Any]) -> Violation | None:
    data = arguments.get("data")
    if not isinstance(data, xr.DataArray) or cubes.X not in data.dims:
        return None
    return Violation(
        "run_udf on a raster cube must stand in a callback",
        "a node of its own",
        "Put it into apply_neighborhood or apply",
    )


def _entries(arguments: Mapping[str, Any], name: str) -> dict[str, dict[str, Any]]:
    return {str(entry.get("dimension", "")): entry for entry in arguments.get(name) or [] if isinstance(entry, dict)}


def _pixels(arguments: Mapping[str, Any], name: str) -> dict[str, float]:
    entries = _entries(arguments, name)
    return {d: entries[d]["value"] for d in (cubes.X, cubes.Y) if d in entries}


@rule("G14", "apply_neighborhood")
def _unit_is_px(arguments: Mapping[str, Any]) -> Violation | None:
    for name in ("size", "overlap"):
        entries = _entries(arguments, name)
        for dimension in (cubes.X, cubes.Y):
            entry = entries.get(dimension)
            if entry is None and (name == "overlap" or name not in arguments):
                continue
            got = entry or {}
            if got.get("unit") != "px" or not _is_number(got.get("value")):
                must = f"{name} along {dimension} must be a number with the unit 'px'"
                return Violation(must, entry, "Give it in pixels")
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@rule("G15", "apply_neighborhood")
def _size_at_least_4(arguments: Mapping[str, Any]) -> Violation | None:
    small = {d: v for d, v in _pixels(arguments, "size").items() if v < 4}
    return Violation("size must be at least 4 px", small, "Use a larger neighbourhood") if small else None


@rule("G16", "apply_neighborhood")
def _time_whole_or_daily(arguments: Mapping[str, Any]) -> Violation | None:
    size = _entries(arguments, "size").get(cubes.T, {}).get("value")
    if size not in (None, "P1D"):
        return Violation("size along t must be 'P1D' or left out (all dates)", size, "Leave t out")
    overlap = _entries(arguments, "overlap").get(cubes.T, {}).get("value")
    return Violation("There is no overlap along t", overlap, "Leave t out of overlap") if overlap else None


@rule("G18", "apply_neighborhood")
def _overlap_both_ways(arguments: Mapping[str, Any]) -> Violation | None:
    overlap = _pixels(arguments, "overlap")
    x, y = overlap.get(cubes.X, 0), overlap.get(cubes.Y, 0)
    if (x > 0) == (y > 0):
        return None
    return Violation(
        "overlap must be zero or non-zero in both x and y", {"x": x, "y": y}, "Give the same overlap to both axes"
    )


@rule("G19", "apply_neighborhood")
def _overlap_not_above_size(arguments: Mapping[str, Any]) -> Violation | None:
    size, overlap = _pixels(arguments, "size"), _pixels(arguments, "overlap")
    above = {d: overlap[d] for d in overlap if overlap[d] > size.get(d, np.inf)}
    return Violation("overlap must not be larger than size", above, "Use a larger size") if above else None


@rule("G22", "apply_neighborhood", action="warn")
def _size_of_16(arguments: Mapping[str, Any]) -> Violation | None:
    odd = {d: v for d, v in _pixels(arguments, "size").items() if v % 16}
    return (
        Violation("size should be a multiple of 16 px", odd, "The back-end cuts the result into new tiles")
        if odd
        else None
    )


@rule("G23", "apply_neighborhood")
def _band_math_daily(arguments: Mapping[str, Any]) -> Violation | None:
    callback = _callback(arguments)
    if callback is None or callback.contains_udf or "size" not in arguments:
        return None
    size = _entries(arguments, "size").get(cubes.T, {}).get("value")
    if size == "P1D":
        return None
    return Violation(
        "A callback without run_udf needs a size of 'P1D' along t", size, "Add {'dimension': 't', 'value': 'P1D'}"
    )


@rule("G27", "apply_kernel")
def _border_is_0(arguments: Mapping[str, Any]) -> Violation | None:
    border = arguments.get("border", 0)
    return None if border == 0 else Violation("border must be 0", border, "Leave border out")


@rule("G28", "apply_kernel")
def _replace_invalid_is_0(arguments: Mapping[str, Any]) -> Violation | None:
    value = arguments.get("replace_invalid", 0)
    return None if value == 0 else Violation("replace_invalid must be 0", value, "Leave replace_invalid out")


@rule("G29", "apply_kernel")
def _kernel_is_square(arguments: Mapping[str, Any]) -> Violation | None:
    kernel = arguments.get("kernel") or [[0]]
    shape = (len(kernel), len(kernel[0]))
    if shape[0] == shape[1]:
        return None
    return Violation(
        "The kernel must be square", f"{shape[0]} rows of {shape[1]}", "Pad it with rows or columns of zeros"
    )


@rule("G32", "add_dimension")
def _time_label_is_full(arguments: Mapping[str, Any]) -> Violation | None:
    label = arguments.get("label")
    if arguments.get("type") != "temporal" or "label" not in arguments:
        return None
    if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", str(label)):
        return None
    return Violation("A temporal label must read YYYY-MM-DDTHH:MM:SSZ", label, "Write the time of day as well")


@rule("G32", "add_dimension")
def _one_time_dimension(arguments: Mapping[str, Any]) -> Violation | None:
    cube = arguments.get("data")
    if arguments.get("type") != "temporal" or not isinstance(cube, xr.DataArray):
        return None
    has = cubes.dimension_of_type(cube, "temporal")
    return Violation("A cube can have one temporal dimension", has, "Reduce or drop it first") if has else None


@rule("G33", "drop_dimension")
def _drop_t_or_bands(arguments: Mapping[str, Any]) -> Violation | None:
    cube, name = arguments.get("data"), arguments.get("name")
    if not isinstance(cube, xr.DataArray) or name not in cube.dims:
        return None
    if cubes.dimension_type(cube, str(name)) in ("temporal", "bands"):
        return None
    return Violation("Only t and bands can be dropped", name, "Reduce the dimension instead")


@rule("G35", "resample_spatial")
def _method_is_known(arguments: Mapping[str, Any]) -> Violation | None:
    method = arguments.get("method", "near")
    if method in _RESAMPLING:
        return None
    return Violation(f"method must be one of {_RESAMPLING}", method, "The back-end takes any other silently as 'near'")


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


PROFILE = Profile(
    "geopyspark",
    rules=tuple(rule.all),
    float32_callbacks=True,
    rename_by_position=True,
    new_labels="accept",
    undeclared_labels="lose",
    float32_coordinates=True,
)

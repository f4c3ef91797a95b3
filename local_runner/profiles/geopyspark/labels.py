"""Dimensions, labels and numbers of cubes: G32 to G34, G37, G38."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import xarray as xr

from local_runner import cube as cubes
from local_runner.profiles import ANY_PROCESS, Rules, Violation

if TYPE_CHECKING:
    from collections.abc import Mapping

rule = Rules()


@rule("G32", "add_dimension")
def _time_label_is_full(arguments: Mapping[str, Any]) -> Violation | None:
    label = arguments.get("label")
    if arguments.get("type") != "temporal" or "label" not in arguments:
        return None
    if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", str(label)) and cubes.is_date(label):
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


@rule("G34", "merge_cubes")
def _bands_differ(arguments: Mapping[str, Any]) -> Violation | None:
    given = (arguments.get("cube1"), arguments.get("cube2"))
    merged = [cube for cube in given if isinstance(cube, xr.DataArray) and cubes.BANDS in cube.coords]
    if arguments.get("overlap_resolver") is not None or len(merged) < 2:
        return None
    first, second = (cubes.labels(cube, cubes.BANDS) for cube in merged)
    both = [name for name in first if name in second]
    do = "Rename bands with rename_labels, or give an overlap_resolver"
    return Violation("Cubes merged without overlap_resolver must have different bands", both, do) if both else None


@rule("G37", ANY_PROCESS)
def _real_numbers(arguments: Mapping[str, Any]) -> Violation | None:
    for value in arguments.values():
        if isinstance(value, xr.DataArray) and value.dtype.kind == "c":
            do = "Carry real and imaginary part as the bands i_<polarisation> and q_<polarisation>"
            return Violation("A cube must hold real numbers", str(value.dtype), do)
    return None


@rule("G38", "merge_cubes", action="warn")
def _time_first(arguments: Mapping[str, Any]) -> Violation | None:
    """The back-end takes the description of the dimensions from the first cube."""
    cube1, cube2 = arguments.get("cube1"), arguments.get("cube2")
    if not isinstance(cube1, xr.DataArray) or not isinstance(cube2, xr.DataArray):
        return None
    if cubes.dimension_of_type(cube1, "temporal") or not cubes.dimension_of_type(cube2, "temporal"):
        return None
    must = "The first of two merged cubes should have the dates: the result may say that it has none"
    return Violation(must, tuple(cube1.dims), "Give the cube with t as cube1")

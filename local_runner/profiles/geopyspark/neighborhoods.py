"""Sizes and overlaps of `apply_neighborhood`: G07, G14 to G25."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
import xarray as xr

from local_runner import cube as cubes
from local_runner.callback import CallbackOutline
from local_runner.errors import Quoted
from local_runner.profiles import Rules, Violation

if TYPE_CHECKING:
    from collections.abc import Mapping

rule = Rules()


def _entries(arguments: Mapping[str, Any], name: str) -> dict[str, dict[str, Any]]:
    return {str(entry.get("dimension", "")): entry for entry in arguments.get(name) or [] if isinstance(entry, dict)}


def _pixels(arguments: Mapping[str, Any], name: str) -> dict[str, float]:
    """Numbers of pixels along x and y; what is no number is left to `_unit_is_px`."""
    entries = _entries(arguments, name)
    found = {d: entries[d].get("value") for d in (cubes.X, cubes.Y) if d in entries}
    return {d: value for d, value in found.items() if _is_number(value)}


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _has_udf(arguments: Mapping[str, Any]) -> bool:
    callback = arguments.get("process")
    return isinstance(callback, CallbackOutline) and callback.contains_udf


@rule("G07", "apply_neighborhood", action="warn")
def _window_is_square(arguments: Mapping[str, Any]) -> Violation | None:
    size, overlap = _pixels(arguments, "size"), _pixels(arguments, "overlap")
    window = {d: size[d] + 2 * overlap.get(d, 0) for d in size}
    if not _has_udf(arguments) or len(window) < 2 or window[cubes.X] == window[cubes.Y]:
        return None
    return Violation(
        "size with overlap should be the same along x and y: a UDF gets wrong coordinates in other windows",
        window,
        "Use square windows, or do not read x and y in the UDF",
    )


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


@rule("G21", "apply_neighborhood", action="warn")
def _overlap_keeps_the_grid(arguments: Mapping[str, Any]) -> Violation | None:
    """The overlap becomes a buffer of the load process, whose extent is then snapped to multiples of the resolution."""
    cube, overlap = arguments.get("data"), _pixels(arguments, "overlap")
    if not any(overlap.values()) or not isinstance(cube, xr.DataArray) or cubes.crs_of(cube) is None:
        return None
    if not {cubes.X, cubes.Y} <= set(cube.coords):
        return None
    edges = {d: float(cube[d][0]) / step - 0.5 for d, step in zip((cubes.X, cubes.Y), cubes.spacing(cube), strict=True)}
    off = {d: round(edge % 1, 3) for d, edge in edges.items() if abs(edge - round(edge)) > 1e-3}
    if not off:
        return None
    must = "Cells should lie on multiples of the resolution: overlap widens what is loaded, and may move another grid"
    got = Quoted(" and ".join(f"{d} off by {part} of a cell" for d, part in off.items()))
    return Violation(must, got, "Resample to such a grid first")


@rule("G22", "apply_neighborhood", action="warn")
def _size_of_16(arguments: Mapping[str, Any]) -> Violation | None:
    odd = {d: v for d, v in _pixels(arguments, "size").items() if v % 16}
    do = "The back-end cuts the result into new tiles"
    return Violation("size should be a multiple of 16 px", odd, do) if odd else None


@rule("G23", "apply_neighborhood")
def _band_math_daily(arguments: Mapping[str, Any]) -> Violation | None:
    if not isinstance(arguments.get("process"), CallbackOutline) or _has_udf(arguments) or "size" not in arguments:
        return None
    size = _entries(arguments, "size").get(cubes.T, {}).get("value")
    if size == "P1D":
        return None
    return Violation(
        "A callback without run_udf needs a size of 'P1D' along t", size, "Add {'dimension': 't', 'value': 'P1D'}"
    )


@rule("G25", "apply_neighborhood", action="warn", of_references=True)
def _literal_sizes(references: Mapping[str, tuple[str, ...]]) -> Violation | None:
    found = {name: references[name] for name in ("size", "overlap") if references.get(name)}
    do = "Write numbers into the graph, and one process for each size that is needed"
    return Violation("size and overlap should not depend on parameters", found, do) if found else None

"""Merging of two cubes."""

from typing import Any

import numpy as np
import xarray as xr

from local_runner.cube import X, Y, crs_of, dimension_of_type, dimension_type, is_date, labels, same_grid, times_of
from local_runner.errors import OpenEOError
from local_runner.processes._axes import on_x_and_y
from local_runner.processes._types import Cube, OnPair


@on_x_and_y
def merge_cubes(cube1: Cube, cube2: Cube, overlap_resolver: OnPair | None = None, context: Any = None) -> Cube:
    """Two cubes on one grid as one.

    Labels that only one cube has are put side by side, those of `cube2` behind (time and height in order); what neither cube
    has is NaN. Where labels are common to both, `overlap_resolver` decides. A cube with fewer dimensions is used for every
    label of the dimensions that it lacks; if no label of a dimension that both have is common, that needs no resolver. The
    grids must be equal: nothing is resampled here.
    """
    _require_alike(cube1, cube2)
    if {X, Y} & (set(cube1.dims) | set(cube2.dims)) and not same_grid(cube1, cube2):
        do = "Use resample_cube_spatial or resample_spatial first"
        got = f"{ {d: cube1.sizes.get(d) for d in (Y, X)} } and { {d: cube2.sizes.get(d) for d in (Y, X)} }"
        raise OpenEOError("FeatureUnsupported", "The cubes must have the same grid", got=got, do=do)
    if not set(cube2.dims) <= set(cube1.dims) and not set(cube1.dims) <= set(cube2.dims):
        dims = (tuple(cube1.dims), tuple(cube2.dims))
        raise OpenEOError("DimensionMismatch", "One cube must have all dimensions of the other", got=dims)
    cube1, cube2 = _comparable(cube1, cube2), _comparable(cube2, cube1)
    cube2 = _like(cube1, cube2)
    common = [str(d) for d in cube1.dims if d in cube2.dims and d not in (X, Y)]
    differing = [d for d in common if labels(cube1, d) != labels(cube2, d)]
    wide1, wide2 = _broadcast(cube1, cube2)
    order = list((cube1 if cube1.ndim >= cube2.ndim else cube2).dims)
    if any(not set(labels(cube1, d)) & set(labels(cube2, d)) for d in differing):
        join = _side_by_side if len(differing) == 1 else _union
        return join(wide1, wide2, differing).transpose(*order)
    if overlap_resolver is None:
        raise OpenEOError(
            "OverlapResolverMissing",
            "Cubes with common labels must come with an overlap_resolver",
            got=_common(cube1, cube2, common),
        )
    return _resolved(wide1, wide2, differing, overlap_resolver, context).transpose(*order)


def _require_alike(cube1: Cube, cube2: Cube) -> None:
    """Raise unless dimensions of one name have one type, and both cubes hold pixels or geometries of one kind."""
    for d in cube1.dims:
        kinds = (dimension_type(cube1, d), dimension_type(cube2, d))
        if d in cube2.dims and kinds[0] != kinds[1]:
            raise OpenEOError("DimensionMismatch", f"The dimension {d!r} must have one type in both cubes", got=kinds)
    geometry = [dimension_of_type(cube, "geometry") for cube in (cube1, cube2)]
    if geometry == [None, None]:
        return
    if None in geometry:
        dims = (tuple(cube1.dims), tuple(cube2.dims))
        raise OpenEOError("IncompatibleDataCubes", "Both cubes must be vector cubes, or none", got=dims)
    first, second = (_base_types(cube, d) for cube, d in zip((cube1, cube2), geometry, strict=True))
    if first and second and first != second:
        must = "The geometries of both cubes must be points, lines or polygons alike"
        raise OpenEOError("IncompatibleGeometryTypes", must, got=(sorted(first), sorted(second)))
    if crs_of(cube1) != crs_of(cube2):
        names = tuple(getattr(crs_of(cube), "name", None) for cube in (cube1, cube2))
        raise OpenEOError("FeatureUnsupported", "The geometries of both cubes must have one projection", got=names)


def _base_types(cube: Cube, dimension: str | None) -> set[str]:
    return {shape.geom_type.removeprefix("Multi") for shape in cube[dimension].values if not shape.is_empty}


def _comparable(cube: Cube, other: Cube) -> Cube:
    """The cube with labels of the other's kind on the dimensions of both: times where all are, else texts; or anything."""
    changed: dict[str, Any] = {}
    for d in (str(d) for d in cube.dims if d in other.dims and d not in (X, Y)):
        known = [*labels(cube, d), *labels(other, d)]
        if (cube[d].dtype.kind == "M") != (other[d].dtype.kind == "M"):
            changed[d] = times_of(cube, d) if all(map(is_date, known)) else np.array(labels(cube, d), object)
        elif len({isinstance(label, str) for label in known}) > 1:
            changed[d] = np.array(labels(cube, d), object)
        elif d not in cube.coords and labels(cube, d) != labels(other, d):
            changed[d] = labels(cube, d)
    return cube.assign_coords(changed)


def _like(cube1: Cube, cube2: Cube) -> Cube:
    """`cube2` with its labels in the order of `cube1`, and without differences in the last digit of x and y."""
    for d in cube2.dims:
        here, there = (labels(c, str(d)) if d in c.dims else [] for c in (cube1, cube2))
        if d not in (X, Y) and here != there and set(here) == set(there):
            cube2 = cube2.isel({d: [there.index(label) for label in here]})
    return cube2.assign_coords({d: cube1[d] for d in (X, Y) if d in cube1.coords and d in cube2.dims})


def _common(cube1: Cube, cube2: Cube, dimensions: list[str]) -> dict[str, list[Any]]:
    return {d: [label for label in labels(cube1, d) if label in labels(cube2, d)] for d in dimensions}


def _broadcast(cube1: Cube, cube2: Cube) -> tuple[Cube, Cube]:
    def widen(cube: Cube, other: Cube) -> Cube:
        for d in other.dims:
            if d not in cube.dims:
                cube = cube.expand_dims({d: other[d] if d in other.coords else other.sizes[d]})
        return cube

    wide1 = widen(cube1, cube2)
    return wide1, widen(cube2, cube1).transpose(*wide1.dims)


def _side_by_side(cube1: Cube, cube2: Cube, differing: list[str]) -> Cube:
    result = xr.concat(
        [cube1, cube2], dim=differing[0], coords="minimal", compat="override", join="override", combine_attrs="override"
    )
    joined = {d: _joined_labels(cube1, cube2, d) for d in differing}
    return result.sel({d: wanted for d, wanted in joined.items() if list(wanted) != list(result[d].values)})


def _union(cube1: Cube, cube2: Cube, differing: list[str]) -> Cube:
    """The cubes on the labels of both, that of `cube1` where they have common ones."""
    joined = {d: _joined_labels(cube1, cube2, d) for d in differing}
    return cube1.reindex(joined).where(_covered(cube1, joined), cube2.reindex(joined)).assign_attrs(cube1.attrs)


def _resolved(cube1: Cube, cube2: Cube, differing: list[str], resolver: OnPair, context: Any) -> Cube:
    both = {d: [label for label in cube1[d].values if label in cube2[d].values] for d in differing}
    first, second = (cube1.sel(both), cube2.sel(both)) if both else (cube1, cube2)
    merged = resolver(x=first, y=second, context=context)
    if not isinstance(merged, xr.DataArray):
        merged = xr.full_like(
            first, np.nan if merged is None else merged, dtype=np.result_type(first.dtype, np.float32)
        )
    merged.attrs = cube1.attrs
    if not differing:
        return merged
    joined = {d: _joined_labels(cube1, cube2, d) for d in differing}
    return merged.reindex(joined).where(_covered(merged, joined), _union(cube1, cube2, differing))


def _joined_labels(cube1: Cube, cube2: Cube, dimension: str) -> Any:
    values = [*cube1[dimension].values, *(v for v in cube2[dimension].values if v not in cube1[dimension].values)]
    if dimension_type(cube1, dimension) in ("temporal", "spatial"):
        return sorted(values)
    return np.fromiter(values, object, len(values)) if cube1[dimension].dtype.kind == "O" else values


def _covered(cube: Cube, joined: dict[str, Any]) -> xr.DataArray:
    """Where among the labels `joined` a cube has values of its own, NaN or not."""
    covered = xr.DataArray(True)
    for d, values in joined.items():
        inside = [v in cube[d].values for v in values]
        covered = covered & xr.DataArray(inside, dims=d, coords={d: values})
    return covered

"""Dimensions and labels of cubes, and merging."""

from typing import Any, Literal

import numpy as np
import xarray as xr

from local_runner.cube import X, Y, dimension_type, labels, require_dimension, same_grid, to_time
from local_runner.errors import OpenEOError
from local_runner.execution import Execution
from local_runner.processes._types import Cube, Number, OnPair


def add_dimension(
    data: Cube,
    name: str,
    label: Number | str,
    type: Literal["bands", "geometry", "spatial", "temporal", "other"] = "other",
) -> Cube:
    """A new dimension with one label, before the others."""
    if name in data.dims:
        raise OpenEOError("DimensionExists", f"The new dimension must not be one of {tuple(data.dims)}", got=name)
    result = data.drop_vars(name, errors="ignore").expand_dims({name: _coordinates([label], type)})
    if dimension_type(result, name) != type:
        result.attrs = {**result.attrs, "dimension_types": {**result.attrs.get("dimension_types", {}), name: type}}
    return result


def drop_dimension(data: Cube, name: str) -> Cube:
    """The cube without a dimension that has one label."""
    require_dimension(data, name)
    if data.sizes[name] != 1:
        do = "Filter it to one label or reduce it first"
        must = f"The dimension {name!r} must have one label"
        raise OpenEOError("DimensionLabelCountMismatch", must, got=labels(data, name), do=do)
    return data.isel({name: 0}, drop=True)


def rename_dimension(data: Cube, source: str, target: str) -> Cube:
    """The cube with a dimension called `target` instead of `source`."""
    require_dimension(data, source)
    if target in data.dims:
        raise OpenEOError("DimensionExists", f"The new name must not be one of {tuple(data.dims)}", got=target)
    kind = dimension_type(data, source)
    result = data.rename({source: target})
    if dimension_type(result, target) != kind:
        result.attrs = {**result.attrs, "dimension_types": {**result.attrs.get("dimension_types", {}), target: kind}}
    return result


def rename_labels(
    data: Cube,
    dimension: str,
    target: list[Number | str],
    source: list[Number | str] = [],
    *,
    execution: Execution,
) -> Cube:
    """The labels `source` of a dimension called `target`; without `source` the labels 0, 1, 2, ... are meant.

    Without `source` on labels that are not 0, 1, 2, ... the specification has `LabelsNotEnumerated`; profile `geopyspark`
    renames by position.
    """
    require_dimension(data, dimension)
    old = labels(data, dimension)
    new = list(old)
    if len(set(target)) != len(target):
        raise OpenEOError("ProcessParameterInvalid", "The labels in target must be unique", got=target)
    if source:
        if len(source) != len(target):
            must = "source and target must have the same number of labels"
            raise OpenEOError("LabelMismatch", must, got=f"{len(source)} and {len(target)}")
        for before, after in zip(source, target, strict=True):
            if before not in old:
                raise OpenEOError("LabelNotAvailable", f"source must be among the labels {tuple(old)}", got=before)
            new[old.index(before)] = after
    else:
        if old != list(range(len(old))) and not execution.profile.rename_by_position:
            raise OpenEOError(
                "LabelsNotEnumerated", "Without source the labels must be 0, 1, 2, ...", got=old, do="Give source"
            )
        if len(target) > len(old):
            must = f"target must have at most {len(old)} labels"
            raise OpenEOError("LabelMismatch", must, got=len(target))
        new[: len(target)] = target
    kept = [label for label, renamed in zip(old, new, strict=True) if label == renamed]
    if len(set(new)) != len(new):
        raise OpenEOError("LabelExists", f"target must not be one of the labels {tuple(kept)} that stay", got=target)
    return data.assign_coords({dimension: _coordinates(new, dimension_type(data, dimension))})


def dimension_labels(data: Cube, dimension: str) -> list[Any]:
    """The labels of a dimension."""
    return labels(data, require_dimension(data, dimension))


def _coordinates(new: list[Any], kind: str) -> Any:
    if kind == "temporal" and all(isinstance(label, str) for label in new):
        try:
            return np.array([to_time(label) for label in new], "datetime64[ns]")
        except ValueError as error:
            raise OpenEOError(
                "ProcessParameterInvalid", "A temporal label must be a date or ISO 8601 time", got=new
            ) from error
    mixed = len({isinstance(label, str) for label in new}) > 1
    return np.array(new, dtype=object if mixed else None)


def merge_cubes(cube1: Cube, cube2: Cube, overlap_resolver: OnPair | None = None, context: Any = None) -> Cube:
    """Two cubes on one grid as one.

    Labels that only one cube has are put side by side, those of `cube2` behind (time in order); what neither cube has is NaN.
    Where labels are common to both, `overlap_resolver` decides. A cube with fewer dimensions is used for every label of the
    dimensions that it lacks; if no label of a dimension that both have is common, that needs no resolver. The grids must be
    equal: nothing is resampled here.
    """
    if {X, Y} & (set(cube1.dims) | set(cube2.dims)) and not same_grid(cube1, cube2):
        do = "Use resample_cube_spatial or resample_spatial first"
        got = f"{ {d: cube1.sizes.get(d) for d in (Y, X)} } and { {d: cube2.sizes.get(d) for d in (Y, X)} }"
        raise OpenEOError("FeatureUnsupported", "The cubes must have the same grid", got=got, do=do)
    if not set(cube2.dims) <= set(cube1.dims) and not set(cube1.dims) <= set(cube2.dims):
        dims = (tuple(cube1.dims), tuple(cube2.dims))
        raise OpenEOError("DimensionMismatch", "One cube must have all dimensions of the other", got=dims)
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
    return result.sel({d: _joined_labels(cube1, cube2, d) for d in differing})


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
    return sorted(values) if dimension_type(cube1, dimension) == "temporal" else values


def _covered(cube: Cube, joined: dict[str, Any]) -> xr.DataArray:
    """Where among the labels `joined` a cube has values of its own, NaN or not."""
    covered = xr.DataArray(True)
    for d, values in joined.items():
        inside = [v in cube[d].values for v in values]
        covered = covered & xr.DataArray(inside, dims=d, coords={d: values})
    return covered

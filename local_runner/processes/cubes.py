"""Cubes without values, dimensions and labels of cubes."""

from typing import Any, Literal

import dask.array as da
import numpy as np
import xarray as xr

from local_runner.cube import coordinate, dimension_type, is_date, labels, require_dimension, to_time, with_type
from local_runner.errors import OpenEOError
from local_runner.execution import Execution
from local_runner.processes._types import Cube, Number
from local_runner.vector import label_values


def create_data_cube() -> Cube:
    """A cube without dimensions; its one value is NaN."""
    return xr.DataArray(da.full((), np.nan, np.float32))


def add_dimension(
    data: Cube,
    name: str,
    label: Number | str,
    type: Literal["bands", "geometry", "spatial", "temporal", "other"] = "other",
) -> Cube:
    """A new dimension with one label, before the others."""
    if name in data.dims:
        raise OpenEOError("DimensionExists", f"The new dimension must not be one of {tuple(data.dims)}", got=name)
    spatial = [d for d in data.dims if dimension_type(data, d) == "spatial"]
    if type == "spatial" and len(spatial) >= 3:
        raise OpenEOError("DimensionExists", "A cube must have at most three spatial dimensions", got=spatial)
    result = data.drop_vars(name, errors="ignore").expand_dims({name: coordinate([label], dates=type == "temporal")})
    return with_type(result, name, type)


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
    result = data.drop_vars(target, errors="ignore").rename({source: target})
    return with_type(result, target, dimension_type(data, source))


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
        for place, after in zip(_places(data, dimension, source), target, strict=True):
            new[place] = after
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
    return data.assign_coords({dimension: coordinate(new, dates=dimension_type(data, dimension) == "temporal")})


def dimension_labels(data: Cube, dimension: str) -> list[Any]:
    """The labels of a dimension: numbers and texts, ISO 8601 for time and WKT for geometries."""
    return label_values(data, require_dimension(data, dimension))


def _places(data: Cube, dimension: str, wanted: list[Any]) -> list[int]:
    """Where the labels are that are asked for; a time may be written in any way."""
    known = labels(data, dimension)
    if data[dimension].dtype.kind == "M":
        times = {time: place for place, time in enumerate(data[dimension].values.astype("datetime64[ns]"))}
        found = [times.get(to_time(label)) if is_date(label) else None for label in wanted]
    else:
        found = [known.index(label) if label in known else None for label in wanted]
    for label, place in zip(wanted, found, strict=True):
        if place is None:
            raise OpenEOError("LabelNotAvailable", f"source must be among the labels {tuple(known)}", got=label)
    return [place for place in found if place is not None]

"""Where a UDF may stand, and what its text may be: G01 to G03, G12, G13, G55."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import xarray as xr

from local_runner import cube as cubes
from local_runner.callback import CallbackOutline
from local_runner.check.udf_lint import declared_dependencies
from local_runner.processes import registry
from local_runner.profiles import Rules, Violation

if TYPE_CHECKING:
    from collections.abc import Mapping

rule = Rules()
_PARENTS: Final = ("apply", "apply_dimension", "reduce_dimension", "apply_neighborhood", "apply_polygon")
_OTHERS: Final = tuple(
    process.id
    for process in registry().values()
    if process.id not in _PARENTS and any(p.callback_parameters is not None for p in process.parameters.values())
)
_VECTORS: Final = re.compile(r"^def (apply_vectorcube|udf_apply_feature_dataframe|udf_apply_udf_data)\(", re.MULTILINE)
_ROWS: Final = re.compile(r"^def (apply_timeseries)\(", re.MULTILINE)


def _udf(arguments: Mapping[str, Any]) -> CallbackOutline | None:
    """The callback among the arguments that has a UDF."""
    callbacks = (value for value in arguments.values() if isinstance(value, CallbackOutline))
    return next((callback for callback in callbacks if callback.contains_udf), None)


@rule("G01", *_PARENTS)
def _single_udf(arguments: Mapping[str, Any]) -> Violation | None:
    callback = _udf(arguments)
    if callback is None or callback.is_single_udf:
        return None
    return Violation(
        "A callback with run_udf must be exactly that one node",
        callback.process_ids,
        "Move the other processes into a node before or after it",
    )


@rule("G02", "apply_dimension", "reduce_dimension")
def _udf_dimension(arguments: Mapping[str, Any]) -> Violation | None:
    cube, dimension = arguments.get("data"), arguments.get("dimension")
    if _udf(arguments) is None or not isinstance(cube, xr.DataArray):
        return None
    if dimension not in cube.dims or cubes.dimension_type(cube, str(dimension)) in ("temporal", "bands"):
        return None
    return Violation("A UDF can run along t or bands only", dimension, "Use apply_neighborhood for a spatial UDF")


@rule("G02", *_OTHERS)
def _udf_elsewhere(arguments: Mapping[str, Any]) -> Violation | None:
    callback = _udf(arguments)
    if callback is None:
        return None
    return Violation(
        f"run_udf must stand in the callback of one of {_PARENTS}",
        callback.process_ids,
        "Put it into a node of its own",
    )


@rule("G02", "apply_polygon")
def _polygons_by_jep(arguments: Mapping[str, Any]) -> Violation | None:
    callback = _udf(arguments)
    runtime = None if callback is None else callback.udf_known.get("runtime")
    if not isinstance(runtime, str) or runtime.lower() == "python-jep":
        return None
    do = "Give the runtime 'Python-Jep', or use apply_neighborhood and mask_polygon"
    return Violation("A UDF in apply_polygon must run by Python-Jep", runtime, do)


@rule("G03", "run_udf")
def _udf_on_cube(arguments: Mapping[str, Any]) -> Violation | None:
    data = arguments.get("data")
    if not isinstance(data, xr.DataArray) or not {cubes.X, cubes.Y} & set(data.dims):
        return None
    return Violation(
        "run_udf on a raster cube must stand in a callback",
        "a node of its own",
        "Put it into apply_neighborhood or apply",
    )


@rule("G12", *_PARENTS)
def _raster_to_vectors(arguments: Mapping[str, Any]) -> Violation | None:
    if not isinstance(arguments.get("data"), xr.DataArray | None):
        return None
    do = "Return points as a sparse raster, or run the UDF on what aggregate_spatial returns"
    return _entry_point(arguments, _VECTORS, "A UDF cannot turn a raster into vectors", do)


@rule("G13", *_PARENTS)
def _pixel_by_pixel(arguments: Mapping[str, Any]) -> Violation | None:
    must = "A UDF should not be apply_timeseries, which is one call of Python for each pixel"
    return _entry_point(arguments, _ROWS, must, "Write it as apply_datacube")


def _entry_point(arguments: Mapping[str, Any], wanted: re.Pattern[str], must: str, do: str) -> Violation | None:
    callback = _udf(arguments)
    text = None if callback is None else callback.udf_known.get("udf")
    found = wanted.search(text) if isinstance(text, str) else None
    return None if found is None else Violation(must, found[1], do)


@rule("G55", "run_udf", action="warn")
def _dependencies_in_batch_jobs(arguments: Mapping[str, Any]) -> Violation | None:
    text = arguments.get("udf")
    declared = sorted(declared_dependencies(text)) if isinstance(text, str) else []
    if not declared:
        return None
    do = "Send the graph as a batch job, or do without them"
    return Violation("The dependencies of a UDF are installed in batch jobs only", declared, do)

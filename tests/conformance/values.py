"""Typed values of the test cases as Python values and cubes, and the comparison with what a process returned.

Null is None in lists and NaN in cubes and labelled arrays. An unlabelled array is a list, a labelled one a DataArray with
the one dimension `label`.
"""

import math
from datetime import datetime

import dask.array as da
import numpy as np
import xarray as xr

from local_runner.cube import LABEL, crs_of, dimension_type, labels, parse_crs, to_time


def type_of(value):
    """Name of the special type of an encoded value, or None."""
    return value.get("type") if isinstance(value, dict) else None


def decode(value):
    """An encoded argument as the executor takes it."""
    match value:
        case {"type": "datacube", **encoded}:
            decoded = _cube(encoded)
        case {"type": "labeled-array", "data": entries}:
            decoded = _labelled(entries)
        case {"type": "nodata"}:
            decoded = None
        case {"type": "datetime", "value": text}:
            decoded = text
        case dict():
            decoded = {key: decode(item) for key, item in value.items()}
        case list():
            decoded = [decode(item) for item in value]
        case _:
            decoded = value
    return decoded


def _cube(encoded):
    order, dimensions = encoded["order"], encoded["dimensions"]
    coords = {name: _coordinates(dimensions[name]) for name in order if "values" in dimensions[name]}
    cube = xr.DataArray(da.from_array(_numbers(encoded)), coords, order)
    cube.attrs["dimension_types"] = {name: dimensions[name]["type"] for name in order}
    systems = [dimension["reference_system"] for dimension in dimensions.values() if "reference_system" in dimension]
    return cube.rio.write_crs(parse_crs(systems[0])) if systems else cube


def _coordinates(dimension):
    values = dimension["values"]
    if dimension["type"] == "temporal" and all(isinstance(v, str) and _is_time(v) for v in values):
        return np.array([to_time(v) for v in values], "datetime64[ns]")
    return np.array(values, object if len({isinstance(v, str) for v in values}) > 1 else None)


def _is_time(text):
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _numbers(encoded):
    """The data in float64 with NaN for null and for the no-data values; nothing but NaN where the data do not matter."""
    shape = [len(encoded["dimensions"][name].get("values", ())) for name in encoded["order"]]
    if encoded["data"] is None or 0 in shape:
        return np.full(shape, np.nan)
    given = encoded.get("nodata")
    nodata = [v for v in (given if isinstance(given, list) else [given]) if v is not None]
    values = np.array(decode(encoded["data"]), object)
    numbers = np.array([math.nan if v is None else float(v) for v in values.ravel()]).reshape(values.shape)
    return np.where(np.isin(numbers, nodata), np.nan, numbers)


def _labelled(entries):
    keys, values = [entry["key"] for entry in entries], [decode(entry["value"]) for entry in entries]
    if all(v is None or _is_number(v) for v in values) and None in values:
        values = [math.nan if v is None else v for v in values]
    data = np.array(values, object if len({_kind(v) for v in values}) > 1 else None)
    return xr.DataArray(data, {LABEL: np.array(keys, object)}, (LABEL,))


def difference(got, expected, delta):
    """What distinguishes a result from the encoded expectation, or None."""
    match type_of(expected):
        case "datacube":
            return _cube_difference(got, expected, delta)
        case "labeled-array":
            return _labelled_difference(got, expected["data"], delta)
        case "datetime":
            same = isinstance(got, str) and _is_time(got) and to_time(got) == to_time(expected["value"])
            return None if same else f"got {got!r}, expected the time {expected['value']}"
        case "nodata":
            expected = None
    if isinstance(got, xr.DataArray) and got.dims == (LABEL,) and isinstance(expected, list):
        return difference([_null(v) for v in got.values.tolist()], [_null(v) for v in expected], delta)
    same = _is_same(got, expected, delta)
    return None if same else f"got {got!r}, expected {expected!r}"


def _is_same(got, expected, delta):
    if isinstance(expected, list) and isinstance(got, list):
        pairs = zip(got, expected, strict=False)
        return len(got) == len(expected) and all(difference(g, e, delta) is None for g, e in pairs)
    if _is_number(expected) and _is_number(got):
        return got == expected or abs(got - expected) <= delta or (math.isnan(got) and math.isnan(expected))
    return type(got) is type(expected) and got == expected


def _labelled_difference(got, entries, delta):
    if not isinstance(got, xr.DataArray) or got.dims != (LABEL,) or LABEL not in got.coords:
        return f"got {got!r}, expected an array with labels"
    keys = [entry["key"] for entry in entries]
    if labels(got, LABEL) != keys:
        return f"got the labels {labels(got, LABEL)}, expected {keys}"
    return difference([_null(v) for v in got.values.tolist()], [_null(entry["value"]) for entry in entries], delta)


def _cube_difference(got, expected, delta):
    if not isinstance(got, xr.DataArray):
        return f"got {got!r}, expected a cube"
    if list(got.dims) != expected["order"]:
        return f"got the dimensions {got.dims}, expected {expected['order']}"
    for name in expected["order"]:
        problem = _dimension_difference(got, name, expected["dimensions"][name])
        if problem:
            return problem
    if expected["data"] is None:
        return None
    values, wanted = got.values.astype(float), _numbers(expected)
    if values.shape != wanted.shape or not np.allclose(values, wanted, rtol=0, atol=delta, equal_nan=True):
        return f"got the values {values.tolist()}, expected {wanted.tolist()}"
    return None


def _dimension_difference(got, name, expected):
    if dimension_type(got, name) != expected["type"]:
        return f"got {name} of the type {dimension_type(got, name)}, expected {expected['type']}"
    if "values" in expected:
        wanted = xr.DataArray(_coordinates(expected), dims=name)
        wanted = labels(wanted.assign_coords({name: wanted}), name)
        if labels(got, name) != wanted:
            return f"got the labels {labels(got, name)} of {name}, expected {wanted}"
    if "reference_system" in expected and crs_of(got) != parse_crs(expected["reference_system"]):
        return f"got the reference system {crs_of(got)}, expected {expected['reference_system']}"
    return None


def _null(value):
    """NaN as null: within labelled arrays they are the same."""
    return None if type_of(value) == "nodata" or (isinstance(value, float) and math.isnan(value)) else value


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)


def _kind(value):
    return "number" if _is_number(value) else type(value).__name__

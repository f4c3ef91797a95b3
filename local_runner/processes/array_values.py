"""What looks at the values of arrays: searching, sorting, filling gaps, and callbacks for each element.

An array of cubes has one number of elements for all pixels. What the specification would leave out for some pixels only is
no-data there: `array_filter` leaves it in its place, `sort` at the end.
"""

from typing import Annotated, Any, cast

import numpy as np
import xarray as xr

from local_runner.callback import Callback
from local_runner.cube import LABEL, to_time
from local_runner.errors import OpenEOError
from local_runner.processes._along import interpolated, mapped_blocks, reduced
from local_runner.processes._arrays import (
    Elements,
    as_array,
    as_elements_like,
    element,
    elements,
    labels_of,
    require_numbers,
    size,
    with_labels,
)
from local_runner.processes._support import elementwise, quiet
from local_runner.processes._types import Array, BooleanOrNull, Cube, NumberOrNull, Takes
from local_runner.processes.comparison import eq, is_nan
from local_runner.processes.logic import if_

OnElement = Annotated[Callback, Takes(("x", "index", "label", "context"))]


def array_apply(data: Array, process: OnElement, context: Any = None) -> Array:
    """`process` on each element, which may know its index and label; labels stay."""
    array, known = as_array(data), labels_of(data)
    values = _for_each(array, known, process, context)
    whole = as_elements_like(element(array, 0), values) if isinstance(array, Cube) and values else as_array(values)
    return with_labels(whole, known)


def array_filter(data: Array, condition: OnElement, context: Any = None) -> Array:
    """The elements for which the condition is true, with their labels.

    Where the condition depends on the values of cubes, an element stays for all pixels and is no-data where it is not true.
    """
    array, known = as_array(data), labels_of(data)
    answers = _for_each(array, known, condition, context)
    places = [i for i, answer in enumerate(answers) if answer is True or isinstance(answer, Cube)]
    kept = [element(array, i) if answers[i] is True else if_(answers[i], element(array, i)) for i in places]
    whole = as_elements_like(element(array, 0), kept) if isinstance(array, Cube) and size(array) else as_array(kept)
    return with_labels(whole, None if known is None else [known[i] for i in places])


def _for_each(array: Elements, known: list[Any] | None, callback: Callback, context: Any) -> list[Any]:
    named = known or [None] * size(array)
    return [
        callback(x=x, index=i, label=label, context=context)
        for i, (x, label) in enumerate(zip(elements(array), named, strict=True))
    ]


def array_contains(data: Array, value: Any) -> BooleanOrNull:
    """Whether an element equals the value, as `eq` tells; never for null."""
    found = _matches(data, value)
    if isinstance(found, Cube):
        return reduced(elementwise(lambda a: (a == 1).astype(np.float32), found), "max")
    return True in found


def array_find(data: Array, value: Any, reverse: bool = False) -> NumberOrNull:
    """Index of the first (last) element that equals the value, as `eq` tells; null if none does."""
    found = _matches(data, value)
    if isinstance(found, Cube):
        index = xr.DataArray(np.arange(found.sizes[LABEL], dtype=np.float32), dims=LABEL)
        places = elementwise(lambda f, i: np.where(f == 1, i, np.float32(np.nan)), found, index)
        return reduced(places, "max" if reverse else "min")
    places = [i for i, equal in enumerate(found) if equal]
    return places[-1 if reverse else 0] if places else None


def _matches(data: Array, value: Any) -> Elements:
    """What `eq` says of each element; false for lists and objects, which are equal to nothing."""
    array = as_array(data)
    if value is None or isinstance(value, list | dict):
        return [False] * size(array)
    if isinstance(array, Cube):
        return cast("Cube", eq(array, value)) if size(array) else []
    return as_array([eq(v, value) for v in array])


def sort(data: Array, asc: bool = True, nodata: bool | None = None) -> Array:
    """The elements in order, without labels; NaN comes last.

    No-data is left out, or stands at the end (`nodata` true) or the start (false); in cubes at the end where it would be left
    out. Texts must be dates or times and are compared as such.
    """
    array = as_array(data)
    if isinstance(array, Cube):
        return mapped_blocks(lambda a: _sorted(a, asc, nodata is False), with_labels(array, None))
    valid = [v for v in array if v is not None]
    nulls = [None] * (len(array) - len(valid))
    nan = [v for v in valid if is_nan(v)]
    ordered = [*sorted((v for v in valid if not is_nan(v)), key=_sort_key(valid), reverse=not asc), *nan]
    return ordered if nodata is None else [*ordered, *nulls] if nodata else [*nulls, *ordered]


def _sort_key(values: list[Any]) -> Any:
    if not any(isinstance(v, str) for v in values):
        require_numbers(values)
        return None
    try:
        return dict(zip(values, map(to_time, values), strict=True)).__getitem__
    except (TypeError, ValueError) as error:
        must = "The elements of data must be numbers or null, or ISO 8601 dates and times or null"
        raise OpenEOError("ProcessParameterInvalid", must, got=values) from error


def _sorted(values: Any, asc: bool, nodata_first: bool) -> Any:
    """Values sorted along the last axis, NaN last or first."""
    ordered = np.sort(values, axis=-1) if asc else -np.sort(-values, axis=-1)
    if not nodata_first:
        return ordered
    missing = np.isnan(ordered).sum(axis=-1, keepdims=True)
    return np.take_along_axis(ordered, np.arange(ordered.shape[-1]) - missing, axis=-1)


def array_interpolate_linear(data: Array) -> Array:
    """No-data and NaN between two numbers replaced by the straight line between these, over labels or indices.

    Labels are the x axis where they are numbers or all dates, else the indices are.
    """
    array, known = as_array(data), labels_of(data)
    position = _position(known or [], size(array))
    if isinstance(array, Cube):
        return mapped_blocks(lambda a: _filled(a, position), array)
    require_numbers(array)
    numbers = np.array([np.nan if v is None else v for v in array], float)
    filled = quiet(_filled)(numbers, position).tolist()
    values = [
        new if np.isnan(old) and not np.isnan(new) else v for v, old, new in zip(array, numbers, filled, strict=True)
    ]
    return with_labels(values, known)


def _position(known: list[Any], count: int) -> Any:
    """Where the elements of an array lie on the x axis."""
    if known and all(isinstance(label, int | float) for label in known):
        return np.array(known, float)
    try:
        times = np.array([to_time(label) for label in known], "datetime64[ns]")
    except ValueError:
        return np.arange(float(count))
    return (times - times[0]) / np.timedelta64(1, "s") if known else np.arange(float(count))


def _filled(values: Any, position: Any) -> Any:
    """Gaps along the last axis filled linearly."""
    count = values.shape[-1]
    index, valid = np.arange(count, dtype=np.int32), ~np.isnan(values)
    before = np.maximum.accumulate(np.where(valid, index, -1), axis=-1)
    after = np.minimum.accumulate(np.where(valid, index, count)[..., ::-1], axis=-1)[..., ::-1]
    inside = ~valid & (before >= 0) & (after < count)
    before, after = np.maximum(before, 0), np.minimum(after, count - 1)
    low, high = (np.take_along_axis(values, where, axis=-1) for where in (before, after))
    share = (position - position[before]) / (position[after] - position[before])
    return np.where(inside, interpolated(low, high, share.astype(values.dtype)), values)

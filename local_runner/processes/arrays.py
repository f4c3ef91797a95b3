"""Arrays and their labels: making them, putting them together, taking them apart."""

from functools import reduce
from typing import Any

from local_runner.cube import utc_day
from local_runner.errors import OpenEOError
from local_runner.limits import require_length
from local_runner.processes._arrays import as_array, element, elements, join, labels_of, part, size, with_labels
from local_runner.processes._types import Array, Cube, Number


def array_create(data: Array = [], repeat: int = 1) -> Array:
    """The array repeated `repeat` times one after the other; labels stay only if it is not repeated."""
    if repeat < 1:
        must = "The argument 'repeat' of array_create must be at least 1"
        raise OpenEOError("ProcessParameterInvalid", must, got=repeat)
    array = as_array(data)
    require_length(max(size(array), 1) * repeat, "The array that array_create makes")
    return with_labels(array, labels_of(data)) if repeat == 1 else with_labels(join(*[array] * repeat), None)


def array_create_labeled(data: Array, labels: list[Number | str]) -> Array:
    """The elements with these labels."""
    array = as_array(data)
    if size(array) != len(labels):
        must = "data and labels must have the same number of elements"
        raise OpenEOError("ArrayLengthMismatch", must, got=f"{size(array)} and {len(labels)}")
    if len(set(labels)) != len(labels):
        raise OpenEOError("ProcessParameterInvalid", "The labels must be unique", got=labels)
    return with_labels(array, labels)


def array_concat(array1: Array, array2: Array) -> Array:
    """The second array behind the first; labels are kept only if both have them, and must then differ."""
    joined = join(as_array(array1), as_array(array2))
    known1, known2 = labels_of(array1), labels_of(array2)
    if known1 is None or known2 is None:
        return with_labels(joined, None)
    _require_distinct(known1, known2)
    return with_labels(joined, known1 + known2)


def array_append(data: Array, value: Any, label: Number | str | None = None) -> Array:
    """The array with one more element; its label in a labelled array is `label`, or the number of elements before."""
    array, known = as_array(data), labels_of(data)
    if known is None:
        if label is not None:
            must = "The array must have labels if one is given for the new element"
            raise OpenEOError("ArrayNotLabeled", must, got=label, do="Leave the label out")
        return with_labels(join(array, [value]), None)
    new = len(known) if label is None else label
    if new in known:
        raise OpenEOError("LabelExists", f"The new label must not be one of {tuple(known)}", got=new)
    return with_labels(join(array, [value]), [*known, new])


def array_modify(data: Array, values: Array, index: int, length: int = 0) -> Array:
    """The array with `values` in place of `length` elements from `index` on; labels as in `array_concat`.

    An empty array may be without labels beside one that has them.
    """
    array, inserted = as_array(data), as_array(values)
    if not 0 <= index <= size(array):
        must = f"index must be from 0 to the number of elements, {size(array)}"
        raise OpenEOError("ArrayElementNotAvailable", must, got=index)
    if length < 0:
        raise OpenEOError("ProcessParameterInvalid", "length must not be negative", got=length)
    changed = join(part(array, 0, index), inserted, part(array, index + length, None))
    own = labels_of(data) if size(array) else []
    new = labels_of(values) if size(inserted) else []
    if own is None or new is None or not own + new:
        return with_labels(changed, None)
    _require_distinct(own, new)
    return with_labels(changed, own[:index] + new + own[index + length :])


def _require_distinct(first: list[Any], second: list[Any]) -> None:
    twice = [label for label in first if label in second]
    if twice:
        raise OpenEOError("ArrayLabelConflict", "A label must stand in one of the arrays only", got=twice)


def array_element(
    data: Array, index: int | None = None, label: float | str | None = None, return_nodata: bool = False
) -> Any:
    """The element with an index from 0 or a label; time labels match by UTC day when the label is a date."""
    if index is None and label is None:
        raise OpenEOError("ArrayElementParameterMissing", "array_element must be given an index or a label")
    if index is not None and label is not None:
        raise OpenEOError("ArrayElementParameterConflict", "array_element must be given an index or a label, not both")
    array, known = as_array(data), labels_of(data)
    if label is not None:
        if known is None:
            raise OpenEOError("ArrayNotLabeled", "The array must have labels", got=label, do="Use the index instead")
        index = _position(known, label)
    if index is not None and 0 <= index < size(array):
        return element(array, index)
    if return_nodata:
        return None
    do = f"The labels are {tuple(known)}" if known is not None else f"The array has {size(array)} elements"
    must = "index or label must be in the array"
    raise OpenEOError("ArrayElementNotAvailable", must, got=label if label is not None else index, do=do)


def _position(known: list[Any], label: float | str) -> int | None:
    if label in known:
        return known.index(label)
    days: list[Any] = [utc_day(k) if isinstance(k, str) and k.endswith("Z") else None for k in known]
    if days.count(label) > 1:
        must = f"A day must have one date in {tuple(known)}"
        raise OpenEOError("ProcessParameterInvalid", must, got=label, do="Give the time of day as well")
    return days.index(label) if label in days else None


def array_labels(data: Array) -> list[Any]:
    """The labels of an array, 0, 1, 2 where it has none."""
    known = labels_of(data)
    return list(range(size(as_array(data)))) if known is None else known


def array_find_label(data: Array, label: Number | str) -> int | None:
    """The index of a label, found as by `array_element`; null if the array has no such label, or none at all."""
    return _position(labels_of(data) or [], label)


def first(data: Array, ignore_nodata: bool = True) -> Any:
    """The first element, or the first that is not no-data."""
    return _foremost(data, ignore_nodata, step=1)


def last(data: Array, ignore_nodata: bool = True) -> Any:
    """The last element, or the last that is not no-data."""
    return _foremost(data, ignore_nodata, step=-1)


def _foremost(data: Array, ignore_nodata: bool, *, step: int) -> Any:
    array = as_array(data)
    candidates = elements(array)[::step]
    if not ignore_nodata:
        return candidates[0] if candidates else None
    if isinstance(array, Cube) and candidates:
        return reduce(lambda found, following: found.where(found.notnull(), following), candidates)
    return next((v for v in candidates if v is not None), None)

"""Aggregation over intervals of time."""

import datetime as dt
import itertools
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from local_runner.cube import LABEL, coordinate, temporal_dimensions, temporal_extent, times_of
from local_runner.errors import LimitExceededError, OpenEOError
from local_runner.execution import Execution
from local_runner.processes import _periods
from local_runner.processes._callbacks import array_of, dressed, reduced, refuse_udf, template
from local_runner.processes._types import Cube, Number, OnArray

MAX_INTERVALS = 100_000
"""Labels that an aggregation may give: each is evaluated for itself."""
_TIME = re.compile(r"(\d{2}):(\d{2}):(\d{2})")


def aggregate_temporal(
    data: Cube,
    intervals: list[list[str | None]],
    reducer: OnArray,
    labels: list[Number | str] = [],
    dimension: str | None = None,
    context: Any = None,
    *,
    execution: Execution,
) -> Cube:
    """One value for the values in each half-open interval [start, end), in the order of the intervals.

    The ends are dates or times of ISO 8601, of which one may be null, or times of the day, which hold for every day and may
    reach over midnight. Intervals may overlap; one without a date reduces an empty array. Labels are the starts unless given;
    where those of the cube are texts, they are texts as well.
    """
    refuse_udf(reducer, "aggregate_temporal")
    name = _temporal_dimension(data, dimension)
    times = times_of(data, name)
    if not intervals:
        raise OpenEOError("ProcessParameterInvalid", "intervals must have at least one interval", got=intervals)
    members = [_in_interval(times, interval) for interval in intervals]
    texts = name in data.coords and data[name].dtype.kind in "OU"
    known = _interval_labels(intervals, labels, dates=not texts)
    return _aggregated(data, name, members, known, reducer, context, execution)


def aggregate_temporal_period(
    data: Cube,
    period: _periods.Period,
    reducer: OnArray,
    dimension: str | None = None,
    context: Any = None,
    *,
    execution: Execution,
) -> Cube:
    """One value for the values in each calendar period, from that of the first date to that of the last without gaps.

    Labels are texts such as `2020-01` (month) or `2020-djf`; a period without a date reduces an empty array.
    """
    refuse_udf(reducer, "aggregate_temporal_period")
    name = _temporal_dimension(data, dimension)
    times = times_of(data, name)
    numbers = _periods.numbers(times, period)
    if not numbers.size:
        return data.assign_coords({name: np.array([], "U1")})
    every = range(int(numbers.min()), int(numbers.max()) + 1)
    _require_few(len(every))
    order = np.argsort(numbers, kind="stable")
    cuts = np.searchsorted(numbers[order], [*every, every.stop])
    members = [np.sort(order[start:stop]) for start, stop in itertools.pairwise(cuts)]
    known = np.array([_periods.label(number, period) for number in every])
    return _aggregated(data, name, members, known, reducer, context, execution)


def _temporal_dimension(data: Cube, dimension: str | None) -> str:
    temporal = temporal_dimensions(data, dimension)
    if len(temporal) > 1:
        must = "The cube must have one temporal dimension"
        raise OpenEOError("TooManyDimensions", must, got=temporal, do="Name one by the argument dimension")
    return temporal[0]


def _in_interval(times: Any, interval: Sequence[str | None]) -> Any:
    """Places of the times that lie in an interval."""
    if any(isinstance(end, str) and _TIME.fullmatch(end) for end in interval) and len(interval) == 2:
        return np.flatnonzero(_in_hours(times, interval))
    start, end = temporal_extent(interval)
    inside = np.ones(times.shape, bool)
    if start is not None:
        inside &= times >= start
    if end is not None:
        inside &= times < end
    return np.flatnonzero(inside)


def _in_hours(times: Any, interval: Sequence[str | None]) -> Any:
    """Whether times lie between two times of the day, over midnight where the end is not later than the start."""
    start, end = (_of_day(text, missing) for text, missing in zip(interval, ("00:00:00", "24:00:00"), strict=True))
    if start == end:
        must = "The end of an interval must not be its start"
        raise OpenEOError("TemporalExtentEmpty", must, got=list(interval))
    of_day = times - times.astype("datetime64[D]")
    if start < end:
        return (of_day >= start) & (of_day < end)
    return (of_day >= start) | (of_day < end)


def _of_day(text: str | None, missing: str) -> np.timedelta64:
    match = _TIME.fullmatch(missing if text is None else text)
    hours, minutes, seconds = (int(part) for part in match.groups()) if match else (99, 0, 0)
    since_midnight = dt.timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if minutes > 59 or seconds > 59 or since_midnight > dt.timedelta(days=1):
        must = "Both ends of an interval must be dates, or both times of the day between 00:00:00 and 24:00:00"
        raise OpenEOError("ProcessParameterInvalid", must, got=text)
    return np.timedelta64(since_midnight)


def _interval_labels(intervals: list[list[str | None]], given: list[Number | str], *, dates: bool) -> Any:
    _require_few(len(intervals))
    if given and len(given) != len(intervals):
        must = f"labels must have one label for each of the {len(intervals)} intervals"
        raise OpenEOError("ProcessParameterInvalid", must, got=len(given))
    known: list[Any] = list(given) or [interval[0] for interval in intervals]
    coordinates = coordinate(known, dates=dates)
    if None in known or len(set(coordinates.tolist())) < len(known):
        must = "The labels of the intervals must be distinct, and not null"
        raise OpenEOError("DistinctDimensionLabelsRequired", must, got=known, do="Give the argument labels")
    return coordinates


def _require_few(count: int) -> None:
    if count > MAX_INTERVALS:
        must = f"An aggregation must give at most {MAX_INTERVALS} labels"
        raise LimitExceededError("LimitExceeded", must, got=count, do="Use longer intervals")


def _aggregated(
    data: Cube, name: str, members: list[Any], known: Any, reducer: OnArray, context: Any, execution: Execution
) -> Cube:
    array = array_of(data, name, execution)
    empty = reduced(reducer, array.isel({LABEL: []}), context) if any(not m.size for m in members) else None
    parts = [reduced(reducer, array.isel({LABEL: _run(m)}), context) if m.size else empty for m in members]
    element = template(array)
    whole = [part.broadcast_like(element).transpose(*element.dims) for part in parts if part is not None]
    result = xr.concat(whole, dim=name, coords="minimal", compat="override", join="override", combine_attrs="override")
    return dressed(result.assign_coords({name: known}), data).transpose(*data.dims)


def _run(places: Any) -> Any:
    """Successive places as a slice, which costs dask less than a list."""
    first, last = int(places[0]), int(places[-1])
    return slice(first, last + 1) if last - first + 1 == places.size else places

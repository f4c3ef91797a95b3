"""Dates."""

from typing import Literal

import pandas as pd

from local_runner.errors import OpenEOError

_UNITS = {"millisecond": "milliseconds", "second": "seconds", "minute": "minutes", "hour": "hours"} | {
    u: f"{u}s" for u in ("day", "week", "month", "year")
}


def date_shift(
    date: str, value: int, unit: Literal["millisecond", "second", "minute", "hour", "day", "week", "month", "year"]
) -> str:
    """A date or time, moved by a number of units; a date without time of day stays one where the shift is in whole days.

    A day that a month does not have becomes its last day.
    """
    try:
        stamp = pd.Timestamp(date)
    except ValueError as error:
        must = "The argument 'date' of date_shift must be an ISO 8601 date or time"
        raise OpenEOError("ProcessParameterInvalid", must, got=date) from error
    shifted = stamp + pd.DateOffset(**{_UNITS[unit]: value})  # type: ignore[arg-type]
    if len(date) == 10:
        return shifted.strftime("%Y-%m-%d" if unit in ("day", "week", "month", "year") else "%Y-%m-%dT%H:%M:%SZ")
    return str(shifted.tz_localize(None).isoformat(timespec="milliseconds" if shifted.microsecond else "seconds")) + "Z"

"""Dates."""

import re
from typing import Literal

import pandas as pd

from local_runner.errors import OpenEOError

_UNITS = {"millisecond": "milliseconds", "second": "seconds", "minute": "minutes", "hour": "hours"} | {
    u: f"{u}s" for u in ("day", "week", "month", "year")
}


def date_shift(
    date: str, value: int, unit: Literal["millisecond", "second", "minute", "hour", "day", "week", "month", "year"]
) -> str:
    """A date or time, moved by a number of units: a date stays a date, a time keeps its time zone.

    A day that a month does not have becomes its last day.
    """
    try:
        shifted = pd.Timestamp(date) + pd.DateOffset(**{_UNITS[unit]: value})  # type: ignore[arg-type]
    except (ValueError, OverflowError) as error:
        must = "The argument 'date' of date_shift must be an ISO 8601 date or time, before and after the shift"
        raise OpenEOError("ProcessParameterInvalid", must, got=date) from error
    if len(date) == 10:
        return shifted.strftime("%Y-%m-%d")
    zone = re.search(r"[+-]\d\d:?\d\d$", date)
    text = shifted.tz_localize(None).isoformat(timespec="milliseconds" if shifted.microsecond else "seconds")
    return text + (zone[0] if zone else "Z")

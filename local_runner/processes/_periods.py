"""Calendar periods: which one a date belongs to, and how it is labelled.

Years are proleptic, weeks those of ISO 8601, dekads count 1 to 36 from January on. A season or tropical season that reaches
over New Year belongs to the year that it ends in: December 2019 is in `2020-djf`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

Period = Literal[
    "hour", "day", "week", "dekad", "month", "season", "tropical-season", "year", "decade", "decade-ad",
]  # fmt: skip
_HOURS: Final = {"hour": (1, 0, "%Y-%m-%d-%H"), "day": (24, 0, "%Y-%j"), "week": (168, 72, "%G-%V")}
"""Length of a period, how much of the first one lies before 1970, and its label. 1970 began on a Thursday."""
_MONTHS: Final = {"month": (1, 0), "season": (3, 1), "tropical-season": (6, 2)}
_YEARS: Final = {"year": (1, 0), "decade": (10, 0), "decade-ad": (10, 1)}
"""Length of a period, and the last digit of its first year."""
_PARTS: Final = {
    "dekad": tuple(f"{part:02d}" for part in range(1, 37)),
    "month": tuple(f"{part:02d}" for part in range(1, 13)),
    "season": ("djf", "mam", "jja", "son"),
    "tropical-season": ("ndjfma", "mjjaso"),
}
"""Labels of the parts of a year."""


def numbers(times: NDArray[np.datetime64], period: Period) -> NDArray[np.int64]:
    """Number of the period that each time lies in, counted without gaps from some zero."""
    if period in _HOURS:
        length, before, _ = _HOURS[period]
        return (times.astype("datetime64[h]").astype(np.int64) + before) // length
    month = times.astype("datetime64[M]")
    months = month.astype(np.int64)
    if period in _MONTHS:
        length, before = _MONTHS[period]
        return (months + before) // length
    if period in _YEARS:
        length, digit = _YEARS[period]
        return (times.astype("datetime64[Y]").astype(np.int64) + 1970 - digit) // length
    day_of_month = (times.astype("datetime64[D]") - month.astype("datetime64[D]")).astype(np.int64)
    return 3 * months + np.minimum(day_of_month // 10, 2)


def label(number: int, period: Period) -> str:
    """Label of a period as the specification of aggregate_temporal_period writes it."""
    if period in _HOURS:
        length, before, form = _HOURS[period]
        return pd.Timestamp(number * length - before, unit="h").strftime(form)
    if period in _YEARS:
        length, digit = _YEARS[period]
        return f"{number * length + digit:04d}"
    year, part = divmod(number, len(_PARTS[period]))
    return f"{year + 1970:04d}-{_PARTS[period][part]}"

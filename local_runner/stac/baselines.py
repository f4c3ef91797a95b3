"""Baselines of pairs from those that the dates of a stack have to its primary.

The perpendicular baseline is additive to first order: B(a, b) = B(b) - B(a), each relative to the stack primary, and the
height of ambiguity, wavelength * range * sin(incidence) / (2 B), is inversely proportional to it: 1/h(a, b) = 1/h(b) - 1/h(a)
(Hanssen, Radar Interferometry, 2001, chapter 2). Not here: baselines from orbits, as `local_runner.geometry` has them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from local_runner.cube import utc_day
from local_runner.stac.metadata import PRIMARY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr

_BASELINE: Final = "insar:perpendicular_baseline"
_HEIGHT: Final = "insar:height_of_ambiguity"


def baseline_of_pair(cube: xr.DataArray, days: Sequence[str]) -> dict[str, float]:
    """Perpendicular baseline (m) and height of ambiguity (m) of a pair (primary, secondary), as far as the items of both tell.

    Both must have one stack primary, whose own baseline is 0. Without baseline there is no height of ambiguity.
    """
    dates = [_of_day(cube, day) for day in days]
    primaries = {date.get(PRIMARY) for date in dates}
    if len(primaries) > 1 or None in primaries:
        return {}
    baseline = _difference(dates, days, _BASELINE, inverse=False)
    inverse = _difference(dates, days, _HEIGHT, inverse=True)
    found = {} if baseline is None else {_BASELINE: round(baseline, 6)}
    return found | ({_HEIGHT: round(1 / inverse, 6)} if inverse else {})


def _difference(dates: Sequence[Mapping[str, Any]], days: Sequence[str], name: str, *, inverse: bool) -> float | None:
    """Value of the secondary minus that of the primary, or of their inverses; None where one is not known."""
    first, second = (_known(date, day, name, inverse=inverse) for date, day in zip(dates, days, strict=True))
    return None if first is None or second is None else second - first


def _of_day(cube: xr.DataArray, day: str) -> Mapping[str, Any]:
    """Properties that the items of a day share."""
    several = [source.get("properties", {}) for source in cube.attrs.get("stac", {}).get(day, ())]
    first: dict[str, Any] = dict(several[0]) if several else {}
    return {key: value for key, value in first.items() if all(other.get(key) == value for other in several)}


def _known(date: Mapping[str, Any], day: str, name: str, *, inverse: bool) -> float | None:
    """Value of a date relative to the stack primary, or its inverse; 0 for the primary itself."""
    if _is_day(date.get(PRIMARY), day):
        return 0.0
    value = date.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    if not inverse:
        return float(value)
    return 1 / value if value else None


def _is_day(given: Any, day: str) -> bool:
    try:
        return isinstance(given, str) and utc_day(given) == day
    except ValueError:
        return False

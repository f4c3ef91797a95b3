"""Pairs of dates: by temporal baseline, by nearest neighbours, or all. Knows days, no perpendicular baselines."""

from __future__ import annotations

import json
import re
from datetime import date
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from local_runner.errors import OpenEOError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local_runner.access import Access

RULES: Final = 'all, baseline:12, baseline:6-24, neighbours:2 or a JSON list like [["2023-03-31","2023-04-12"]]'


class Rule(NamedTuple):
    """The arguments of `pairs`, one of which is set."""

    baseline_days: int | tuple[int, int] | None = None
    neighbours: int | None = None
    every: bool = False


def pairs(
    dates: Iterable[Any],
    *,
    baseline_days: int | tuple[int, int] | None = None,
    neighbours: int | None = None,
    every: bool = False,
) -> list[list[str]]:
    """`[primary, secondary]` days (UTC, YYYY-MM-DD), the earlier one first, sorted.

    `baseline_days`: pairs with exactly that many days between them, or from the first to the second number of days.
    `neighbours`: each date with that many following ones. `every`: each date with each later one. One of them is given.
    """
    chosen = [baseline_days is not None, neighbours is not None, every]
    if sum(chosen) != 1:
        raise _invalid("Exactly one of baseline_days, neighbours and every must be given", sum(chosen))
    days = _days(dates)
    if neighbours is not None:
        if neighbours < 1:
            raise _invalid("neighbours must be at least 1", neighbours)
        found = [[a, b] for index, a in enumerate(days) for b in days[index + 1 : index + 1 + neighbours]]
    else:
        first, last = (1, date.max.toordinal()) if baseline_days is None else _range(baseline_days)
        found = [[a, b] for a, b in combinations(days, 2) if first <= _apart(a, b) <= last]
    if not found:
        raise OpenEOError(
            "NoPairFound",
            f"Two dates must form a pair by the rule {_name(baseline_days, neighbours)}; the available dates are"
            f" {', '.join(days) or 'none'}",
            do="Choose another rule or add dates",
        )
    return found


def parse(text: str) -> Rule | list[list[str]]:
    """Rule or list of pairs of a command-line text."""
    rule = re.fullmatch(r"(all)|baseline:(\d{1,5})(?:-(\d{1,5}))?|neighbours:(\d{1,5})", text.strip())
    if rule is None:
        return _listed(text)
    if rule[1]:
        return Rule(every=True)
    if rule[4]:
        return Rule(neighbours=int(rule[4]))
    return Rule(baseline_days=(int(rule[2]), int(rule[3])) if rule[3] else int(rule[2]))


def of_collection(text: str, url: str, access: Access | None = None) -> list[list[str]]:
    """Pairs by a command-line text; a rule is applied to the dates of a STAC collection, a local one without `access`."""
    from local_runner.access import Access  # noqa: PLC0415  (the name alone is needed above)

    rule = parse(text)
    return pairs(collection_dates(url, access or Access()), **rule._asdict()) if isinstance(rule, Rule) else rule


def collection_dates(url: str, access: Access) -> list[str]:
    """UTC days of the acquisitions of a STAC collection, sorted; a day of two acquisitions stands there twice.

    Raises `GridsDiffer` for products of several collections, which are no cube.
    """
    from local_runner.cube import utc_day  # noqa: PLC0415
    from local_runner.stac.walk import items, require_one_collection  # noqa: PLC0415

    known = items(url, access.naming(url))
    require_one_collection(known)
    return sorted(utc_day(moment) for moment in {found.time() for found in known})


def _listed(text: str) -> list[list[str]]:
    try:
        given = json.loads(text)
    except ValueError:
        given = None
    if not isinstance(given, list) or not given:
        raise _invalid(f"pairs must be {RULES}", text)
    return given


def _days(dates: Iterable[Any]) -> list[str]:
    from local_runner.cube import utc_day  # noqa: PLC0415  (brings xarray, which --help can do without)

    days = sorted(utc_day(moment) for moment in dates)
    twice = sorted({day for day in days if days.count(day) > 1})
    if twice:
        raise OpenEOError(
            "DatesNotUnique",
            "The dates must be of different UTC days",
            got=twice,
            do="Select one acquisition per day",
        )
    return days


def _range(baseline_days: int | tuple[int, int]) -> tuple[int, int]:
    first, last = (baseline_days, baseline_days) if isinstance(baseline_days, int) else baseline_days
    if not 1 <= first <= last:
        raise _invalid("baseline_days must be at least 1, the smaller number first", baseline_days)
    return first, last


def _apart(a: str, b: str) -> int:
    return (date.fromisoformat(b) - date.fromisoformat(a)).days


def _name(baseline_days: int | tuple[int, int] | None, neighbours: int | None) -> str:
    if neighbours is not None:
        return f"neighbours:{neighbours}"
    if baseline_days is None:
        return "all"
    return "baseline:" + "-".join(map(str, [baseline_days] if isinstance(baseline_days, int) else baseline_days))


def _invalid(must: str, got: Any) -> OpenEOError:
    return OpenEOError("ProcessParameterInvalid", must, got=got)

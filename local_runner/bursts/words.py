"""Bursts and dates in the words of an error, few however many there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from local_runner.cube import utc_day

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from local_runner.stac.walk import Found

_MOST: Final = 6
"""Runs of successive bursts that are named."""
_MOST_DATES: Final = 12
Key = tuple[int, str, str]
"""Burst id, swath and, for stripmap alone, which has no ids and 0 here, the collection."""


def listed(stacks: Mapping[Key, Sequence[Found]]) -> str:
    """Bursts with dates and polarisations, successive ones together; of many the first ones and the last."""
    runs: list[tuple[int, int, str]] = []
    for key in sorted(stacks, key=lambda each: (each[1], each[2], each[0])):
        burst, told = key[0], _told(key[1], stacks[key])
        follows = runs and burst and runs[-1][1:] == (burst - 1, told)
        runs.append((runs.pop()[0] if follows else burst, burst, told))
    texts = [f"{_ids(first, last)}{told}" for first, last, told in runs]
    if len(texts) > _MOST:
        texts = [*texts[: _MOST - 1], f"... {texts[-1]}"]
    return f"{len(stacks)} {'burst' if len(stacks) == 1 else 'bursts'}: {'; '.join(texts)}"


def in_words(burst: int | None, swath: str | None) -> str:
    """Name of a burst, as far as it is known."""
    names = (f"burst {burst}" if burst is not None else "", f"sub-swath {swath}" if swath else "")
    return " in ".join(filter(None, names))


def few(days: Sequence[str]) -> str:
    """Dates, of many the first ones and the last."""
    if len(days) <= _MOST_DATES:
        return ", ".join(days)
    return f"{', '.join(days[: _MOST_DATES - 1])}, ... {days[-1]} ({len(days)})"


def texts_of(item: Found, name: str) -> list[str]:
    """A property that is a list, as texts; empty where it is none."""
    given = item.properties.get(name)
    return [str(entry) for entry in given] if isinstance(given, list) else []


def _ids(first: int, last: int) -> str:
    """Ids of successive bursts, with a blank behind; nothing for stripmap."""
    return "" if not first else f"{first} " if first == last else f"{first} to {last} "


def _told(swath: str, items: Sequence[Found]) -> str:
    days = sorted({utc_day(item.time()) for item in items})
    dates = days[0] if len(days) == 1 else f"{len(days)} dates {days[0]} to {days[-1]}"
    polarizations = sorted({name for item in items for name in texts_of(item, "sar:polarizations")})
    return f"{swath} ({dates}, {' '.join(polarizations)})"

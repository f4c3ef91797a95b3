"""What the name of a file tells where no metadata do: the band that it holds, and its date."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from local_runner.cube import to_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

_DAY: Final = re.compile(r"(?<!\d)(\d{4})-?(\d{2})-?(\d{2})(?:T(\d{2}):?(\d{2}):?(\d{2}))?Z?(?!\d)")
_BAND: Final = re.compile(
    r"(?:^|_)(?:(?P<part>[iq]|amplitude|intensity)_(?P<polarisation>VV|VH|HV|HH)|"
    r"(?P<name>grid_lat|grid_lon|latitude|longitude|[a-z]+_shift|(?:reference|deramp|reramp)_phase|incidence_angle|height|"
    r"look_(?:east|north|up)))$",
    re.IGNORECASE,
)


def stem_of(name: str) -> str:
    """`name` without the ending of a TIFF."""
    return re.sub(r"\.tiff?$", "", name, flags=re.IGNORECASE)


def known_band(name: str) -> str:
    """Band that a file name ends with: `S1_2images_sec_20240821T170739_i_VH.tif` is `i_VH`; empty where it is none."""
    known = _BAND.search(stem_of(name))
    if known is None:
        return ""
    return (known["name"] or f"{known['part']}_").lower() + (known["polarisation"] or "").upper()


def date_in(name: str) -> np.datetime64 | None:
    """Time stamp of the first date (YYYYMMDD, YYYY-MM-DD, with THHMMSS) in a file name; None where there is none."""
    return next((time for time, _ in _dates(name)), None)


def without_date(name: str) -> str:
    """`openEO_2024-08-09Z.tif` is `openEO`, as it is for each other date; the two dates of a pair stay."""
    stem = stem_of(name)
    dates = [match for _, match in _dates(stem)]
    bare = (stem[: dates[0].start()].rstrip("-_. ") + stem[dates[0].end() :]) if len(dates) == 1 else stem
    return bare.strip("-_. ") or stem


def _dates(name: str) -> Iterator[tuple[np.datetime64, re.Match[str]]]:
    for match in _DAY.finditer(name):
        year, month, day, hour, minute, second = (part or "00" for part in match.groups())
        try:
            yield to_time(f"{year}-{month}-{day}T{hour}:{minute}:{second}"), match
        except ValueError:
            continue

"""Plain GeoTIFFs with a date in their names: a folder of them, or the files one by one.

The date of a file is what the group of --date-pattern matches in its name, else the first date in it, else --date. Bands are
named by DESCRIPTION tags, else by the name of the file without its date, numbered where there are several. Files without
a date that are named like positions and heights (`grid_lat.tif`, `dem.tif`) hold for all dates. Folders within the folder
are not looked into. This driver takes what no other one knows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from local_runner.cube import utc_day
from local_runner.errors import DataError, OpenEOError
from local_runner.products import _rasters
from local_runner.products._driver import Options, Stack
from local_runner.products._rasters import Raster, open_item
from local_runner.stac.bands import STATIC
from local_runner.stac.file_names import date_in

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np

__all__ = ["FALLBACK", "TITLE", "open_item", "recognise", "stacks"]

TITLE: Final = "GeoTIFFs: a folder of them, with dates in their names"
FALLBACK: Final = True
"""Whether another driver that recognises a path is to have it."""
_LONGEST: Final = 200
"""Characters of a pattern or a name: what a regular expression takes may grow as a power of them."""
_NAMELESS: Final = "data.tif"
"""Stands for the name of a file that is nothing but its date: the band has one name at all dates."""
_DATE_ONLY: Final = re.compile(r"[-_. ]*(\d{4}-?\d{2}-?\d{2}(T[\d:]{6,8})?Z?)?[-_. ]*\.tiff?", re.IGNORECASE)
_STATIC: Final = STATIC | {"dem"}


@dataclass(frozen=True)
class _Dated:
    """A raster and its date, None where it holds for all dates."""

    raster: Raster
    time: np.datetime64 | None


def recognise(path: Path) -> bool:
    """Whether a path is a GeoTIFF by name, or a folder that holds one."""
    return bool(_files(path))


def stacks(paths: Sequence[Path], options: Options) -> list[Stack]:
    """One stack per folder, of one item per date; single files are a stack with the others of their folder.

    Raises `DataCorrupt` (file without a date, or two with the same date and band), `DatesNotUnique` (two times of one UTC
    day), `GridsDiffer`, `ProcessParameterInvalid` (date, pattern) and what `_rasters.header_of` raises, naming the file.
    """
    pattern = _pattern(options.date_pattern)
    given = _rasters.given_time(options)
    folders: dict[Path, dict[Path, None]] = {}
    for file in (file for path in paths for file in _files(path)):
        folders.setdefault(file.parent, {})[file] = None
    return [
        _stack(folder, list(files), pattern, given, (folder,) if folder in paths else tuple(files))
        for folder, files in folders.items()
    ]


def _files(path: Path) -> list[Path]:
    return _rasters.tiffs(path) if path.is_dir() else [file for file in _rasters.tiffs(path.parent) if file == path]


def _stack(
    folder: Path,
    files: Sequence[Path],
    pattern: re.Pattern[str] | None,
    given: np.datetime64 | None,
    roots: tuple[Path, ...],
) -> Stack:
    dated = [_dated(path, pattern, given) for path in files]
    _rasters.require_one_grid([each.raster for each in dated])
    static = [each.raster for each in dated if each.time is None]
    times = sorted({each.time for each in dated if each.time is not None}) or ([given] if given is not None else [])
    if not times:
        raise _no_date(static[0].path)
    _require_days(dated, times)
    name = _rasters.stack_id(folder)
    items = []
    for time in times:
        rasters = [each.raster for each in dated if each.time == time] + static
        _rasters.require_different(rasters)
        outline = _rasters.outline(rasters)
        items.append(_rasters.item(f"{name}_{_rasters.day_of(time)}", time, rasters, outline, {}))
    title = folder.resolve().name
    return Stack(name, title, f"GeoTIFFs of {title}.", items, roots)


def _dated(path: Path, pattern: re.Pattern[str] | None, given: np.datetime64 | None) -> _Dated:
    time, rest = _split(path, pattern)
    raster = _rasters.named(path, name=_NAMELESS if _DATE_ONLY.fullmatch(rest) else rest)
    if time is None and not set(raster.bands) <= _STATIC:
        time = given
        if time is None:
            raise _no_date(path)
    return _Dated(raster, time)


def _split(path: Path, pattern: re.Pattern[str] | None) -> tuple[np.datetime64 | None, str]:
    """Date of a file, None where its name has none, and its name without the date that the pattern matched."""
    if pattern is None:
        return date_in(path.name), path.name
    found = pattern.search(path.name[:_LONGEST])
    if found is None:
        return None, path.name
    time = date_in(found[1] or "")
    if time is None:
        must = f"The group of --date-pattern must match a date YYYYMMDD in the name of {path}"
        raise DataError("DataCorrupt", must, got=found[1], do="Correct the pattern")
    before, after = path.name[: found.start(1)].rstrip("-_. "), path.name[found.end(1) :]
    return time, (before + after).lstrip("-_ ")


def _pattern(text: str | None) -> re.Pattern[str] | None:
    if text is None:
        return None
    must = f"--date-pattern must be a regular expression with one group, of at most {_LONGEST} characters"
    do = r"Write the date as the group, e.g. 'slc_(\d{8})'"
    try:
        pattern = re.compile(text[: _LONGEST + 1])
    except (re.error, RecursionError, OverflowError):
        raise OpenEOError("ProcessParameterInvalid", must, got=text, do=do) from None
    if pattern.groups != 1 or len(text) > _LONGEST:
        raise OpenEOError("ProcessParameterInvalid", must, got=text, do=do)
    return pattern


def _no_date(path: Path) -> DataError:
    must = f"The name of {path} must have a date YYYYMMDD"
    return DataError(
        "DataCorrupt", must, do="Give --date-pattern with a group for the date, or --date for files without"
    )


def _require_days(dated: Sequence[_Dated], times: Sequence[np.datetime64]) -> None:
    """Raise `DatesNotUnique`, naming two files, where two times are of one UTC day."""
    for first, second in pairwise(times):
        if utc_day(first) == utc_day(second):
            a, b = (next(each.raster.path for each in dated if each.time == time) for time in (first, second))
            must = f"Files of one UTC day must have one time; {a} and {b} do not"
            do = "Move one of them away, or give a --date-pattern that matches the day only"
            raise OpenEOError("DatesNotUnique", must, got=utc_day(first), do=do)

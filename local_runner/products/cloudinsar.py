"""Folders that `insar_preprocessing` (CloudInSAR, s1-workflows) leaves behind: coregistered SLCs in radar geometry.

One band per file, `S1_2images_prm_<time>_<pol>_i_VV.tif`, secondaries with and without `_<pol>`; or one file per date,
`openEO_<date>Z.tif`, as an openEO job gives it. With or without STAC beside them, of which only the names of bands and
assets are used: dates stand in the file names, and the rest of it cannot be relied on. Files named twice (`..._0-...`)
count once, left-over `tmp_sec*` not at all. The makeshift EPSG:3857 is no map: items have `proj:code` null.
"""

from __future__ import annotations

import re
import warnings
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pystac

from local_runner.access import Access, locate
from local_runner.cube import to_time, utc_day
from local_runner.errors import DataError, OpenEOError
from local_runner.products import _rasters
from local_runner.products._driver import Options, Stack
from local_runner.products._rasters import Raster, open_item
from local_runner.stac.bands import STATIC
from local_runner.stac.file_names import date_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

__all__ = ["TITLE", "open_item", "recognise", "stacks"]

TITLE: Final = "CloudInSAR: a folder with S1_2images_*.tif, or with openEO_<date>Z.tif of i and q"
_PART: Final = re.compile(r"S1_2images_(prm|sec|mst|slv)_\d{8}T\d{6}_.*\.tiff?", re.IGNORECASE)
"""`mst` and `slv` are what earlier versions wrote for `prm` and `sec`."""
_PRIMARY: Final = re.compile(r"S1_2images_(prm|mst)_", re.IGNORECASE)
_WHOLE: Final = re.compile(r"openEO_\d{4}-\d{2}-\d{2}Z.*\.tiff?", re.IGNORECASE)
_COMPLEX: Final = re.compile(r"([iq])_([VH]{2})")
_SENTINEL_1: Final = {"constellation": "sentinel-1", "instruments": ["c-sar"], "sar:frequency_band": "C"}

Dates = dict["np.datetime64", list[Raster]]


def recognise(path: Path) -> bool:
    """Whether a folder holds files of this layout; of an openEO job, if they hold i and q in radar geometry."""
    files = _files(path)
    if any(_PART.fullmatch(file.name) for file in files):
        return True
    try:
        return bool(files) and _is_slc(_named(files[:1], path)[0])
    except OpenEOError:
        return False


def stacks(paths: Sequence[Path], options: Options) -> list[Stack]:
    """One stack per folder, of one item per date; latitude and longitude of one date stand in the items of all.

    The stack primary is the date of the file that is named so, with which `options.primary` must agree; in the layout
    without such names it is `options.primary`. The footprint is sampled from latitude and longitude: a few rows of them
    are read. Raises `DataCorrupt` (i without q, other polarisations, bands twice, several primaries), `DatesNotUnique`,
    `GridsDiffer`, `ProcessParameterInvalid` (primary) and what `_rasters.header_of` raises, naming the file.
    """
    return [_stack(path.resolve(), options) for path in paths]


def _stack(folder: Path, options: Options) -> Stack:
    files = _files(folder)
    _warn_of_others(folder, files)
    rasters = _named(files, folder)
    _rasters.require_one_grid(rasters)
    dates = _by_date(rasters)
    primary = _primary(dates, options, folder)
    _require_parts(dates, folder)
    static = _static(dates, primary)
    outline = _rasters.outline([*static, *(raster for found in dates.values() for raster in found)])
    name = _rasters.stack_id(folder)
    items = {
        time: _rasters.item(
            f"{name}_{_rasters.day_of(time)}", time, _with(found, static), outline, _properties(found, primary)
        )
        for time, found in dates.items()
    }
    fields = _linked(items, primary, _document(folder))
    text = f"Coregistered SLCs of {folder.name}, one burst in the radar geometry of the primary."
    return Stack(name, folder.name, text, list(items.values()), (folder,), fields)


def _files(folder: Path) -> list[Path]:
    """Files of the layout, those named twice last."""
    files = [path for path in _rasters.tiffs(folder) if _PART.fullmatch(path.name) or _WHOLE.fullmatch(path.name)]
    return sorted(files, key=lambda path: "_0-" in path.name)


def _warn_of_others(folder: Path, files: Sequence[Path]) -> None:
    others = [path.name for path in _rasters.tiffs(folder) if path not in files]
    if others:
        warnings.warn(f"{folder}: files of other names are left out: {', '.join(others)}", UserWarning, stacklevel=2)


def _named(files: Sequence[Path], folder: Path) -> list[Raster]:
    """Rasters with their bands; names of bands in the STAC beside them count before those in the files."""
    where = _document(folder)
    document = Access(roots=(folder,)).read_json(where) if where else {}
    assets: Any = document.get("assets")
    known: Mapping[str, Any] = assets if isinstance(assets, dict) else {}
    return [
        _rasters.named(
            file,
            asset=known.get(file.name) if isinstance(known.get(file.name), dict) else None,
            dimensions=document.get("cube:dimensions"),
        )
        for file in files
    ]


def _document(folder: Path) -> Path | None:
    """STAC document beside the files."""
    where = Path(locate(folder))
    return where if where.is_file() else None


def _is_slc(raster: Raster) -> bool:
    return raster.grid.crs is None and {match[1] for match in _parts([raster])} == {"i", "q"}


def _by_date(rasters: Sequence[Raster]) -> Dates:
    """Rasters by their time, sorted; a file whose bands another one has is left out if it is named twice or of the grid."""
    dates: Dates = defaultdict(list)
    for raster in rasters:
        time = date_in(raster.path.name)
        if time is None:
            must = f"The name of {raster.path} must have a date"
            raise DataError("DataCorrupt", must, do="Give it the name that it had")
        known = {band for other in dates[time] for band in other.bands}
        again = "_0-" in raster.path.name or set(raster.bands) <= STATIC
        if not (again and set(raster.bands) <= known):
            dates[time].append(raster)
    days: dict[str, Raster] = {}
    for time, found in sorted(dates.items()):
        _rasters.require_different(found)
        other = days.setdefault(utc_day(time), found[0])
        if other is not found[0]:
            must = f"A stack must have one acquisition per UTC day; {other.path} and {found[0].path} are of one day"
            raise OpenEOError("DatesNotUnique", must, got=utc_day(time), do="Move one of them away")
    return {time: sorted(dates[time], key=_order) for time in sorted(dates)}


def _order(raster: Raster) -> tuple[bool, str]:
    """Bands of the date before those of the grid."""
    return set(raster.bands) <= STATIC, raster.path.name


def _require_parts(dates: Dates, folder: Path) -> None:
    """Raise `DataCorrupt` unless all dates that have i or q have both, of the same polarisations."""
    parts = {time: {match[0] for match in _parts(found)} for time, found in dates.items()}
    polarizations = {match[2] for found in dates.values() for match in _parts(found)}
    wanted = {f"{part}_{polarization}" for part in "iq" for polarization in polarizations}
    for time, known in parts.items():
        if known and known != wanted:
            must = f"Each date in {folder} must have {tuple(sorted(wanted))}; that of {utc_day(time)} has not"
            raise DataError("DataCorrupt", must, got=tuple(sorted(known)), do="Download the files that are missing")


def _parts(rasters: Sequence[Raster]) -> list[re.Match[str]]:
    """Names of the bands that are a real or an imaginary part."""
    return [match for raster in rasters for band in raster.bands if (match := _COMPLEX.fullmatch(band))]


def _primary(dates: Dates, options: Options, folder: Path) -> str | None:
    """Day of the stack primary; None where nothing tells it."""
    named = {utc_day(time): found for time, found in dates.items() if any(_PRIMARY.match(r.path.name) for r in found)}
    if len(named) > 1:
        must = f"{folder} must have the files of one primary"
        raise DataError("DataCorrupt", must, got=tuple(named), do="Move the files of the other stacks away")
    allowed = tuple(named) or tuple(utc_day(time) for time in dates)
    if options.primary is None:
        return next(iter(named), None)
    try:
        wanted = utc_day(to_time(options.primary))
    except ValueError:
        wanted = options.primary
    if wanted not in allowed:
        must = f"--primary must be one of {allowed}: the dates of {folder} are on the grid of their primary"
        raise OpenEOError("ProcessParameterInvalid", must, got=options.primary, do="Leave --primary out")
    return wanted


def _static(dates: Dates, primary: str | None) -> list[Raster]:
    """Files of nothing but bands of the grid, each band once, those of the primary first."""
    known: dict[tuple[str, ...], Raster] = {}
    for time in sorted(dates, key=lambda time: utc_day(time) != primary):
        for raster in dates[time]:
            if set(raster.bands) <= STATIC:
                known.setdefault(raster.bands, raster)
    return list(known.values())


def _with(rasters: Sequence[Raster], static: Sequence[Raster]) -> list[Raster]:
    own = {band for raster in rasters for band in raster.bands}
    return [*rasters, *(raster for raster in static if not own & set(raster.bands))]


def _properties(rasters: Sequence[Raster], primary: str | None) -> dict[str, Any]:
    named = _SENTINEL_1 if any(_PART.fullmatch(raster.path.name) for raster in rasters) else {}
    polarizations = sorted({match[2] for match in _parts(rasters)})
    known = {"sar:polarizations": polarizations} if polarizations else {}
    return {**named, **known, "product:type": "SLC"} | ({"openeo_sar:primary": primary} if primary else {})


def _linked(items: Mapping[np.datetime64, pystac.Item], primary: str | None, document: Path | None) -> dict[str, Any]:
    """Link secondaries to the item of the primary, all to the document that they came with; the fields of the collection."""
    first = next((item for time, item in items.items() if utc_day(time) == primary), None)
    for item in items.values():
        if document is not None:
            item.add_link(pystac.Link("derived_from", str(document), media_type="application/json"))
        if first is not None and item is not first:
            item.add_link(pystac.Link("reference", first, media_type="application/geo+json"))
    return {} if first is None else {"openeo_sar:primary": primary}

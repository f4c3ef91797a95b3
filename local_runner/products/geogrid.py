"""Folder of Geogrid (autoRIFT) as one item: `window_location.tif`, `window_rdr_off2vel_x_vec.tif` and others that are there.

Bands are named by the stem of the file and the number of the band, from 1: `window_location_1`. The files are read as they
are: int32 or float64, NaN where there is no data (-32767). Not here: what is computed from them.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Final

import numpy as np

from local_runner.cube import iso
from local_runner.products import _rasters
from local_runner.products._driver import Options, Stack
from local_runner.products._rasters import open_item
from local_runner.stac.file_names import date_in

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["TITLE", "open_item", "recognise", "stacks"]

TITLE: Final = "Geogrid (autoRIFT): a folder with window_*.tif"
_UNITS: Final = {
    "window_location": "pixel",
    "window_offset": "pixel",
    "window_search_range": "pixel",
    "window_chip_size_min": "pixel",
    "window_chip_size_max": "pixel",
    "window_rdr_off2vel_x_vec": "(m/yr)/pixel",
    "window_rdr_off2vel_y_vec": "(m/yr)/pixel",
    "window_scale_factor": "1",
    "window_stable_surface_mask": "1",
}
"""Units by stem; a file that is not known has none."""


def recognise(path: Path) -> bool:
    """Whether a folder holds files of Geogrid."""
    return bool(_windows(path))


def stacks(paths: Sequence[Path], options: Options) -> list[Stack]:
    """One stack per folder, of one item.

    Its time is `options.date`, else the first date in the name of the folder or of its parent, else, with a warning, the time
    at which the files were modified; `openeo_sar:datetime_source` says which. Raises `GridsDiffer` and what
    `_rasters.header_of` raises, naming the file.
    """
    return [_stack(path.resolve(), options) for path in paths]


def _windows(folder: Path) -> list[Path]:
    return [path for path in _rasters.tiffs(folder) if path.name.startswith("window_")]


def _stack(folder: Path, options: Options) -> Stack:
    rasters = [_raster(path) for path in _windows(folder)]
    _rasters.require_one_grid(rasters)
    _rasters.require_different(rasters)
    name = _rasters.stack_id(folder)
    time, source = _time(folder, rasters, options)
    properties = {_rasters.DATETIME_SOURCE: source}
    item = _rasters.item(f"{name}_{_rasters.day_of(time)}", time, rasters, _rasters.outline(rasters), properties)
    description = f"Rasters of Geogrid in {folder.name}: {', '.join(raster.path.stem for raster in rasters)}."
    return Stack(name, f"Geogrid {folder.name}", description, [item], (folder,))


def _raster(path: Path) -> _rasters.Raster:
    header = _rasters.header_of(path)
    bands = tuple(f"{path.stem}_{number}" for number in range(1, header.count + 1))
    return _rasters.Raster(path, header, bands, path.stem, _UNITS.get(path.stem, ""))


def _time(folder: Path, rasters: Sequence[_rasters.Raster], options: Options) -> tuple[np.datetime64, str]:
    """Time of the item, and where it comes from."""
    given = _rasters.given_time(options)
    if given is not None:
        return given, "--date"
    named = next((time for path in (folder, folder.parent) if (time := date_in(path.name)) is not None), None)
    if named is not None:
        return named, "name of the folder"
    seconds = max(int(raster.path.stat().st_mtime) for raster in rasters)
    modified = np.datetime64(seconds, "s")
    text = f"{folder} has no date in its name: the item gets {iso(modified)}, when its files were modified; give --date"
    warnings.warn(text, UserWarning, stacklevel=2)
    return modified, "modification time of the files"

"""Products: files of one format as STAC items and lazy bands. One driver per format, a module or package found by its name.

A driver has the attributes of `local_runner.products._driver.Driver`; modules with a leading underscore help several
drivers and are none. Items that need a driver to be opened name it in their property `openeo_sar:driver`; items whose
assets are plain rasters do not, and `load_stac` reads them as anybody's.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import shlex
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_runner.access import holder, is_remote
from local_runner.errors import DataError, OpenEOError
from local_runner.products._driver import DRIVER, ROWS, Driver, Options, Product, Stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from local_runner.access import Access
    from local_runner.jobs.run import Result
    from local_runner.stac.walk import Found

__all__ = [
    "DRIVER",
    "ROWS",
    "Driver",
    "Options",
    "Product",
    "Stack",
    "candidates",
    "catalogue",
    "drivers",
    "is_driven",
    "is_fallback",
    "materialise",
    "open_item",
    "recognise",
]


def catalogue(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    out: str | os.PathLike[str],
    overwrite: bool = False,
    bands: Sequence[str] = (),
    progress: Callable[[str, int, int], None] | None = None,
    **options: Any,
) -> Path:
    """Make a STAC catalogue of products on disk in the folder `out`, and return the path of its `collection.json`.

    `paths`: products, or folders in which they are searched; one alone needs no list. `options` are the fields of `Options`.
    `bands`: those to be materialised afterwards; each must be one of a collection. No pixel is read or copied. One collection
    per stack of dates on one grid; several of them stand below a collection of collections. `progress(stage, done, total)` is
    told how far it is.

    Raises `FileNotFound`, `ProductUnknown`, `ProcessParameterInvalid` and what the driver says of a product; `ResultExists`
    where `out` is not empty, `OutputFolderInvalid` where it lies in a product. Nothing is left behind then.

        catalogue(["S1A_IW_SLC__1SDV_....SAFE"], out="cat", primary="2023-03-31", dem="dem.tif")
    """
    from local_runner.products import _call  # noqa: PLC0415  (reading items needs nothing of the writer)

    named = [paths] if isinstance(paths, str | os.PathLike) else paths
    return _call.make(named, out, options, overwrite=overwrite, bands=bands, report=progress)


def materialise(catalogue: str | os.PathLike[str], **settings: Any) -> list[Result]:
    """Write the bands of a catalogue as GeoTIFF for a remote back-end; see `local_runner.products._materialise`."""
    from local_runner.products import _materialise  # noqa: PLC0415

    return _materialise.materialise(catalogue, **settings)


class _Drivers(Mapping[str, Driver]):
    """Drivers by name, sorted; each is imported when it is asked for, since one item needs only its own."""

    def __init__(self) -> None:
        self._names = sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))

    def __getitem__(self, name: str) -> Driver:
        if name not in self._names:
            raise KeyError(name)
        module: Any = importlib.import_module(f"{__name__}.{name}")
        driver: Driver = module
        return driver

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@cache
def drivers() -> Mapping[str, Driver]:
    """All drivers by name, sorted."""
    return _Drivers()


def recognise(path: Path) -> str:
    """Name of the driver of a path, of several one that is no fallback; `ProductUnknown` where no driver knows it."""
    if not os.path.exists(path):  # noqa: PTH110  (False where the name is too long)
        raise DataError("FileNotFound", "The product must exist", got=str(path), do="Check the path")
    known = candidates(path)
    if not known or is_fallback(known[0]):
        from local_runner.products import _unknown  # noqa: PLC0415

        _unknown.require_no_part(path)
        if not known:
            _unknown.refuse(path)
    return known[0]


def candidates(path: Path) -> list[str]:
    """Names of the drivers that know a path, fallbacks last."""
    return sorted((name for name, driver in drivers().items() if _knows(driver, path)), key=is_fallback)


def _knows(driver: Driver, path: Path) -> bool:
    """Whether a driver recognises a path; what cannot be looked into is nobody's."""
    try:
        return driver.recognise(path)
    except OSError:
        return False


def is_fallback(name: str) -> bool:
    """Whether a driver takes only what no other one knows."""
    return bool(getattr(drivers()[name], "FALLBACK", False))


def is_driven(found: Found) -> bool:
    """Whether an item needs its driver."""
    return DRIVER in found.properties


def open_item(found: Found, access: Access) -> Product:
    """Grid and lazy bands of an item that names its driver; headers are read, no pixel is."""
    name: Any = found.properties[DRIVER]
    if not isinstance(name, str) or name not in drivers():
        must = f"{DRIVER} of item {found.id} must be one of {tuple(drivers())}"
        raise OpenEOError("ProductUnknown", must, got=name, do="Make the catalogue again with `openeo-sar stac`")
    try:
        return drivers()[name].open_item(found, access)
    except OpenEOError as error:
        closed = _closed(found, access) if error.code == "AccessRefused" else []
        if closed:
            options = " ".join(f"--data-root {shlex.quote(folder)}" for folder in closed)
            error.do = f"Allow the folders of the product with {options}"
        raise


def _closed(found: Found, access: Access) -> list[str]:
    """Folders that hold the local assets of an item and that may not be reached, none of them below another."""
    hrefs = (access.resolve(str(asset.get("href", "")), found.href) for asset in found.assets.values())
    paths = (Path(os.path.realpath(href)) for href in hrefs if not is_remote(href))
    folders = {holder(path) for path in paths if not access.reaches(path)}
    return sorted(str(folder) for folder in folders if not any(other in folder.parents for other in folders))

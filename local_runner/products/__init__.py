"""Products: files of one format as STAC items and lazy bands. One driver per format, a module or package found by its name.

A driver has the attributes of `local_runner.products._driver.Driver`; modules with a leading underscore help several
drivers and are none. Items that need a driver to be opened name it in their property `openeo_sar:driver`; items whose
assets are plain rasters do not, and `load_stac` reads them as anybody's.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_runner.errors import DataError, OpenEOError
from local_runner.products._driver import DRIVER, ROWS, Driver, Options, Product, Stack

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
    paths: Sequence[str | os.PathLike[str]],
    *,
    out: str | os.PathLike[str],
    overwrite: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
    **options: Any,
) -> Path:
    """Make a STAC catalogue of products on disk in the folder `out`, and return the path of its `collection.json`.

    `options` are the fields of `Options`. No pixel is read or copied. One collection per stack of dates on one grid; several
    of them stand below a collection of collections. `progress(stage, done, total)` is told how far it is.

    Raises `FileNotFound`, `ProductUnknown`, `ProcessParameterInvalid` and what the driver says of a product; `ResultExists`
    where `out` is not empty. Nothing is left behind then.

        catalogue(["S1A_IW_SLC__1SDV_....SAFE"], out="cat", primary="2023-03-31", dem="dem.tif")
    """
    from local_runner.products import _call  # noqa: PLC0415  (reading items needs nothing of the writer)

    return _call.make(paths, out, options, overwrite=overwrite, report=progress)


def materialise(catalogue: str | os.PathLike[str], **settings: Any) -> list[Result]:
    """Write the bands of a catalogue as GeoTIFF for a remote back-end; see `local_runner.products._materialise`."""
    from local_runner.products import _materialise  # noqa: PLC0415

    return _materialise.materialise(catalogue, **settings)


@cache
def drivers() -> dict[str, Driver]:
    """All drivers by name, sorted."""
    names = sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))
    return {name: _imported(name) for name in names}


def recognise(path: Path) -> str:
    """Name of the driver of a path, of several one that is no fallback; `ProductUnknown` where no driver knows it."""
    if not os.path.exists(path):  # noqa: PTH110  (False where the name is too long)
        raise DataError("FileNotFound", "The product must exist", got=str(path), do="Check the path")
    known = candidates(path)
    if not known:
        _require_readable(Path(path))
        titles = "; ".join(driver.TITLE for driver in drivers().values())
        must = f"The path must be one of these products: {titles}"
        raise DataError(
            "ProductUnknown", must, got=str(path), do="Check that it is complete, or name a folder of GeoTIFFs"
        )
    return known[0]


def candidates(path: Path) -> list[str]:
    """Names of the drivers that know a path, fallbacks last."""
    return sorted((name for name, driver in drivers().items() if driver.recognise(path)), key=is_fallback)


def _require_readable(path: Path) -> None:
    """Raise what is wrong with an HDF5 file that no driver knows because nobody can look into it."""
    from local_runner.files import hdf5  # noqa: PLC0415  (h5py is slow to import, and plain rasters need none)

    if path.is_file() and hdf5.is_hdf5(path):
        with hdf5.guarded(path):
            pass


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
    return drivers()[name].open_item(found, access)


def _imported(name: str) -> Driver:
    module: Any = importlib.import_module(f"{__name__}.{name}")
    driver: Driver = module
    return driver

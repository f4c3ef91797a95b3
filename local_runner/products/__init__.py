"""Products: files of one format as STAC items and lazy bands. One driver per format, a module or package found by its name.

A driver has the attributes of `local_runner.products._driver.Driver`; modules with a leading underscore help several
drivers and are none. Items that need a driver to be opened name it in their property `openeo_sar:driver`; items whose
assets are plain rasters do not, and `load_stac` reads them as anybody's.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING, Any

from local_runner.errors import DataError, OpenEOError
from local_runner.products._driver import DRIVER, ROWS, Driver, Options, Product, Stack

if TYPE_CHECKING:
    from pathlib import Path

    from local_runner.access import Access
    from local_runner.stac.walk import Found

__all__ = ["DRIVER", "ROWS", "Driver", "Options", "Product", "Stack", "drivers", "is_driven", "open_item", "recognise"]


@cache
def drivers() -> dict[str, Driver]:
    """All drivers by name, sorted."""
    names = sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))
    return {name: _imported(name) for name in names}


def recognise(path: Path) -> str:
    """Name of the driver of a path; `ProductUnknown` where no driver knows it, with what they do know."""
    if not path.exists():
        raise DataError("FileNotFound", "The product must exist", got=str(path), do="Check the path")
    known = [name for name, driver in drivers().items() if driver.recognise(path)]
    if not known:
        titles = "; ".join(driver.TITLE for driver in drivers().values())
        must = f"The path must be one of these products: {titles}"
        raise DataError(
            "ProductUnknown", must, got=str(path), do="Check that it is complete, or name a folder of GeoTIFFs"
        )
    return known[0]


def is_driven(found: Found) -> bool:
    """Whether an item needs its driver."""
    return DRIVER in found.properties


def open_item(found: Found, access: Access) -> Product:
    """Grid and lazy bands of an item that names its driver; headers are read, no pixel is."""
    name: Any = found.properties[DRIVER]
    if name not in drivers():
        must = f"{DRIVER} of item {found.id} must be one of {tuple(drivers())}"
        raise OpenEOError("ProductUnknown", must, got=name, do="Make the catalogue again with `openeo-sar stac`")
    return drivers()[name].open_item(found, access)


def _imported(name: str) -> Driver:
    module: Any = importlib.import_module(f"{__name__}.{name}")
    driver: Driver = module
    return driver

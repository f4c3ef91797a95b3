"""Sentinel-1 ETAD products (SAFE): timing corrections of the bursts of an SLC, on their own grid or on that of the SLC.

Alone, a product becomes a stack for each burst, on the grid of the product, 200 m wide, with its layers in seconds. For an SLC
(`--for`) it becomes a stack for each burst of that SLC, on its index grid, with shifts, phases and layers as bands; items have
the id and the time of those of the SLC, so that the cubes of both can be merged. Layers in float64: `reader.read_product`.
Not here: differences of two dates, a choice of layers for the shifts, resampling.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Final

from local_runner.products.sentinel1_etad import items
from local_runner.products.sentinel1_etad.opening import open_item
from local_runner.products.sentinel1_etad.reader import Etad, read_product

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from local_runner.products._driver import Options, Stack

__all__ = ["TITLE", "EtadWarning", "open_item", "recognise", "stacks"]

TITLE: Final = "Sentinel-1 ETAD: a .SAFE folder of timing corrections"
_START: Final = 4096
"""Bytes of an XML file in which its root element begins."""


class EtadWarning(UserWarning):
    """What an ETAD product lacks, and what is taken instead."""


def recognise(path: Path) -> bool:
    """Whether a path is the folder of an ETAD product: netCDF beside annotation of that type."""
    try:
        if not any((path / "measurement").glob("*.nc")):
            return False
        return "_ETA_" in path.name or any(_is_annotation(file) for file in (path / "annotation").glob("*.xml"))
    except OSError:
        return False


def stacks(paths: Sequence[Path], options: Options) -> list[Stack]:
    """A stack for each burst of the products, or with `options.for_slc` for each burst of that SLC.

    Warns of layers that an older product lacks, which are 0. Raises `DataCorrupt` naming file, group and field,
    `ProcessParameterInvalid` for choices that nothing meets, and for an SLC `BurstNotCovered`, `ProductsDiffer` and what its
    driver raises.
    """
    products = [read_product(path) for path in paths]
    for product in products:
        _warn(product)
    return items.on_slc(products, options) if options.for_slc else items.on_own_grid(products, options)


def _is_annotation(file: Path) -> bool:
    with file.open("rb") as stream:
        return b"etadProduct" in stream.read(_START)


def _warn(product: Etad) -> None:
    lacking = sorted({name for burst in product.bursts for name in burst.lacking})
    if lacking:
        text = f"{product.file} lacks {', '.join(lacking)}: they are taken to be 0"
        warnings.warn(text, EtadWarning, stacklevel=3)

"""What a product driver is, what it is asked, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from local_runner.errors import OpenEOError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import dask.array as da
    import pystac

    from local_runner.access import Access
    from local_runner.stac.grid import Grid
    from local_runner.stac.walk import Found

DRIVER: Final = "openeo_sar:driver"
"""Property of an item: name of the driver that opens it."""
ROWS: Final = 256
"""Rows of a chunk of a driver's band; a chunk holds whole rows."""


class ChoiceEmptyError(OpenEOError):
    """`--burst`, `--swath` or `--polarization` leave nothing of the products of a driver, or name what they do not have.

    It is an error of the whole call only if no other driver has what is named.
    """


@dataclass(frozen=True)
class Options:
    """What `openeo-sar stac` was told beside the paths.

    `out`: folder of the catalogue, in which files may be made that belong to it. `primary`: day (YYYY-MM-DD) of the stack
    primary, the earliest if None. `dem`: raster, or STAC document of rasters. `dem_datum`: ellipsoid, EGM96 or EGM2008.
    `dem_gaps`: what ground is that no raster covers, `error` or `sea`. `allow_hosts`: hosts of its rasters.
    `orbits`: orbit files (EOF). `for_slc`: the SLC on whose grid ETAD layers are offered. `bursts`, `swaths`,
    `polarizations`: the only ones wanted, all if empty. `date`: time of products that do not tell theirs. `date_pattern`:
    regular expression with one group, the YYYYMMDD in a file name. `unpack`: pixels of a zip are unpacked into `out`.
    """

    out: Path
    primary: str | None = None
    dem: str | None = None
    dem_datum: str | None = None
    dem_gaps: str = "error"
    allow_hosts: tuple[str, ...] = ()
    orbits: tuple[Path, ...] = ()
    for_slc: Path | None = None
    bursts: tuple[str, ...] = ()
    swaths: tuple[str, ...] = ()
    polarizations: tuple[str, ...] = ()
    date: str | None = None
    date_pattern: str | None = None
    unpack: bool = False


@dataclass(frozen=True)
class Stack:
    """One collection: items that have one grid, one per date.

    `id` is a file name. `fields` stand in the collection, among them `license`, `keywords` and `providers` as STAC has them. A
    link to another item of the stack may hold its id as target.

    `roots`: what must be readable to open the items, files or folders of the products. Assets of the items have absolute
    hrefs; the writer of the catalogue makes those below it relative. Items of a driver have all bands in the field `bands` of
    their assets, and `proj:shape` as property.
    """

    id: str
    title: str
    description: str
    items: list[pystac.Item]
    roots: tuple[Path, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Product:
    """An opened item: its grid, and for each band what makes the lazy array (y, x), float32, NaN where there is no data.

    Arrays have chunks of `ROWS` whole rows, y ascending in radar geometry, and names that are a function of what they
    hold: the same band of the same file is one task however often it is opened.
    """

    grid: Grid
    bands: Mapping[str, Callable[[], da.Array]]


class Driver(Protocol):
    """A module or package in `local_runner.products`.

    One with `FALLBACK = True` takes only what no other one recognises.
    """

    TITLE: str
    """One line: what the product is, and what its path is."""

    def recognise(self, path: Path) -> bool:
        """Whether a path is such a product, by names and first bytes; opens nothing costly, raises nothing."""

    def stacks(self, paths: Sequence[Path], options: Options) -> list[Stack]:
        """Collections of products that `recognise` knows; reads metadata, and of pixels no more than a footprint needs.

        Writes nothing but in `options.out`.
        """

    def open_item(self, found: Found, access: Access) -> Product:
        """Open an item that `stacks` has made. Files are opened through `access` only. Reads no pixel."""

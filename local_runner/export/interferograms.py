"""The interferograms of one or more results as a stack: pairs in the order of time, all on one grid.

Not here: what MintPy calls things (`local_runner.export.attributes`), and files (`hdf5`, `roipac`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from local_runner.access import Access, is_remote
from local_runner.errors import DataError, OpenEOError, Quoted
from local_runner.files.raster import Header, open_bands, read_header
from local_runner.stac.groups import PAIR_BAND
from local_runner.stac.metadata import PRIMARY
from local_runner.stac.walk import items

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from local_runner.stac.walk import Found

NEEDED: Final = ("phase_unwrapped", "coherence", "component")
OPTIONAL: Final = ("phase_filtered", "i", "q")
POSITIONS: Final = ("latitude", "longitude")
GEOMETRY: Final = ("height", "incidence_angle")
LOOK: Final = ("look_east", "look_north")


@dataclass(frozen=True)
class Interferogram:
    """One pair: `dates` YYYYMMDD, the earlier one first; `sign` -1 where the result has the later date as its primary.

    `bands`: GeoTIFFs by asset key. `properties`: those of the item.
    """

    dates: tuple[str, str]
    sign: int
    bands: Mapping[str, Header]
    properties: Mapping[str, Any]

    @property
    def name(self) -> str:
        """How MintPy names the pair."""
        return "_".join(self.dates)

    @property
    def baseline_m(self) -> float | None:
        """Perpendicular baseline of the later date relative to the earlier one, if it is known."""
        value = self.properties.get("insar:perpendicular_baseline")
        return self.sign * float(value) if isinstance(value, int | float) else None


@dataclass(frozen=True)
class Stack:
    """Interferograms in the order of their dates, and bands that hold for all: positions, height, directions.

    `origin`: properties of the item that the primary of the first pair was read from; empty where it is not there any more.
    """

    pairs: tuple[Interferogram, ...]
    geometry: Mapping[str, Header]
    origin: Mapping[str, Any] = field(default_factory=dict)

    @property
    def grid(self) -> Header:
        """A raster that has the grid of all."""
        return self.pairs[0].bands[NEEDED[0]]

    @property
    def on_map(self) -> bool:
        """Whether the grid is one of a map; the makeshift grid of `--for-backend` is radar geometry."""
        return self.grid.crs is not None and not self.grid.transform.is_identity

    def common(self, names: Iterable[str]) -> bool:
        """Whether all pairs have all of these bands."""
        return all(set(names) <= pair.bands.keys() for pair in self.pairs)


def stack_of(results: Sequence[Path]) -> Stack:
    """The stack of all pairs in these folders of results; headers are read, no pixel.

    Raises `NoDataAvailable` (no pairs, a missing band), `DatesNotUnique` (a pair twice), `GridsDiffer`, and what `Access`
    raises.
    """
    items_of_pairs = [item for folder in results for item in _items(folder)]
    if not items_of_pairs:
        must = "A result that is exported must hold interferograms, one item per pair"
        raise DataError("NoDataAvailable", must, got=[str(folder) for folder in results], do="Run slc_interferogram")
    _require_different(items_of_pairs)
    ordered = sorted(items_of_pairs, key=lambda item: item.dates)
    pairs = tuple(_interferogram(item) for item in ordered)
    stack = Stack(pairs, _bands(ordered[0], (*POSITIONS, *GEOMETRY, *LOOK)), _origin(ordered[0]))
    needed = GEOMETRY if stack.on_map else (*POSITIONS, *GEOMETRY)
    _require(ordered[0], needed, stack.geometry, 'Keep them by -p geometry=["height","incidence_angle"]')
    _require_one_grid(stack)
    return stack


def blocks(band: Header) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Rows of a band, block by block from the top, with their values (rows, columns), NaN where there are none."""
    data = open_bands(band, [1])[0]
    for start in range(0, band.shape[0], band.rows):
        rows = slice(start, min(start + band.rows, band.shape[0]))
        yield rows, data[rows].compute(scheduler="synchronous")


class _Item(NamedTuple):
    """The item of a pair: its dates, the earlier one first, whether its primary is the later one, and access to its files."""

    found: Found
    dates: tuple[str, str]
    swapped: bool
    access: Access


def _items(folder: Path) -> Iterator[_Item]:
    access = Access().naming(folder)
    for found in items(str(folder), access):
        pair = PAIR_BAND.fullmatch(found.id)
        if pair is not None:
            earlier, later = sorted(pair.groups()[1:])
            yield _Item(found, (earlier, later), pair[2] == later, access)


def _interferogram(item: _Item) -> Interferogram:
    bands = _bands(item, (*NEEDED, *OPTIONAL))
    _require(item, NEEDED, bands, "Run slc_interferogram with -p unwrap=true, and save as GTiff")
    return Interferogram(item.dates, -1 if item.swapped else 1, bands, item.found.properties)


def _bands(item: _Item, names: Iterable[str]) -> dict[str, Header]:
    """Headers of the GeoTIFFs among the assets of an item."""
    assets = {name: item.found.assets[name] for name in names if name in item.found.assets}
    return {name: _header(asset, item) for name, asset in assets.items()}


def _header(asset: Mapping[str, Any], item: _Item) -> Header:
    path = item.access.open_path(item.access.resolve(str(asset.get("href", "")), item.found.href))
    return replace(read_header(path), checksum=str(asset.get("file:checksum", "")))


def _require(item: _Item, names: Iterable[str], there: Mapping[str, Any], do: str) -> None:
    missing = [name for name in names if name not in there]
    if missing:
        must = f"{item.found.id} must have the assets {', '.join(names)}"
        raise DataError("NoDataAvailable", must, got=Quoted(f"none of the name {' or '.join(missing)}"), do=do)


def _require_different(pairs: Sequence[_Item]) -> None:
    names = ["_".join(pair.dates) for pair in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        must = "Each pair of dates must be there once, in whatever order"
        raise OpenEOError("DatesNotUnique", must, got=twice, do="Leave out one of the results")


def _require_one_grid(stack: Stack) -> None:
    wanted = _grid_of(stack.grid), stack.pairs[0].properties.get(PRIMARY)
    for pair in stack.pairs:
        for name, band in pair.bands.items():
            if (_grid_of(band), pair.properties.get(PRIMARY)) != wanted:
                _refuse_grid(stack, f"{name} of {pair.name}", band)
    for name, band in stack.geometry.items():
        if _grid_of(band) != wanted[0]:
            _refuse_grid(stack, name, band)


def _refuse_grid(stack: Stack, what: str, band: Header) -> None:
    rows, columns = stack.grid.shape
    must = (
        f"All bands must have one grid, {rows} rows x {columns} columns as {stack.pairs[0].name}, and one stack primary"
    )
    got = Quoted(f"{what} with {band.shape[0]} rows x {band.shape[1]} columns")
    do = "Run all pairs with one primary, extent, looks and grid"
    raise OpenEOError("GridsDiffer", must, got=got, do=do)


def _grid_of(band: Header) -> tuple[Any, ...]:
    return band.shape, tuple(band.transform), None if band.crs is None else band.crs.to_wkt()


def _origin(item: _Item) -> Mapping[str, Any]:
    """Properties of the input item of the primary, as far as the local file that the item links to is still there."""
    links = (link for link in item.found.item.get("links") or () if isinstance(link, dict))
    given = next((str(link.get("href", "")) for link in links if link.get("rel") == "reference"), "")
    href = item.access.resolve(given, item.found.href) if given else ""
    if not href or is_remote(href):
        return {}
    try:
        found = item.access.naming(href).read_json(href).get("properties")
    except OpenEOError:
        return {}
    return found if isinstance(found, dict) else {}

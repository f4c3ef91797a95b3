"""The DEM below bursts: which of its rasters, and whether they have heights for each burst that is wanted."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from local_runner.access import Access, locate
from local_runner.errors import DataError, OpenEOError, Quoted
from local_runner.geometry.elevation import SEA, named
from local_runner.geometry.ground import reach
from local_runner.geometry.voids import void_share
from local_runner.products.sentinel1_slc import heights
from local_runner.products.sentinel1_slc.items import DATUM, GAPS, HEIGHTS, VOIDS
from local_runner.stac.bands import addresses
from local_runner.stac.walk import items

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local_runner.products._driver import Options
    from local_runner.products.sentinel1_slc.acquisitions import Acquisition

    Box = Sequence[float]

_LOG: Final = logging.getLogger(__name__)
_INCOMPLETE: Final = "DemIncomplete"


@dataclass(frozen=True)
class Ground:
    """Where the heights of a burst come from: rasters, none for the geolocation grid, and what items tell of them."""

    rasters: Sequence[Path]
    told: dict[str, Any]


def grounds_of(primaries: Sequence[Acquisition], options: Options, known: Sequence[Path] | None = None) -> list[Ground]:
    """Heights of each burst, by the DEM that the options name; `known`: rasters of it, so that it is not looked into.

    Raises what `heights.of_dem` does, naming the burst; `DemIncomplete` says which of the bursts have heights.
    """
    if not options.dem:
        return [Ground((), {HEIGHTS: "geolocation grid"}) for _ in primaries]
    rasters = dem_rasters(options.dem, options.allow_hosts) if known is None else [Raster(str(path)) for path in known]
    made, missing = [], []
    for primary in primaries:
        try:
            made.append(_ground(primary, rasters, options))
        except OpenEOError as error:
            if error.code != _INCOMPLETE:
                raise _at(primary, error) from error
            missing.append((primary, error))
    if missing:
        raise _incomplete(missing, primaries)
    return made


def _incomplete(missing: Sequence[tuple[Acquisition, OpenEOError]], primaries: Sequence[Acquisition]) -> OpenEOError:
    """The error of the first burst without heights; of several bursts it says which ones have heights."""
    first, error = missing[0]
    if len(primaries) == 1:
        return _at(first, error)
    without = {each.name for each, _ in missing}
    whole = [each.name for each in primaries if each.name not in without]
    got = Quoted(f"{error.got}; {len(whole)} of {len(primaries)} bursts have heights")
    do = f"Choose with --burst of those that have heights ({_some(whole)}). Or: {error.do}" if whole else error.do
    return _at(first, DataError(_INCOMPLETE, error.must, got=got, do=do))


def _at(primary: Acquisition, error: OpenEOError) -> OpenEOError:
    """The error, naming the burst and its date."""
    must = f"Below {primary.name} of {primary.day}: {error.must}"
    return type(error)(error.code, must, got=error.got, do=error.do)


def _some(names: Sequence[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _ground(primary: Acquisition, rasters: Sequence[Raster], options: Options) -> Ground:
    """Rasters of the DEM that meet the burst of the primary, which they must cover unless their gaps are sea.

    Not all of it may be void; a share that is void is told.
    Below a burst of open sea it is any of them, for what its heights refer to.
    """
    box = reach(primary.grid)
    near = [raster for raster in rasters if meets(raster.box, box)]
    if not near and options.dem_gaps != SEA:
        must = f"The DEM {options.dem} must have a raster in {_in_words(box)}"
        do = "Add the tiles that are missing; if there are none because it is open sea, say --dem-gaps sea"
        raise DataError(_INCOMPLETE, must, got=Quoted(f"{len(rasters)} rasters elsewhere"), do=do)
    chosen = [raster.path for raster in near or rasters[:1]]
    of_burst = primary.grid, primary.annotation, primary.burst.index
    found = heights.of_dem(chosen, options.dem_datum, *of_burst, options.dem_gaps)
    if not found.tiles:
        _LOG.warning("no raster of the DEM covers %s: it is taken for open sea", primary.name)
    share = void_share(found, *heights.lattice(*of_burst))
    if share == 1:
        must = f"The DEM {named(chosen)} must have heights in {_in_words(box)}"
        raise DataError(
            _INCOMPLETE, must, got=Quoted("voids (NaN or no-data) alone"), do="Fill its voids, or take another"
        )
    if share:
        _LOG.warning(
            "%s: %.0f %% of the DEM below it is void, where bands of the geometry are NaN", primary.name, 100 * share
        )
    told = {HEIGHTS: "DEM", DATUM: found.datum, GAPS: options.dem_gaps, VOIDS: round(share, 3)}
    return Ground(chosen, told)


def _in_words(box: Box) -> str:
    west, south, east, north = box
    return f"longitude {west:.3f} to {east:.3f}, latitude {south:.3f} to {north:.3f}"


@dataclass(frozen=True)
class Raster:
    """One raster of a DEM, and its box in degrees if a STAC item tells it."""

    href: str
    access: Access | None = None
    box: Box | None = None

    @property
    def path(self) -> Path:
        """Path of the raster; a remote one is downloaded whole to the cache, once."""
        return Path(self.href) if self.access is None else self.access.open_path(self.href)


def dem_rasters(dem: str, hosts: Sequence[str] = ()) -> list[Raster]:
    """Rasters of a DEM: a raster, a folder of them, or a STAC document. None is opened.

    `hosts` may be read from, and that of the document where it is remote. Raises `FileNotFound`, and what reading a
    catalogue raises.
    """
    where = locate(dem)
    path = Path(where)
    if path.is_dir():
        rasters = sorted(file for file in path.iterdir() if file.suffix.lower() in (".tif", ".tiff"))
        if not rasters:
            raise DataError("FileNotFound", "A folder of a DEM must hold GeoTIFF files or a collection.json", got=where)
        return [Raster(str(raster)) for raster in rasters]
    if path.is_file() and path.suffix.lower() != ".json":
        return [Raster(where)]
    access = Access(hosts=tuple(hosts), trusted=True).naming(dem)
    found = [
        Raster(href, access, each.item.get("bbox"))
        for each in items(dem, access)
        for _, href in addresses(each, access.resolve)
    ]
    if not found:
        raise DataError("FileNotFound", "A STAC document of a DEM must have rasters", got=where)
    return found


def meets(box: Box | None, other: Box) -> bool:
    """Whether two boxes (west, south, east, north) have points in common; one that is not known meets all."""
    if box is None or len(box) != 4:
        return True
    (west, south, east, north), (west_2, south_2, east_2, north_2) = box, other
    width, width_2 = (
        end - start if start <= end else end - start + 360 for start, end in ((west, east), (west_2, east_2))
    )
    apart = min((west_2 - west) % 360 - width, (west - west_2) % 360 - width_2)
    return south <= north_2 and south_2 <= north and apart <= 0

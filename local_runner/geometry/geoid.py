"""Vertical datums: which one a raster has, and the undulation of a geoid above the WGS84 ellipsoid.

The undulation comes from a grid file on this machine, which PROJ interpolates. PROJ is given the path of that file, so that it
can neither take a transformation without it (a "ballpark" one, whose undulation is 0) nor ask the network. Not here: other
geoids, and heights in feet.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pyproj
from pyproj import datadir
from pyproj.exceptions import ProjError

from local_runner.errors import DataError, OpenEOError, Quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

ELLIPSOID: Final = "ellipsoid"
FILES: Final = {
    "EGM96": ("us_nga_egm96_15.tif", "egm96_15.gtx"),
    "EGM2008": ("us_nga_egm08_25.tif", "egm08_25.gtx"),
}
"""Names of the grid files of PROJ; the first one is what https://cdn.proj.org has."""
DATUMS: Final = (ELLIPSOID, *FILES)
FOLDER: Final = "OPENEO_SAR_GEOIDS"
"""Environment variable: a folder in which the grid files are, searched before those of PROJ."""
LARGEST_M: Final = 120.0
"""No geoid is farther from the ellipsoid: the extremes are -107 m and 86 m."""
_EPSG: Final = {5773: "EGM96", 3855: "EGM2008"}
_PIPELINE: Final = (
    "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad"
    ' +step +proj=vgridshift +grids="{}" +multiplier=1 +step +proj=unitconvert +xy_in=rad +xy_out=deg'
)


def datum_of(crs: pyproj.CRS, datum: str | None, name: str) -> str:
    """One of `DATUMS`: what the caller says, else what the CRS of the raster `name` says.

    Raises `DatumUnknown` where neither tells, the CRS has another vertical datum, or the two contradict each other.
    """
    if datum is not None and datum not in DATUMS:
        raise OpenEOError("DatumUnknown", f"The vertical datum must be one of {DATUMS}", got=datum)
    told = _told(crs, name)
    if told and datum and told != datum:
        must = f"The vertical datum of {name} must be the one in its CRS, {told}"
        raise OpenEOError("DatumUnknown", must, got=datum, do="Leave --dem-datum out, or correct the CRS of the file")
    found = datum or told
    if found is None:
        must = f"What the heights of {name} refer to must be known, and its CRS {crs.name} has no vertical part"
        do = "Say it with --dem-datum: EGM2008 (Copernicus GLO-30), EGM96 (SRTM, NASADEM) or ellipsoid"
        raise OpenEOError("DatumUnknown", must, do=do)
    return found


def _told(crs: pyproj.CRS, name: str) -> str | None:
    """What a compound or three-dimensional CRS says; None for a horizontal one."""
    if not crs.is_compound:
        return ELLIPSOID if len(crs.axis_info) == 3 else None
    vertical = crs.sub_crs_list[1]
    found = _EPSG.get(vertical.to_epsg() or 0)
    if found is None or vertical.axis_info[0].unit_name != "metre":
        must = f"The vertical datum of {name} must be one of {DATUMS}, in metres"
        do = "Transform the heights to one of them, for instance with gdalwarp -t_srs EPSG:4979"
        raise OpenEOError("DatumUnknown", must, got=vertical.name, do=do)
    return found


def grid_file(datum: str) -> Path | None:
    """The grid of a geoid on this machine, None for the ellipsoid; `GeoidMissing` where there is none."""
    if datum == ELLIPSOID:
        return None
    found = next((f / n for f in _folders() for n in FILES[datum] if (f / n).is_file()), None)
    if found is None:
        name = FILES[datum][0]
        must = f"The grid {name} of the geoid {datum}, to which the DEM refers, must be on this machine"
        do = (
            f"Put it (from https://cdn.proj.org/{name}, or {FILES[datum][1]}) into {_own_folder()} or"
            f" into a folder named by the environment variable {FOLDER}, or give a DEM of ellipsoidal heights with"
            " --dem-datum ellipsoid"
        )
        raise DataError("GeoidMissing", must, got=Quoted("no such file"), do=do)
    return found.resolve()


def undulation(grid: Path, latitude: Floats, longitude: Floats) -> Floats:
    """Height in m of the geoid above the ellipsoid at points in degrees (any shape), bilinear in the grid file.

    Raises `GeoidMissing` where the file is not readable or does not cover a point.
    """
    where = np.broadcast_arrays(np.mod(np.asarray(longitude) + 180.0, 360.0) - 180.0, latitude)
    # pyproj takes an array of one for a number, at which numpy warns: it never gets fewer than two
    x, y = (np.append(each.ravel(), each.ravel()[:1]) for each in where)
    try:
        _, _, z = _transformer(grid).transform(x, y, np.zeros_like(x))
    except ProjError as error:
        raise _unusable(grid, str(error)) from error
    height: Floats = np.asarray(z[:-1]).reshape(where[0].shape)
    if not np.all(np.abs(height) <= LARGEST_M):
        raise _unusable(grid, "no undulation at some point of the DEM")
    return height


def _transformer(grid: Path) -> pyproj.Transformer:
    if '"' in str(grid) or "," in str(grid):
        raise _unusable(grid, "a comma or a quotation mark in its path, which PROJ does not take")
    return pyproj.Transformer.from_pipeline(_PIPELINE.format(grid))


def _unusable(grid: Path, what: str) -> DataError:
    must = f"{grid} must be a whole grid of a geoid that covers the DEM"
    return DataError("GeoidMissing", must, got=Quoted(what), do="Download it again from https://cdn.proj.org")


def _folders() -> Iterator[Path]:
    named = os.environ.get(FOLDER)
    if named:
        yield Path(named)
    yield from map(Path, datadir.get_data_dir().split(os.pathsep))
    yield _own_folder()


def _own_folder() -> Path:
    """Where PROJ keeps what its user has downloaded."""
    return Path(datadir.get_user_data_dir())  # type: ignore[attr-defined]

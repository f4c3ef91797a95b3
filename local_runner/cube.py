"""Cubes: dimension names and types, labels, CRS, and the metadata that a cube carries.

A cube is an `xarray.DataArray` on dask, dims `t, bands, y, x` (a missing one is left out); `t` holds datetime64[ns] in
UTC, `bands` holds str. In map geometry `x` and `y` are cell centres and the CRS stands in the `spatial_ref` coordinate of
rioxarray (or in `attrs["crs"]`). In radar geometry `x` (range sample) and `y` (azimuth line) are 0-based raster indices of
the primary image, both ascending, and there is no CRS.

`attrs["stac"]` maps each UTC day ("2023-03-31") to the list of STAC items behind it, each `{"id", "href", "properties"}`;
`attrs["dimension_types"]` maps a dimension to its openEO type where the name does not tell it. A coordinate of x or y with
fewer than two cells has `attrs["step"]`, the signed size of a cell, where it is known.

A vector cube has the dimension `geometry` instead of x and y, see `local_runner.vector`.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any, Final

import dask.array as da
import numpy as np
import pandas as pd
import rioxarray  # noqa: F401  (registers the `rio` accessor)
from pyproj import CRS
from pyproj.exceptions import CRSError

from local_runner.errors import OpenEOError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

    import xarray as xr
    from numpy.typing import NDArray

T: Final = "t"
BANDS: Final = "bands"
Y: Final = "y"
X: Final = "x"
GEOMETRY: Final = "geometry"
"""Dimension of a vector cube; its labels are shapely geometries."""
DIMENSIONS: Final = (T, BANDS, Y, X)
LABEL: Final = "label"
"""Dimension of a labelled array, the openEO array that callbacks work on."""

_TYPE_BY_NAME: Final = (
    {"t": "temporal", "time": "temporal", "bands": "bands", "band": "bands"}
    | dict.fromkeys(("x", "y", "z", "lat", "lon", "latitude", "longitude"), "spatial")
    | {GEOMETRY: "geometry"}
)
COORDINATE_BANDS: Final = (("latitude", "longitude"), ("lat", "lon"))
"""Band names that hold the position of each sample in degrees, as `resample_spatial(method="geocode")` looks for them."""

_STARTS_WITH_A_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}(?:$|[T ])")
"""`2020-06`, `2020-W23` and the like may be labels of calendar periods, and no times."""
_NAMES_FILES: Final = re.compile(r"PARAMETERFILE|GRIDS\s*=(?!@null)|_GRIDS\b", re.IGNORECASE)


def dimension_type(cube: xr.DataArray, name: Hashable) -> str:
    """OpenEO type of a dimension: `temporal`, `bands`, `spatial`, `geometry` or `other`."""
    types: dict[str, str] = cube.attrs.get("dimension_types", {})
    return types.get(str(name), _TYPE_BY_NAME.get(str(name), "other"))


def dimension_of_type(cube: xr.DataArray, kind: str) -> str | None:
    """Name of the first dimension of a type, or None."""
    return next((str(d) for d in cube.dims if dimension_type(cube, d) == kind), None)


def require_dimension(cube: xr.DataArray, name: str) -> str:
    """`name`, if the cube has that dimension, else `DimensionNotAvailable`."""
    if name not in cube.dims:
        raise OpenEOError(
            "DimensionNotAvailable", f"The dimension must be one of {tuple(map(str, cube.dims))}", got=name
        )
    return name


def temporal_dimensions(cube: xr.DataArray, name: str | None = None) -> list[str]:
    """The temporal dimensions, or only that of this name; `DimensionNotAvailable` where there is none."""
    if name is not None:
        require_dimension(cube, name)
        if dimension_type(cube, name) != "temporal":
            must = f"The dimension {name!r} must be temporal"
            raise OpenEOError("DimensionNotAvailable", must, got=dimension_type(cube, name))
        return [name]
    temporal = [str(d) for d in cube.dims if dimension_type(cube, d) == "temporal"]
    if not temporal:
        raise OpenEOError("DimensionNotAvailable", "The cube must have a temporal dimension", got=tuple(cube.dims))
    return temporal


def require_spatial(cube: xr.DataArray) -> None:
    """Raise `DimensionMissing` unless the cube has `x` and `y`."""
    missing = [d for d in (Y, X) if d not in cube.dims]
    if missing:
        raise OpenEOError("DimensionMissing", f"The cube must have the dimensions {(Y, X)}", got=tuple(cube.dims))


def labels(cube: xr.DataArray, dimension: str) -> list[Any]:
    """Labels of a dimension as Python values: str for bands, ISO 8601 text for time, 0, 1, 2 where there are none."""
    if dimension not in cube.coords:
        return list(range(cube.sizes[dimension]))
    values = cube[dimension].values
    return [iso(v) for v in values] if np.issubdtype(values.dtype, np.datetime64) else values.tolist()


def iso(time: Any) -> str:
    """ISO 8601 text with Z of a time stamp, without fraction where it is zero."""
    stamp = pd.Timestamp(time)
    text = stamp.isoformat()
    return f"{text}Z"


def to_time(text: Any) -> np.datetime64:
    """UTC datetime64[ns] of an ISO 8601 text or date; raises ValueError where it is none."""
    if isinstance(text, bool | int | float):
        raise ValueError(f"{text!r} is no date")  # noqa: TRY004  (a number is a bad value here like a bad text)
    if isinstance(text, str):
        dt.datetime.fromisoformat(text)  # pandas takes 'today' and '31/03/2023' as well
    stamp = pd.Timestamp(text)
    if pd.isna(stamp):
        raise ValueError(f"{text!r} is no date")
    if stamp.tzinfo is not None:
        stamp = stamp.tz_convert("UTC").tz_localize(None)
    return stamp.as_unit("ns").to_datetime64()


def is_date(label: Any) -> bool:
    """Whether a label is the text of a whole date, with or without a time."""
    if not isinstance(label, str) or not _STARTS_WITH_A_DATE.match(label):
        return False
    try:
        to_time(label)
    except ValueError:
        return False
    return True


def times_of(cube: xr.DataArray, dimension: str) -> NDArray[np.datetime64]:
    """The labels of a dimension as datetime64, which may be texts of dates; `ProcessParameterInvalid` where they are none."""
    known = labels(cube, dimension)
    if dimension in cube.coords and cube[dimension].dtype.kind == "M":
        return np.asarray(cube[dimension].values)
    if not all(map(is_date, known)):
        must = f"The labels of {dimension} must be dates"
        raise OpenEOError("ProcessParameterInvalid", must, got=known, do="Use rename_labels first")
    return np.array([to_time(label) for label in known], "datetime64[ns]")


def coordinate(known: list[Any], *, dates: bool = False) -> NDArray[Any]:
    """Labels as the coordinate of a dimension; with `dates` texts of dates become datetime64[ns], if all are."""
    if dates and known and all(map(is_date, known)):
        return np.array([to_time(label) for label in known], "datetime64[ns]")
    return np.array(known, dtype=object if len({isinstance(label, str) for label in known}) > 1 else None)


def temporal_extent(extent: Any) -> tuple[np.datetime64 | None, np.datetime64 | None]:
    """Start and end of an interval; raises `TemporalExtentEmpty`, and `ProcessParameterInvalid` for what is none."""
    if len(extent) != 2 or all(e is None for e in extent):
        must = "A temporal extent must be two dates, of which one may be null"
        raise OpenEOError("ProcessParameterInvalid", must, got=extent)
    try:
        start, end = (None if e is None else to_time(e) for e in extent)
    except ValueError as error:
        must = "The ends of a temporal extent must be ISO 8601 dates or times"
        raise OpenEOError("ProcessParameterInvalid", must, got=extent) from error
    if start is not None and end is not None and end <= start:
        do = "The end is excluded: for one day give the day after as the end"
        raise OpenEOError("TemporalExtentEmpty", "The end must be later than the start", got=list(extent), do=do)
    return start, end


def utc_day(time: Any) -> str:
    """`YYYY-MM-DD` of a time stamp in UTC."""
    return str(to_time(time).astype("datetime64[D]"))


def crs_of(cube: xr.DataArray) -> CRS | None:
    """CRS of the cube; None in radar geometry."""
    if "spatial_ref" in cube.coords and cube.rio.crs is not None:
        return CRS.from_user_input(cube.rio.crs)
    given = cube.attrs.get("crs")
    return None if given is None else parse_crs(given)


def parse_crs(given: int | str | CRS) -> CRS:
    """CRS of an EPSG code (32631 or "EPSG:32631") or WKT2 text of at most 8 KiB; everything else is refused.

    File names, PROJ strings, URLs and WKT that names grid files are not looked at: PROJ would open them.
    """
    if isinstance(given, CRS):
        return given
    text = str(given).strip()
    code = text[5:] if text.upper().startswith("EPSG:") else text
    known_wkt = (
        "PROJCRS",
        "GEOGCRS",
        "GEODCRS",
        "BOUNDCRS",
        "COMPOUNDCRS",
        "ENGCRS",
        "DERIVEDPROJCRS",
        "PROJCS",
        "GEOGCS",
    )
    try:
        if code.isdecimal() and len(code) <= 6:
            return CRS.from_epsg(int(code))
        if len(text) <= 8192 and text.upper().startswith(known_wkt) and not _NAMES_FILES.search(text):
            return CRS.from_wkt(text)
    except CRSError:
        pass
    must = f"A projection must be {'a known EPSG code' if code.isdecimal() else 'an EPSG code or WKT2 text'}"
    raise OpenEOError("ProcessParameterInvalid", must, got=given, do="Write it like EPSG:32632")


def with_crs(cube: xr.DataArray, crs: CRS | None) -> xr.DataArray:
    """The cube with its CRS set (None: removed, as in radar geometry)."""
    bare = cube.drop_vars("spatial_ref", errors="ignore").copy(deep=False)  # drop_vars shares the attributes
    bare.attrs = {k: v for k, v in bare.attrs.items() if k not in ("crs", "grid_mapping")}
    bare.encoding.pop("grid_mapping", None)
    return bare if crs is None else bare.rio.write_crs(crs)


def with_type(cube: xr.DataArray, dimension: str, kind: str) -> xr.DataArray:
    """The cube with a dimension of that openEO type, told in its attributes where the name does not."""
    types = {name: given for name, given in cube.attrs.get("dimension_types", {}).items() if name != dimension}
    if _TYPE_BY_NAME.get(dimension, "other") != kind:
        types[dimension] = kind
    typed = cube.copy(deep=False)
    typed.attrs = {key: value for key, value in cube.attrs.items() if key != "dimension_types"}
    if types:
        typed.attrs["dimension_types"] = types
    return typed


def spacing(cube: xr.DataArray) -> tuple[float, float]:
    """Signed step (x, y) between cell centres; 1 where a dimension has no coordinate, or one cell of unknown size."""
    return _step(cube, X), _step(cube, Y)


def take_cells(cube: xr.DataArray, cells: Mapping[str, Any]) -> xr.DataArray:
    """The rows and columns at these places (slices or indices), which remember their step where fewer than two are left."""
    steps = dict(zip((X, Y), spacing(cube), strict=True))
    taken = cube.isel(dict(cells))
    return with_steps(taken, {d: steps[d] for d in cells if d in taken.coords and cube.sizes[d] > 0})


def take_labels(cube: xr.DataArray, dimension: str, places: Sequence[int]) -> xr.DataArray:
    """What is at these places of a dimension, in their order; where each is a chunk of its own, without copying pixels."""
    taken = cube.isel({dimension: list(places)})
    axis = cube.dims.index(dimension)
    if not places or not isinstance(cube.data, da.Array) or set(cube.data.chunks[axis]) != {1}:
        return taken
    return taken.copy(data=cube.data.blocks[(*(slice(None),) * axis, list(places))])


def with_steps(cube: xr.DataArray, steps: Mapping[str, float]) -> xr.DataArray:
    """The cube with the cell sizes of those axes kept that have too few cells to show them."""
    short = {d: cube[d].assign_attrs(step=float(step)) for d, step in steps.items() if cube.sizes[d] < 2}
    return cube.assign_coords(short) if short else cube


def _step(cube: xr.DataArray, dimension: str) -> float:
    if dimension not in cube.coords:
        return 1.0
    if cube.sizes[dimension] < 2:
        return float(cube[dimension].attrs.get("step", 1.0))
    values = cube[dimension].values
    return float(values[-1] - values[0]) / (values.size - 1)


def same_grid(a: xr.DataArray, b: xr.DataArray) -> bool:
    """Whether two cubes have the same cells: shape, CRS, and centres within a thousandth of a cell."""
    if crs_of(a) != crs_of(b):
        return False
    for dimension, step in zip((X, Y), spacing(a), strict=True):
        if (dimension in a.dims) != (dimension in b.dims):
            return False
        if dimension not in a.dims:
            continue
        if a.sizes[dimension] != b.sizes[dimension]:
            return False
        here, there = np.asarray(labels(a, dimension)), np.asarray(labels(b, dimension))
        if not np.allclose(here, there, rtol=0, atol=1e-3 * abs(step)):
            return False
    return True


def inherit(result: xr.DataArray, inputs: Iterable[xr.DataArray]) -> xr.DataArray:
    """`result` with the union of the STAC items of its inputs and the dimension types that still apply."""
    sources = list(inputs)
    stac: dict[str, list[dict[str, Any]]] = {}
    types: dict[str, str] = {}
    for cube in (*sources, result):
        types |= cube.attrs.get("dimension_types", {})
        for day, items in cube.attrs.get("stac", {}).items():
            known = stac.setdefault(day, [])
            known += [item for item in items if item not in known]
    attrs = dict(result.attrs)
    types = {name: kind for name, kind in types.items() if name in result.dims}
    for key, value in (("stac", dict(sorted(stac.items()))), ("dimension_types", types)):
        attrs.pop(key, None)
        if value:
            attrs[key] = value
    if attrs == result.attrs:
        return result
    inherited = result.copy(deep=False)
    inherited.attrs = attrs
    return inherited

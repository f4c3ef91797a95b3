"""What a granule of ITS_LIVE or autoRIFT says before it is used: grid, variables and how they are packed, dates, factors."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import h5py
import numpy as np

from local_runner.errors import DataError
from local_runner.files import hdf5
from local_runner.files.hdf5_attributes import attribute, attribute_number, fill_values
from local_runner.products import _hdf5

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from local_runner.stac.grid import Grid

MATRICES: Final = ("M11", "M12")
PAIR: Final = "img_pair_info"
MAPPING: Final = "mapping"
_AXES: Final = ("y", "x")
_DO: Final = "Make or download the granule again"


@dataclass(frozen=True)
class Variable:
    """A variable with the dims (time,) y, x: value = stored * `scale` + `offset`, NaN where stored is one of `nodata`.

    `whole`: stored as integers.
    """

    name: str
    index: tuple[int, ...]
    nodata: tuple[float, ...]
    scale: float
    offset: float
    whole: bool


@dataclass(frozen=True)
class Granule:
    """One file; `times` are those of the two images, earlier first, None where the file does not tell them."""

    path: Path
    grid: Grid
    variables: dict[str, Variable]
    times: tuple[np.datetime64, np.datetime64] | None
    properties: dict[str, Any]

    def source(self, name: str) -> hdf5.Rows:
        """Where a variable is read, as it is stored."""
        return hdf5.Rows(self.path, name, self.variables[name].index, raw=True, kind="netCDF")


def is_granule(holds: Callable[[str], bool]) -> bool:
    """Whether a file, asked by the paths that it holds, is a granule or the conversion matrices of one."""
    matrices = all(map(holds, MATRICES))
    return all(map(holds, (MAPPING, *_AXES))) and (matrices or (holds(PAIR) and holds("vx") and holds("vy")))


def read_granule(path: Path) -> Granule:
    """Header of a granule, judged.

    Raises `DataCorrupt`, `FormatUnsuitable`, `AccessRefused` and `ArrayTooLarge`, naming the file and the field.
    """
    with hdf5.guarded(path, "netCDF") as file:
        grid = _grid(file)
        variables = {variable.name: variable for variable in _variables(file, grid)}
        if not variables:
            must = f"{path} must have variables with the dims y, x or time, y, x"
            raise DataError("DataCorrupt", must, got=sorted(file)[:50], do=_DO)
        return Granule(path, grid, variables, _times(path, file), _properties(file))


def _grid(file: Any) -> Grid:
    """Grid of x and y as they stand, taken as pixel centres, in the CRS of the mapping."""
    mapping = hdf5.dataset(file, MAPPING)
    epsg = attribute_number(mapping, "spatial_epsg", math.nan)
    name = next((name for name in ("crs_wkt", "spatial_ref") if attribute(mapping, name)), "spatial_epsg")
    given: int | str = attribute(mapping, name)
    if math.isfinite(epsg):
        name, given = "spatial_epsg", round(epsg)
    return _hdf5.map_grid(file, "x", "y", _hdf5.crs_of(file, f"{MAPPING}.{name}", given))


def _variables(file: Any, grid: Grid) -> Iterator[Variable]:
    for name, data in sorted(file.items()):
        if not isinstance(data, h5py.Dataset) or data.ndim not in (2, 3) or _dims(data)[-2:] != _AXES:
            continue
        _hdf5.require_shape(file, name, grid, leading=data.ndim - 2)
        _hdf5.require_real(file, data)
        scale = attribute_number(data, "scale_factor", 1.0)
        offset = attribute_number(data, "add_offset", 0.0)
        if not (math.isfinite(scale) and math.isfinite(offset)):
            must = f"scale_factor and add_offset of {name!r} in {file.filename} must be finite"
            raise DataError("DataCorrupt", must, got=(scale, offset), do=_DO)
        flags = np.ravel(data.attrs.get("flag_values", ())).tolist()
        nodata = tuple(value for value in fill_values(data) if value not in flags)
        yield Variable(name, (0,) * (data.ndim - 2), nodata, scale, offset, data.dtype.kind in "iu")


def _dims(data: Any) -> tuple[str, ...]:
    return tuple(dim[0].name.rpartition("/")[2] if len(dim) else "" for dim in data.dims)


def _times(path: Path, file: Any) -> tuple[np.datetime64, np.datetime64] | None:
    if not hdf5.has(file, PAIR):
        return None
    names = [f"acquisition_date_img{number}" for number in (1, 2)]
    told = {name: attribute(file[PAIR], name) for name in names}
    if not any(told.values()):
        return None
    first, second = (_hdf5.time(path, f"{PAIR}.{name}", text).astype("datetime64[us]") for name, text in told.items())
    return min(first, second), max(first, second)


def _properties(file: Any) -> dict[str, Any]:
    """STAC fields of the pair and of the conversion matrices, those that the file tells."""
    pair = file[PAIR] if hdf5.has(file, PAIR) else file
    both = [{attribute(pair, f"{name}_img{n}") for n in (1, 2)} for name in ("mission", "satellite")]
    sensor = "".join(values.pop() if len(values) == 1 else "?" for values in both)
    sentinel = re.fullmatch(r"S(1[A-D])", sensor.upper())
    states = {attribute(pair, f"flight_direction_img{n}").strip().lower() for n in (1, 2)}
    state = states.pop() if len(states) == 1 else ""
    version = attribute(file, "autoRIFT_software_version")
    known = {
        "platform": f"sentinel-{sentinel[1].lower()}" if sentinel else None,
        "sat:orbit_state": state if state in ("ascending", "descending") else None,
        "processing:software": {"autoRIFT": version} if version else None,
        "openeo_sar:autorift_software_version": version or None,
        "openeo_sar:date_dt_days": _number(pair, "date_dt"),
        "openeo_sar:dr_to_vr_factor": _factor(file),
        "openeo_sar:range_pixel_size_m": _of_variables(file, "range_pixel_size"),
        "openeo_sar:azimuth_pixel_size_m": _of_variables(file, "azimuth_pixel_size"),
    }
    return {name: value for name, value in known.items() if value is not None}


def _factor(file: Any) -> float | None:
    """`dr_to_vr_factor` of the matrices, (m/yr)/pixel; both must have the same one."""
    found = {_number(file[name], "dr_to_vr_factor") for name in MATRICES if hdf5.has(file, name)} - {None}
    if len(found) > 1:
        must = f"dr_to_vr_factor of 'M11' and 'M12' in {file.filename} must be one"
        raise DataError("DataCorrupt", must, got=tuple(found), do=_DO)
    return next(iter(found), None)


def _of_variables(file: Any, name: str) -> float | None:
    given = (_number(data, name) for data in file.values() if isinstance(data, h5py.Dataset))
    return next((value for value in given if value is not None), None)


def _number(thing: Any, name: str) -> float | None:
    value = attribute_number(thing, name, math.nan)
    return value if math.isfinite(value) else None

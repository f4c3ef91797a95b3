"""Phases of interferograms from their complex values, in radar geometry or on a map.

**In**: one date with the bands `coherence_<primary>_<secondary>` (1), `i_...`, `q_...`, `i_filtered_...`, `q_filtered_...`
(any unit) of each pair, and `phase_unwrapped_...` (rad), `component_...`, `component_squared_...` (1) where it was unwrapped;
other bands are passed on, as `latitude` and those that `geometry` names, which must be there.

**Out**: for each pair in the given order the float32 bands `coherence_<primary>_<secondary>` (1), `i_...`, `q_...` (unit of the
input), `phase_...`, `phase_filtered_...` (rad, -pi to pi) and, where there, `phase_unwrapped_...` (rad) and `component_...`
(0 none, 1, 2, ...); then the other bands in their order.

**Method**: phase = atan2(q, i) of the values as they are here: what is geocoded before are i and q, since a mean of
wrapped phases is wrong wherever they wrap. A component is a number of a region, of which there is no mean either: where
component_squared - component^2, its variance within a cell, is above 1e-3, the cell mixes regions, and unwrapped phase and
component are NaN; else the component is rounded. q and the phases of a pair whose primary is the later date are those of its
conjugate with the other sign: swapping the dates changes the sign of q and of every phase bit for bit, that of 0 and pi too.

**Chunking**: x and y may be cut anywhere, without overlap.

**Not**: no geocoding, no change of the values of coherence, i and q, no reference point of the unwrapped phase.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

WRAPPED = ("coherence", "i", "q", "i_filtered", "q_filtered")
UNWRAPPED = ("phase_unwrapped", "component", "component_squared")
MIXED = 1e-3  # variance of component numbers; those of two regions in equal parts have 0.25 or more
UNITS = {"coherence": "1", "i": "", "q": "", "phase": "rad", "phase_filtered": "rad"}
UNITS_UNWRAPPED = {"phase_unwrapped": "rad", "component": "1"}

Floats = npt.NDArray[np.float32]


def apply_datacube(cube: xr.DataArray, context: dict[str, Any]) -> xr.DataArray:
    """Return the bands of the pairs, then the others, float32 (t, bands, y, x)."""
    bands = [str(name) for name in cube["bands"].values]
    check(cube_rules(cube), band_rules(bands, context["pairs"], context["geometry"]))
    cube = cube.transpose("t", "bands", "y", "x")
    planes: list[Floats] = []
    for pair in context["pairs"]:
        needed = [f"{name}_{suffix(pair)}" for name in quantities_of(bands, pair)]
        values = cube.sel(bands=needed).values[0].astype(np.float32, copy=False)
        planes += final(values, conjugated=bool(utc_day(pair[0]) > utc_day(pair[1])))
    others = cube.sel(bands=others_of(bands, context["pairs"])).values[0]
    result = np.stack([*planes, *others])[None].astype(np.float32, copy=False)
    return labelled(result, cube, names=labels(bands, context["pairs"]))


def apply_metadata(metadata: Any, context: dict[str, Any]) -> Any:
    """Declare the band labels of the result; what can be known without the cube itself is checked here as well."""
    check(band_rules(metadata.band_names, context["pairs"], context["geometry"]))
    return metadata.rename_labels(dimension="bands", target=labels(metadata.band_names, context["pairs"]))


def final(values: Floats, *, conjugated: bool) -> list[Floats]:
    """Return the bands of a pair (each y, x) from `values`: those of WRAPPED, then those of UNWRAPPED if there.

    Imaginary parts and phases are those of the conjugate with the other sign where `conjugated`: 0 and pi then are -0 and -pi.
    """
    sign = np.float32(-1 if conjugated else 1)
    coherence, real, imag, real_filtered, imag_filtered = values[: len(WRAPPED)]
    imag, imag_filtered = (sign * part + np.float32(0) for part in (imag, imag_filtered))  # -0 becomes 0
    phases = [sign * np.arctan2(imag, real), sign * np.arctan2(imag_filtered, real_filtered)]
    rest = unmixed(*values[len(WRAPPED) :]) if len(values) > len(WRAPPED) else ()
    return [coherence, real, sign * imag, *phases, *rest]


def unmixed(phase: Floats, component: Floats, squared: Floats) -> tuple[Floats, Floats]:
    """Return unwrapped phase and rounded component, NaN where a cell mixes components."""
    variance = squared.astype(np.float64) - np.square(component.astype(np.float64))
    with np.errstate(invalid="ignore"):
        mixed = ~(variance <= MIXED) & ~np.isnan(component)
    return np.where(mixed, np.float32(np.nan), phase), np.where(mixed, np.float32(np.nan), np.rint(component))


def quantities_of(bands: Iterable[str], pair: list[str]) -> tuple[str, ...]:
    """Return the quantities of a pair that are read."""
    return WRAPPED + UNWRAPPED * (f"{UNWRAPPED[0]}_{suffix(pair)}" in bands)


def units_of(bands: Iterable[str], pair: list[str]) -> dict[str, str]:
    """Return the quantities of a pair in the result, and their units."""
    return {**UNITS, **(UNITS_UNWRAPPED if quantities_of(bands, pair) != WRAPPED else {})}


def others_of(bands: Iterable[str], pairs: list[list[str]]) -> list[str]:
    """Return the bands that are of no pair."""
    ends = tuple(f"_{suffix(pair)}" for pair in pairs)
    return [name for name in bands if not name.endswith(ends)]


def labels(bands: list[str], pairs: list[list[str]]) -> list[str]:
    """Return the band names of the result."""
    return [f"{name}_{suffix(pair)}" for pair in pairs for name in units_of(bands, pair)] + others_of(bands, pairs)


def labelled(result: Floats, cube: xr.DataArray, *, names: list[str]) -> xr.DataArray:
    """Put band names, units and the coordinates of the cube to the result."""
    kept = {name: cube.coords[name] for name in ("t", "y", "x", "spatial_ref") if name in cube.coords}
    known = {**UNITS, **UNITS_UNWRAPPED, "latitude": "degree", "longitude": "degree", "height": "m"}
    known |= {"incidence_angle": "rad", "look_east": "1", "look_north": "1", "look_up": "1"}
    units = [known.get(name) or known.get(name[: -len("_20000101_20000101")], "") for name in names]
    dims = ("t", "bands", "y", "x")
    return xr.DataArray(result, {**kept, "bands": names}, dims, attrs={**cube.attrs, "units": units})


def suffix(pair: list[str]) -> str:
    """Return `<primary>_<secondary>`, both as YYYYMMDD."""
    return "_".join(str(utc_day(date)).replace("-", "") for date in pair)


def utc_day(date: str) -> np.datetime64:
    """Return the UTC day of an ISO date or time; without an offset it is UTC."""
    time = datetime.fromisoformat(date)
    return np.datetime64((time if time.tzinfo is None else time.astimezone(UTC)).date(), "D")


def check(*several: Iterator[tuple[bool, str]]) -> None:
    """Raise ValueError with the text of the first rule that does not hold."""
    for rules in several:
        for holds, text in rules:
            if not holds:
                raise ValueError(text)


def cube_rules(cube: xr.DataArray) -> Iterator[tuple[bool, str]]:
    """Yield the rules for the dimensions, each with the text of its error."""
    dims = sorted(map(str, cube.dims))
    do = "Call this function on the result of goldstein_filter."
    yield dims == ["bands", "t", "x", "y"], f"cube must have dimensions t, bands, y, x, instead got {dims}. {do}"
    yield cube.sizes["t"] == 1, f"cube must have one date on t, instead got {cube.sizes['t']}. {do}"


def band_rules(names_there: Iterable[Any], pairs: list[list[str]], geometry: list[str]) -> Iterator[tuple[bool, str]]:
    """Yield the rules for the bands."""
    bands = [str(name) for name in names_there]
    for name in (f"{name}_{suffix(pair)}" for pair in pairs for name in quantities_of(bands, pair)):
        found = name in bands
        yield (
            found,
            f"bands must hold {name}, instead got {bands}. Call this function on what goldstein_filter returns.",
        )
    for name in geometry:
        yield name in bands, f"geometry must name bands of the input, instead got {name!r}. Load it or leave it out."

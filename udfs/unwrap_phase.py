"""Unwrapped phase of filtered interferograms with connected components, by snaphu.

**In**: for each pair `i_filtered_<primary>_<secondary>`, `q_filtered_<primary>_<secondary>` (filtered complex value, of which
the phase counts) and `coherence_<primary>_<secondary>` (0 to 1), of one date t or without t.

**Out**: for each pair in the given order the float32 bands `phase_unwrapped_<primary>_<secondary>` (rad),
`component_<primary>_<secondary>` (0 none, 1 the largest, 2 the next, ...) and `component_squared_<primary>_<secondary>`, by
which a cell that mixes components is found after resampling: there mean square minus square of mean is above 0. All NaN where
i, q or coherence is not finite, or i = q = 0.

**Method**: the statistical-cost, network-flow algorithm of Chen and Zebker (2001, doi:10.1364/JOSAA.18.000338; components:
2002, doi:10.1109/TGRS.2002.802453), its program snaphu 2 from the package `snaphu`, initialised by minimum cost flow.
`looks`, 1 or more, is how many independent samples the coherence was made of: it tells how much phase noise a coherence means.
`cost` "smooth" takes the phase for smooth (topography is removed; slow deformation), "defo" allows for jumps, as of a rupture.
The result is phase + 2 pi k with whole k, congruent with the phase of the input to float32. Where the primary is the later
date, the pair in the order of time is unwrapped and negated: swapping a pair negates the phase bit for bit. Only differences
within one component mean something: a constant 2 pi k per component is arbitrary, and phase outside of all components (0) is
not reliable. Snaphu keeps at most 32 components, each of 1 % of the cells or more.

**Chunking**: none: the chunk must hold the whole image, `WHOLE_IMAGE` says so. It is cropped to the cells with data first;
snaphu takes about 400 bytes of memory per cell of that (`BYTES_PER_CELL`), and pairs are unwrapped one after the other.

**Not**: no filter, no reference point, no bridges between components. Licence: a part of snaphu, its solver CS2, may be used
for strictly non-commercial purposes only. This project does not ship snaphu: `pip install "openeo-sar[unwrap]"`.
"""

# /// script
# dependencies = ["snaphu"]
# ///

import subprocess
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from importlib.resources import as_file, files
from math import isfinite
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import snaphu
import xarray as xr

WHOLE_IMAGE = True  # what is cut into tiles has a constant of its own in each of them
BYTES_PER_CELL = 400  # that snaphu takes: 386 to 393 in images of 300,000 to 1,200,000 cells, whatever the coherence
COSTS = ("smooth", "defo")
LEAST = 16  # rows and columns that the windows of snaphu need; a smaller image gets a margin that is masked
INPUTS = ("i_filtered", "q_filtered", "coherence")
OUTPUTS = {"phase_unwrapped": "rad", "component": "1", "component_squared": "1"}

Floats = npt.NDArray[np.float32]
Booleans = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.uint32]


def apply_datacube(cube: xr.DataArray, context: dict[str, Any]) -> xr.DataArray:
    """Return unwrapped phase and components of the pairs, float32 (t, bands, y, x) or (bands, y, x) as the input."""
    check(cube_rules(cube), pair_rules(context["pairs"]), option_rules(cube["bands"].values, context))
    cube = cube.transpose(..., "bands", "y", "x")
    names = labels(context["pairs"], OUTPUTS)
    result = np.full((len(names), *cube.shape[-2:]), np.nan, np.float32)
    for pair, out in zip(context["pairs"], np.split(result, len(context["pairs"])), strict=True):
        i, q, coherence = (cube.sel(bands=name).values.reshape(cube.shape[-2:]) for name in labels([pair], INPUTS))
        settings = Settings(context["looks"], context["cost"], swapped=bool(utc_day(pair[0]) > utc_day(pair[1])))
        unwrap(i, q, coherence, settings, out=out)
    return labelled(result, cube, names=names)


def apply_metadata(metadata: Any, context: dict[str, Any]) -> Any:
    """Declare the band labels of the result; what can be known without the cube itself is checked here as well."""
    check(pair_rules(context["pairs"]), option_rules(metadata.band_names, context))
    return metadata.rename_labels(dimension="bands", target=labels(context["pairs"], OUTPUTS))


class Settings(NamedTuple):
    """How a pair is unwrapped; `swapped`: whether its primary is the later date."""

    looks: float
    cost: str
    swapped: bool


def unwrap(i: Floats, q: Floats, coherence: Floats, settings: Settings, *, out: Floats) -> None:
    """Write unwrapped phase, component and its square into `out` (3, y, x), NaN so far, where there are data."""
    valid = np.isfinite(i) & np.isfinite(q) & np.isfinite(coherence) & ((i != 0) | (q != 0))
    if not valid.any():
        return
    box = covering(valid)
    i, q, coherence, valid, out = i[box], q[box], coherence[box], valid[box], out[:, *box]
    wrapped = np.arctan2(-q if settings.swapped else q, i, where=valid, out=np.zeros_like(i))
    unwrapped, component = run_snaphu(wrapped, np.clip(coherence, 0, 1), valid, settings)
    phase = congruent(unwrapped, wrapped)
    component = sorted_by_size(component * valid).astype(np.float32)
    for plane, values in zip(out, (-phase if settings.swapped else phase, component, component**2), strict=True):
        np.copyto(plane, values, where=valid)


def covering(valid: Booleans) -> tuple[slice, slice]:
    """Return rows and columns of the smallest box that holds all valid cells."""
    rows, columns = (np.flatnonzero(valid.any(axis=axis)) for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def congruent(unwrapped: Floats, wrapped: Floats) -> Floats:
    """Return wrapped + 2 pi k, k the whole number that comes nearest to the unwrapped phase; rad."""
    turns = np.rint((unwrapped.astype(np.float64) - wrapped) / (2 * np.pi))
    return (wrapped + 2 * np.pi * turns).astype(np.float32)


def sorted_by_size(component: Labels) -> Labels:
    """Return the labels as 1, 2, ... from the largest component on, of equal ones the one that begins first; 0 stays."""
    names, first, inverse, size = np.unique(component, return_index=True, return_inverse=True, return_counts=True)
    rank = np.zeros(len(names), np.uint32)
    order = [at for at in np.lexsort((first, -size)) if names[at]]
    rank[order] = np.arange(1, len(order) + 1)
    return rank[inverse.reshape(component.shape)]


def run_snaphu(wrapped: Floats, coherence: Floats, valid: Booleans, settings: Settings) -> tuple[Floats, Labels]:
    """Return unwrapped phase (rad) and labels of components (y, x) as snaphu finds them.

    Its program is run by itself: `snaphu.unwrap` would let it write to the standard output, which is the runner's, and
    leave its files behind after an error.
    """
    (height, width), margin = wrapped.shape, [(0, max(0, LEAST - size)) for size in wrapped.shape]
    with TemporaryDirectory(prefix="unwrap_phase.") as folder:
        here = Path(folder)
        for name, values in (("wrapped", wrapped), ("coherence", np.where(valid, coherence, 0)), ("mask", valid)):
            np.pad(values, margin).tofile(here / name)
        padded = (height + margin[0][1], width + margin[1][1])
        (here / "settings").write_text(settings_text(padded[1], settings))
        with as_file(files(snaphu) / "snaphu") as program:
            call = [str(program), "-f", "settings"]
            done = subprocess.run(call, cwd=here, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            last = " / ".join((done.stdout + done.stderr).strip().splitlines()[-4:])
            raise RuntimeError(f"snaphu must end with exit code 0, instead got {done.returncode}. It says: {last}")
        unwrapped = np.fromfile(here / "unwrapped", np.float32).reshape(padded)
        component = np.fromfile(here / "component", np.uint32).reshape(padded)
    return unwrapped[:height, :width], component[:height, :width]


def settings_text(width: int, settings: Settings) -> str:
    """Return what snaphu is told, in its own words."""
    lines = {"INFILE": "wrapped", "CORRFILE": "coherence", "OUTFILE": "unwrapped"}
    lines = {
        key: value for name, file in lines.items() for key, value in ((name, file), (f"{name}FORMAT", "FLOAT_DATA"))
    }
    lines |= {"BYTEMASKFILE": "mask", "CONNCOMPFILE": "component", "CONNCOMPOUTTYPE": "UINT", "LINELENGTH": str(width)}
    lines |= {"NCORRLOOKS": repr(float(settings.looks)), "STATCOSTMODE": settings.cost.upper(), "INITMETHOD": "MCF"}
    return "".join(f"{name} {value}\n" for name, value in lines.items())


def labelled(result: Floats, cube: xr.DataArray, *, names: list[str]) -> xr.DataArray:
    """Put dimensions, coordinates and attributes of the cube, band names and units to the result (bands, y, x)."""
    kept = {name: cube.coords[name] for name in ("t", "y", "x", "spatial_ref") if name in cube.coords}
    attrs = {**cube.attrs, "units": [*OUTPUTS.values()] * (len(names) // len(OUTPUTS))}
    shape = (*cube.shape[:-3], *result.shape)
    return xr.DataArray(result.reshape(shape), {**kept, "bands": names}, cube.dims, attrs=attrs)


def labels(pairs: list[list[str]], quantities: Iterable[str]) -> list[str]:
    """Return the band names of the quantities of each pair."""
    days = [[str(utc_day(date)).replace("-", "") for date in pair] for pair in pairs]
    return ["_".join([name, *pair]) for pair in days for name in quantities]


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
    """Yield the rules for dimensions and dates, each with the text of its error."""
    dims = sorted(map(str, cube.dims))
    good = dims in (["bands", "t", "x", "y"], ["bands", "x", "y"])
    yield good, f"cube must have dimensions t, bands, y, x, instead got {dims}. Give interferograms of one date."
    dates = cube.sizes.get("t", 1)
    yield dates == 1, f"t must have one label, that of the pairs, instead got {dates}. Give interferograms of one date."


def pair_rules(pairs: Any) -> Iterator[tuple[bool, str]]:
    """Yield the rules for the pairs alone."""
    good = isinstance(pairs, list | tuple) and len(pairs) > 0 and all(map(is_pair, pairs))
    yield (
        good,
        f"pairs must be a list of [primary, secondary] dates, one or more, instead got {pairs!r}. Give ISO dates.",
    )
    distinct = len(set(labels(pairs, OUTPUTS))) == len(OUTPUTS) * len(pairs)
    yield distinct, f"pairs must not repeat, instead got {pairs!r}. Give each pair once."


def is_pair(pair: Any) -> bool:
    """Return whether this is a list of two ISO dates."""
    try:
        return isinstance(pair, list | tuple) and len({utc_day(date) for date in pair}) == len(pair) == 2
    except (TypeError, ValueError):
        return False


def option_rules(names_there: Iterable[Any], context: dict[str, Any]) -> Iterator[tuple[bool, str]]:
    """Yield the rules for bands, looks and cost."""
    bands = [str(name) for name in names_there]
    for name in labels(context["pairs"], INPUTS):
        yield name in bands, f"bands must hold {name}, instead got {bands}. Make it by goldstein_filter."
    looks, cost = context["looks"], context["cost"]
    good = type(looks) in {int, float} and isfinite(looks) and looks >= 1
    yield good, f"looks must be a number of at least 1, instead got {looks!r}. Give the independent samples."
    yield cost in COSTS, f"cost must be one of {COSTS}, instead got {cost!r}. Choose one of them."

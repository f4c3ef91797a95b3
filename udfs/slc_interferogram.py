"""Interferograms of pairs of coregistered SLC images: multilooked, filtered, on request unwrapped and geocoded.

**In**: real and imaginary part `i_<POL>`, `q_<POL>` (DN or as calibrated) of all dates on one radar grid, y azimuth and x
slant range; with `flatten` also `reference_phase` (rad), the phase -4 pi/lambda (R_stackprimary - R_date). The graph needs
`grid_lat`, `grid_lon` (degree) besides, and the bands that `geometry` names.

**Out**: one date, the earliest of all pairs. The graph gives for each pair in the given order the float32 bands
`coherence_<primary>_<secondary>` (YYYYMMDD, 0 to 1), `i_...`, `q_...` (mean complex value, squared unit of the input),
`phase_...`, `phase_filtered_...` (rad, -pi to pi), with `unwrap` `phase_unwrapped_...` (rad) and `component_...` (0 none, 1 the
largest, ...); then `latitude`, `longitude` (degree, in radar geometry only) and the bands of `geometry`, means over the cells
of the first date that has them. NaN where a cell is invalid. This function gives its first step: `i_...`, `q_...` of each
sample, `intensity_primary_...`, `intensity_secondary_...` (squared unit of the input) and `valid_...` (1), all five NaN where a
sample is invalid, so that with 0 put in place of NaN the means over cells are sums over the valid samples.

**Method**: I = s1 conj(s2) exp(-j (phi_secondary - phi_primary)), s1 the primary and s2 the secondary, the last factor with
`flatten` only: it takes out the phase of the flat earth and of the heights that the reference phase was computed with
(Bamler and Hartl 1998, doi:10.1088/0266-5611/14/4/001). A slant range that grows by d from primary to secondary gives the
phase +4 pi d / lambda. A sample is invalid if it is not finite or i = q = 0 in either date, or if its amplitude lies outside
about 1e-15 to 1e17; a cell, if fewer than `min_valid` of its samples are valid. I and both intensities are averaged over cells
of `looks_range` samples by `looks_azimuth` lines. `goldstein_filter` makes from them the coherence of `coherence_window` x
`coherence_window` cells and the filtered values, `unwrap_phase` the unwrapped phase (snaphu, Chen and Zebker 2001), for which
half of the samples of a window count as independent: Sentinel-1 is oversampled. On a map the complex values are geocoded, and
`interferogram_phase` takes the phase of the result; cells that mix components are NaN in unwrapped phase and component.
Swapping the dates of a pair changes the sign of q and of each phase bit for bit, and nothing else.

**Chunking**: x and y may be cut anywhere, without overlap. A chunk needs all dates and bands.

**Not**: no coregistration, no filter for common bandwidth, no correction for atmosphere or orbit errors, no reference point of
the unwrapped phase. Without `flatten` the fringes of the flat earth stay and lower the coherence of large cells. Cells on the
meridian of 180 degrees get wrong positions.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

QUANTITIES = ("i", "q", "intensity_primary", "intensity_secondary", "valid")
POWER_RANGE = (1e-30, 1e34)  # |s|^2 of a valid sample: float32 holds sums of thousands of them
ALL_DATES = "Call this function where a chunk holds all dates: apply_neighborhood without a size for t."

Floats = npt.NDArray[np.float32]
Image = tuple[Floats, ...]  # i, q and, where it is to be removed, the reference phase in rad, each (y, x)


def apply_datacube(cube: xr.DataArray, context: dict[str, Any]) -> xr.DataArray:
    """Return the products of the pairs, float32 (t, bands, y, x)."""
    check(cube_rules(cube), pair_rules(context["pairs"]), date_rules(cube, context["pairs"]))
    check(option_rules(cube["bands"].values, context))
    cube = cube.transpose("t", "bands", "y", "x")
    pairs = [(utc_day(primary), utc_day(secondary)) for primary, secondary in context["pairs"]]
    result = np.empty((1, len(QUANTITIES) * len(pairs), *cube.shape[2:]), np.float32)
    for number, pair in enumerate(pairs):
        first, second = (image(cube, day, context["polarization"], flatten=context["flatten"]) for day in pair)
        products(first, second, out=result[0, len(QUANTITIES) * number :][: len(QUANTITIES)])
    return labelled(result, cube, names=labels(context["pairs"]), day=min(min(pair) for pair in pairs))


def apply_metadata(metadata: Any, context: dict[str, Any]) -> Any:
    """Declare the band labels of the result; what can be known without the cube itself is checked here as well."""
    check(pair_rules(context["pairs"]), option_rules(metadata.band_names, context))
    return metadata.rename_labels(dimension="bands", target=labels(context["pairs"]))


def products(primary: Image, secondary: Image, *, out: Floats) -> None:
    """Write the quantities of a pair into `out` (5, y, x), NaN where a sample is invalid."""
    real, imag, power_1, power_2, valid = out
    spare = np.empty_like(real)
    turns = [phase_2 - phase_1 for phase_1, phase_2 in zip(primary[2:], secondary[2:], strict=True)]
    with np.errstate(all="ignore"):  # invalid samples may overflow before they are left out
        power(primary, power_1, spare=spare)
        power(secondary, power_2, spare=spare)
        cross_product(primary, secondary, real, imag, spare=spare)
        for turn in turns:
            rotate(real, imag, turn)
        invalid = ~valid_samples(power_1, power_2, *turns)
    valid.fill(1)
    if invalid.any():
        np.copyto(out, np.nan, where=invalid)


def power(date: Image, out: Floats, *, spare: Floats) -> None:
    """Write |s|^2 = i^2 + q^2 into `out`."""
    np.multiply(date[0], date[0], out=out)
    out += np.multiply(date[1], date[1], out=spare)


def cross_product(a: Image, b: Image, real: Floats, imag: Floats, *, spare: Floats) -> None:
    """Write a conj(b) into `real` = i_a i_b + q_a q_b and `imag` = q_a i_b - i_a q_b."""
    np.multiply(a[0], b[0], out=real)
    real += np.multiply(a[1], b[1], out=spare)
    np.multiply(a[1], b[0], out=imag)
    imag -= np.multiply(a[0], b[1], out=spare)


def rotate(real: Floats, imag: Floats, phase: Floats) -> None:
    """Multiply real + j imag in place by exp(-j phase), phase in rad."""
    cosine, sine = np.cos(phase), np.sin(phase)
    turned = real * cosine + imag * sine
    np.subtract(imag * cosine, real * sine, out=imag)
    np.copyto(real, turned)


def valid_samples(power_1: Floats, power_2: Floats, *phases: Floats) -> npt.NDArray[np.bool_]:
    """Return where both powers lie in POWER_RANGE, as no NaN, infinity or fill does, and the phase is finite."""
    low, high = POWER_RANGE
    valid: npt.NDArray[np.bool_] = (power_1 > low) & (power_1 < high) & (power_2 > low) & (power_2 < high)
    for phase in phases:
        valid &= np.isfinite(phase)
    return valid


def image(cube: xr.DataArray, day: np.datetime64, polarization: str, *, flatten: bool) -> Image:
    """Return the bands of the date, without a copy where they are float32."""
    names = [f"i_{polarization}", f"q_{polarization}"] + ["reference_phase"] * flatten
    date = cube.isel(t=utc_days(cube).index(day))
    return tuple(date.sel(bands=name).values.astype(np.float32, copy=False) for name in names)


def labelled(result: Floats, cube: xr.DataArray, *, names: list[str], day: np.datetime64) -> xr.DataArray:
    """Put date, band names, units and the coordinates of the cube to the result."""
    kept = {name: cube.coords[name] for name in ("y", "x", "spatial_ref") if name in cube.coords}
    coords = {"t": [day.astype("datetime64[ns]")], "bands": names, **kept}
    units = ["1" if name.startswith("valid_") else "" for name in names]
    return xr.DataArray(result, coords, ("t", "bands", "y", "x"), attrs={**cube.attrs, "units": units})


def labels(pairs: list[list[str]]) -> list[str]:
    """Return the band names of the result."""
    days = ["_".join(str(utc_day(date)).replace("-", "") for date in pair) for pair in pairs]
    return [f"{name}_{pair}" for pair in days for name in QUANTITIES]


def utc_day(date: str) -> np.datetime64:
    """Return the UTC day of an ISO date or time; without an offset it is UTC."""
    time = datetime.fromisoformat(date)
    return np.datetime64((time if time.tzinfo is None else time.astimezone(UTC)).date(), "D")


def utc_days(cube: xr.DataArray) -> list[np.datetime64]:
    """Return the days of the cube."""
    return list(cube["t"].values.astype("datetime64[D]"))


def check(*several: Iterator[tuple[bool, str]]) -> None:
    """Raise ValueError with the text of the first rule that does not hold."""
    for rules in several:
        for holds, text in rules:
            if not holds:
                raise ValueError(text)


def cube_rules(cube: xr.DataArray) -> Iterator[tuple[bool, str]]:
    """Yield the rules for dimensions and dates, each with the text of its error."""
    dims = sorted(map(str, cube.dims))
    yield dims == ["bands", "t", "x", "y"], f"cube must have dimensions t, bands, y, x, instead got {dims}. {ALL_DATES}"
    kind = cube["t"].dtype
    yield kind.kind == "M", f"t must be labelled with dates, instead got {kind}. {ALL_DATES}"
    twice = sorted({str(day) for day in utc_days(cube) if utc_days(cube).count(day) > 1})
    yield not twice, f"t must hold one acquisition per UTC day, instead got several on {twice}. Keep one of each day."


def pair_rules(pairs: Any) -> Iterator[tuple[bool, str]]:
    """Yield the rules for the pairs alone."""
    good = isinstance(pairs, list | tuple) and len(pairs) > 0 and all(map(is_pair, pairs))
    yield (
        good,
        f"pairs must be a list of [primary, secondary] dates, one or more, instead got {pairs!r}. Give ISO dates.",
    )
    for first, second in pairs:
        differ = utc_day(first) != utc_day(second)
        yield differ, f"pairs must hold two different days, instead got {[first, second]!r}. Correct this pair."
    distinct = len(set(labels(pairs))) == len(QUANTITIES) * len(pairs)
    yield distinct, f"pairs must not repeat, instead got {pairs!r}. Give each pair once."


def date_rules(cube: xr.DataArray, pairs: list[list[str]]) -> Iterator[tuple[bool, str]]:
    """Yield the rule that the dates of the pairs are there."""
    available = [str(day) for day in utc_days(cube)]
    for day in [str(utc_day(date)) for pair in pairs for date in pair]:
        yield day in available, f"pairs must hold dates of the cube, instead got {day!r}. Choose from {available}."


def is_pair(pair: Any) -> bool:
    """Return whether this is a list of two ISO dates."""
    try:
        return isinstance(pair, list | tuple) and len([utc_day(date) for date in pair]) == 2
    except (TypeError, ValueError):
        return False


def option_rules(names_there: Iterable[Any], context: dict[str, Any]) -> Iterator[tuple[bool, str]]:
    """Yield the rules for bands and switches."""
    bands = [str(name) for name in names_there]
    switch = context["flatten"]
    yield type(switch) is bool, f"flatten must be true or false, instead got {switch!r}. Give a boolean."
    needed = [f"{part}_{context['polarization']}" for part in "iq"] + ["reference_phase"] * switch
    for name in needed:
        found = name in bands
        yield found, f"bands must hold {name}, instead got {bands}. Load it or change the options."

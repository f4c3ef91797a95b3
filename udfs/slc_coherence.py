"""Interferometric coherence magnitude of pairs of coregistered SLC images.

**In**: real and imaginary part `i_<POL>`, `q_<POL>` (DN or as calibrated) and `grid_lat`, `grid_lon` (degree; `latitude`,
`longitude` are accepted) of all dates on one radar grid, y azimuth and x slant range; with `flatten` also `reference_phase`
(rad), the phase -4 pi/lambda (R_stackprimary - R_date).

**Out**: one date, the earliest of all pairs; float32 bands `coherence_<primary>_<secondary>` (YYYYMMDD, 0 to 1) for each
pair in the given order, then `latitude`, `longitude` (degree) of the first primary, its gaps filled from the other dates.

**Method**: with s1 the primary and s2 the secondary, gamma = |<s1 conj(s2)>| / (sqrt(<|s1|^2>) sqrt(<|s2|^2>)), where < >
is the sum over a box of `window_azimuth` rows by `window_range` columns (Touzi et al. 1999, doi:10.1109/36.739146).
A sample is invalid if it is not finite or i = q = 0 in either date; an amplitude outside about 1e-15 to 1e17, whose sums
float32 cannot hold, counts as such. Invalid samples are left out of every sum of the pair. The result is NaN where the
centre is invalid or fewer than the part `min_valid` of the window is valid; beyond the image border all is missing.
`flatten` multiplies s1 conj(s2) by exp(-j (phi_secondary - phi_primary)) before summing.
The estimate is biased towards high values: without any coherence, L independent looks give on average
E|gamma| = Gamma(L) Gamma(3/2) / Gamma(L + 1/2): 0.457 for L = 4, 0.30 for 9, 0.199 for 20, 0.087 for 105. Sentinel-1 SLCs
are oversampled: the 105 samples of 5 x 21 are about 62, 53, 47 looks in IW1, IW2, IW3 (0.113, 0.122, 0.130).
`bias_correction` subtracts (1 - gamma^2) / (2 N), N valid samples of the window (as in SNAP), and sets what falls below 0 to 0.
This first-order term takes samples for looks, so that a part of the bias stays.

**Chunking**: x and y may be cut with an overlap of half a window or more (32 px serve windows up to 65) and the
border filled with NaN: tiles then equal the whole image bit for bit. A chunk needs all dates and bands.

**Not**: no coregistration, no removal of topographic or, without `flatten`, flat-earth fringes (they lower the coherence of
wide windows), no correction for thermal noise or for the effective number of looks, no geocoding.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import xarray as xr

BLOCK_SAMPLES = 320_000  # samples of a row block: its float32 buffers stay in the cache
POWER_RANGE = (1e-30, 1e34)  # |s|^2 of a valid sample: float32 holds the sums of 65 x 65 of them
ROUNDING = 1e-6  # excess over 1 that float32 rounding explains
ALL_DATES = "Call this function where a chunk holds all dates: apply_neighborhood without a size for t."

Floats = npt.NDArray[np.float32]
Booleans = npt.NDArray[np.bool_]
Image = tuple[Floats, ...]  # i, q and, where it is to be removed, the reference phase in rad, each (y, x)
Number = TypeVar("Number", np.float32, np.int16)


def apply_datacube(cube: xr.DataArray, context: dict[str, Any]) -> xr.DataArray:
    """Return coherence and position bands of the pairs, float32 (t, bands, y, x)."""
    check(cube_rules(cube), pair_rules(context["pairs"]), date_rules(cube, context["pairs"]))
    check(option_rules(cube["bands"].values, context))
    cube = cube.transpose("t", "bands", "y", "x")
    pairs = [(utc_day(primary), utc_day(secondary)) for primary, secondary in context["pairs"]]
    window = Window(context["window_azimuth"], context["window_range"])
    bias_correction, min_valid = context["bias_correction"], context["min_valid"]
    result = np.empty((1, len(pairs) + 2, *cube.shape[2:]), np.float32)
    for gamma, pair in zip(result[0], pairs, strict=False):
        first, second = (image(cube, day, context["polarization"], flatten=context["flatten"]) for day in pair)
        coherence(first, second, gamma, window=window, bias_correction=bias_correction, min_valid=min_valid)
    position(cube, ("grid_lat", "latitude"), pairs[0][0], out=result[0, -2])
    position(cube, ("grid_lon", "longitude"), pairs[0][0], out=result[0, -1])
    return labelled(result, cube, names=labels(context["pairs"]), day=min(min(pair) for pair in pairs))


def apply_metadata(metadata: Any, context: dict[str, Any]) -> Any:
    """Declare the band labels of the result; what can be known without the cube itself is checked here as well."""
    check(pair_rules(context["pairs"]), option_rules(metadata.band_names, context))
    return metadata.rename_labels(dimension="bands", target=labels(context["pairs"]))


class Window(NamedTuple):
    """Size of the box in samples, both odd."""

    y: int
    x: int


class Buffers(NamedTuple):
    """Arrays (rows, columns) that every block of rows uses again; the margin of `padded` and `valid` is zero."""

    padded: Floats
    sums: Floats
    scratch: Floats
    valid: npt.NDArray[np.int16]
    looks: npt.NDArray[np.int16]


def coherence(
    primary: Image, secondary: Image, gamma: Floats, *, window: Window, bias_correction: bool, min_valid: float
) -> None:
    """Write the coherence magnitude, 0 to 1 or NaN, into `gamma` (y, x), one block of rows after the other."""
    height, width = gamma.shape
    half_y, half_x, area = window.y // 2, window.x // 2, window.y * window.x
    needed = np.searchsorted(np.arange(area + 1) / area, min_valid)
    rows = min(height, max(window.y, BLOCK_SAMPLES // width))
    floats = np.zeros((9, rows + 2 * half_y, width + 2 * half_x), np.float32)
    buffers = Buffers(floats[:2], floats[2:6], floats[6:], *np.zeros((2, *floats.shape[1:]), np.int16))
    for start in range(0, height, rows):
        stop, top, bottom = min(start + rows, height), max(start - half_y, 0), min(start + rows + half_y, height)
        first, second = (tuple(band[top:bottom] for band in date) for date in (primary, secondary))
        inner = np.s_[top - start + half_y : bottom - start + half_y, half_x : half_x + width]
        with np.errstate(all="ignore"):  # invalid samples may overflow before they are left out
            valid = window_sums(first, second, buffers, inner=inner, window=window)
            magnitude(*buffers.sums[:, : stop - start], out=gamma[start:stop])
        looks = buffers.looks[: stop - start, :width]
        if bias_correction:
            remove_bias(gamma[start:stop], looks)
        drop = (looks < needed) | ~valid[start - top : stop - top]
        if drop.any():
            np.copyto(gamma[start:stop], np.nan, where=drop)


def window_sums(
    primary: Image, secondary: Image, buffers: Buffers, *, inner: tuple[slice, slice], window: Window
) -> Booleans:
    """Fill `buffers.sums` (Re and Im of s1 conj(s2), |s1|^2, |s2|^2) and `buffers.looks`; return the valid samples."""
    first, second, spare = buffers.padded[0][inner], buffers.padded[1][inner], buffers.scratch[0][inner]
    if len(spare) < len(buffers.padded[0]):
        buffers.padded.fill(0)
        buffers.valid.fill(0)
    turns = [phase_2 - phase_1 for phase_1, phase_2 in zip(primary[2:], secondary[2:], strict=True)]
    power(primary, first, spare=spare)
    power(secondary, second, spare=spare)
    valid = valid_samples(first, second, *turns)
    count_valid(valid, buffers, inner=inner, window=window)
    sum_valid((first, second), ~valid, buffers, out=buffers.sums[2:], window=window)
    cross_product(primary, secondary, first, second, spare=spare)
    for turn in turns:
        rotate(first, second, turn)
    sum_valid((first, second), ~valid, buffers, out=buffers.sums[:2], window=window)
    return valid


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


def valid_samples(power_1: Floats, power_2: Floats, *phases: Floats) -> Booleans:
    """Return where both powers lie in POWER_RANGE, as no NaN, infinity or fill does, and the phase is finite."""
    low, high = POWER_RANGE
    valid: Booleans = (power_1 > low) & (power_1 < high) & (power_2 > low) & (power_2 < high)
    for phase in phases:
        valid &= np.isfinite(phase)
    return valid


def count_valid(valid: Booleans, buffers: Buffers, *, inner: tuple[slice, slice], window: Window) -> None:
    """Fill `buffers.looks` with the number of valid samples of each window: rows times columns where all are valid."""
    buffers.valid[inner] = valid
    scratch = buffers.scratch.view(np.int16)
    if not valid.all():
        box_sum(buffers.valid, scratch, buffers.looks, window=window)
        return
    spare = scratch.reshape(3, -1)
    row, column = buffers.valid[inner[0].start], buffers.valid[:, inner[1].start]
    in_row = doubling_sum(row, spare[2], window.x, 1, spare=spare[:2])
    in_column = doubling_sum(column, spare[2][row.size :], window.y, 1, spare=spare[:2])
    np.multiply.outer(in_column, in_row, out=buffers.looks[: in_column.size, : in_row.size])


def sum_valid(
    products: tuple[Floats, Floats], invalid: Booleans, buffers: Buffers, *, out: Floats, window: Window
) -> None:
    """Set invalid samples of `products`, the inner parts of `buffers.padded`, to 0 and sum over the box into `out`."""
    for product, padded, total in zip(products, buffers.padded, out, strict=True):
        if invalid.any():
            np.copyto(product, 0, where=invalid)
        box_sum(padded, buffers.scratch, total, window=window)


def box_sum(
    padded: npt.NDArray[Number], scratch: npt.NDArray[Number], out: npt.NDArray[Number], *, window: Window
) -> None:
    """Write into `out` the sum over the box that begins at each sample; boxes that wrap round a row are not used."""
    spare = scratch.reshape(3, -1)
    columns = doubling_sum(padded.reshape(-1), spare[2], window.y, padded.shape[1], spare=spare[:2])
    doubling_sum(columns, out.reshape(-1), window.x, 1, spare=spare[:2])


def doubling_sum(
    samples: npt.NDArray[Number], out: npt.NDArray[Number], count: int, step: int, *, spare: npt.NDArray[Number]
) -> npt.NDArray[Number]:
    """Sum `count` (odd, from 3) samples `step` apart from sums of 1, 2, 4, 8, ... of them: 21 is 1 + 4 + 16.

    Each sum is of its own window in one fixed order: no value reaches further, and a tile gives the bits of the whole.
    """
    partial, total, size, taken = samples, samples, 1, 1
    while 2 * size <= count:
        length = partial.size - size * step
        partial = np.add(partial[:length], partial[size * step :], out=spare[0][:length])
        spare, size = spare[::-1], 2 * size
        if count & size:
            length = samples.size - (taken + size - 1) * step
            total = np.add(total[:length], partial[taken * step :][:length], out=out[:length])
            taken += size
    return total


def magnitude(real: Floats, imag: Floats, power_1: Floats, power_2: Floats, *, out: Floats) -> None:
    """Write |real + j imag| / (sqrt(power_1) sqrt(power_2)) into `out`, without the margin; the sums are used up."""
    norm = np.sqrt(power_1, out=power_1)
    norm *= np.sqrt(power_2, out=power_2)
    for part in (real, imag):
        np.divide(part, norm, out=part)
        np.square(part, out=part)
    real += imag
    np.sqrt(real[:, : out.shape[1]], out=out)
    above = out > 1
    if above.any():
        np.copyto(out, 1, where=above & (out <= 1 + ROUNDING))


def remove_bias(gamma: Floats, looks: npt.NDArray[np.int16]) -> None:
    """Subtract (1 - gamma^2) / (2 N) in place; 0 where that is negative."""
    bias = (1 - np.square(gamma)) / (2 * np.maximum(looks, 1)).astype(np.float32)
    np.maximum(gamma - bias, 0, out=gamma)


def image(cube: xr.DataArray, day: np.datetime64, polarization: str, *, flatten: bool) -> Image:
    """Return the bands of the date, without a copy where they are float32."""
    names = [f"i_{polarization}", f"q_{polarization}"] + ["reference_phase"] * flatten
    date = cube.isel(t=utc_days(cube).index(day))
    return tuple(date.sel(bands=name).values.astype(np.float32, copy=False) for name in names)


def position(cube: xr.DataArray, names: tuple[str, str], day: np.datetime64, *, out: Floats) -> None:
    """Write the first of the bands `names` that exists, of the date, its gaps filled from the other dates in order."""
    planes = cube.sel(bands=next(name for name in names if name in cube["bands"].values)).values
    np.copyto(out, planes[utc_days(cube).index(day)])
    for plane in planes:
        missing = np.isnan(out)
        if not missing.any():
            return
        np.copyto(out, plane, where=missing)


def labelled(result: Floats, cube: xr.DataArray, *, names: list[str], day: np.datetime64) -> xr.DataArray:
    """Put date, band names, units and the coordinates of the cube to the result."""
    kept = {name: cube.coords[name] for name in ("y", "x", "spatial_ref") if name in cube.coords}
    coords = {"t": [day.astype("datetime64[ns]")], "bands": names, **kept}
    attrs = {**cube.attrs, "units": ["1"] * (len(names) - 2) + ["degree"] * 2}
    return xr.DataArray(result, coords, ("t", "bands", "y", "x"), attrs=attrs)


def labels(pairs: list[list[str]]) -> list[str]:
    """Return the band names of the result."""
    days = [[str(utc_day(date)).replace("-", "") for date in pair] for pair in pairs]
    return [*("_".join(["coherence", *pair]) for pair in days), "latitude", "longitude"]


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
    distinct = len(set(labels(pairs))) == len(pairs) + 2
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
    """Yield the rules for bands, numbers and switches."""
    bands = [str(name) for name in names_there]
    needed = [[f"{part}_{context['polarization']}"] for part in "iq"] + [["grid_lat", "latitude"]]
    for names in [*needed, ["grid_lon", "longitude"], *[["reference_phase"]] * (context["flatten"] is True)]:
        found = any(name in bands for name in names)
        yield found, f"bands must hold {' or '.join(names)}, instead got {bands}. Load it or change the options."
    for name in ("window_range", "window_azimuth"):
        size = context[name]
        good = type(size) is int and 3 <= size <= 65 and size % 2 == 1
        yield good, f"{name} must be an odd number of samples from 3 to 65, instead got {size!r}. Give an odd integer."
    for name in ("flatten", "bias_correction"):
        switch = context[name]
        yield type(switch) is bool, f"{name} must be true or false, instead got {switch!r}. Give a boolean."
    part = context["min_valid"]
    good = type(part) in {int, float} and 0 < part <= 1
    yield good, f"min_valid must be above 0 and at most 1, instead got {part!r}. Give the part of the window, as 0.25."

"""Azimuth misregistration of pairs of TOPS images, from the overlap of two successive bursts (enhanced spectral diversity).

**In**: the same ground in two successive bursts, coregistered samples of all dates on one radar grid, y azimuth and x slant
range: real and imaginary part `i_earlier`, `q_earlier` of the burst that is earlier in azimuth, `i_later`, `q_later` of the
later one, and `frequency_difference` (Hz), the instantaneous azimuth frequency in the earlier burst minus that in the later.

**Out**: one date, the earliest of all pairs; for each pair in the given order the float32 bands
`azimuth_offset_<primary>_<secondary>` (pixel, YYYYMMDD), to be added to `azimuth_shift` of the secondary before it is resampled
again (a secondary sampled 0.01 px too late gives -0.01), and `coherence_<primary>_<secondary>` (0 to 1).

**Method**: I = s1 conj(s2) in each burst, s1 the primary and s2 the secondary; D = I_earlier conj(I_later);
offset = arg(sum D) / (2 pi f dt), where the sum is over a box of `window_azimuth` rows by `window_range` columns, f is the
frequency difference at its centre (mean of both dates) and dt is `line_interval_s` (Scheiber and Moreira 2000,
doi:10.1109/36.868876; Prats-Iraola et al. 2012, doi:10.1109/TGRS.2011.2178247). Fringes of ground and baseline are the same in
both bursts, so that D is without them. Coherence is |sum D| / sum |D|: 1 where all phases agree, whatever the fringes and
amplitudes. In 5 x 15 samples of Sentinel-1 IW2 it predicts a phase noise of sqrt((1 - c^2) / (32 c^2)) rad above 0.6; at an
interferometric coherence of 0.9, 0.8, 0.6 it is about 0.89, 0.77, 0.51, and the offset of one box is known within 0.0018,
0.0029, 0.006 px; without any coherence it still is 0.17 on average, and above 0.4 in 1 % of the boxes.
A sample is invalid if one of its four values is not finite, 0 or of an amplitude outside of about 1e-15 to 1e17, or if
f dt is less than 1, so that the spectra of the two looks are not apart. Sums leave it out. The result is NaN where the centre
is invalid, fewer than a quarter of the box is valid (beyond the image border nothing is), or the coherence is below
`min_coherence`. Swapping the dates of a pair changes the sign of the offset and nothing else.

**Chunking**: x and y may be cut with an overlap of half a window or more (32 px serve windows up to 65) and the
border filled with NaN: tiles then equal the whole image bit for bit. A chunk needs all dates and bands.

**Not**: unambiguous only within half of 1 / (f dt), 0.051, 0.060, 0.058 px in Sentinel-1 IW1, IW2, IW3: a larger offset comes
out wrong by a multiple of 1 / (f dt), which the coherence does not show (orbits alone keep within 0.01 px). Motion along
azimuth and ionosphere are not told from misregistration. No estimate for the whole image (take the median over all boxes), no
resampling.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

SLC_BANDS = ("i_earlier", "q_earlier", "i_later", "q_later")
DIFFERENCE = "frequency_difference"
POWER_RANGE = (1e-30, 1e34)  # |s|^2 of a valid sample: float64 holds the sums of products of four of them
MIN_VALID = 0.25  # share of a box
ALL_DATES = "Call this function where a chunk holds all dates: apply_neighborhood without a size for t."

Floats = npt.NDArray[np.float64]
Float32s = npt.NDArray[np.float32]
Booleans = npt.NDArray[np.bool_]


def apply_datacube(cube: xr.DataArray, context: dict[str, Any]) -> xr.DataArray:
    """Return azimuth offsets and their coherence for the pairs, float32 (t, bands, y, x)."""
    check(cube_rules(cube), pair_rules(context["pairs"]), date_rules(cube, context["pairs"]))
    check(option_rules(cube["bands"].values, context))
    cube = cube.transpose("t", "bands", "y", "x")
    pairs = [(utc_day(primary), utc_day(secondary)) for primary, secondary in context["pairs"]]
    window = Window(context["window_azimuth"], context["window_range"])
    interval_s, min_coherence = context["line_interval_s"], context["min_coherence"]
    result = np.full((1, 2 * len(pairs), *cube.shape[2:]), np.nan, np.float32)
    for place, pair in enumerate(pairs):
        first, second = (date_of(cube, day) for day in pair)
        rows = known_rows(first, second)
        pixels_per_rad, valid = scale(first[:, rows], second[:, rows], interval_s)
        difference = double_difference(first[:, rows], second[:, rows], valid)
        out = result[0, 2 * place : 2 * place + 2, rows]
        offsets(difference, pixels_per_rad, valid, out, window=window, min_coherence=min_coherence)
    return labelled(result, cube, names=labels(context["pairs"]), day=min(min(pair) for pair in pairs))


def apply_metadata(metadata: Any, context: dict[str, Any]) -> Any:
    """Declare the band labels of the result; what can be known without the cube itself is checked here as well."""
    check(pair_rules(context["pairs"]), option_rules(metadata.band_names, context))
    return metadata.rename_labels(dimension="bands", target=labels(context["pairs"]))


class Window(NamedTuple):
    """Size of the box in samples, both odd."""

    y: int
    x: int


def known_rows(first: Float32s, second: Float32s) -> slice:
    """Return the rows from the first to the last one with a frequency: tiles are higher than an overlap."""
    rows = np.flatnonzero(np.isfinite(first[4]).any(axis=1) & np.isfinite(second[4]).any(axis=1))
    return slice(rows[0], rows[-1] + 1) if rows.size else slice(0, 0)


def scale(first: Float32s, second: Float32s, line_interval_s: float) -> tuple[Floats, Booleans]:
    """Return the pixels of one radian, 1 / (2 pi f dt), and the valid samples; dates are (bands, y, x)."""
    with np.errstate(all="ignore"):  # invalid samples may overflow before they are left out
        turns_per_line = (first[4].astype(np.float64) + second[4]) / 2 * line_interval_s
        valid: Booleans = np.isfinite(turns_per_line) & (np.abs(turns_per_line) >= 1)
        for date in (first, second):
            for i, q in (date[:2], date[2:4]):
                power = np.square(i, dtype=np.float64) + np.square(q, dtype=np.float64)
                valid &= (power > POWER_RANGE[0]) & (power < POWER_RANGE[1])
    return 1 / (2 * np.pi * np.where(valid, turns_per_line, 1)), valid


def double_difference(first: Float32s, second: Float32s, valid: Booleans) -> tuple[Floats, Floats]:
    """Return real and imaginary part of D = I_earlier conj(I_later), 0 where invalid; dates are (bands, y, x)."""
    primary, secondary = (np.where(valid, date[:4], 0).astype(np.float64) for date in (first, second))
    earlier = cross_product(primary[:2], secondary[:2])
    later = cross_product(primary[2:], secondary[2:])
    return cross_product(earlier, later)


def cross_product(a: tuple[Floats, Floats] | Floats, b: tuple[Floats, Floats] | Floats) -> tuple[Floats, Floats]:
    """Return real and imaginary part of a conj(b), each given by its parts; conjugating both conjugates bit for bit."""
    return a[0] * b[0] + a[1] * b[1], a[1] * b[0] - a[0] * b[1]


def offsets(
    difference: tuple[Floats, Floats],
    pixels_per_rad: Floats,
    valid: Booleans,
    out: Float32s,
    *,
    window: Window,
    min_coherence: float,
) -> None:
    """Write offset (px) and coherence of the box around each sample into `out` (2, y, x), NaN where they are not known."""
    real, imag = (box_sum(part, window) for part in difference)
    amplitude = box_sum(np.hypot(*difference), window)
    known = valid & (box_sum(valid.astype(np.float64), window) >= MIN_VALID * window.y * window.x)
    coherence = np.minimum(np.hypot(real, imag) / np.where(known, amplitude, 1), 1)
    known &= coherence >= min_coherence
    out[0] = np.where(known, np.arctan2(imag, real) * pixels_per_rad, np.nan)
    out[1] = np.where(known, coherence, np.nan)


def box_sum(values: Floats, window: Window) -> Floats:
    """Return the sum over the box around each sample, (y, x); what lies beyond the border is 0.

    Each sum is of its own window in one fixed order: no value reaches further, and a tile gives the bits of the whole.
    """
    padded = np.pad(values, ((window.y // 2,) * 2, (window.x // 2,) * 2))
    return doubling_sum(doubling_sum(padded, window.y).T, window.x).T


def doubling_sum(rows: Floats, count: int) -> Floats:
    """Sum `count` successive rows from each on by sums of 1, 2, 4, 8, ... of them: 21 is 1 + 4 + 16."""
    length = len(rows) - count + 1
    partial, size, taken = rows, 1, 0
    total = np.zeros((length, rows.shape[1]))
    while size <= count:
        if count & size:
            total += partial[taken : taken + length]
            taken += size
        partial, size = partial[:-size] + partial[size:], 2 * size
    return total


def date_of(cube: xr.DataArray, day: np.datetime64) -> Float32s:
    """Return the bands of a date, (bands, y, x), in the order of SLC_BANDS and DIFFERENCE."""
    date = cube.isel(t=utc_days(cube).index(day)).sel(bands=[*SLC_BANDS, DIFFERENCE])
    return date.values.astype(np.float32, copy=False)


def labelled(result: Float32s, cube: xr.DataArray, *, names: list[str], day: np.datetime64) -> xr.DataArray:
    """Put date, band names, units and the coordinates of the cube to the result."""
    kept = {name: cube.coords[name] for name in ("y", "x", "spatial_ref") if name in cube.coords}
    coords = {"t": [day.astype("datetime64[ns]")], "bands": names, **kept}
    attrs = {**cube.attrs, "units": ["pixel", "1"] * (len(names) // 2)}
    return xr.DataArray(result, coords, ("t", "bands", "y", "x"), attrs=attrs)


def labels(pairs: list[list[str]]) -> list[str]:
    """Return the band names of the result."""
    days = ["_".join(str(utc_day(date)).replace("-", "") for date in pair) for pair in pairs]
    return [f"{name}_{pair}" for pair in days for name in ("azimuth_offset", "coherence")]


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
    distinct = len(set(labels(pairs))) == 2 * len(pairs)
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
    """Yield the rules for bands and numbers."""
    bands = [str(name) for name in names_there]
    for name in (*SLC_BANDS, DIFFERENCE):
        yield (
            name in bands,
            f"bands must hold {name}, instead got {bands}. Put the overlap of two bursts together first.",
        )
    for name in ("window_range", "window_azimuth"):
        size = context[name]
        good = type(size) is int and 3 <= size <= 65 and size % 2 == 1
        yield good, f"{name} must be an odd number of samples from 3 to 65, instead got {size!r}. Give an odd integer."
    interval = context["line_interval_s"]
    good = type(interval) is float and 0 < interval < 1
    yield good, f"line_interval_s must be above 0 and below 1 s, instead got {interval!r}. Take it from the STAC item."
    least = context["min_coherence"]
    good = type(least) in {int, float} and 0 <= least < 1
    yield good, f"min_coherence must be at least 0 and below 1, instead got {least!r}. Give a number, as 0.4."

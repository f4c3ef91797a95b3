"""Multilooked coherence of interferograms, and their complex values filtered by the power of their local spectrum.

**In**: one date with, for each pair, means over cells of products of two SLC images: `i_<primary>_<secondary>`, `q_...`
(interferogram), `intensity_primary_...`, `intensity_secondary_...`, each the sum over the valid samples of the cell divided
by the number of its samples, and `valid_...`, the share of them that is valid. Other bands are left out.

**Out**: for each pair in the given order the float32 bands `coherence_<primary>_<secondary>` (0 to 1), `i_...`, `q_...` (mean
over the valid samples of a cell, unit of the input) and `i_filtered_...`, `q_filtered_...` (unit of the input).

**Method**: gamma = |sum I| / (sqrt(sum |s1|^2) sqrt(sum |s2|^2)), the sums over the valid samples of `coherence_window` x
`coherence_window` cells (Touzi et al. 1999, doi:10.1109/36.739146). A cell is NaN where fewer than the part `min_valid` of
its samples is valid; the coherence also where fewer than this part of the window is, beyond the image border all is missing.
Filter (Goldstein and Werner 1998, doi:10.1029/1998GL900033): in patches of `filter_patch` cells, Z their spectrum, Z is
multiplied by (S / max S)^alpha, S = |Z| smoothed over 3 x 3 frequencies. Patches overlap by the share `filter_overlap` and
are put together by weights sin^2 along x and y that sum to 1. They begin at index 0 and at each multiple of
patch (1 - overlap) before and behind it. NaN enters as 0 and stays NaN. `filter_alpha` 0 returns i and q bit for bit.
A pair whose primary is the later date is filtered as its conjugate: swapping the dates conjugates bit for bit.

**Chunking**: x and y may be cut at multiples of 64 with an overlap of 64 and the border filled with NaN: tiles then equal
the whole image bit for bit. Half a `coherence_window` must not be larger than 64.

**Not**: no phase (a wrapped one cannot be geocoded), no unwrapping, no weights by coherence. A cell that is cut off by the
image border counts as much as a whole one in the coherence. The amplitude after the filter has no meaning of its own.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.fft
import xarray as xr

NEEDED = ("i", "q", "intensity_primary", "intensity_secondary", "valid")
QUANTITIES = ("coherence", "i", "q", "i_filtered", "q_filtered")
PATCHES = (16, 32, 64)
ANCHOR = 64  # tiles begin at multiples of it, so that patches begin at the same cells in all of them
OVERLAPS = (0.5, 0.75, 0.875)
LARGEST_WINDOW = 129  # half of it is the overlap of the chunks
ROUNDING = 1e-6  # excess over 1 that float32 rounding explains

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Complexes = npt.NDArray[np.complex64]
Booleans = npt.NDArray[np.bool_]


def apply_datacube(cube: xr.DataArray, context: dict[str, Any]) -> xr.DataArray:
    """Return coherence, mean and filtered interferogram of the pairs, float32 (t, bands, y, x)."""
    check(cube_rules(cube), option_rules(cube["bands"].values, context))
    cube = cube.transpose("t", "bands", "y", "x")
    choice = Filter(context["filter_alpha"], context["filter_patch"], context["filter_overlap"])
    window, min_valid = context["coherence_window"], context["min_valid"]
    result = np.full((1, len(QUANTITIES) * len(context["pairs"]), *cube.shape[2:]), np.nan, np.float32)
    for number, pair in enumerate(context["pairs"]):
        found = result[0, len(QUANTITIES) * number :][: len(QUANTITIES)]
        means = cube.isel(t=0).sel(bands=[f"{name}_{suffix(pair)}" for name in NEEDED]).values
        coherence(means, window=window, min_valid=min_valid, out=found[0])
        mean_of_valid(means, min_valid=min_valid, out=found[1:3])
        filtered(found[1:3], choice, conjugated=bool(utc_day(pair[0]) > utc_day(pair[1])), out=found[3:])
    return labelled(result, cube, names=labels(context["pairs"]))


def apply_metadata(metadata: Any, context: dict[str, Any]) -> Any:
    """Declare the band labels of the result; what can be known without the cube itself is checked here as well."""
    check(option_rules(metadata.band_names, context))
    return metadata.rename_labels(dimension="bands", target=labels(context["pairs"]))


class Filter(NamedTuple):
    """Exponent, edge of a patch in cells, and the share of it that the next patch covers as well."""

    alpha: float
    patch: int
    overlap: float

    @property
    def stride(self) -> int:
        """Cells from one patch to the next."""
        return round(self.patch * (1 - self.overlap))


def coherence(means: Floats, *, window: int, min_valid: float, out: Floats) -> None:
    """Write the coherence magnitude, 0 to 1 or NaN, of `means` (5, y, x) into `out` (y, x)."""
    real, imag, power_1, power_2, valid = (box_sum(band, window) for band in means)
    with np.errstate(all="ignore"):
        gamma = np.hypot(real, imag) / (np.sqrt(power_1) * np.sqrt(power_2))
    gamma[(gamma > 1) & (gamma <= 1 + ROUNDING)] = 1
    enough = (valid >= min_valid * window**2 - ROUNDING) & valid_cells(means[4], min_valid)
    np.copyto(out, gamma, where=enough)


def box_sum(band: Floats, window: int) -> Doubles:
    """Return the sum over `window` x `window` cells about each cell, NaN and what lies beyond the border as 0.

    Each sum is of its own window in one fixed order: a tile gives the bits of the whole.
    """
    padded = np.pad(np.nan_to_num(band.astype(np.float64)), window // 2)
    rows, columns = band.shape
    across = sum_of(padded[:, k : k + columns] for k in range(window))
    return sum_of(across[k : k + rows] for k in range(window))


def sum_of(parts: Iterable[Doubles]) -> Doubles:
    """Return the sum of arrays of one shape, in their order."""
    first, *others = parts
    total = first.copy()
    for part in others:
        total += part
    return total


def valid_cells(valid: Floats, min_valid: float) -> Booleans:
    """Return the cells of which enough samples are valid."""
    with np.errstate(invalid="ignore"):
        return (valid > 0) & (valid >= np.float32(min_valid - ROUNDING))


def mean_of_valid(means: Floats, *, min_valid: float, out: Floats) -> None:
    """Write real and imaginary part of the mean over the valid samples into `out` (2, y, x), which is NaN before."""
    good = valid_cells(means[4], min_valid)
    for band, mean in zip(means, out, strict=False):
        np.divide(band, means[4], out=mean, where=good)


def filtered(mean: Floats, choice: Filter, *, conjugated: bool, out: Floats) -> None:
    """Write real and imaginary part of the filtered interferogram into `out` (2, y, x), NaN where `mean` is."""
    if choice.alpha == 0:
        np.copyto(out, mean)
        return
    sign = np.float32(-1 if conjugated else 1)
    invalid = np.isnan(mean[0]) | np.isnan(mean[1])
    values = np.zeros(mean.shape[1:], np.complex64)
    values.real, values.imag = mean[0], sign * mean[1]
    values[invalid] = 0
    smooth = goldstein(values, choice)
    np.copyto(out, [smooth.real, sign * smooth.imag])
    np.copyto(out, np.nan, where=invalid)


def goldstein(values: Complexes, choice: Filter) -> Complexes:
    """Return the filtered image (y, x): the weighted sum of all patches that touch it, one row of patches at a time."""
    patch, stride = choice.patch, choice.stride
    margin = patch - stride
    rows, columns = (margin + -(-size // stride) * stride + margin for size in values.shape)
    padded = np.zeros((rows, columns), np.complex64)
    inner = np.s_[margin : margin + values.shape[0], margin : margin + values.shape[1]]
    padded[inner] = values
    result = np.zeros_like(padded)
    window = weights(patch, stride)
    for top in range(0, rows - patch + 1, stride):
        strip = np.lib.stride_tricks.sliding_window_view(padded[top : top + patch], patch, axis=1)[:, ::stride]
        patches = strip.transpose(1, 0, 2)
        used = np.flatnonzero(patches.any(axis=(1, 2)))
        for number, smooth in zip(used, weighted(patches[used], choice.alpha) * window, strict=True):
            result[top : top + patch, number * stride : number * stride + patch] += smooth
    return result[inner]


def weighted(patches: Complexes, alpha: float) -> Complexes:
    """Return patches (n, y, x), none of them empty, whose spectrum is multiplied by (S / max S)^alpha."""
    spectrum = scipy.fft.fft2(patches)
    strength = np.abs(spectrum)
    for axis in (1, 2):
        strength = strength + np.roll(strength, 1, axis) + np.roll(strength, -1, axis)
    strength /= strength.max(axis=(1, 2), keepdims=True)
    spectrum *= strength ** np.float32(alpha)
    result: Complexes = scipy.fft.ifft2(spectrum, overwrite_x=True)
    return result


def weights(patch: int, stride: int) -> Floats:
    """Return weights (y, x) of a patch; those of all patches that cover a cell sum to 1."""
    line = np.sin(np.pi * (np.arange(patch) + 0.5) / patch) ** 2 * 2 * stride / patch
    return np.outer(line, line).astype(np.float32)


def labelled(result: Floats, cube: xr.DataArray, *, names: list[str]) -> xr.DataArray:
    """Put band names, units and the coordinates of the cube to the result."""
    kept = {name: cube.coords[name] for name in ("t", "y", "x", "spatial_ref") if name in cube.coords}
    units = ["1" if name.startswith("coherence_") else "" for name in names]
    dims = ("t", "bands", "y", "x")
    return xr.DataArray(result, {**kept, "bands": names}, dims, attrs={**cube.attrs, "units": units})


def labels(pairs: list[list[str]]) -> list[str]:
    """Return the band names of the result."""
    return [f"{name}_{suffix(pair)}" for pair in pairs for name in QUANTITIES]


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
    do = "Call this function on the averaged products of slc_interferogram."
    yield dims == ["bands", "t", "x", "y"], f"cube must have dimensions t, bands, y, x, instead got {dims}. {do}"
    yield cube.sizes["t"] == 1, f"cube must have one date on t, instead got {cube.sizes['t']}. {do}"


def option_rules(names_there: Iterable[Any], context: dict[str, Any]) -> Iterator[tuple[bool, str]]:
    """Yield the rules for bands and numbers."""
    bands = [str(name) for name in names_there]
    for name in (f"{name}_{suffix(pair)}" for pair in context["pairs"] for name in NEEDED):
        found = name in bands
        yield found, f"bands must hold {name}, instead got {bands}. Average the products of slc_interferogram."
    alpha, patch, overlap = context["filter_alpha"], context["filter_patch"], context["filter_overlap"]
    good = type(alpha) in {int, float} and 0 <= alpha <= 1
    yield good, f"filter_alpha must be from 0 to 1, instead got {alpha!r}. Give 0 for no filter, as 0.5 else."
    yield patch in PATCHES, f"filter_patch must be one of {PATCHES}, instead got {patch!r}. Give one of them."
    yield overlap in OVERLAPS, f"filter_overlap must be one of {OVERLAPS}, instead got {overlap!r}. Give one of them."
    size, part = context["coherence_window"], context["min_valid"]
    good = type(size) is int and 1 <= size <= LARGEST_WINDOW and size % 2 == 1
    yield good, f"coherence_window must be odd, from 1 to {LARGEST_WINDOW}, instead got {size!r}. Give an odd integer."
    good = type(part) in {int, float} and 0 < part <= 1
    yield good, f"min_valid must be above 0 and at most 1, instead got {part!r}. Give the part of the samples, as 0.25."

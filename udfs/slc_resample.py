"""Complex SLC images resampled by shift bands, their carrier taken off before and put back at the new place.

**In**: of one date on the grid of the stack primary: real and imaginary part `i_<POL>`, `q_<POL>` (DN or as calibrated) of each
polarisation, `azimuth_shift`, `range_shift` (px, at most 8: source index minus target index); with `carrier` also
`deramp_phase` (rad, at the source sample) and `reramp_phase` (rad, at the target); `phase_band` (rad) if one is named.

**Out**: `i_<POL>`, `q_<POL>` (float32, unit of the input), polarisation by polarisation.

**Method**: out(l, s) = exp(-j reramp_phase(l, s)) f(l + azimuth_shift, s + range_shift), times exp(+j phase_band(l, s)) where
asked. f is z exp(+j deramp_phase) (ESA COPE-GSEG-EOPG-TN-14-0025), interpolated by a separable sinc under a Kaiser window: 8
taps with beta 4, 12 with 5, 16 with 6, the weights divided by their sum, from a table of 8192 phases, the nearest (6e-5 px).
Integer and fraction come from the shift alone. A shift of whole samples along an axis touches no neighbour on it; where both
are whole, the sample is turned by the sum of its phases, and copied bit for bit where that is 0.
A sample that is not finite is invalid, and so is i = q = 0, unless `zeros_valid`. The result is NaN where the kernel touches an
invalid sample or leaves the chunk, and where a shift or phase is not finite.
One pass along range and one along azimuth where the range shift changes by less than 1e-3 px from line to line (1 - coherence
with the double sum below 1e-6), elsewhere the double sum. Compiled by numba where there is one, the same bit for bit without.

**Chunking**: x and y may be cut with an overlap of 16 px (8 of the shift, 8 of the kernel) and the border filled with NaN:
tiles equal the whole image bit for bit. One date at a time.

**Not**: no estimate of shifts, no integer placement (the driver's), no calibration, no removal of the reference phase.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import pairwise
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

try:
    import numba
except ImportError:  # a back-end may lack it
    WITH_NUMBA = False
else:
    WITH_NUMBA = True

KAISER_BETA = {8: 4.0, 12: 5.0, 16: 6.0}  # by taps: near the least error in IW2; for 16 taps IW1 alone would have 3.5
BITS = 13
PHASES = 1 << BITS  # of the table of weights, and units per px of a quantised shift
MAX_SHIFT_PX = 8
HALO = 16  # MAX_SHIFT_PX and half of the longest kernel
TILE = 512  # px of a side: what one part needs stays in the cache
ROWS, PLACES = 64, 4096  # of a block in numpy
KEPT_BYTES = 24 << 20  # more than a tile needs at once
MAX_RANGE_STEP, MAX_AZIMUTH_STEP = 8, 256  # change of a shift from line to line in 1 / PHASES px, for two passes
NO_SHIFT = 1 << 20  # stands for a shift that is not finite: no neighbour comes near it
NOTHING, TWO_PASSES, DOUBLE_SUM, WHOLE = range(4)
POLARIZATIONS = ("VV", "VH", "HH", "HV")

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int32]
Kinds = npt.NDArray[np.int8]


def apply_datacube(cube: xr.DataArray, context: dict[str, Any]) -> xr.DataArray:
    """Return the resampled bands i, q of each polarisation, float32 (bands, y, x)."""
    check(cube_rules(cube), option_rules(cube["bands"].values, context))
    cube = cube.transpose("bands", "y", "x")
    names = labels(context["polarization"])
    planes = np.stack([band(cube, name) for name in names])
    shifts = band(cube, "azimuth_shift"), band(cube, "range_shift")
    check(shift_rules(shifts))
    before = band(cube, "deramp_phase") if context["carrier"] else None
    after = [-band(cube, "reramp_phase")] if context["carrier"] else []
    after += [band(cube, context["phase_band"])] if context["phase_band"] is not None else []
    phases = before, total(*after) if after else None
    result = resample(planes, shifts, *phases, taps=context["taps"], zeros_valid=context["zeros_valid"])
    return labelled(result, cube, names)


def apply_metadata(metadata: Any, context: dict[str, Any]) -> Any:
    """Declare the band labels of the result; what can be known without the cube itself is checked here as well."""
    check(option_rules(metadata.band_names, context))
    return metadata.rename_labels(dimension="bands", target=labels(context["polarization"]))


class Moves(NamedTuple):
    """How each sample (y, x) is made: shifts in 1 / PHASES px, and NOTHING, TWO_PASSES, DOUBLE_SUM or WHOLE."""

    azimuth: Integers
    across: Integers
    kind: Kinds


def resample(
    planes: Floats,
    shifts: tuple[Floats, Floats],
    before: Floats | None,
    after: Floats | None,
    *,
    taps: int,
    zeros_valid: bool = False,
) -> Floats:
    """Return planes (2 n, y, x), real and imaginary part in turn, float32, NaN where the kernel touches what is invalid.

    `shifts`: azimuth and range in px; `before` and `after`: phases in rad added at the source and at the target.
    """
    if not (np.any(shifts[0]) or np.any(shifts[1]) or np.any(total(before, after))):
        return planes.copy()
    np.empty(
        KEPT_BYTES, np.uint8
    )  # glibc then keeps what tiles free; else each pays for its pages anew: a third of the time
    out = np.empty_like(planes)
    for outer, inner, core in tiles(planes.shape[1], planes.shape[2]):
        azimuth, across = (shift[outer] for shift in shifts)
        phases = [None if phase is None else phase[outer] for phase in (before, after)]
        part = resample_tile(
            planes[:, *outer], azimuth, across, *phases, inner=inner, taps=taps, zeros_valid=zeros_valid
        )
        out[:, *core] = part[:, *inner]
    return out


def tiles(height: int, width: int) -> Iterator[tuple[tuple[slice, slice], ...]]:
    """Yield tiles with their halo, where their core is in these, and where it is in the image."""
    for y, x in ((y, x) for y in cuts(height) for x in cuts(width)):
        yield tuple(zip(y, x, strict=True))


def cuts(length: int) -> list[tuple[slice, slice, slice]]:
    """Return the parts of an axis: with halo, core within that, core; what an executor hands over is one part."""
    step = length if length <= TILE + 2 * HALO else TILE
    starts = [(start, max(start - HALO, 0), min(start + step, length)) for start in range(0, length, max(step, 1))]
    return [(slice(low, stop + HALO), slice(at - low, stop - low), slice(at, stop)) for at, low, stop in starts]


def resample_tile(
    planes: Floats,
    azimuth: Floats,
    across: Floats,
    before: Floats | None,
    after: Floats | None,
    *,
    inner: tuple[slice, slice],
    taps: int,
    zeros_valid: bool,
) -> Floats:
    """Return `resample` of a part of an image, only its samples `inner`; NaN elsewhere."""
    moves = planned(azimuth, across, inner=inner, half=taps // 2)
    out = np.full(planes.shape, np.nan, np.float32)
    with np.errstate(all="ignore"):  # what is invalid may be infinite
        if ((moves.kind == TWO_PASSES) | (moves.kind == DOUBLE_SUM)).any():
            padded = np.full((len(planes), *(n + 2 * HALO for n in planes.shape[1:])), np.nan, np.float32)
            image = padded[:, HALO:-HALO, HALO:-HALO]
            image[:] = planes
            clean(image, zeros_valid=zeros_valid)
            rotate(image, before)
            interpolate(padded, moves, taps=taps, out=out)
            rotate(out, after)
        move_whole(planes, moves, before, after, zeros_valid=zeros_valid, out=out)
    return out


def planned(azimuth: Floats, across: Floats, *, inner: tuple[slice, slice], half: int) -> Moves:
    """Quantise the shifts and tell how each sample of `inner` is made.

    Two passes need that both touch the same samples: between the target and the ends of the kernel there must be no row where
    a shift changes too much or becomes NaN, or the range shift comes to other samples. These are rows of the halo in any tile.
    """
    along, over, kind = (np.empty(azimuth.shape, dtype) for dtype in (np.int32, np.int32, np.int8))
    plan = compiled(compile_plan) if WITH_NUMBA else plan_numpy
    plan(np.ascontiguousarray(azimuth), np.ascontiguousarray(across), half, along, over, kind)
    wanted = np.zeros_like(kind)
    wanted[inner] = kind[inner]
    return Moves(along, over, wanted)


def move_whole(
    planes: Floats, moves: Moves, before: Floats | None, after: Floats | None, *, zeros_valid: bool, out: Floats
) -> None:
    """Fill in the samples shifted by whole samples: turned by the sum of their phases, bit for bit where that is 0."""
    whole = moves.kind == WHOLE
    if not whole.any():
        return
    still = whole & ((moves.azimuth | moves.across) == 0) & (total(before, after) == 0)
    np.copyto(out, planes, where=still)
    target = np.nonzero(whole & ~still)
    source = tuple(i + (q[target] >> BITS) for i, q in zip(target, moves[:2], strict=True))
    inside = np.logical_and(*((i >= 0) & (i < n) for i, n in zip(source, moves.kind.shape, strict=True)))
    source, target = (tuple(i[inside] for i in place) for place in (source, target))
    values = np.stack([plane[source] for plane in planes])
    phases = [None if phase is None else phase[at] for phase, at in ((before, source), (after, target))]
    phase = np.broadcast_to(total(*phases), values.shape[1:])
    turned = values[:, None].copy()
    clean(turned, zeros_valid=zeros_valid)
    rotate(turned, phase[None])
    for plane, value in zip(out, np.where(phase == 0, values, turned[:, 0]), strict=True):
        plane[target] = value


def total(*phases: Floats | None) -> Floats:
    """Return the sum of phases, where None is 0."""
    given = [phase for phase in phases if phase is not None]
    with np.errstate(invalid="ignore"):  # of two that are infinite
        return sum(given, start=np.zeros((), np.float32))


def clean(planes: Floats, *, zeros_valid: bool) -> None:
    """Put NaN into both parts of the samples that are not finite or, unless they are valid, i = q = 0."""
    for real, imag in zip(planes[::2], planes[1::2], strict=True):
        invalid = ~(np.isfinite(real) & np.isfinite(imag))
        if not zeros_valid:
            invalid |= (real == 0) & (imag == 0)
        if invalid.any():
            real[invalid] = imag[invalid] = np.nan


@lru_cache
def weights(taps: int) -> Floats:
    """Table (PHASES, taps) of the weights of the samples from 1 - taps/2 to taps/2 around the whole part of a shift."""
    half, fraction = taps // 2, np.arange(PHASES)[:, None] / PHASES
    distance = np.arange(1 - half, half + 1) - fraction
    window = np.i0(KAISER_BETA[taps] * np.sqrt(np.maximum(1 - (distance / half) ** 2, 0)))
    table = np.sinc(distance) * window
    table[0] = distance[0] == 0
    return np.asarray(table / table.sum(axis=1, keepdims=True), np.float32)


def rotate(planes: Floats, phase: Floats | None) -> None:
    """Multiply planes (2 n, y, x) in place by exp(+j phase), where None is 0."""
    if phase is None:
        return
    for top in range(0, len(phase), ROWS):
        block = slice(top, top + ROWS)
        cosine, sine = np.cos(phase[block]), np.sin(phase[block])
        for real, imag in zip(planes[::2, block], planes[1::2, block], strict=True):
            turned = real * sine + imag * cosine
            np.subtract(real * cosine, imag * sine, out=real)
            imag[:] = turned


def interpolate(padded: Floats, moves: Moves, *, taps: int, out: Floats) -> None:
    """Write the padded planes (2 n, y + 2 HALO, x + 2 HALO) at the shifted places into `out` (2 n, y, x) where kind says so."""
    (compiled(compile_interpolation, taps) if WITH_NUMBA else interpolate_numpy)(padded, *moves, weights(taps), out)


# Without numba


def plan_numpy(azimuth: Floats, across: Floats, half: int, along: Integers, over: Integers, kind: Kinds) -> None:
    """Write the quantised shifts into `along` and `over`, and how `planned` has each sample made into `kind`."""
    valid = np.isfinite(azimuth) & np.isfinite(across)
    for shift, out in ((azimuth, along), (across, over)):
        np.copyto(out, np.where(valid, np.rint(shift * np.float32(PHASES)), np.float32(NO_SHIFT)), casting="unsafe")
    rows, width = np.arange(len(along), dtype=np.int32)[:, None], along.shape[1]
    whole, last_rough = along >> BITS, np.zeros(along.shape, np.int32)
    np.copyto(last_rough[1:], rows[1:], where=rough(along, over))
    for before, row in pairwise(last_rough):  # five times as fast as maximum.accumulate
        np.maximum(before, row, out=row)
    low = np.minimum(whole + (1 - half), -half) + rows
    high = np.maximum(whole + half, half) + rows
    at = np.arange(width) + width * high.astype(np.intp)
    smooth = (last_rough.take(at, mode="clip") <= low) & (low >= 0) & (high < len(along))
    np.copyto(kind, np.where(smooth, np.int8(TWO_PASSES), np.int8(DOUBLE_SUM)))
    kind[(along | over) & (PHASES - 1) == 0] = WHOLE
    kind[~valid] = NOTHING


def rough(along: Integers, over: Integers) -> npt.NDArray[np.bool_]:
    """Return where (y - 1, x) two passes would go wrong between a row and the one before."""
    touched = (over >> BITS) + ((over + (PHASES - 1)) >> BITS)
    found: npt.NDArray[np.bool_] = touched[1:] != touched[:-1]
    for quantity, most in ((over, MAX_RANGE_STEP), (along, MAX_AZIMUTH_STEP)):
        change = quantity[1:] - quantity[:-1]
        found |= np.abs(change, out=change) > most
    return found


def interpolate_numpy(
    padded: Floats,
    azimuth: Integers,
    across: Integers,
    kind: Kinds,
    table: Floats,
    out: Floats,
) -> None:
    """Write what `interpolate` returns into `out`, which is NaN."""
    (height, width), by_tap = kind.shape, table.T.copy()
    line = np.arange(height)[:, None] - ((azimuth + PHASES // 2) >> BITS)
    near = np.take_along_axis(across, line.clip(0, height - 1), axis=0)
    ranged = np.full((len(padded), height + 2 * HALO, width), np.nan, np.float32)
    weigh(padded[:, HALO:-HALO], near, by_tap, (0, 1), out=ranged[:, HALO:-HALO])
    weigh(ranged, np.where(kind == TWO_PASSES, azimuth, NO_SHIFT), by_tap, (1, 0), out=out)
    rows, columns = np.nonzero(kind == DOUBLE_SUM)
    for start in range(0, rows.size, PLACES):
        place = rows[start : start + PLACES], columns[start : start + PLACES]
        out[:, *place] = double_sum(padded, place, azimuth[place], across[place], by_tap)


def weigh(source: Floats, moved: Integers, table: Floats, axis: tuple[int, int], *, out: Floats) -> None:
    """Interpolate along one axis, (1, 0) or (0, 1), on which `source` has a margin of HALO; one whole part after the other."""
    width = moved.shape[1]
    for top in range(0, len(moved), ROWS):
        block = moved[top : top + ROWS]
        whole, phase = block >> BITS, (block & (PHASES - 1)).astype(np.intp)
        known = whole[block != NO_SHIFT]
        for shift in range(known.min(), known.max() + 1) if known.size else ():
            here = whole == shift
            if not here.any():
                continue
            first = HALO + shift + 1 - len(table) // 2
            y, x = top + first * axis[0], first * axis[1]
            views = [
                source[:, y + k * axis[0] :, x + k * axis[1] :][:, : len(block), :width] for k in range(len(table))
            ]
            np.copyto(out[:, top : top + ROWS], weighted(views, phase, table), where=here)


def weighted(views: list[Floats], phase: npt.NDArray[np.intp], table: Floats) -> Floats:
    """Return the sum of the views (2 n, y, x), each times its weight of the phase; the one in the middle where phase is 0."""
    sums = np.zeros(views[0].shape, np.float32)
    weight, product = np.empty(phase.shape, np.float32), np.empty(phase.shape, np.float32)
    for row, view in zip(table, views, strict=True):
        row.take(phase, out=weight, mode="clip")
        for one_sum, plane in zip(sums, view, strict=True):
            np.add(one_sum, np.multiply(plane, weight, out=product), out=one_sum)
    np.copyto(sums, views[len(views) // 2 - 1], where=phase == 0)
    return sums


def double_sum(
    padded: Floats, place: tuple[npt.NDArray[np.intp], ...], azimuth: Integers, across: Integers, table: Floats
) -> Floats:
    """Return the samples (2 n, number) at `place` by the sum over both axes; a weight of 0 touches nothing."""
    flat, width = padded.reshape(len(padded), -1), padded.shape[2]
    (rows, along), (columns, over) = (touched(*one, table) for one in zip(place, (azimuth, across), strict=True))
    rows *= width
    corners = flat.take(rows[0] + columns[0], axis=1) + flat.take(rows[-1] + columns[-1], axis=1)
    sums = np.full(corners.shape, np.nan, np.float32)
    known = np.flatnonzero(~np.isnan(corners).all(axis=0))  # the others leave the image
    rows, columns, along, over = rows[:, known], columns[:, known], along[:, known], over[:, known]
    found = np.zeros((len(padded), known.size), np.float32)
    for row, one_along in zip(rows, along, strict=True):
        of_row = np.zeros_like(found)
        for column, one_over in zip(columns, over, strict=True):
            of_row += one_over * flat.take(row + column, axis=1)
        found += one_along * of_row
    sums[:, known] = found
    return sums


def touched(place: npt.NDArray[np.intp], shift: Integers, table: Floats) -> tuple[npt.NDArray[np.intp], Floats]:
    """Return indices in the padded axis and weights, (taps, number); where a weight is 0, the index of the one that is 1."""
    half, phase = len(table) // 2, shift & (PHASES - 1)
    tap = np.where(phase == 0, half - 1, np.arange(len(table))[:, None])
    return place + HALO + (shift >> BITS) + 1 - half + tap, table[:, phase]


# With numba


COMPILING = Lock()


SETTINGS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
# No fastmath: each sample is the same sum in the same order wherever it stands in a loop, and as numpy rounds it.


def compiled(maker: Callable[..., Any], *arguments: int) -> Any:
    """Return what `maker` compiles, once per process even where several threads come first."""
    with COMPILING:
        return maker(*arguments)


@lru_cache
def compile_plan() -> Any:
    """Compile what `plan_numpy` does."""
    image, integers = numba.types.Array(numba.float32, 2, "C", readonly=True), numba.int32[:, ::1]
    types = image, image, numba.int64, integers, integers, numba.int8[:, ::1]
    return numba.njit([numba.void(*types)], **SETTINGS)(plan_loops)


@lru_cache
def compile_interpolation(taps: int) -> Any:
    """Compile what `interpolate_numpy` does; the number of taps becomes a constant, by which loops are unrolled."""
    passes = [numba.njit(inline="always", **SETTINGS)(loops) for loops in (range_pass, azimuth_pass, double_sums)]
    along_range, along_azimuth, over_both = passes

    def interpolate_loops(
        padded: Floats, azimuth: Integers, across: Integers, kind: Kinds, table: Floats, out: Floats
    ) -> None:
        ranged = np.full((len(padded), kind.shape[0] + 2 * HALO, kind.shape[1]), np.float32(np.nan))
        along_range(padded, azimuth, across, table, ranged, taps)
        along_azimuth(ranged, azimuth, kind, table, out, taps)
        over_both(padded, azimuth, across, kind, table, out, taps)

    integers, planes = numba.int32[:, ::1], numba.float32[:, :, ::1]
    types = planes, integers, integers, numba.int8[:, ::1], numba.float32[:, ::1], planes
    return numba.njit([numba.void(*types)], **SETTINGS)(interpolate_loops)


def plan_loops(azimuth: Floats, across: Floats, half: int, along: Integers, over: Integers, kind: Kinds) -> None:
    """Do what `plan_numpy` does."""
    height, width = azimuth.shape
    last_rough = np.zeros((height, width), np.int32)
    for y in range(height):
        for x in range(width):
            valid = np.isfinite(azimuth[y, x]) and np.isfinite(across[y, x])
            along[y, x] = np.rint(azimuth[y, x] * np.float32(PHASES)) if valid else NO_SHIFT
            over[y, x] = np.rint(across[y, x] * np.float32(PHASES)) if valid else NO_SHIFT
    for y in range(1, height):
        for x in range(width):
            now, then = over[y, x], over[y - 1, x]
            rough = abs(now - then) > MAX_RANGE_STEP or abs(along[y, x] - along[y - 1, x]) > MAX_AZIMUTH_STEP
            rough |= now >> BITS != then >> BITS or (now + PHASES - 1) >> BITS != (then + PHASES - 1) >> BITS
            last_rough[y, x] = y if rough else last_rough[y - 1, x]
    for y in range(height):
        for x in range(width):
            whole = along[y, x] >> BITS
            low, high = y + min(whole + 1 - half, -half), y + max(whole + half, half)
            smooth = low >= 0 and high < height and last_rough[min(high, height - 1), x] <= low
            kind[y, x] = TWO_PASSES if smooth else DOUBLE_SUM
            if (along[y, x] | over[y, x]) & (PHASES - 1) == 0:
                kind[y, x] = NOTHING if along[y, x] == NO_SHIFT else WHOLE


def range_pass(padded: Floats, azimuth: Integers, across: Integers, table: Floats, ranged: Floats, taps: int) -> None:
    """Interpolate every source row along range, by the shift of the line that it is the nearest source of."""
    height, width = azimuth.shape
    first = HALO + 1 - taps // 2
    for y in range(height):
        for x in range(width):
            line = min(max(y - ((azimuth[y, x] + PHASES // 2) >> BITS), 0), height - 1)
            column, phase = x + (across[line, x] >> BITS), across[line, x] & (PHASES - 1)
            if column < 0 or column >= width:
                continue
            for plane in range(0, len(padded), 2):
                real, imag = np.float32(0), np.float32(0)
                if phase == 0:
                    real, imag = padded[plane, y + HALO, column + HALO], padded[plane + 1, y + HALO, column + HALO]
                else:
                    for k in range(taps):
                        real += table[phase, k] * padded[plane, y + HALO, column + first + k]
                        imag += table[phase, k] * padded[plane + 1, y + HALO, column + first + k]
                ranged[plane, y + HALO, x], ranged[plane + 1, y + HALO, x] = real, imag


def azimuth_pass(ranged: Floats, azimuth: Integers, kind: Kinds, table: Floats, out: Floats, taps: int) -> None:
    """Interpolate along azimuth, one run of samples with the same shift after the other."""
    height, width = azimuth.shape
    for y in range(height):
        stop = 0
        while stop < width:
            start, moved = stop, azimuth[y, stop]
            stop += 1
            if kind[y, start] != TWO_PASSES:
                continue
            while stop < width and azimuth[y, stop] == moved and kind[y, stop] == TWO_PASSES:
                stop += 1
            row, phase = y + HALO + (moved >> BITS), moved & (PHASES - 1)
            for plane in range(0, len(ranged), 2):
                if phase == 0:
                    for x in range(start, stop):
                        out[plane, y, x], out[plane + 1, y, x] = ranged[plane, row, x], ranged[plane + 1, row, x]
                    continue
                for x in range(start, stop):
                    real, imag = np.float32(0), np.float32(0)
                    for k in range(taps):
                        real += table[phase, k] * ranged[plane, row + 1 - taps // 2 + k, x]
                        imag += table[phase, k] * ranged[plane + 1, row + 1 - taps // 2 + k, x]
                    out[plane, y, x], out[plane + 1, y, x] = real, imag


def double_sums(
    padded: Floats,
    azimuth: Integers,
    across: Integers,
    kind: Kinds,
    table: Floats,
    out: Floats,
    taps: int,
) -> None:
    """Sum over both axes where two passes will not do; a weight of 0 touches nothing."""
    first, middle = HALO + 1 - taps // 2, taps // 2 - 1
    for y, x in np.ndindex(kind.shape):
        if kind[y, x] == DOUBLE_SUM:
            row, column = y + (azimuth[y, x] >> BITS) + first, x + (across[y, x] >> BITS) + first
            along, over = azimuth[y, x] & (PHASES - 1), across[y, x] & (PHASES - 1)
            top, bottom = (row, row + taps - 1) if along else (row + middle, row + middle)
            left, right = (column, column + taps - 1) if over else (column + middle, column + middle)
            for plane in range(len(padded)):
                if np.isnan(padded[plane, top, left] + padded[plane, bottom, right]):
                    continue  # as all that leaves the image
                total = np.float32(0)
                for i in range(taps):
                    of_row = np.float32(0)
                    for k in range(taps):
                        if table[over, k] != 0:
                            of_row += table[over, k] * padded[plane, row + i, column + k]
                    if table[along, i] != 0:
                        total += table[along, i] * of_row
                out[plane, y, x] = total


# Labels and rules


def band(cube: xr.DataArray, name: str) -> Floats:
    """Return a band (y, x), without a copy where it is float32."""
    return cube.sel(bands=name).values.astype(np.float32, copy=False)


def labels(polarization: str | list[str]) -> list[str]:
    """Return the band names of the result, in the input as well."""
    return [f"{part}_{name}" for name in listed(polarization) for part in "iq"]


def listed(polarization: Any) -> list[Any]:
    """Return the polarisations as a list."""
    return list(polarization) if isinstance(polarization, list | tuple) else [polarization]


def labelled(result: Floats, cube: xr.DataArray, names: list[str]) -> xr.DataArray:
    """Put band names, units and the coordinates of the cube to the result."""
    kept = {name: cube.coords[name] for name in ("y", "x", "spatial_ref") if name in cube.coords}
    attrs = {**cube.attrs, "units": ["1"] * len(names)}
    return xr.DataArray(result, {"bands": names, **kept}, ("bands", "y", "x"), attrs=attrs)


def check(*several: Iterator[tuple[bool, str]]) -> None:
    """Raise ValueError with the text of the first rule that does not hold."""
    for rules in several:
        for holds, text in rules:
            if not holds:
                raise ValueError(text)


def cube_rules(cube: xr.DataArray) -> Iterator[tuple[bool, str]]:
    """Yield the rule for the dimensions with the text of its error."""
    dims = sorted(map(str, cube.dims))
    must = f"cube must have the dimensions bands, y, x of one date, instead got {dims}."
    yield dims == ["bands", "x", "y"], f"{must} Call this function in apply_neighborhood with the size P1D for t."


def option_rules(names_there: Iterable[Any], context: dict[str, Any]) -> Iterator[tuple[bool, str]]:
    """Yield the rules for polarisations, taps, switch and bands."""
    polarizations, taps = listed(context["polarization"]), context["taps"]
    good = len(polarizations) > 0 and all(p in POLARIZATIONS and polarizations.count(p) == 1 for p in polarizations)
    must = (
        f"polarization must be one or several of {POLARIZATIONS}, each once, instead got {context['polarization']!r}."
    )
    yield good, f"{must} Give a text or a list."
    good = type(taps) is int and taps in KAISER_BETA
    yield good, f"taps must be one of {tuple(KAISER_BETA)}, instead got {taps!r}. Take 12, or 16 for sub-swath IW1."
    carrier, phase_band = context["carrier"], context["phase_band"]
    for name in ("carrier", "zeros_valid"):
        given = context[name]
        yield type(given) is bool, f"{name} must be true or false, instead got {given!r}. Give a boolean."
    good = phase_band is None or isinstance(phase_band, str)
    yield good, f"phase_band must be the name of a band or null, instead got {phase_band!r}. Leave it out."
    bands = [str(name) for name in names_there]
    for name in (*labels(polarizations), "azimuth_shift", "range_shift", *([] if phase_band is None else [phase_band])):
        yield name in bands, f"bands must hold {name}, instead got {bands}. Load it or change the options."
    advice = "Load it, or say by carrier = false that the image has no azimuth carrier, as stripmap or deramped images."
    for name in ("deramp_phase", "reramp_phase"):
        yield not carrier or name in bands, f"bands must hold {name}, instead got {bands}. {advice}"


def shift_rules(shifts: tuple[Floats, Floats]) -> Iterator[tuple[bool, str]]:
    """Yield the rule for the size of the shifts."""
    for name, shift in zip(("azimuth_shift", "range_shift"), shifts, strict=True):
        largest = np.max(np.abs(shift), initial=0, where=np.isfinite(shift))
        must = f"{name} must be at most {MAX_SHIFT_PX} px, instead got {largest:.7g} px."
        yield (
            largest <= MAX_SHIFT_PX,
            f"{must} Place the image by whole lines and samples first, as the product drivers do.",
        )

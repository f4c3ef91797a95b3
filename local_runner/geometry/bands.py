"""Geometry as bands: lazy arrays (y, x), float32, on the grid of the stack primary, made chunk by chunk."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final

import dask.array as da
import numpy as np
from dask.base import tokenize
from dask.highlevelgraph import HighLevelGraph
from numpy.polynomial import Polynomial as Polynomial1D

from local_runner.geometry import kernels
from local_runner.geometry.baseline import phase_of_ranges
from local_runner.geometry.constants import SPEED_OF_LIGHT_M_S
from local_runner.geometry.coregistration import Coregistration, coregister, wrapped
from local_runner.geometry.ground import Ground, Positions, ground_of, loaded, located, positions_of, sight

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from local_runner.geometry.carrier import Carrier, RangePolynomial
    from local_runner.geometry.elevation import Heights
    from local_runner.geometry.polynomial import Polynomial
    from local_runner.geometry.radar_grid import RadarGrid

    Band = NDArray[np.float32]

POSITION: Final = ("grid_lat", "grid_lon", "height", "incidence_angle", "look_east", "look_north", "look_up")
SHIFT: Final = ("azimuth_shift", "range_shift", "reference_phase")
CARRIER: Final = ("deramp_phase", "reramp_phase")
ROWS: Final = 256
"""Rows of a chunk."""
CARRIER_ROWS: Final = 8
"""Rows whose carrier is computed together: their temporary arrays stay in the cache."""


@dataclass(frozen=True)
class View:
    """A date seen from the stack primary: grids and carriers of both, and the heights of the ground.

    `carrier` is that of the date, None where the mode has none (stripmap): then there are no bands `CARRIER`. For the stack
    primary itself `date` is `primary`. `azimuth_offset_px`: lines of the date by which the azimuth shift is more than the
    orbits say, as estimated from pixels; the carrier that is put back is that of the place it leads to.
    """

    primary: RadarGrid
    date: RadarGrid
    heights: Heights
    carrier: Carrier | None = None
    azimuth_offset_px: float = 0.0


def bands(view: View) -> dict[str, Callable[[], da.Array]]:
    """For each of POSITION, SHIFT and CARRIER, what makes its lazy array (y, x), float32, chunks of 256 whole rows.

    Names of tasks are a function of the view alone, so that a band that several dates share is computed once. NaN where the
    DEM has no height, except in `deramp_phase`, which needs none, and in the shifts of the primary, which are 0. Errors of
    `coregister`, `locate` and `ground_of` are raised when an array is made.
    """
    maker = _Maker(view)
    names = POSITION + SHIFT + (CARRIER if view.carrier is not None else ())
    return {name: partial(maker.make, name) for name in names}


def positions(view: View, lines: ArrayLike, samples: ArrayLike) -> Positions:
    """Latitude, longitude, height of pixels of the primary, whole `lines` and `samples` broadcast, in float64.

    The bands `grid_lat`, `grid_lon`, `height` are these numbers in float32. Reads the DEM.
    """
    return positions_of(view.primary, view.heights, lines, samples)


class _Maker:
    """Makes the arrays of one view; what they share is fitted once."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.token = tokenize(view.primary, view.heights)

    def make(self, name: str) -> da.Array:
        if name == "height":
            return self.heights
        if name in POSITION:
            return self._on_ground(name, self.token, partial(_polynomial, self._position(name), name == "grid_lon"))
        if name in SHIFT:
            return self._shift(name)
        assert self.view.carrier is not None  # noqa: S101
        return self._carrier(name, self.view.carrier)

    @cached_property
    def heights(self) -> da.Array:
        """Heights of the pixels: the DEM is read once, by a task of its own."""
        name, source = f"height-{self.token}", f"elevation-{tokenize(self.view.heights)}"
        ground = ground_of(self.view.primary, self.view.heights)
        tasks: dict[Any, Any] = {source: (loaded, self.view.heights)}
        tasks |= {(name, i, 0): (_heights, ground, source, lines) for i, lines in enumerate(self._chunks)}
        return self._array(name, tasks, [])

    @cached_property
    def coregistration(self) -> Coregistration:
        return coregister(self.view.primary, self.view.date, azimuth_offset_px=self.view.azimuth_offset_px)

    @cached_property
    def is_primary(self) -> bool:
        primary, date = self.view.primary, self.view.date
        return date is primary or tokenize(date) == tokenize(primary)

    @cached_property
    def _pair(self) -> str:
        return str(tokenize(self.token, self.view.date, self.view.carrier, self.view.azimuth_offset_px))

    @property
    def _chunks(self) -> list[range]:
        lines = self.view.primary.shape[0]
        return [range(start, min(start + ROWS, lines)) for start in range(0, lines, ROWS)]

    def _position(self, name: str) -> Polynomial:
        primary = self.view.primary
        if name in {"grid_lat", "grid_lon"}:
            return located(primary).latitude if name == "grid_lat" else located(primary).longitude
        return sight(primary)[POSITION.index(name) - POSITION.index("incidence_angle")]

    def _shift(self, name: str) -> da.Array:
        if self.is_primary:
            shape = self.view.primary.shape
            return da.zeros(shape, chunks=(ROWS, -1), dtype=np.float32, name=f"{name}-{self._pair}")
        if name == "reference_phase":
            return self._on_ground(name, self._pair, partial(_reference_phase, self.view, self.coregistration))
        shift = self.coregistration.azimuth if name == "azimuth_shift" else self.coregistration.range
        return self._on_ground(name, self._pair, partial(_polynomial, shift, False))  # noqa: FBT003

    def _carrier(self, name: str, carrier: Carrier) -> da.Array:
        placed = None if self.is_primary else self.coregistration
        if name == "reramp_phase" and placed is not None:
            return self._on_ground(name, self._pair, partial(_reramp_phase, carrier, placed))
        name = f"deramp_phase-{self._pair}"
        offset = (placed.line_offset, placed.sample_offset) if placed is not None else (0, 0)
        samples = self.view.primary.shape[1]
        tasks = {(name, i, 0): (_deramp_phase, carrier, offset, lines, samples) for i, lines in enumerate(self._chunks)}
        return self._array(name, tasks, [])

    def _on_ground(self, name: str, token: str, task: Callable[[range, Band], Band]) -> da.Array:
        """Array by a function of the lines of a chunk and their heights."""
        name = f"{name}-{token}"
        heights = self.heights
        tasks = {(name, i, 0): (task, lines, (heights.name, i, 0)) for i, lines in enumerate(self._chunks)}
        return self._array(name, tasks, [heights])

    def _array(self, name: str, tasks: dict[Any, Any], parts: list[da.Array]) -> da.Array:
        chunks = (tuple(map(len, self._chunks)), (self.view.primary.shape[1],))
        graph = HighLevelGraph.from_collections(name, tasks, dependencies=parts)
        return da.Array(graph, name, chunks, dtype=np.float32)


def _heights(ground: Ground, source: Heights, lines: range) -> Band:
    return ground.heights(source, np.array(lines))


def _polynomial(polynomial: Polynomial, is_longitude: bool, lines: range, heights: Band) -> Band:  # noqa: FBT001
    out = np.empty(heights.shape, np.float32)
    if not is_longitude:
        _evaluate(polynomial, lines, heights, out)
        return out
    for start in range(0, len(lines), CARRIER_ROWS):
        rows = slice(start, start + CARRIER_ROWS)
        out[rows] = wrapped(_exact(polynomial, lines[rows], heights[rows]))
    return out


def _reference_phase(view: View, placed: Coregistration, lines: range, heights: Band) -> Band:
    """-4 pi / lambda (R_primary - R_date), with the slant range of the date by its sample."""
    out = np.empty(heights.shape, np.float32)
    samples = np.arange(heights.shape[1])
    for start in range(0, len(lines), CARRIER_ROWS):
        rows = slice(start, start + CARRIER_ROWS)
        sample = samples + placed.sample_offset + _exact(placed.range, lines[rows], heights[rows])
        difference = view.primary.slant_range_m(samples) - view.date.slant_range_m(sample)
        out[rows] = phase_of_ranges(difference, view.primary.wavelength_m)
    return out


def _deramp_phase(carrier: Carrier, offset: tuple[int, int], lines: range, samples: int) -> Band:
    out = np.empty((len(lines), samples), np.float32)
    sample = np.arange(samples) + offset[1]
    for row, line in zip(out, lines, strict=True):
        row[:] = carrier.phase(line + offset[0], sample)
    return out


def _reramp_phase(carrier: Carrier, placed: Coregistration, lines: range, heights: Band) -> Band:
    """The carrier at the fractional place in the date's image; an image of the phase would not bear interpolation."""
    out = np.empty(heights.shape, np.float32)
    sample = placed.range.normalised_sample(np.arange(heights.shape[1]))
    azimuth, across = (polynomial.on_lines(np.array(lines)) for polynomial in (placed.azimuth, placed.range))
    place = lines.start + placed.line_offset, placed.sample_offset
    kernels.reramp(azimuth, across, sample, heights, place, _rates(carrier), out)
    return out


def _rates(carrier: Carrier) -> kernels.Rates:
    first, step = carrier.slant_range_time_first_s, 1 / carrier.range_sampling_rate_hz
    mid = first + carrier.samples / 2 * step

    def by_sample(series: RangePolynomial) -> NDArray[np.float64]:
        inner = Polynomial1D((first - series.t0_s, step))
        return np.asarray(Polynomial1D(series.coefficients)(inner).coef, np.float64)

    return kernels.Rates(
        fm_rate=by_sample(carrier.fm_rate),
        centroid=by_sample(carrier.doppler_centroid),
        steering=2
        * carrier.velocity_m_s
        / SPEED_OF_LIGHT_M_S
        * carrier.radar_frequency_hz
        * carrier.steering_rate_rad_s,
        mid_line=carrier.lines / 2,
        interval_s=carrier.line_interval_s,
        mid_delay_s=float(-carrier.doppler_centroid.at(mid) / carrier.fm_rate.at(mid)),
    )


def _exact(polynomial: Polynomial, lines: range, heights: Band) -> NDArray[np.float64]:
    out = np.empty(heights.shape)
    _evaluate(polynomial, lines, heights, out)
    return out


def _evaluate(polynomial: Polynomial, lines: range, heights: Band, out: NDArray[Any]) -> None:
    sample = polynomial.normalised_sample(np.arange(heights.shape[1]))
    kernels.evaluate(polynomial.on_lines(np.array(lines)), sample, heights, out)

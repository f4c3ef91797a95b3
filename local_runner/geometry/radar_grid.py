"""The grid of a radar image: lines in azimuth time, samples in slant range, and the orbit above it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from local_runner.geometry.doppler import Doppler
    from local_runner.geometry.orbit import Orbit


@dataclass(frozen=True)
class RadarGrid:
    """Line l is at `first_line_time` + l * `line_interval_s`, sample s at `slant_range_first_m` + s * `range_spacing_m`.

    `shape` (lines, samples). `first_line_time` is datetime64[us]; the orbit has it as its epoch. `doppler`: the Doppler
    centroid that the lines follow; None for zero-Doppler lines. `look` is "right" or "left".
    """

    first_line_time: np.datetime64
    line_interval_s: float
    slant_range_first_m: float
    range_spacing_m: float
    shape: tuple[int, int]
    wavelength_m: float
    orbit: Orbit
    look: str = "right"
    doppler: Doppler | None = None

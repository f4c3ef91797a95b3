"""The azimuth carrier of a TOPS burst (ESA COPE-GSEG-EOPG-TN-14-0025)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class RangePolynomial:
    """c0 + c1 (tau - t0) + c2 (tau - t0)^2 ..., tau the two-way slant range time in s."""

    t0_s: float
    coefficients: tuple[float, ...]


@dataclass(frozen=True)
class Carrier:
    """What the carrier of one burst is made of; `lines` is linesPerBurst, `velocity_m_s` |V| at the burst mid.

    `fm_rate` (Hz/s) and `doppler_centroid` (Hz): the polynomials nearest in time to the burst mid.
    """

    lines: int
    samples: int
    line_interval_s: float
    slant_range_time_first_s: float
    range_sampling_rate_hz: float
    radar_frequency_hz: float
    steering_rate_rad_s: float
    velocity_m_s: float
    fm_rate: RangePolynomial
    doppler_centroid: RangePolynomial

    def phase(self, line: NDArray[np.float64], sample: NDArray[np.float64]) -> NDArray[np.float64]:
        """Carrier phase phi in (-pi, pi] at fractional line and sample of the burst, broadcast; deramp is exp(+j phi)."""
        raise NotImplementedError

    def frequency(self, line: NDArray[np.float64], sample: NDArray[np.float64]) -> NDArray[np.float64]:
        """Instantaneous azimuth frequency kt (eta - eta_ref) + fdc in Hz, not wrapped."""
        raise NotImplementedError

"""The azimuth carrier of a TOPS burst (ESA COPE-GSEG-EOPG-TN-14-0025).

    ks = 2 |V| / c fc kpsi;  kt = ka ks / (ka - ks);  eta = (l - L / 2) dt
    eta_c = -fdc / ka;  eta_ref = eta_c - eta_c(mid sample)
    phi = -pi kt (eta - eta_ref)^2 - 2 pi fdc (eta - eta_ref)

with the FM rate ka and the Doppler centroid fdc polynomials in the two-way slant range time, each with a reference time of
its own. Not here: the deramping, which is a multiplication by exp(+j phi).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from local_runner.errors import DataError
from local_runner.geometry.constants import SPEED_OF_LIGHT_M_S
from local_runner.geometry.phase import phase_of_turns
from local_runner.geometry.radar_grid import require_zero_doppler

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from local_runner.geometry.radar_grid import RadarGrid


@dataclass(frozen=True)
class RangePolynomial:
    """c0 + c1 (tau - t0) + c2 (tau - t0)^2 ..., tau the two-way slant range time in s."""

    t0_s: float
    coefficients: tuple[float, ...]

    def at(self, tau_s: ArrayLike) -> NDArray[np.float64]:
        """Value at two-way slant range times."""
        return np.asarray(
            np.polynomial.polynomial.polyval(np.asarray(tau_s, np.float64) - self.t0_s, self.coefficients)
        )


@dataclass(frozen=True)
class Carrier:
    """What the carrier of one burst is made of; `lines` is linesPerBurst, `velocity_m_s` |V| at the burst mid.

    `fm_rate` (Hz/s) and `doppler_centroid` (Hz): the polynomials nearest in time to the burst mid. Raises `CarrierInvalid`
    (DataError), naming the field, unless the numbers are those of a TOPS burst.
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

    def __post_init__(self) -> None:
        for name in tuple(self.__dataclass_fields__)[:8]:
            if not 0 < getattr(self, name) < np.inf:
                raise _invalid(f"{name} must be above 0 and finite", got=getattr(self, name))
        for name in ("fm_rate", "doppler_centroid"):
            polynomial = getattr(self, name)
            if not polynomial.coefficients or not np.isfinite((polynomial.t0_s, *polynomial.coefficients)).all():
                raise _invalid(f"{name} must have finite coefficients", got=polynomial)
        fm_rate = self.fm_rate.at(self._tau(np.array((0.0, self.samples - 1.0))))
        if not (fm_rate < 0).all():
            raise _invalid("fm_rate must be below 0 at the first and the last sample", got=fm_rate.tolist())

    def phase(self, line: ArrayLike, sample: ArrayLike) -> NDArray[np.float64]:
        """Carrier phase phi in (-pi, pi] at fractional line and sample of the burst, broadcast; deramp is exp(+j phi).

        To reramp, evaluate it at the fractional place in the image of the date, and multiply by exp(-j phi); an image of
        the phase must not be interpolated. NaN gives NaN.
        """
        rate, centroid, delay = self._terms(line, sample)
        return phase_of_turns(-(rate / 2 * delay + centroid) * delay)

    def frequency(self, line: ArrayLike, sample: ArrayLike) -> NDArray[np.float64]:
        """Instantaneous azimuth frequency kt (eta - eta_ref) + fdc in Hz, not wrapped."""
        rate, centroid, delay = self._terms(line, sample)
        return rate * delay + centroid

    def _terms(
        self, line: ArrayLike, sample: ArrayLike
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Rate kt in Hz/s and centroid fdc in Hz, shaped as `sample`, and eta - eta_ref in s."""
        tau = self._tau(np.asarray(sample, np.float64))
        steering = 2 * self.velocity_m_s / SPEED_OF_LIGHT_M_S * self.radar_frequency_hz * self.steering_rate_rad_s
        fm_rate, centroid = self.fm_rate.at(tau), self.doppler_centroid.at(tau)
        eta = (np.asarray(line, np.float64) - self.lines / 2) * self.line_interval_s
        tau_mid = self._tau(np.asarray(self.samples / 2))
        mid = -self.doppler_centroid.at(tau_mid) / self.fm_rate.at(tau_mid)
        return fm_rate * steering / (fm_rate - steering), centroid, eta - (-centroid / fm_rate - mid)

    def _tau(self, sample: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.slant_range_time_first_s + sample / self.range_sampling_rate_hz


def carrier_of(
    grid: RadarGrid,
    *,
    radar_frequency_hz: float,
    steering_rate_deg_s: float,
    fm_rates: Sequence[tuple[np.datetime64, RangePolynomial]],
    doppler_centroids: Sequence[tuple[np.datetime64, RangePolynomial]],
) -> Carrier:
    """Carrier of the burst whose grid is given, with the polynomials, each with its azimuth time, nearest to the burst mid.

    Raises `CarrierInvalid` (DataError) where there is no polynomial, and `DopplerNotZero` for lines that are not zero-Doppler.
    """
    require_zero_doppler(grid)
    mid = grid.shape[0] / 2
    _, velocity, _ = grid.orbit.at(grid.time_s(mid))
    return Carrier(
        lines=grid.shape[0],
        samples=grid.shape[1],
        line_interval_s=grid.line_interval_s,
        slant_range_time_first_s=2 * grid.slant_range_first_m / SPEED_OF_LIGHT_M_S,
        range_sampling_rate_hz=SPEED_OF_LIGHT_M_S / (2 * grid.range_spacing_m),
        radar_frequency_hz=radar_frequency_hz,
        steering_rate_rad_s=float(np.radians(steering_rate_deg_s)),
        velocity_m_s=float(np.linalg.norm(velocity)),
        fm_rate=_nearest(fm_rates, grid.time_of(mid), "azimuthFmRateList"),
        doppler_centroid=_nearest(doppler_centroids, grid.time_of(mid), "dcEstimateList"),
    )


def nearest_in_time(times: ArrayLike, moment: np.datetime64) -> int:
    """Index of the time (datetime64) nearest to a moment, the first of equals.

    A list of polynomials may be longer than that of bursts, so that a burst's index does not find its polynomial.
    """
    difference = np.asarray(times, "datetime64[us]") - moment.astype("datetime64[us]")
    return int(np.abs(difference).argmin())


def _nearest(
    polynomials: Sequence[tuple[np.datetime64, RangePolynomial]], moment: np.datetime64, name: str
) -> RangePolynomial:
    if not polynomials:
        raise _invalid(f"{name} must have a polynomial or more", got="none")
    return polynomials[nearest_in_time([time for time, _ in polynomials], moment)][1]


def _invalid(must: str, *, got: object) -> DataError:
    return DataError("CarrierInvalid", f"TOPS carrier: {must}", got=got, do="Download the product again")

"""A stack of coregistered Sentinel-1-like SLCs over a drawn landscape, with the coherence of every pair known exactly.

Speckle is a Gauss-Markov chain in time. With n_0, n_1, ... independent circular complex white noise of unit power and
gamma_k (y, x) the coherence of dates k-1 and k,

    s_0 = n_0,    s_k = gamma_k s_(k-1) + sqrt(1 - gamma_k^2) n_k,    z_k = a s_k exp(-j phi_k),

so that E[z_p conj(z_s)] = a^2 prod(gamma_k, p < k <= s) exp(j (phi_s - phi_p)): the coherence of a pair is the product
of the steps between its dates, and `reference_phase` = phi_k flattens it.

Positions follow from a spherical Earth: a slant range R, a sensor at radius r_s and a sample at radius r_e + h span the
central angle c with cos c = (r_s^2 + (r_e+h)^2 - R^2) / (2 r_s (r_e+h)); ground range is r_e c. Relief is mild: nothing
folds. What this does not do: TOPS azimuth carrier, antenna pattern, atmosphere, coregistration errors.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from pyproj import Transformer

from local_runner.errors import OpenEOError

if TYPE_CHECKING:
    from collections.abc import Sequence

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Complex64 = NDArray[np.complex64]

WAVELENGTH_M: Final = 299_792_458.0 / 5.40500045433435e9
"""Sentinel-1 radar wavelength; frequency as in the annotation (`radarFrequency`)."""
RANGE_SPACING_M: Final = 2.329562
"""Slant range spacing c/(2 fs) of Sentinel-1 IW."""
LINE_SPACING_M: Final = 14.0
LINE_INTERVAL_S: Final = 2.055556299999998e-3
"""`azimuthTimeInterval` of Sentinel-1 IW."""
SLANT_RANGE_FIRST_M: Final = 850_000.0
EARTH_RADIUS_M: Final = 6_367_400.0
SENSOR_RADIUS_M: Final = 7_071_000.0
HEADING_DEG: Final = -12.0
ORIGIN: Final = (46.46, 11.27)
"""Latitude and longitude in degrees of sample (0, 0): the Adige valley near Bolzano."""
FIRST_DATE: Final = dt.datetime(2024, 8, 9, 17, 6, 52, tzinfo=dt.UTC)
CLASSES: Final = ("lake", "river", "field", "upland", "city", "street")
_LAKE, _RIVER, _FIELD, _UPLAND, _CITY, _STREET = range(6)


@dataclass(frozen=True)
class Scene:
    """A simulated stack: `slc` (t, y, x) complex64 in DN, y ascending with time, x with range; 0+0j where invalid.

    `step_coherence` (t-1, y, x) float32 between neighbouring dates; `amplitude` (y, x) float32, rms DN; `classes`
    (y, x) uint8, index into `CLASSES`; `latitude`, `longitude` (y, x) float32, degrees; `height` (y, x) float32, m;
    `reference_phase` (t, y, x) float32 in (-pi, pi], or None where all dates were seen from one place; `bandwidth` over
    sampling rate (azimuth, range).
    """

    dates: tuple[dt.datetime, ...]
    slc: Complex64
    step_coherence: Float32
    amplitude: Float32
    classes: NDArray[np.uint8]
    latitude: Float32
    longitude: Float32
    height: Float32
    reference_phase: Float32 | None
    bandwidth: tuple[float, float]

    @property
    def i(self) -> Float32:
        """Real part (t, y, x), DN."""
        return self.slc.real

    @property
    def q(self) -> Float32:
        """Imaginary part (t, y, x), DN."""
        return self.slc.imag

    def truth(self, primary: str | int, secondary: str | int) -> Float32:
        """Coherence magnitude (y, x), 0..1, of two dates (YYYYMMDD, YYYY-MM-DD or index); NaN where one is invalid."""
        first, last = sorted((self._index(primary), self._index(secondary)))
        coherence = np.prod(self.step_coherence[first:last], axis=0, dtype=np.float32)
        return np.where((self.slc[first] != 0) & (self.slc[last] != 0), coherence, np.float32(np.nan))

    def _index(self, date: str | int) -> int:
        days = tuple(f"{d:%Y%m%d}" for d in self.dates)
        if isinstance(date, int) and 0 <= date < len(days):
            return date
        if str(date).replace("-", "") not in days:
            raise OpenEOError("ProcessParameterInvalid", f"A date of the scene must be one of {days}", got=date)
        return days.index(str(date).replace("-", ""))


def simulate(
    lines: int = 600,
    samples: int = 2400,
    *,
    seed: int = 0,
    dates: int = 3,
    bandwidth: tuple[float, float] = (1.0, 1.0),
    baselines_m: Sequence[float] | None = None,
) -> Scene:
    """Draw a scene. The landscape fills the grid and is always the same; `seed` changes the speckle alone.

    `bandwidth` (azimuth, range) below 1 oversamples the speckle as Sentinel-1 does: (0.672, 0.750) for IW2, which
    leaves about half of the looks. `baselines_m`: perpendicular baseline of each date against the first; gives fringes.
    """
    if min(lines, samples) < 16 or dates < 2:
        raise OpenEOError(
            "ProcessParameterInvalid", "A scene must have 16 x 16 samples and 2 dates", got=(lines, samples, dates)
        )
    if baselines_m is not None and len(baselines_m) != dates:
        raise OpenEOError("ProcessParameterInvalid", f"baselines_m must have {dates} values", got=tuple(baselines_m))
    if not all(0 < b <= 1 for b in bandwidth):
        raise OpenEOError("ProcessParameterInvalid", "bandwidth must be above 0 and at most 1", got=bandwidth)
    rng = np.random.default_rng(seed)
    height, central, latitude, longitude = _geometry(lines, samples)
    classes, amplitude, steps = _landscape(height, dates - 1)
    amplitude *= (np.gradient(central, axis=1) * EARTH_RADIUS_M / 3.9).astype(np.float32)
    phase = None if baselines_m is None else _reference_phase(height, central, baselines_m)
    slc = np.empty((dates, lines, samples), np.complex64)
    slc[0] = _speckle(rng, lines, samples, bandwidth)
    for k, gamma in enumerate(steps, start=1):
        slc[k] = gamma * slc[k - 1] + np.sqrt(1 - gamma**2) * _speckle(rng, lines, samples, bandwidth)
    slc *= amplitude
    if phase is not None:
        slc *= np.exp(-1j * phase)
    for k in range(dates):
        _blank_edges(slc[k], k)
    times = tuple(FIRST_DATE + dt.timedelta(days=12 * k) for k in range(dates))
    return Scene(times, slc, steps, amplitude, classes, latitude, longitude, height, phase, bandwidth)


def _speckle(rng: np.random.Generator, lines: int, samples: int, bandwidth: tuple[float, float]) -> Complex64:
    """Circular complex Gaussian noise (y, x) of unit power, its spectrum cut to a centred box of that bandwidth."""
    noise: Complex64 = rng.standard_normal((lines, samples, 2), dtype=np.float32).view(np.complex64)[..., 0]
    noise *= np.float32(math.sqrt(0.5))
    if bandwidth == (1.0, 1.0):
        return noise
    keep = [np.abs(np.fft.fftfreq(n)) <= b / 2 for n, b in zip((lines, samples), bandwidth, strict=True)]
    spectrum = scipy.fft.fft2(noise) * (keep[0][:, None] & keep[1])
    return np.asarray(scipy.fft.ifft2(spectrum) / math.sqrt(keep[0].mean() * keep[1].mean()), np.complex64)


def _blank_edges(slc: Complex64, date: int) -> None:
    """Zero the fill that bursts have: first and last lines, and a slanted strip before the first valid sample."""
    lines, samples = slc.shape
    slc[: max(1, lines // 100) + date] = 0
    slc[lines - max(1, lines // 120) :] = 0
    first = samples // 120 + (np.arange(lines) * samples) // (lines * 100) + 2 * date
    slc[np.arange(samples) < first[:, None]] = 0
    slc[:, samples - max(1, samples // 150) :] = 0


def _geometry(lines: int, samples: int) -> tuple[Float32, Float64, Float32, Float32]:
    """Height (m), central angle (rad), latitude and longitude (degrees), each (y, x)."""
    v, u = np.linspace(0, 1, lines)[:, None], np.linspace(0, 1, samples)
    extent = 3.9 * samples
    height = 240 + extent * (
        0.010 * (1 + np.cos(2 * np.pi * (0.92 * u - 0.07 * v + 0.03)))
        + 0.0014 * np.sin(2 * np.pi * (1.9 * u + 0.8 * v))
        + 0.0014 * np.sin(2 * np.pi * (0.6 * u - 1.7 * v + 0.2))
    )
    radius = EARTH_RADIUS_M + height
    slant = SLANT_RANGE_FIRST_M + RANGE_SPACING_M * np.arange(samples)
    central = np.arccos((SENSOR_RADIUS_M**2 + radius**2 - slant**2) / (2 * SENSOR_RADIUS_M * radius))
    ground = EARTH_RADIUS_M * (central - central[0, 0])
    along, heading = LINE_SPACING_M * np.arange(lines)[:, None], math.radians(HEADING_DEG)
    east = along * math.sin(heading) + ground * math.cos(heading)
    north = along * math.cos(heading) - ground * math.sin(heading)
    local = f"+proj=tmerc +lat_0={ORIGIN[0]} +lon_0={ORIGIN[1]} +ellps=WGS84 +units=m"
    longitude, latitude = Transformer.from_crs(local, "EPSG:4326", always_xy=True).transform(east, north)
    return height.astype(np.float32), central, latitude.astype(np.float32), longitude.astype(np.float32)


def _reference_phase(height: Float32, central: Float64, baselines_m: Sequence[float]) -> Float32:
    """-4 pi/lambda (R_first - R_date), wrapped, (t, y, x): the sensor of a date is moved across the central look."""
    radius = EARTH_RADIUS_M + height.astype(np.float64)
    across, down = radius * np.sin(central), SENSOR_RADIUS_M - radius * np.cos(central)
    slant = np.hypot(across, down)
    look = float(np.arctan2(across, down)[height.shape[0] // 2, height.shape[1] // 2])
    phase = np.empty((len(baselines_m), *height.shape), np.float32)
    for k, b in enumerate(baselines_m):
        moved = np.hypot(across - b * math.cos(look), down + b * math.sin(look))
        turns = 2 / WAVELENGTH_M * (moved - slant)
        phase[k] = 2 * np.pi * (turns - np.ceil(turns - 0.5))
    return phase


def _landscape(height: Float32, steps: int) -> tuple[NDArray[np.uint8], Float32, Float32]:
    """Classes (y, x), amplitude (y, x) in DN and step coherence (k, y, x) of a valley."""
    lines, samples = height.shape
    rng = np.random.default_rng(2024)
    v, u = np.meshgrid(
        np.linspace(0, 1, lines, dtype=np.float32), np.linspace(0, 1, samples, dtype=np.float32), indexing="ij"
    )
    classes = np.full(height.shape, _FIELD, np.uint8)

    along, across = 0.90 * u + 0.42 * v, 0.90 * v - 0.42 * u
    strip = np.searchsorted(np.sort(rng.uniform(0, 1.35, 19)).astype(np.float32), along)
    row = (across + 0.5 + rng.uniform(0, 0.2, 20).astype(np.float32)[strip]) * rng.integers(9, 22, 20)[strip]
    field = strip * 40 + row.astype(np.intp)
    level = np.repeat(rng.choice(np.array([0.40, 0.50, 0.60, 0.70, 0.80], np.float32), (1, 800)), steps, axis=0)
    level[1:] = np.where(rng.random((steps - 1, 800)) < 0.2, np.float32(0.15), level[1:])
    coherence = level[:, field]
    amplitude = rng.uniform(45, 80, 800).astype(np.float32)[field]

    rough = sum(np.sin(f * (v + 0.3 * u) + f) / f for f in (11, 23, 41, 67))
    rise = (height - 240) / (0.010 * 3.9 * samples)
    upland = rise + rough > 0.95
    classes[upland] = _UPLAND
    coherence[:, upland] = np.clip(0.25 + 0.6 * (rise[upland] - 0.9) / 1.1, 0.25, 0.85)
    amplitude[upland] = 62 + 18 * (rise[upland] - 0.9)

    lobes = np.arctan2(v - 0.25, u - 0.36)
    lake = np.hypot((u - 0.36) / 0.085, (v - 0.25) / 0.13) < 1 + 0.22 * np.sin(2 * lobes + 2) + 0.10 * np.sin(3 * lobes)
    bank = np.abs(u - (0.52 + 0.075 * np.sin(7.6 * v + 0.6) + 0.022 * np.sin(19 * v)))
    river = bank < 0.011 + 0.005 * v

    east, north = 0.96 * (u - 0.66) - 0.28 * (v - 0.62), 0.28 * (u - 0.66) + 0.96 * (v - 0.62)
    lobes = np.arctan2(north, east)
    town = np.hypot(east, north) < 0.16 + 0.018 * np.sin(3 * lobes) + 0.012 * np.sin(7 * lobes + 2)
    street = town & ((east % 0.036 < 0.006) | (north % 0.042 < 0.006))
    street |= np.abs(u - 0.66 - 0.10 * (v - 0.62) - 0.03 * np.sin(6 * v)) < 0.003
    kinds = (
        (_LAKE, lake, 0.0, 14.0),
        (_CITY, town, 0.94, 150.0),
        (_RIVER, river, 0.10, 26.0),
        (_STREET, street, 0.70, 48.0),
    )
    for kind, mask, gamma, dn in kinds:
        classes[mask], coherence[:, mask], amplitude[mask] = kind, gamma, dn
    return classes, amplitude, coherence

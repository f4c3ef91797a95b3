"""Two dates of an overlap of successive TOPS bursts: band-limited speckle below the carriers of real numbers of Sentinel-1 IW.

Nothing of it is made by resampling: a secondary that is sampled late is the Fourier series of its speckle and the formula
of its carrier, evaluated at the later place.
"""

import math

import numpy as np
import xarray as xr

from local_runner.demo.safe_xml import FREQUENCY_HZ, LINE_INTERVAL_S, SAMPLING_HZ, SWATHS
from local_runner.geometry.carrier import Carrier, RangePolynomial

PRIMARY, SECONDARY = "2024-08-09", "2024-08-21"
DT = LINE_INTERVAL_S
AZIMUTH_BAND, RANGE_BAND = 0.672, 0.75  # of the sampling frequency
LINES = {"IW1": 1507, "IW2": 1519, "IW3": 1524}
CYCLE = {"IW1": 1341, "IW2": 1342, "IW3": 1340}  # lines from burst to burst
FIRST_VALID = 26


def carrier(swath="IW2", doppler_hz=-30.0, samples=24_000):
    nominal = SWATHS[swath]
    return Carrier(
        lines=LINES[swath],
        samples=samples,
        line_interval_s=DT,
        slant_range_time_first_s=nominal.slant_range_time_s,
        range_sampling_rate_hz=SAMPLING_HZ,
        radar_frequency_hz=FREQUENCY_HZ,
        steering_rate_rad_s=math.radians(nominal.steering_deg_s),
        velocity_m_s=7590.0,
        fm_rate=RangePolynomial(nominal.slant_range_time_s, nominal.fm_rate),
        doppler_centroid=RangePolynomial(5.337e-3, (doppler_hz, 8e4, -1.2e8)),
    )


def speckle(rng, shape):
    """Complex speckle of power 1 and of the bands of the sensor, as its Fourier series."""
    spectrum = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    spectrum[np.abs(np.fft.fftfreq(shape[0])) > AZIMUTH_BAND / 2] = 0
    spectrum[:, np.abs(np.fft.fftfreq(shape[1])) > RANGE_BAND / 2] = 0
    return spectrum / np.sqrt(np.sum(np.abs(spectrum) ** 2) / spectrum.size**2)


class Overlap:
    """`shape` lines and samples of an overlap; speckle of both bursts is independent, as that of looks far apart is.

    `carriers` are those of the earlier and the later burst, `samples` those of the bursts, and `seed` that of the primary.
    """

    def __init__(self, swath="IW2", shape=(100, 600), coherence=0.8, seed=0, doppler_hz=(-30.0, -30.0)):
        own = np.random.default_rng(seed)
        self.shape, self.coherence, self.own = shape, coherence, own
        self.carriers = [carrier(swath, doppler) for doppler in doppler_hz]
        self.primary = [speckle(own, shape) for _ in range(2)]
        self.secondary = self.another()
        later = FIRST_VALID + np.arange(shape[0])
        self.lines = later + CYCLE[swath], later
        self.samples = np.arange(shape[1])

    def another(self):
        """Speckle of one more date, in both bursts."""
        noise = math.sqrt(1 - self.coherence**2)
        return [self.coherence * p + noise * speckle(self.own, self.shape) for p in self.primary]

    def sampled(self, burst, late, date=None):
        """A date, the secondary if None, in a burst (0 earlier, 1 later), sampled `late` lines too late."""
        spectrum = (self.secondary if date is None else date)[burst]
        turns = np.fft.fftfreq(self.shape[0])[:, None] * late
        values = np.fft.ifft2(spectrum * np.exp(2j * np.pi * turns))
        return values * np.exp(-1j * self.carriers[burst].phase(self.lines[burst][:, None] + late, self.samples))

    @property
    def frequency_difference(self):
        earlier, later = (
            own.frequency(lines[:, None], self.samples) for own, lines in zip(self.carriers, self.lines, strict=True)
        )
        return earlier - later

    def cube(self, late, *, scale=50.0, fringes=None):
        """Cube of both dates as the UDF gets it; `fringes` (y, x) rad are added to the secondary in both bursts."""
        turn = 1 if fringes is None else np.exp(1j * fringes)
        dates = [
            [self.sampled(burst, 0, self.primary) for burst in range(2)],
            [self.sampled(burst, late) * turn for burst in range(2)],
        ]
        return cube_of(scale * np.array(dates), self.frequency_difference)


def cube_of(looks, difference, dates=(PRIMARY, SECONDARY)):
    """Cube of samples (date, burst, y, x) and the frequency difference."""
    planes = [[e.real, e.imag, later.real, later.imag, difference] for e, later in looks]
    names = ["i_earlier", "q_earlier", "i_later", "q_later", "frequency_difference"]
    coords = {"t": np.array([f"{d}T17:07:05" for d in dates], "datetime64[ns]"), "bands": names}
    coords |= {"y": np.arange(looks.shape[2]), "x": np.arange(looks.shape[3])}
    return xr.DataArray(np.array(planes, np.float32), coords, ("t", "bands", "y", "x"))

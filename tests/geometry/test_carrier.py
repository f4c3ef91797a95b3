"""The carrier of a TOPS burst against its definition, written out for one pixel, and the choice of its polynomials."""

import math
from dataclasses import replace

import numpy as np
import pytest

from local_runner.errors import DataError, OpenEOError
from local_runner.geometry.carrier import Carrier, RangePolynomial, carrier_of, nearest_in_time
from local_runner.geometry.doppler import Doppler

from .circular import EPOCH, grid

C = 299_792_458.0
IW2 = Carrier(
    lines=1519,
    samples=26_818,
    line_interval_s=2.0555563e-3,
    slant_range_time_first_s=5.65e-3,
    range_sampling_rate_hz=64_345_238.1257,
    radar_frequency_hz=5.405000454e9,
    steering_rate_rad_s=math.radians(0.979863325),
    velocity_m_s=7590.0,
    fm_rate=RangePolynomial(5.65e-3, (-2200.0, 4.0e5, -6e7)),
    doppler_centroid=RangePolynomial(5.337e-3, (-30.0, 8e4, -1.2e8)),
)
LINES, SAMPLES = np.linspace(0, 1518, 7)[:, None], np.linspace(0, 26_817, 9)


def by_definition(c, line, sample):
    """Phase and frequency of one pixel, term by term."""

    def polynomial(p, tau):
        return sum(k * (tau - p.t0_s) ** n for n, k in enumerate(p.coefficients))

    def terms(s):
        tau = c.slant_range_time_first_s + s / c.range_sampling_rate_hz
        return polynomial(c.fm_rate, tau), polynomial(c.doppler_centroid, tau)

    (ka, fdc), (ka_mid, fdc_mid) = terms(sample), terms(c.samples / 2)
    ks = 2 * c.velocity_m_s / C * c.radar_frequency_hz * c.steering_rate_rad_s
    kt = ka * ks / (ka - ks)
    x = (line - c.lines / 2) * c.line_interval_s - (-fdc / ka + fdc_mid / ka_mid)
    return -math.pi * kt * x**2 - 2 * math.pi * fdc * x, kt * x + fdc


def test_phase_and_frequency_are_those_of_the_definition():
    phase, frequency = IW2.phase(LINES, SAMPLES), IW2.frequency(LINES, SAMPLES)
    truth = np.array([[by_definition(IW2, line, sample) for sample in SAMPLES] for line in LINES[:, 0]])
    np.testing.assert_allclose(np.exp(1j * (phase - truth[..., 0])), 1, atol=1e-8)
    np.testing.assert_allclose(frequency, truth[..., 1], atol=1e-8)


def test_phase_is_in_minus_pi_to_pi():
    phase = IW2.phase(np.arange(1519)[:, None], SAMPLES)
    assert -np.pi < phase.min() < -3
    assert 3 < phase.max() <= np.pi
    assert replace(IW2, doppler_centroid=RangePolynomial(0.0, (0.0,))).phase(1519 / 2, 5.0) == 0


def test_deramping_takes_the_frequency_away():
    """The carrier is exp(-j phi): its azimuth frequency, over a thousandth of a line, is the instantaneous one."""
    step = 1e-3
    turn = np.angle(np.exp(-1j * (IW2.phase(LINES + step, SAMPLES) - IW2.phase(LINES, SAMPLES))))
    middle = IW2.frequency(LINES + step / 2, SAMPLES)
    np.testing.assert_allclose(turn / (2 * np.pi * step * IW2.line_interval_s), middle, atol=1e-3)


def test_frequency_runs_up_through_the_burst():
    frequency = IW2.frequency(np.array([0.0, 1519.0]), 13_409.0)
    assert frequency[0] < -2000
    assert frequency[1] > 2000
    assert IW2.frequency(1519 / 2, 13_409.0) == pytest.approx(
        float(IW2.doppler_centroid.at(5.65e-3 + 13_409 / 64_345_238.1257))
    )


def test_each_polynomial_has_its_own_reference_time():
    assert RangePolynomial(2.0, (1.0, 10.0, 100.0)).at(np.array([2.0, 3.0])).tolist() == [1.0, 111.0]
    confused = replace(IW2, doppler_centroid=replace(IW2.doppler_centroid, t0_s=IW2.fm_rate.t0_s))
    assert np.abs(IW2.frequency(LINES, SAMPLES) - confused.frequency(LINES, SAMPLES)).max() > 5


def test_nan_and_scalars():
    assert np.isnan(IW2.phase(np.nan, 0.0))
    assert IW2.phase(1.0, 2.0).shape == ()


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("velocity_m_s", np.nan, "velocity_m_s must be above 0"),
        ("steering_rate_rad_s", 0.0, "steering_rate_rad_s must be above 0"),
        ("lines", 0, "lines must be above 0"),
        ("fm_rate", RangePolynomial(0.0, ()), "fm_rate must have finite coefficients"),
        ("doppler_centroid", RangePolynomial(np.nan, (1.0,)), "doppler_centroid must have finite coefficients"),
        ("fm_rate", RangePolynomial(0.0, (2000.0,)), "fm_rate must be below 0"),
    ],
)
def test_impossible_fields_are_refused_by_name(field, value, text):
    with pytest.raises(DataError, match=rf"^CarrierInvalid: TOPS carrier: {text}"):
        replace(IW2, **{field: value})


def seconds(*values):
    return EPOCH + (np.array(values) * 1e6).astype("timedelta64[us]")


def made(fm_rates=(-0.5, 1.2, 3.0), centroids=(-9.0, 2.4, 5.0), image=None):
    """Carrier of a burst whose mid is 1.54 s after the epoch; polynomials have their number as value."""
    fm = [(t, RangePolynomial(0.0, (-2000.0 - n,))) for n, t in enumerate(seconds(*fm_rates))]
    dc = [(t, RangePolynomial(0.0, (float(n),))) for n, t in enumerate(seconds(*centroids))]
    settings = {"radar_frequency_hz": 5.405e9, "steering_rate_deg_s": 0.98, "fm_rates": fm, "doppler_centroids": dc}
    return carrier_of(image or grid(), **settings)


def test_polynomials_are_those_nearest_to_the_burst_mid():
    assert made().fm_rate.coefficients == (-2001.0,)
    assert made().doppler_centroid.coefficients == (1.0,)
    assert made(fm_rates=(1.6, 1.5)).fm_rate.coefficients == (-2001.0,)
    assert nearest_in_time(seconds(0, 2), seconds(1)[0]) == 0


def test_carrier_of_a_grid():
    own, image = made(), grid()
    assert (own.lines, own.samples, own.line_interval_s) == (*image.shape, image.line_interval_s)
    assert own.slant_range_time_first_s * C / 2 == pytest.approx(850e3)
    assert C / (2 * own.range_sampling_rate_hz) == pytest.approx(2.329562)
    assert own.velocity_m_s == pytest.approx(np.linalg.norm(image.orbit.at(750 * 2.0555563e-3)[1]), abs=1e-9)


def test_a_list_without_polynomials_is_refused_by_name():
    with pytest.raises(
        DataError, match=r"^CarrierInvalid: TOPS carrier: dcEstimateList must have a polynomial or more"
    ):
        made(centroids=())


def test_lines_that_are_not_zero_doppler_are_refused():
    other = replace(grid(), doppler=Doppler(np.zeros(1), np.array([850e3]), np.full((1, 1), 290.0)))
    with pytest.raises(OpenEOError, match=r"^DopplerNotZero: the lines of the image must be zero-Doppler lines"):
        made(image=other)

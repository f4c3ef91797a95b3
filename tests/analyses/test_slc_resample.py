"""Acceptance numbers of `slc_resample` on simulated TOPS bursts, through the graph `slc_coregistration`.

The thresholds are those of specs/sentinel1_geometry_and_coregistration.md, section 5; the truth is exact by Fourier's theorem.
"""

import numpy as np
import pytest

from tests import analyses
from tests.analyses import tops

INNER = np.s_[16:-16, 16:-16]


def resampled(swath, *, with_carrier=True, **arguments):
    """The second date and its truth, complex, without the border."""
    cube, truth = tops.pair(swath, with_carrier=with_carrier)
    result = analyses.run("slc_coregistration", cube, **arguments)
    values = result.isel(t=1).sel(bands=["i_VV", "q_VV"]).values.astype(float)
    slc = values[0] + 1j * values[1]
    assert np.isfinite(slc[8:-8, 8:-8]).all()
    return slc[INNER], truth[INNER]


def phase_errors_deg(slc, truth):
    """Phase of slc conj(truth), weighted by power: mean of the first and the last tenth of the lines less the middle, noise."""
    product = slc * truth.conj()
    lines = np.degrees(np.angle(product.sum(axis=1)))
    tenth = len(lines) // 10
    mean = lambda part: np.degrees(np.angle(product[part].sum()))  # noqa: E731
    middle = mean(slice(4 * tenth, 6 * tenth))
    noise = np.degrees(np.sqrt(np.average(np.angle(product) ** 2, weights=abs(product))))
    return mean(slice(tenth)) - middle, mean(slice(-tenth, None)) - middle, noise


@pytest.fixture(scope="module")
def of_iw2():
    return resampled(tops.IW2)


def test_iw2_equals_the_truth(of_iw2):
    assert 1 - tops.coherence(*of_iw2) < 5e-6
    assert phase_errors_deg(*of_iw2)[2] < 0.2


def test_iw2_has_no_bias_at_the_ends_of_the_burst(of_iw2):
    first, last, _ = phase_errors_deg(*of_iw2)
    assert abs(first) < 0.05
    assert abs(last) < 0.05


def test_iw1_with_16_taps():
    slc, truth = resampled(tops.IW1, taps=16)
    assert phase_errors_deg(slc, truth)[2] < 1.3
    assert 1 - tops.coherence(slc, truth) < 3e-4


def test_more_taps_are_better(of_iw2):
    errors = [1 - tops.coherence(*resampled(tops.IW2, taps=taps)) for taps in (8, 16)]
    assert errors[0] > 10 * (1 - tops.coherence(*of_iw2)) > 50 * errors[1]


def test_without_deramping_all_is_lost():
    slc, truth = resampled(tops.IW2, with_carrier=False)
    assert tops.coherence(slc, truth) < 0.1


def test_the_primary_is_returned_bit_for_bit():
    cube, _ = tops.pair(tops.IW2)
    result = analyses.run("slc_coregistration", cube)
    bands = ["i_VV", "q_VV", "grid_lat", "grid_lon"]
    assert result.bands.values.tolist() == bands
    assert np.array_equal(result[0], cube[0].sel(bands=bands))

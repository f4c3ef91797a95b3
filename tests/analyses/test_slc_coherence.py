"""Golden case of `slc_coherence`, window 5 x 21.

The numbers are those of specs/coherence_interferogram_geocoding.md, section 1.6 (`scipy.ndimage.uniform_filter`, zero border,
float64 on the same pair), with the three zero samples left out of every sum and NaN in the result.
"""

import numpy as np
import pytest

from local_runner.profiles import ProfileWarning
from tests import analyses, real_pair

pytestmark = analyses.needs_real_pair


@pytest.fixture(scope="module")
def cube(tmp_path_factory):
    return analyses.load(real_pair.write_real_pair(tmp_path_factory.mktemp("pair")))


def coherence(cube, **arguments):
    return analyses.run("slc_coherence", cube, pairs=[analyses.PAIR], **arguments)


def test_the_numbers_of_the_pair(cube):
    values = coherence(cube).values[0, 0]
    assert np.array_equal(np.isnan(values), analyses.invalid_samples())
    assert np.isnan(values).sum() == 3
    assert analyses.statistics(values)[:2] == pytest.approx([0.747153, 0.802916], abs=1e-5)


def test_bands_date_and_positions(cube):
    result = coherence(cube)
    assert result.bands.values.tolist() == ["coherence_20230331_20230319", "latitude", "longitude"]
    assert result.t.values.tolist() == np.array(["2023-03-19"], "datetime64[ns]").tolist()
    primary = cube.isel(t=1).sel(bands=["grid_lat", "grid_lon"])
    assert np.array_equal(result[0, 1:], primary)


def test_both_profiles_agree(cube):
    with pytest.warns(ProfileWarning, match=r"^The UDF changes the band labels"):
        by_specification = coherence(cube, profile="specification")
    assert by_specification.equals(coherence(cube))


@pytest.mark.parametrize(
    ("changes", "window", "mean"),
    [
        ({}, {"window_range": 5, "window_azimuth": 21}, 0.7417),
        ({"shift": 1}, {}, 0.48),
        ({"conjugate": False}, {}, 0.23),
    ],
    ids=["window transposed", "secondary shifted by one range sample", "conjugate dropped"],
)
def test_mistakes_are_seen(cube, changes, window, mean):
    wrong = analyses.with_secondary(cube, analyses.slcs(**changes)[1])
    assert analyses.statistics(coherence(wrong, **window).values[0, 0])[0] == pytest.approx(
        mean, abs=0.01 if changes else 1e-3
    )

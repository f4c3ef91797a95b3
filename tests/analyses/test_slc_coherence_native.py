"""Golden case of `slc_coherence_native`, window 5 x 21.

The numbers are those of specs/coherence_interferogram_geocoding.md, section 1.6 (`scipy.ndimage.uniform_filter`, zero border,
float64 on the same pair), zero samples kept as in the seed.
"""

import numpy as np
import pytest

from tests import analyses, real_pair

pytestmark = analyses.needs_real_pair
DATES = dict(zip(("primary_date", "secondary_date"), analyses.PAIR, strict=True))
PROFILES = ("specification", "geopyspark")


@pytest.fixture(scope="module")
def cube(tmp_path_factory):
    return analyses.load(real_pair.write_real_pair(tmp_path_factory.mktemp("pair")))


@pytest.fixture(scope="module")
def of_udf(cube):
    return analyses.run("slc_coherence", cube, pairs=[analyses.PAIR]).values[0, 0]


def coherence(cube, **arguments):
    result = analyses.run("slc_coherence_native", cube, **(DATES | arguments))
    return result.sel(bands="coherence").squeeze().values


@pytest.mark.parametrize("profile", PROFILES)
def test_the_numbers_of_the_pair(cube, profile):
    values = coherence(cube, profile=profile)
    assert values.shape == real_pair.SHAPE
    assert analyses.statistics(values) == pytest.approx([0.747131, 0.802880, 0.022687, 0.981968], abs=1e-5)


@pytest.mark.parametrize("profile", PROFILES)
def test_agrees_with_the_udf_where_all_samples_are_valid(cube, of_udf, profile):
    valid = ~analyses.windows_with_invalid_samples()
    assert valid.mean() > 0.95
    assert np.abs(coherence(cube, profile=profile) - of_udf)[valid].max() < 1e-6


@pytest.mark.parametrize("profile", PROFILES)
def test_agrees_with_the_udf_everywhere_without_the_invalid_samples(cube, of_udf, profile):
    values = coherence(cube, profile=profile, exclude_invalid=True)
    assert np.array_equal(np.isnan(values), np.isnan(of_udf))
    assert np.nanmax(np.abs(values - of_udf)) < 1e-6


def test_positions_are_those_of_the_primary(cube):
    result = analyses.run("slc_coherence_native", cube, **DATES)
    assert result.bands.values.tolist() == ["coherence", "latitude", "longitude"]
    primary = cube.isel(t=1).sel(bands=["grid_lat", "grid_lon"])
    assert np.array_equal(result.isel(bands=[1, 2]).squeeze(), primary)


@pytest.mark.parametrize(
    ("changes", "mean"),
    [({"shift": 1}, 0.48), ({"conjugate": False}, 0.23)],
    ids=["shifted by a range sample", "conjugate"],
)
def test_mistakes_are_seen(cube, changes, mean):
    wrong = analyses.with_secondary(cube, analyses.slcs(**changes)[1])
    assert analyses.statistics(coherence(wrong))[0] == pytest.approx(mean, abs=0.01)

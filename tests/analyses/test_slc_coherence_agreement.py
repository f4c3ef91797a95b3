"""The two coherence processes on the same made-up pairs: `slc_coherence_native` with `exclude_invalid` is `slc_coherence`."""

import numpy as np
import pytest

from tests import analyses
from tests.processes import make_cube

PRIMARY, SECONDARY = "2023-03-31", "2023-03-19"
INVALID = {
    "NaN in i": {"i_VV": np.nan},
    "NaN in q": {"q_VV": np.nan},
    "infinity in i": {"i_VV": np.inf},
    "infinity in q": {"q_VV": -np.inf},
    "too large a power": {"i_VV": 1e25},
    "zero": {"i_VV": 0, "q_VV": 0},
}


def pair(shape=(30, 40)):
    cube = make_cube(t=2, bands=("i_VV", "q_VV", "grid_lat", "grid_lon"), y=shape[0], x=shape[1]).compute()
    values = cube.values
    values[1] = 0.6 * values[0] + 0.8 * values[1]
    return cube.assign_coords(t=np.array([SECONDARY, PRIMARY], "datetime64[ns]")).copy(data=values)


def spoiled(cube, bands):
    """One sample in ten of the second date, and a corner, with these values."""
    values = cube.values.copy()
    bad = np.random.default_rng(1).random(values.shape[2:]) < 0.1
    bad[: bad.shape[0] // 2, : bad.shape[1] // 2] = True
    for name, value in bands.items():
        values[1, cube.bands.values.tolist().index(name)][bad] = value
    return cube.copy(data=values)


def both(cube, **window):
    cube = cube.chunk({"y": 16})
    udf = analyses.run("slc_coherence", cube, pairs=[[PRIMARY, SECONDARY]], **window)[0, 0]
    dates = {"primary_date": PRIMARY, "secondary_date": SECONDARY}
    native = analyses.run("slc_coherence_native", cube, exclude_invalid=True, **dates, **window)
    return udf.values, native.sel(bands="coherence").isel(t=0).values


@pytest.mark.parametrize("name", INVALID)
@pytest.mark.parametrize("window", [(5, 21), (5, 5), (3, 65)])
def test_invalid_samples(name, window):
    udf, native = both(spoiled(pair(), INVALID[name]), window_azimuth=window[0], window_range=window[1])
    assert 0 < np.isnan(udf).mean() < 1
    np.testing.assert_allclose(native, udf, rtol=0, atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 50), (50, 1), (7, 9)])
def test_images_smaller_than_the_window(shape):
    udf, native = both(pair(shape))
    np.testing.assert_allclose(native, udf, rtol=0, atol=1e-6)


@pytest.mark.parametrize("scale", [1e-10, 1e9])
def test_any_linear_unit(scale):
    cube = pair()
    expected, _ = both(cube)
    for values in both(cube * scale):
        np.testing.assert_allclose(values, expected, rtol=0, atol=1e-6)

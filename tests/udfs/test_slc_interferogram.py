"""Identities, known truths and errors of the products of pairs."""

import numpy as np
import pytest

from tests.udfs.test_slc_coherence import PAIR, make_cube, pair_cube, speckle
from udfs import slc_interferogram

CONTEXT = {"pairs": [PAIR], "polarization": "VV", "flatten": False}


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def run(cube, **options):
    return slc_interferogram.apply_datacube(cube, CONTEXT | options)


def products(primary, secondary, **options):
    """Complex product, both intensities and the valid samples."""
    real, imag, *others = run(pair_cube(primary, secondary), **options).values[0]
    return real + 1j * imag, *others


def test_product_is_primary_times_conjugate_of_secondary(rng):
    first, second = speckle(rng).astype(np.complex64), speckle(rng).astype(np.complex64)
    product, power_1, power_2, valid = products(first, second)
    np.testing.assert_allclose(product, first * second.conj(), rtol=1e-5, atol=1e-2)
    np.testing.assert_allclose(power_1, abs(first) ** 2, rtol=1e-5)
    np.testing.assert_allclose(power_2, abs(second) ** 2, rtol=1e-5)
    assert (valid == 1).all()


def test_identical_images_have_phase_zero(rng):
    slc = speckle(rng)
    product, power, _, _ = products(slc, slc)
    assert (product.imag == 0).all()
    assert np.array_equal(product.real, power)


def test_a_longer_way_in_the_secondary_gives_a_positive_phase(rng):
    slc = speckle(rng)
    product, *_ = products(slc, slc * np.exp(-1j * 0.7))  # phase of an SLC: -4 pi R / lambda
    np.testing.assert_allclose(np.angle(product), 0.7, atol=1e-5)


def test_flatten_removes_the_reference_phase(rng):
    slc = speckle(rng)
    phase = {day: rng.uniform(-np.pi, np.pi, slc.shape) for day in PAIR}
    # an SLC carries exp(-j 4 pi R / lambda): the reference phase of its date, of the other sign, relative to the primary's
    cube = make_cube({day: slc * np.exp(-1j * phase[day]) for day in PAIR}, phases=phase)
    real, imag = run(cube, flatten=True).values[0, :2]
    np.testing.assert_allclose(np.angle(real + 1j * imag), 0, atol=2e-6)
    assert abs(run(cube).values[0, :2]).std() > 0


@pytest.mark.parametrize("flatten", [False, True])
def test_swapped_dates_conjugate_bit_for_bit(rng, flatten):
    phase = {day: rng.uniform(-np.pi, np.pi, (48, 64)) for day in PAIR}
    cube = pair_cube(speckle(rng), speckle(rng), phases=phase)
    first, other = (run(cube, pairs=[pair], flatten=flatten).values[0] for pair in (PAIR, PAIR[::-1]))
    assert np.array_equal(first, other[[0, 1, 3, 2, 4]] * np.array([1, -1, 1, 1, 1])[:, None, None])


def test_several_pairs_have_labels_of_their_own(rng):
    result = run(pair_cube(speckle(rng), speckle(rng)), pairs=[PAIR, PAIR[::-1]])
    assert result.bands.values[[0, 4, 5]].tolist() == [
        "i_20230331_20230319",
        "valid_20230331_20230319",
        "i_20230319_20230331",
    ]
    assert result.t.values.tolist() == np.array(["2023-03-19"], "datetime64[ns]").tolist()


@pytest.mark.parametrize("fault", [0, np.nan, np.inf, 1e-20, 1e20])
@pytest.mark.parametrize("which", [0, 1])
def test_invalid_samples_are_missing_in_all_bands(rng, fault, which):
    images = [speckle(rng), speckle(rng)]
    images[which][3, 5] = fault
    result = run(pair_cube(*images)).values[0]
    expected = np.zeros(result.shape, bool)
    expected[:, 3, 5] = True
    assert np.array_equal(np.isnan(result), expected)


def test_a_missing_reference_phase_counts_only_where_it_is_used(rng):
    phase = {day: np.zeros((48, 64)) for day in PAIR}
    phase[PAIR[0]][2, 2] = np.nan
    cube = pair_cube(speckle(rng), speckle(rng), phases=phase)
    assert np.isnan(run(cube, flatten=True).values).sum() == 5
    assert not np.isnan(run(cube).values).any()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"pairs": []}, r"^pairs must be a list of \[primary, secondary\] dates, one or more, instead got \[\]\."),
        (
            {"pairs": [[PAIR[0]] * 2]},
            r"^pairs must hold two different days, instead got \['2023-03-31', '2023-03-31'\]",
        ),
        ({"pairs": [PAIR, PAIR]}, r"^pairs must not repeat, instead got "),
        ({"pairs": [["2023-03-31", "2023-04-12"]]}, r"^pairs must hold dates of the cube, instead got '2023-04-12'\."),
        ({"polarization": "VH"}, r"^bands must hold i_VH, instead got \['i_VV', 'q_VV', 'grid_lat', 'grid_lon'\]\."),
        ({"flatten": True}, r"^bands must hold reference_phase, instead got "),
        ({"flatten": 1}, r"^flatten must be true or false, instead got 1\."),
    ],
)
def test_wrong_options(rng, options, text):
    with pytest.raises(ValueError, match=text):
        run(pair_cube(speckle(rng), speckle(rng)), **options)


def test_two_acquisitions_of_one_day_are_refused(rng):
    cube = pair_cube(speckle(rng), speckle(rng))
    cube = cube.assign_coords(t=np.array(["2023-03-31T01", "2023-03-31T13"], "datetime64[ns]"))
    with pytest.raises(
        ValueError, match=r"^t must hold one acquisition per UTC day, instead got several on \['2023-03-31'\]"
    ):
        run(cube)

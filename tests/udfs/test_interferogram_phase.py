"""Identities, known truths and errors of the final bands."""

import numpy as np
import pytest
import xarray as xr

from udfs import interferogram_phase

PAIR = ["2024-08-09", "2024-08-21"]
OTHERS = ["latitude", "longitude", "height"]


def make_cube(pair=PAIR, **bands):
    """Cube of one date with quantities of a pair, each (y, x), and bands of the grid."""
    shape = next(iter(bands.values())).shape
    names = [f"{name}_{interferogram_phase.suffix(pair)}" for name in bands] + OTHERS
    planes = [*bands.values(), *(np.full(shape, n) for n in range(len(OTHERS)))]
    coords = {"t": [np.datetime64("2024-08-09", "ns")], "bands": names}
    coords |= {"y": np.arange(shape[0]), "x": np.arange(shape[1])}
    return xr.DataArray(np.array([planes], np.float32), coords, ("t", "bands", "y", "x"))


def wrapped(values, smooth=None):
    smooth = values if smooth is None else smooth
    parts = (np.ones(values.shape), values.real, values.imag, smooth.real, smooth.imag)
    return dict(zip(interferogram_phase.WRAPPED, parts, strict=True))


def run(cube, pair=PAIR):
    result = interferogram_phase.apply_datacube(cube, {"pairs": [pair], "geometry": ["height"]})
    return {
        name.removesuffix(f"_{interferogram_phase.suffix(pair)}"): result.sel(bands=name).values[0]
        for name in result.bands.values.tolist()
    }


@pytest.fixture
def values():
    rng = np.random.default_rng(0)
    found = (rng.standard_normal((6, 7)) + 1j * rng.standard_normal((6, 7))).astype(np.complex64)
    found[0, :4] = [-1, -2 + 0j, 1j, np.nan]
    return found


def test_bands_and_their_order(values):
    result = run(make_cube(**wrapped(values)))
    assert list(result) == ["coherence", "i", "q", "phase", "phase_filtered", *OTHERS]
    assert (result["height"] == 2).all()


def test_phases_are_angles_of_their_own_values(values):
    result = run(make_cube(**wrapped(values, values * 1j)))
    np.testing.assert_allclose(result["phase"], np.angle(values), atol=1e-6)
    np.testing.assert_allclose(np.exp(1j * result["phase_filtered"]), np.exp(1j * np.angle(values * 1j)), atol=1e-6)
    assert np.array_equal(np.isnan(result["phase"]), np.isnan(values))


def test_swapped_dates_change_the_sign_bit_for_bit(values):
    first = run(make_cube(**wrapped(values)))
    for zero in (0.0, -0.0):  # the conjugate of a real number, however it is signed
        other = values.conj()
        other.imag[other.imag == 0] = zero
        swapped = run(make_cube(PAIR[::-1], **wrapped(other)), PAIR[::-1])
        there = ~np.isnan(values)
        for name in ("q", "phase", "phase_filtered"):
            assert swapped[name][there].tobytes() == (-first[name][there]).tobytes(), name
    assert first["phase"][0, 0] == np.float32(np.pi)


def test_cells_that_mix_components_are_missing(values):
    component = np.ones(values.shape)
    component[1, :4] = [2, 1.5, 1 + 1e-5, np.nan]
    squared = component**2
    squared[1, 1] = 2.5  # half of 1, half of 2
    squared[1, 2] = 1 + 3e-5
    parts = {"phase_unwrapped": np.full(values.shape, 9.0), "component": component, "component_squared": squared}
    result = run(make_cube(**wrapped(values), **parts))
    assert list(result)[5:7] == ["phase_unwrapped", "component"]
    np.testing.assert_array_equal(result["component"][1], [2, np.nan, 1, np.nan, 1, 1, 1])
    np.testing.assert_array_equal(result["phase_unwrapped"][1], [9, np.nan, 9, 9, 9, 9, 9])


def test_units(values):
    result = interferogram_phase.apply_datacube(make_cube(**wrapped(values)), {"pairs": [PAIR], "geometry": []})
    assert result.attrs["units"] == ["1", "", "", "rad", "rad", "degree", "degree", "m"]


def test_missing_bands():
    cube = make_cube(**wrapped(np.ones((2, 2), complex))).isel(bands=slice(1, None))
    with pytest.raises(ValueError, match=r"^bands must hold coherence_20240809_20240821, instead got \['i_2024"):
        run(cube)


def test_missing_bands_of_the_grid(values):
    cube = make_cube(**wrapped(values))
    with pytest.raises(ValueError, match=r"^geometry must name bands of the input, instead got 'look_up'\. Load it"):
        interferogram_phase.apply_datacube(cube, {"pairs": [PAIR], "geometry": ["height", "look_up"]})

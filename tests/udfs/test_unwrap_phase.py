"""Unwrapping by snaphu: truths up to whole cycles, congruence, swapped dates, components, masks, and one tile only."""

import numpy as np
import pytest
import xarray as xr
from openeo.metadata import Band, BandDimension, CubeMetadata

from local_runner import catalog, evaluate
from local_runner.errors import LimitExceededError, OpenEOError
from local_runner.profiles import ProfileWarning
from tests.processes import graph, node, parameter, unreadable

pytest.importorskip("snaphu", reason="unwrapping needs the extra unwrap")
from udfs import unwrap_phase

DATES = ("20240809", "20240821")
PAIR = ["2024-08-09", "2024-08-21"]
CONTEXT = {"pairs": [PAIR], "looks": 20, "cost": "smooth"}
SHAPE = (48, 64)
SIZE = [{"dimension": name, "value": 64, "unit": "px"} for name in "xy"]


def hill(shape=SHAPE, cycles=4):
    """A smooth surface (y, x) of several cycles, in rad, that is neither even nor odd in y or x."""
    y, x = (values / size for values, size in zip(np.indices(shape), shape, strict=True))
    return 2 * np.pi * cycles * np.exp(-8 * ((y - 0.4) ** 2 + (x - 0.6) ** 2)) + 3 * x


def make_cube(values, coherence=0.9, pair=DATES):
    """Cube of one pair from complex values (y, x)."""
    planes = [values.real, values.imag, np.broadcast_to(coherence, values.shape)]
    names = ["_".join([name, *pair]) for name in ("i_filtered", "q_filtered", "coherence")]
    coords = {"t": np.array([PAIR[0]], "datetime64[ns]"), "bands": names}
    coords |= {"y": np.arange(values.shape[0]), "x": np.arange(values.shape[1])}
    return xr.DataArray(np.array([planes], np.float32), coords, ("t", "bands", "y", "x"))


def swapped(cube):
    """The interferogram of the swapped dates."""
    bands = [f"{name[:-18]}_{DATES[1]}_{DATES[0]}" for name in cube.bands.values]
    sign = np.array([1, -1, 1], np.float32)[:, None, None]
    return (cube * sign).assign_coords(bands=bands)


def run(cube, **options):
    """Unwrapped phase, component and its square (each (y, x)) of the first pair."""
    return unwrap_phase.apply_datacube(cube, CONTEXT | options).values[0]


def wave(phase):
    return np.exp(1j * phase).astype(np.complex64)


def test_a_surface_of_several_cycles_is_recovered_up_to_a_constant():
    truth = hill()
    phase, component, square = run(make_cube(wave(truth)))
    constant = 2 * np.pi * np.round((phase - truth).mean() / (2 * np.pi))
    assert np.ptp(truth) > 4 * 2 * np.pi
    np.testing.assert_allclose(phase - constant, truth, rtol=0, atol=1e-5)
    assert (component == 1).all()
    assert (square == 1).all()


@pytest.mark.parametrize("cost", ["smooth", "defo"])
def test_unwrapped_and_filtered_phase_differ_by_whole_cycles_also_with_noise(cost):
    noise = np.random.default_rng(0).normal(0, 0.8, SHAPE)
    values = wave(hill() + noise)
    phase = run(make_cube(values, 0.5), cost=cost)[0].astype(float)
    turns = (phase - np.angle(values)) / (2 * np.pi)
    np.testing.assert_allclose(turns, np.round(turns), rtol=0, atol=2e-6)
    assert np.ptp(np.round(turns)) >= 4


def test_noise_leaves_no_cycle_slip_where_coherence_tells_of_it():
    rng = np.random.default_rng(1)
    truth, noise = hill(), rng.normal(0, 0.5, SHAPE)
    phase, component, _ = run(make_cube(wave(truth + noise), 0.85))
    error = phase - truth - noise
    assert (np.round((error - np.median(error)) / (2 * np.pi)) == 0).mean() > 0.99
    assert (component == 1).mean() > 0.9


def test_swapped_dates_negate_the_phase_bit_for_bit():
    cube = make_cube(wave(hill() + np.random.default_rng(0).normal(0, 0.6, SHAPE)), 0.7)
    cube[0, 0, 3, 4], cube[0, 1, 3, 4] = -1, 0  # phase pi, which has two names
    forward, backward = run(cube), run(swapped(cube), pairs=[PAIR[::-1]])
    np.testing.assert_array_equal(backward[0], -forward[0])
    np.testing.assert_array_equal(backward[1:], forward[1:])


def test_the_same_input_gives_the_same_bytes():
    cube = make_cube(wave(hill() + np.random.default_rng(0).normal(0, 1, SHAPE)), 0.4)
    assert run(cube).tobytes() == run(cube).tobytes()


def test_two_islands_are_two_components_the_larger_one_first():
    values = wave(hill())
    values[:, 24:28] = np.nan
    phase, component, square = run(make_cube(values))
    assert (component[:, :24] == 2).all()
    assert (component[:, 28:] == 1).all()
    np.testing.assert_array_equal(square, component**2)
    for part in (np.s_[:, :24], np.s_[:, 28:]):
        difference = (phase - hill())[part]
        assert np.ptp(difference) < 1e-4


@pytest.mark.parametrize("band", [0, 1, 2])
@pytest.mark.parametrize("hole", [np.nan, np.inf])
def test_where_a_band_is_not_finite_the_result_is_nan(band, hole):
    cube = make_cube(wave(hill()))
    cube[0, band, 10:14, 20:30] = hole
    result = run(cube)
    expected = np.zeros(SHAPE, bool)
    expected[10:14, 20:30] = True
    assert (np.isnan(result) == expected).all()
    assert np.ptp((result[0] - hill())[~expected]) < 1e-4


def test_a_sample_of_zero_is_invalid():
    values = wave(hill())
    values[5, 6] = 0
    assert np.isnan(run(make_cube(values))[:, 5, 6]).all()


def test_margins_of_nan_change_nothing():
    padded = np.full((80, 90), np.nan, np.complex64)
    padded[20 : 20 + SHAPE[0], 7 : 7 + SHAPE[1]] = wave(hill())
    result = run(make_cube(padded))
    np.testing.assert_array_equal(result[:, 20 : 20 + SHAPE[0], 7 : 7 + SHAPE[1]], run(make_cube(wave(hill()))))
    assert np.isfinite(result).sum() == 3 * np.prod(SHAPE)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (3, 3), (40, 2)])
def test_images_smaller_than_the_windows_of_snaphu(shape):
    values = wave(0.4 * np.indices(shape).sum(axis=0))
    phase, component, _ = run(make_cube(values))
    turns = (phase.astype(float) - np.angle(values)) / (2 * np.pi)
    np.testing.assert_allclose(turns, np.round(turns), rtol=0, atol=1e-6)
    assert np.isfinite(component).all()


def test_nothing_in_nothing_out_and_snaphu_is_not_called(monkeypatch):
    monkeypatch.setattr(unwrap_phase.subprocess, "run", None)
    result = run(make_cube(np.full(SHAPE, np.nan * 1j, np.complex64), np.nan))
    assert np.isnan(result).all()


def test_several_pairs_labels_units_and_input():
    other = ("20240809", "20240902")
    both = xr.concat([make_cube(wave(hill())), make_cube(wave(-hill()), pair=other)], "bands")
    before, pairs = both.copy(deep=True), [PAIR, ["2024-08-09", "2024-09-02"]]
    result = unwrap_phase.apply_datacube(both.transpose("x", "t", "y", "bands"), CONTEXT | {"pairs": pairs})
    assert result.dims == ("t", "bands", "y", "x")
    assert result.dtype == np.float32
    assert result.bands.values.tolist() == [
        "_".join([name, *pair])
        for pair in (DATES, other)
        for name in ("phase_unwrapped", "component", "component_squared")
    ]
    assert result.attrs["units"] == ["rad", "1", "1"] * 2
    xr.testing.assert_identical(both, before)
    assert np.ptp((result[0, 3] + hill()).values) < 1e-4


def test_one_date_without_t():
    cube = make_cube(wave(hill()))
    result = unwrap_phase.apply_datacube(cube.isel(t=0, drop=True), CONTEXT)
    np.testing.assert_array_equal(result.values, run(cube))


def test_metadata_declares_the_labels():
    cube = make_cube(wave(hill()))
    bands = BandDimension("bands", bands=[Band(name=str(name)) for name in cube.bands.values])
    declared = unwrap_phase.apply_metadata(CubeMetadata(dimensions=[bands]), CONTEXT)
    assert declared.band_names == unwrap_phase.apply_datacube(cube, CONTEXT).bands.values.tolist()


def test_a_failure_of_snaphu_tells_its_last_lines_and_leaves_no_file(monkeypatch, tmp_path, capfd):
    monkeypatch.setattr(unwrap_phase, "settings_text", lambda *_: "INFILE nothing\nLINELENGTH 64\n")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(RuntimeError, match=r"^snaphu must end with exit code 0, instead got 1\. It says: .*nothing"):
        run(make_cube(wave(hill())))
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_snaphu_prints_nothing(capfd):
    run(make_cube(wave(hill())))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"looks": 0.5}, r"^looks must be a number of at least 1, instead got 0\.5\. Give"),
        ({"looks": True}, r"^looks must be a number of at least 1, instead got True\. Give"),
        ({"looks": np.nan}, r"^looks must be a number of at least 1, instead got nan\. Give"),
        ({"cost": "topo"}, r"^cost must be one of \('smooth', 'defo'\), instead got 'topo'\. Choose"),
        ({"pairs": []}, r"^pairs must be a list of \[primary, secondary\] dates, one or more, instead got \[\]\. Give"),
        ({"pairs": [PAIR[:1] * 2]}, r"^pairs must be a list of \[primary, secondary\] dates, .*\. Give ISO dates\.$"),
        ({"pairs": [PAIR, PAIR]}, r"^pairs must not repeat, .*\. Give each pair once\.$"),
        ({"pairs": [PAIR[::-1]]}, r"^bands must hold i_filtered_20240821_20240809, instead got .*\. Make it by"),
    ],
)
def test_wrong_input_is_refused(options, text):
    with pytest.raises(ValueError, match=text):
        run(make_cube(wave(hill())), **options)


def test_wrong_dimensions_are_refused():
    cube = make_cube(wave(hill()))
    with pytest.raises(ValueError, match=r"^cube must have dimensions t, bands, y, x, instead got \['bands', 'y'\]\."):
        run(cube[0, :, :, 0])
    with pytest.raises(ValueError, match=r"^t must have one label, that of the pairs, instead got 2\. Give"):
        run(xr.concat([cube, cube], "t"))


class TestInAGraph:
    def graph(self, *, profile="specification", cube):
        udf = graph(
            unwrap_phase=node(
                "run_udf",
                data=parameter("data"),
                udf=catalog.udf_text("unwrap_phase"),
                runtime="Python",
                context=CONTEXT,
            )
        )
        whole = graph(unwrap=node("apply_neighborhood", data=parameter("cube"), process=udf, size=SIZE))
        return evaluate(whole["process_graph"], {"cube": cube.chunk()}, profile=profile)

    @pytest.mark.parametrize(
        ("profile", "warned"),
        [
            ("specification", r"^The UDF changes the band labels"),
            ("geopyspark", r"^\[geopyspark G55\] The dependencies"),
        ],
    )
    def test_equals_a_call_on_the_whole_image(self, profile, warned):
        cube = make_cube(wave(hill()))
        with pytest.warns(ProfileWarning, match=warned):
            result = self.graph(cube=cube, profile=profile)
        np.testing.assert_array_equal(result.compute().values[0], run(cube))

    def test_more_than_one_tile_is_refused_before_a_pixel_is_read(self):
        cube = unreadable(make_cube(wave(hill((48, 65)))).chunk())
        must = r"^LimitExceeded: The image of a UDF with WHOLE_IMAGE must fit into one neighbourhood, 64 rows x 64 columns, "
        with pytest.raises(
            LimitExceededError, match=must + r"instead got 48 rows x 65 columns\. Take more looks, or clip"
        ):
            self.graph(cube=cube)

    def test_wrong_options_are_refused_before_a_pixel_is_read(self):
        cube = unreadable(make_cube(wave(hill()), pair=("20240809", "20240902")).chunk())
        with pytest.raises(
            OpenEOError, match=r"^UdfInputInvalid: bands must hold i_filtered_20240809_20240821, instead"
        ):
            self.graph(cube=cube)

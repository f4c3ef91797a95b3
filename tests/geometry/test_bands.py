"""Geometry bands: what they are made of, that a chunk is a part of the whole, and the shifts of a date from its primary."""

import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cloudpickle
import dask
import dask.array as da
import numpy as np
import pytest
from dask.base import tokenize

from local_runner.geometry import bands as geometry
from local_runner.geometry.bands import CARRIER, POSITION, SHIFT, bands, positions
from local_runner.geometry.baseline import reference_phase
from local_runner.geometry.coregistration import coregister, shift
from local_runner.geometry.elevation import ConstantHeights
from local_runner.geometry.range_doppler import backward, forward, look

from .ground_scene import DATE, PRIMARY, SHAPE, carrier, hill, pixels, terrain, view


@pytest.fixture(scope="module")
def on_hill(tmp_path_factory):
    """The view of a hill, and all its bands."""
    scene = view(terrain(tmp_path_factory.mktemp("dem"), hill))
    lazy = {name: make() for name, make in bands(scene).items()}
    return scene, dict(zip(lazy, dask.compute(*lazy.values()), strict=True))


def wrapped(phase):
    return np.angle(np.exp(1j * phase))


def test_bands_are_float32_in_chunks_of_whole_rows(on_hill):
    scene, computed = on_hill
    assert tuple(computed) == POSITION + SHIFT + CARRIER
    for name, make in bands(scene).items():
        assert (make().dtype, make().chunks) == (np.float32, ((256, 256, 88), (900,)))
        assert (computed[name].dtype, computed[name].shape) == (np.float32, SHAPE)
        assert np.isfinite(computed[name]).all()


def test_the_position_is_that_of_the_pixel_at_its_height(on_hill):
    scene, computed = on_hill
    line, sample = pixels()
    found = positions(scene, line, sample)
    truth = forward(PRIMARY, line, sample, found.height)
    np.testing.assert_allclose(found[:2], truth, rtol=0, atol=0.05 / 111_000)
    for name, exact in zip(("grid_lat", "grid_lon", "height"), found, strict=True):
        np.testing.assert_array_equal(computed[name][line, sample], exact.astype(np.float32))


def test_line_of_sight(on_hill):
    scene, computed = on_hill
    line, sample = pixels()
    found = positions(scene, line, sample)
    towards = np.stack([computed[name] for name in ("look_east", "look_north", "look_up")], axis=-1)
    np.testing.assert_allclose(towards[line, sample], look(PRIMARY, line, *found), atol=2e-7)
    np.testing.assert_allclose(np.linalg.norm(towards, axis=-1), 1.0, atol=3e-7)
    np.testing.assert_allclose(computed["incidence_angle"], np.arccos(towards[..., 2].astype(float)), atol=3e-7)


def test_the_sensor_is_where_a_right_looking_radar_has_it(on_hill):
    """Ascending, looking right, that is east: the sensor is above, in the west, and a bit to the south."""
    _, computed = on_hill
    assert (computed["look_up"] > 0.7).all()
    assert (computed["look_east"] < -0.3).all()
    assert (np.abs(computed["look_north"]) < 0.2).all()


def test_shifts_are_those_of_two_orbits(on_hill):
    scene, computed = on_hill
    line, sample = pixels()
    placed, found = coregister(PRIMARY, DATE), positions(scene, line, sample)
    exact = shift(PRIMARY, DATE, line, sample, found.height)
    azimuth, across = (computed[name][line, sample].astype(float) for name in ("azimuth_shift", "range_shift"))
    np.testing.assert_allclose(azimuth + placed.line_offset, exact[0], atol=1e-4)
    np.testing.assert_allclose(across + placed.sample_offset, exact[1], atol=1e-4)
    there = backward(DATE, *found)
    np.testing.assert_allclose(line + placed.line_offset + azimuth, there[0], atol=1e-4)
    np.testing.assert_allclose(sample + placed.sample_offset + across, there[1], atol=1e-4)
    assert np.abs(across + azimuth).min() > 1e-3


def test_reference_phase_is_that_of_two_orbits(on_hill):
    scene, computed = on_hill
    line, sample = pixels()
    exact = reference_phase(PRIMARY, DATE, line, sample, positions(scene, line, sample).height)
    own = computed["reference_phase"][line, sample].astype(float)
    assert np.abs(wrapped(own - exact)).max() < 0.02
    assert np.abs(wrapped(own + exact)).max() > 1.0
    assert np.ptp(computed["reference_phase"]) > 6.0


def test_carriers_are_those_of_the_date_at_its_place(on_hill):
    scene, computed = on_hill
    line, sample = pixels()
    placed, height = coregister(PRIMARY, DATE), positions(scene, line, sample).height
    there = line + placed.line_offset, sample + placed.sample_offset
    deramp = carrier().phase(*(each.astype(float) for each in there))
    azimuth, across = shift(PRIMARY, DATE, line, sample, height)
    reramp = carrier().phase(line + azimuth, sample + across)
    assert np.abs(wrapped(computed["deramp_phase"][line, sample] - deramp)).max() < 1e-5
    assert np.abs(wrapped(computed["reramp_phase"][line, sample] - reramp)).max() < 0.02
    assert np.abs(wrapped(deramp - reramp)).max() > 0.1


def test_an_azimuth_offset_moves_the_azimuth_shift_and_the_carrier_with_it(on_hill):
    scene, computed = on_hill
    moved = {name: make().compute() for name, make in bands(replace(scene, azimuth_offset_px=0.25)).items()}
    np.testing.assert_allclose(moved["azimuth_shift"], computed["azimuth_shift"] + 0.25, atol=1e-5)
    for name in set(computed) - {"azimuth_shift", "reramp_phase"}:
        np.testing.assert_array_equal(moved[name], computed[name])
    line, sample = pixels()
    placed = coregister(PRIMARY, DATE)
    there = (
        line + placed.line_offset + moved["azimuth_shift"][line, sample].astype(float),
        sample + placed.sample_offset + moved["range_shift"][line, sample].astype(float),
    )
    expected = carrier().phase(*there)
    assert np.abs(wrapped(moved["reramp_phase"][line, sample] - expected)).max() < 0.02
    assert np.abs(wrapped(computed["reramp_phase"][line, sample] - expected)).max() > 0.1


def test_the_primary_is_not_shifted_from_itself(on_hill):
    heights = on_hill[0].heights
    own = {name: make().compute() for name, make in bands(view(heights, date=PRIMARY)).items() if name not in POSITION}
    for name in SHIFT:
        np.testing.assert_array_equal(own[name], np.zeros(SHAPE, np.float32))
    np.testing.assert_array_equal(own["deramp_phase"], own["reramp_phase"])


def test_chunks_are_parts_of_the_whole(on_hill, monkeypatch):
    scene, computed = on_hill
    for name, make in bands(scene).items():
        np.testing.assert_array_equal(make()[300:310].compute(), computed[name][300:310])
    monkeypatch.setattr(geometry, "ROWS", 100)
    for name, make in bands(scene).items():
        np.testing.assert_array_equal(make().compute(scheduler="synchronous"), computed[name])


def test_dates_share_what_they_have_in_common(on_hill):
    scene, _ = on_hill
    other = view(scene.heights, date=PRIMARY)
    mine, same, others = (bands(each) for each in (scene, view(scene.heights), other))
    for name in POSITION:
        assert mine[name]().name == same[name]().name == others[name]().name
    for name in SHIFT + CARRIER:
        assert mine[name]().name == same[name]().name != others[name]().name
    keys = da.stack([make() for make in mine.values()]).__dask_graph__()
    kinds = [str(key[0] if isinstance(key, tuple) else key).rpartition("-")[0] for key in keys]
    assert kinds.count("elevation") == 1
    assert kinds.count("height") == 3


def test_deramping_needs_no_heights(on_hill):
    array = bands(on_hill[0])["deramp_phase"]()
    assert {key[0] for key in array.__dask_graph__()} == {array.name}


def test_an_image_without_carrier_has_no_bands_of_it(on_hill):
    assert tuple(bands(view(on_hill[0].heights, with_carrier=False))) == POSITION + SHIFT


def test_tasks_are_small_and_travel(on_hill):
    scene, computed = on_hill
    for name, make in bands(scene).items():
        graph = dict(make().__dask_graph__())
        assert len(cloudpickle.dumps(graph)) < 200_000
        assert np.array_equal(pickle.loads(pickle.dumps(make)).func.__self__.make(name).compute(), computed[name])


def test_names_are_the_same_in_each_process(on_hill, tmp_path):
    scene, _ = on_hill
    (tmp_path / "view").write_bytes(pickle.dumps(scene))
    code = "import pickle, sys; from dask.base import tokenize; print(tokenize(pickle.load(open(sys.argv[1], 'rb'))))"
    run = [sys.executable, "-W", "ignore", "-c", code, str(tmp_path / "view")]
    done = subprocess.run(run, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert done.stdout.strip() == tokenize(scene)


def test_constant_heights(on_hill):
    del on_hill
    scene = view(ConstantHeights(250.0))
    assert (bands(scene)["height"]().compute() == 250.0).all()
    line, sample = pixels()
    np.testing.assert_allclose(
        positions(scene, line, sample)[:2], forward(PRIMARY, line, sample, 250.0), rtol=0, atol=0.05 / 111_000
    )

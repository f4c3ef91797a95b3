"""Geometry bands of bursts of real annotation, two dates above hills that are made up, against exact two-orbit geometry."""

import numpy as np
import pytest

from local_runner.geometry.bands import View, bands, positions
from local_runner.geometry.baseline import reference_phase
from local_runner.geometry.coregistration import coregister
from local_runner.geometry.elevation import heights_of_raster
from local_runner.geometry.range_doppler import backward, forward

from .annotations import FILES, grid_of, needs_annotations, read
from .dem_files import write_dem

pytestmark = needs_annotations
PAIRS = {swath: [f for f in FILES if f"s1a-{swath}-slc-vv-20230" in f.name] for swath in ("iw1", "iw2", "iw3")}


def hills(x, y):
    """Between 200 and 2600 m, slopes up to 25 degrees."""
    return 1400.0 + 1000.0 * np.sin(x * 110.0) * np.sin(y * 120.0) + 200.0 * np.sin(x * 800.0 + y * 700.0)


@pytest.fixture(params=PAIRS)
def scene(request, tmp_path):
    """The third burst of a swath of the two dates, and 60 pixels on three lines in each of two chunks."""
    primary, date = (grid_of(read(f), 2) for f in PAIRS[request.param])
    corner = np.array([0.0, 0.0, 1.0, 1.0]) * primary.shape[0], np.array([0.0, 1.0, 0.0, 1.0]) * primary.shape[1]
    latitude, longitude = forward(primary, *corner, 0.0)
    box = longitude.min(), latitude.min(), longitude.max() + 0.03, latitude.max()
    size = int((box[3] - box[1] + 0.2) * 600), int((box[2] - box[0] + 0.2) * 600)
    dem = write_dem(tmp_path / "dem.tif", hills, west=box[0] - 0.1, north=box[3] + 0.1, shape=size, pixel=1 / 600)
    random = np.random.default_rng(0)
    line = random.choice([256, 300, 511, 1024, 1100, 1279], 120)
    return (
        View(primary, date, heights_of_raster([dem], "ellipsoid", box)),
        line,
        random.integers(0, primary.shape[1], 120),
    )


def at(array, line, sample):
    """Values of a band, by the two chunks that are looked at."""
    chunks = {k: array.blocks[k].compute() for k in (1, 4)}
    return np.array([chunks[one // 256][one % 256, other] for one, other in zip(line, sample, strict=True)], float)


def test_bands_are_exact_geometry(scene):
    view, line, sample = scene
    found, made = positions(view, line, sample), bands(view)
    exact = forward(view.primary, line, sample, found.height)
    np.testing.assert_allclose(found[:2], exact, rtol=0, atol=0.05 / 111_000)
    assert np.ptp(found.height) > 1000.0
    np.testing.assert_array_equal(at(made["grid_lat"](), line, sample), found.latitude.astype(np.float32))
    placed, there = coregister(view.primary, view.date), backward(view.date, *exact, found.height)
    offsets = line + placed.line_offset, sample + placed.sample_offset
    for name, truth, own in zip(("azimuth_shift", "range_shift"), there, offsets, strict=True):
        np.testing.assert_allclose(own + at(made[name](), line, sample), truth, atol=1e-4)
    phase = at(made["reference_phase"](), line, sample)
    truth = reference_phase(view.primary, view.date, line, sample, found.height)
    assert np.abs(np.angle(np.exp(1j * (phase - truth)))).max() < 0.02

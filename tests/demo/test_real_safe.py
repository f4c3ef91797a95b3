"""Bursts of products are cut without changing what places them."""

import gzip
from dataclasses import replace

import numpy as np
import pytest

from local_runner.demo.interferometry import image_of
from local_runner.demo.real_safe import write_burst
from local_runner.demo.safe import Product, speckle, write_safe
from local_runner.products.sentinel1_slc.annotation import read_annotation

PRODUCT = Product(lines=48, samples=64, bursts=3, has_pixels=False)


@pytest.fixture(params=[False, True], ids=["plain", "gzipped"])
def product(request, tmp_path):
    """A product, as it is or with its documents gzipped."""
    safe = write_safe(tmp_path, replace(PRODUCT, day="2024-08-21"))
    for path in list(safe.rglob("*.*")) if request.param else ():
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    return safe


def test_part_of_a_burst_keeps_times_orbit_and_polynomials(tmp_path, product):
    safe = write_burst(tmp_path / "cut", product, speckle(), swath="IW2", index=1, shape=(16, 20))
    whole = image_of(write_safe(tmp_path / "whole", replace(PRODUCT, day="2024-08-21")), "IW2", "VV", 1)
    part = image_of(safe, "IW2", "VV", 0)
    assert part.grid.shape == (16, 20)
    assert part.grid.first_line_time == whole.grid.first_line_time
    assert (part.carrier.fm_rate, part.carrier.doppler_centroid) == (
        whole.carrier.fm_rate,
        whole.carrier.doppler_centroid,
    )
    burst = read_annotation(next(safe.glob("annotation/*.xml"))).bursts[0]
    assert burst.burst_id == PRODUCT.burst_id + 1
    np.testing.assert_array_equal((burst.first_valid, burst.last_valid), np.array([[0], [19]]).repeat(16, axis=1))
    pixels = np.frombuffer(next(safe.glob("measurement/*.tiff")).read_bytes()[-4 * 16 * 20 :], "<i2")
    assert np.sqrt(2 * np.mean(pixels.astype(float) ** 2)) == pytest.approx(50, rel=0.1)


def test_whole_burst_keeps_its_border(tmp_path, product):
    safe = write_burst(tmp_path / "cut", product, None, swath="IW2", index=2)
    annotation = read_annotation(next(safe.glob("annotation/*.xml")))
    assert annotation.raster_shape == (48, 64)
    assert annotation.bursts[0].first_valid.tolist() == [-1, -1, *[3] * 44, -1, -1]
    assert not (safe / "measurement").exists()

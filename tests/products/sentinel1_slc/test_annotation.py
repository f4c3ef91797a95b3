import gzip
from dataclasses import replace

import numpy as np
import pytest

from local_runner.demo.safe import write_safe
from local_runner.demo.safe_xml import FREQUENCY_HZ, LINE_INTERVAL_S, terrain
from local_runner.geometry.range_doppler import backward
from local_runner.products.sentinel1_slc.annotation import read_annotation
from local_runner.products.sentinel1_slc.burst_id import ORBIT_S
from tests.products.sentinel1_slc import edits
from tests.products.sentinel1_slc.real import each_annotation


@pytest.fixture
def made(tmp_path, product):
    """Annotation of a synthetic product."""
    return read_annotation(edits.annotation(write_safe(tmp_path, product)))


@each_annotation
def test_shapes_of_real_products(path):
    found = read_annotation(path)
    assert (found.lines, len(found.bursts)) in {(1507, 9), (1519, 9), (1524, 9), (1501, 9), (1513, 10)}
    assert found.raster_shape == (found.lines * len(found.bursts), found.samples)
    assert {burst.first_valid.size for burst in found.bursts} == {found.lines}


@each_annotation
def test_valid_region_of_real_products(path):
    for burst in read_annotation(path).bursts:
        lines = np.flatnonzero(burst.first_valid >= 0)
        assert 19 <= lines[0] <= 34
        assert (np.diff(lines) == 1).all()
        assert 1455 <= lines.size <= 1470
        assert (burst.last_valid[lines] - burst.first_valid[lines] > 18_000).all()


@each_annotation
def test_polynomials_of_real_products_are_nearest_in_time(path):
    found = read_annotation(path)
    for burst in found.bursts:
        middle = burst.azimuth_time + np.timedelta64(round(found.lines / 2 * found.line_interval_s * 1e6), "us")
        chosen = found.carrier(burst.index).fm_rate
        distance = np.abs(found.fm_rate.time - middle)
        assert found.fm_rate.polynomials[int(distance.argmin())] is chosen
        assert distance.min() <= np.timedelta64(1_380_000, "us")


@each_annotation
def test_doppler_polynomial_has_its_own_reference_time(path):
    carrier = read_annotation(path).carrier(0)
    assert 5.33e-3 < carrier.doppler_centroid.t0_s < 5.36e-3
    assert carrier.fm_rate.t0_s == carrier.slant_range_time_first_s


def test_bursts(made):
    assert [burst.burst_id for burst in made.bursts] == [249_435, 249_436]
    assert (made.relative_orbit, made.swath, made.polarization, made.mode) == (117, "IW2", "VV", "IW")
    assert made.raster_shape == (48, 32)


def test_grid(made):
    grid = made.grid(1)
    assert grid.first_line_time == made.bursts[1].azimuth_time
    assert (grid.line_interval_s, grid.wavelength_m) == (LINE_INTERVAL_S, 299_792_458 / FREQUENCY_HZ)
    assert grid.slant_range_m(0) == pytest.approx(299_792_458 / 2 * 5.644353e-3, abs=1e-9)


def test_geolocation_grid_is_where_range_and_doppler_say(made):
    points, grid = made.geolocation, made.grid(0)
    line, sample = backward(grid, points.latitude, points.longitude, points.height)
    time = (points.time - grid.first_line_time) / np.timedelta64(1, "s")
    assert np.abs(line * LINE_INTERVAL_S - time).max() < 1.1e-6
    assert np.abs(sample - points.sample).max() < 1e-6
    assert np.abs(points.height - terrain(points.latitude, points.longitude)).max() < 1e-6


def test_polynomials_are_those_nearest_in_time(made):
    chosen = [made.carrier(index).fm_rate.coefficients[0] for index in range(2)]
    assert [made.fm_rate.polynomials.index(made.carrier(index).fm_rate) for index in range(2)] == [1, 2]
    assert chosen[1] - chosen[0] == pytest.approx(1)


def test_extracted_burst_is_the_burst_of_the_whole_product(tmp_path, product, made):
    alone = read_annotation(edits.annotation(write_safe(tmp_path, product, burst=1)))
    assert [burst.burst_id for burst in alone.bursts] == [249_436]
    assert alone.geolocation.line.min() == -product.lines
    assert alone.carrier(0) == made.carrier(1)
    assert alone.grid(0).first_line_time == made.grid(1).first_line_time


def test_gzipped_annotation(made):
    packed = made.path.with_suffix(".xml.gz")
    packed.write_bytes(gzip.compress(made.path.read_bytes()))
    assert read_annotation(packed).carrier(0) == made.carrier(0)


def test_ids_are_computed_where_none_is_annotated(tmp_path, product):
    bare = read_annotation(edits.annotation(write_safe(tmp_path, replace(product, has_ids=False))))
    assert [burst.burst_id for burst in bare.bursts] == [249_435, 249_436]


@pytest.mark.parametrize("platform", ["S1B", "S1C", "S1D", "S1E"])
def test_annotated_ids_tell_the_relative_orbit_of_any_satellite(made, platform):
    edits.replace(made.path, "<missionId>S1A", f"<missionId>{platform}")
    found = read_annotation(made.path)
    assert (found.platform, found.relative_orbit) == (platform, 117)
    assert [burst.burst_id for burst in found.bursts] == [249_435, 249_436]


@pytest.mark.parametrize("has_ids", [False, True])
def test_node_of_the_orbit_before(tmp_path, product, has_ids):
    """Some products tell the ascending node of the orbit before that in which they start."""
    path = edits.annotation(write_safe(tmp_path, replace(product, has_ids=has_ids)))
    earlier = product.flight.node_time - np.timedelta64(round(ORBIT_S * 1e6), "us")
    edits.replace(path, "<ascendingNodeTime>[^<]*", f"<ascendingNodeTime>{earlier}")
    found = read_annotation(path)
    assert ([burst.burst_id for burst in found.bursts], found.relative_orbit) == ([249_435, 249_436], 117)


def test_stripmap_is_one_burst_without_carrier(tmp_path, product):
    safe = write_safe(tmp_path, replace(product, swaths=("S3",)))
    found = read_annotation(edits.annotation(safe, "s3"))
    assert (found.mode, found.swath, found.raster_shape, found.carrier(0)) == ("SM", "S3", (24, 32), None)
    assert [burst.burst_id for burst in found.bursts] == [None]
    assert (found.bursts[0].last_valid == 31).all()


def test_polynomials_of_the_geometry(made):
    edits.replace(made.path, "Data Analysis", "Geometry Analysis")
    assert read_annotation(made.path).carrier(0).doppler_centroid.coefficients == (1.0, 0.0, 0.0)


def test_polynomials_of_products_before_2015(made):
    pattern = r"<azimuthFmRatePolynomial[^>]*>(\S+) (\S+) (\S+)</azimuthFmRatePolynomial>"
    edits.replace(made.path, pattern, r"<c0>\1</c0><c1>\2</c1><c2>\3</c2>", count=0)
    assert read_annotation(made.path).carrier(1) == made.carrier(1)

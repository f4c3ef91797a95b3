import numpy as np
import pytest

from local_runner.products.sentinel1_slc.annotation import read_annotation
from local_runner.products.sentinel1_slc.burst_id import ORBIT_S, burst_id, node_before, orbit_of, relative_orbit
from tests.products.sentinel1_slc.real import each_annotation

NODE = np.datetime64("2024-08-09T17:00:00", "us")
KNOWN = {
    ("20220104", "IW1"): range(249_402, 249_411),
    ("20210401", "IW1"): range(359_498, 359_507),
    ("20210401", "IW2"): range(359_497, 359_507),
    ("2023", "IW1"): range(110_431, 110_440),
    ("2023", "IW2"): range(110_431, 110_440),
    ("2023", "IW3"): range(110_430, 110_439),
}


@each_annotation
def test_ids_of_real_products(path):
    annotation = read_annotation(path)
    known = next(ids for (day, swath), ids in KNOWN.items() if day in path.name and swath == annotation.swath)
    assert [burst.burst_id for burst in annotation.bursts] == list(known)


@each_annotation
def test_zero_doppler_times_give_other_ids_in_iw1(path):
    annotation = read_annotation(path)
    orbit, node = annotation.relative_orbit, annotation.ascending_node_time
    found = [burst_id(annotation.swath, b.azimuth_time, node, orbit) == b.burst_id for b in annotation.bursts]
    assert found == [annotation.swath != "IW1"] * len(found)


@pytest.mark.parametrize(
    ("platform", "absolute", "relative"),
    [("S1A", 41_314, 117), ("S1A", 50_174, 52), ("S1B", 26_269, 168), ("S1Z", 1, None)],
)
def test_relative_orbit(platform, absolute, relative):
    assert relative_orbit(platform, absolute) == relative


@pytest.mark.parametrize(("absolute", "relative"), [(1_681, 110), (8_018, 147), (8_019, 46)])
def test_relative_orbit_of_sentinel_1c_before_and_after_it_was_moved(absolute, relative):
    assert relative_orbit("S1C", absolute) == relative


def test_relative_orbit_of_sentinel_1d():
    assert relative_orbit("S1D", 2_389) == 73


@each_annotation
def test_orbit_of_an_annotated_id(path):
    found = read_annotation(path)
    node = found.ascending_node_time
    orbits = {orbit_of(b.burst_id, found.swath, b.sensing_time, node) for b in found.bursts}
    assert orbits == {relative_orbit(found.platform, found.absolute_orbit)}


@pytest.mark.parametrize(
    ("swath", "node", "sensed", "orbit", "number"),
    [
        ("IW2", "2023-04-22T17:03:10.235250", "2023-04-22T18:46:39.515927", 16, 32_322),
        ("EW5", "2022-10-10T14:02:11.848637", "2022-10-10T14:32:29.345783", 159, 308_684),
    ],
)
def test_orbit_of_ids_that_asf_publishes(swath, node, sensed, orbit, number):
    """The first of them is in a product that tells the node of the orbit before."""
    node, sensed = np.datetime64(node, "us"), np.datetime64(sensed, "us")
    before = node_before(node, sensed)
    assert orbit_of(number, swath, sensed, before) == orbit
    assert burst_id(swath, sensed, before, orbit) == (number if swath == "IW2" else None)


def test_ids_go_on_where_a_product_crosses_the_node():
    orbit = np.timedelta64(round(ORBIT_S * 1e6), "us")
    times = NODE + orbit + np.arange(-3, 4) * np.timedelta64(2_758_273, "us")
    node = node_before(NODE, times[0])
    ids = [burst_id("IW2", time, node, 16) for time in times]
    assert node == NODE
    assert np.diff(ids).tolist() == [1] * 6
    assert {orbit_of(number, "IW2", time, node) for number, time in zip(ids, times, strict=True)} == {16}


def test_ids_count_the_cycles_of_the_beam():
    times = NODE + np.arange(4) * np.timedelta64(2_758_273, "us")
    ids = [burst_id("IW2", time, NODE, 1) for time in times + np.timedelta64(3, "s")]
    assert np.diff(ids).tolist() == [1, 1, 1]


@pytest.mark.parametrize(("swath", "orbit"), [("EW1", 1), ("S3", 1), ("IW1", None)])
def test_no_formula_no_id(swath, orbit):
    assert burst_id(swath, NODE, NODE, orbit) is None

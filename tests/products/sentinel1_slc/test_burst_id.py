import numpy as np
import pytest

from local_runner.products.sentinel1_slc.annotation import read_annotation
from local_runner.products.sentinel1_slc.burst_id import burst_id, relative_orbit, relative_orbit_of
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


@pytest.mark.parametrize(("number", "relative"), [(249_435, 117), (110_431, 52), (1, 1), (375_887, 175)])
def test_relative_orbit_of_burst(number, relative):
    assert relative_orbit_of(number, "IW") == relative


def test_ids_count_the_cycles_of_the_beam():
    times = NODE + np.arange(4) * np.timedelta64(2_758_273, "us")
    ids = [burst_id("IW2", time, NODE, 1) for time in times + np.timedelta64(3, "s")]
    assert np.diff(ids).tolist() == [1, 1, 1]


@pytest.mark.parametrize(("swath", "orbit"), [("EW1", 1), ("S3", 1), ("IW1", None)])
def test_no_formula_no_id(swath, orbit):
    assert burst_id(swath, NODE, NODE, orbit) is None

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from shapely.geometry import Point, shape

from local_runner.demo import safe as demo
from local_runner.demo.safe import later, write_safe
from local_runner.products import sentinel1_slc
from local_runner.products.sentinel1_slc.annotation import read_annotation
from tests.products.sentinel1_slc import edits
from tests.products.sentinel1_slc.real import MOROCCO, needs_shared


@pytest.fixture
def items(pair, options):
    """Primary and secondary of the first burst."""
    return sentinel1_slc.stacks(pair, options)[0].items


def test_items_are_valid(items, validate):
    for item in items:
        validate(item.to_dict(include_self_link=False, transform_hrefs=False))


@needs_shared
def test_real_items_are_valid(options, validate):
    (stack,) = sentinel1_slc.stacks(MOROCCO, replace(options, bursts=("t052_110435_iw2",)))
    for item in stack.items:
        validate(item.to_dict(include_self_link=False, transform_hrefs=False))


def test_what_an_item_tells_of_the_acquisition(items, product):
    told = items[0].properties
    node = product.flight.node_time.astype(datetime).replace(tzinfo=UTC)
    assert datetime.fromisoformat(told["sat:anx_datetime"]) == node
    expected = {
        "platform": "sentinel-1a",
        "product:type": "SLC",
        "sar:instrument_mode": "IW",
        "sar:frequency_band": "C",
        "sar:beam_ids": ["IW2"],
        "sar:polarizations": ["VV"],
        "sat:orbit_state": "ascending",
        "sat:relative_orbit": 117,
        "sat:absolute_orbit": 55_139,
        "sat:platform_international_designator": "2014-016A",
        "processing:level": "L1",
        "processing:facility": "Simulator, openeo-sar",
        "processing:software": {"openeo-sar demo": "1"},
        "openeo_sar:relative_burst": 249_435,
        "openeo_sar:driver": "sentinel1_slc",
    }
    assert {key: told[key] for key in expected} == expected


def test_what_an_item_tells_of_the_grid(items):
    told = [item.properties for item in items]
    assert told[0]["proj:code"] is None
    assert told[0]["proj:shape"] == [24, 32]
    keys = ("proj:shape", "first_line", "first_sample", "line_interval_s", "slant_range_first_m", "range_spacing_m")
    assert [told[0][key] for key in keys] == [told[1][key] for key in keys]


def test_a_secondary_tells_of_the_pair(items):
    primary, secondary = items
    told = secondary.properties
    assert told["insar:temporal_baseline"] == 12
    assert told["insar:reference_datetime"] == primary.properties["start_datetime"]
    assert told["insar:secondary_datetime"] == told["start_datetime"]
    assert 40 < told["insar:perpendicular_baseline"] < 100
    assert set(told["openeo_sar:shift_residual_px"]) == {"azimuth", "range"}
    assert not any(key.startswith("insar:") for key in primary.properties)


def test_temporal_baseline_is_signed(pair, options):
    (stack, _) = sentinel1_slc.stacks(pair, replace(options, primary="2024-08-21"))
    assert stack.items[0].properties["insar:temporal_baseline"] == -12


def test_height_of_ambiguity_has_the_other_sign_of_the_baseline(items):
    told = items[1].properties
    slant_range, angle = told["slant_range_first_m"], np.radians(told["view:incidence_angle"])
    expected = -0.0554658 * slant_range * np.sin(angle) / (2 * told["insar:perpendicular_baseline"])
    assert told["insar:height_of_ambiguity"] == pytest.approx(expected, rel=0.01)


def test_the_radar_looks_to_the_right(items):
    """Ascending, so to the east; the track is inclined by 98 degrees."""
    assert 70 < items[0].properties["view:azimuth"] < 85
    assert 33 < items[0].properties["view:incidence_angle"] < 39


def test_links(items, pair):
    primary, secondary = items
    links = [{link.rel: str(link.target) for link in item.links} for item in items]
    assert links[1]["reference"] == primary.id
    assert "reference" not in links[0]
    assert [each["derived_from"] for each in links] == [str(safe / "manifest.safe") for safe in pair]
    assert secondary.assets["primary_annotation"].href == primary.assets["annotation_vv"].href


def test_assets(items):
    keys = {"measurement_vv", "annotation_vv", "calibration_vv", "noise_vv", "manifest"}
    assert set(items[0].assets) == keys
    assert set(items[1].assets) == keys | {"primary_annotation"}
    bands = [b["name"] for asset in items[0].assets.values() for b in asset.extra_fields.get("bands", [])]
    assert {"i_VV", "q_VV", "grid_lat", "height", "look_up", "azimuth_shift", "reramp_phase"} < set(bands)
    assert len(bands) == len(set(bands)) == 14


def test_footprint_holds_the_geolocation_points_of_the_burst(tmp_path, product, options):
    whole = replace(product, valid=(0, 0), lines=600, samples=2000, has_pixels=False)
    safe = write_safe(tmp_path, whole)
    points = read_annotation(edits.annotation(safe)).geolocation
    polygon = shape(sentinel1_slc.stacks([safe], options)[0].items[0].geometry)
    corners = [Point(points.longitude[n], points.latitude[n]) for n in (0, 4)]
    assert all(polygon.exterior.distance(corner) < 1e-5 for corner in corners)
    assert polygon.is_valid
    assert polygon.exterior.is_ccw


def test_footprint_across_the_antimeridian(tmp_path, product, options, validate, monkeypatch):
    monkeypatch.setattr(demo, "NODE_LONGITUDE_DEG", demo.NODE_LONGITUDE_DEG + 168.3)
    made = replace(product, lines=600, samples=2000, has_pixels=False)
    item = sentinel1_slc.stacks([write_safe(tmp_path, made)], options)[0].items[0]
    assert item.geometry["type"] == "MultiPolygon"
    assert item.bbox[0] > 179
    assert item.bbox[2] < -179
    validate(item.to_dict(include_self_link=False, transform_hrefs=False))


def test_roots_are_the_products(pair, options):
    assert set(sentinel1_slc.stacks(pair, options)[0].roots) == set(pair)


def test_three_dates_have_one_primary(tmp_path, product, options):
    safes = [write_safe(tmp_path, later(product, cycles)) for cycles in range(3)]
    (stack, _) = sentinel1_slc.stacks(safes, replace(options, primary="2024-08-21"))
    days = [item.properties.get("insar:temporal_baseline") for item in stack.items]
    assert days == [-12, None, 12]

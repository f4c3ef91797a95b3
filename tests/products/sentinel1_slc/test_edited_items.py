"""Items of a catalogue that were changed by hand: what they say must follow from the products."""

import json

import numpy as np
import pytest

from local_runner.errors import DataError, OpenEOError
from local_runner.products import catalogue
from tests.products.sentinel1_slc.test_opened import cube_of

SECONDARY = "t117_249435_iw2_20240821"


@pytest.fixture
def edited(tmp_path, pair):
    """Changes the secondary item of a catalogue by a function of its document, and opens the cube."""
    path = catalogue(pair, out=tmp_path / "cat", bursts=["249435"])

    def opened(change):
        item = path.parent / SECONDARY / f"{SECONDARY}.json"
        document = json.loads(item.read_text())
        change(document)
        item.write_text(json.dumps(document))
        return cube_of(path)

    return opened


def test_item_that_is_not_changed(edited):
    assert edited(lambda _: None).sizes["t"] == 2


def test_primary_has_no_azimuth_offset(tmp_path, pair):
    path = catalogue(pair, out=tmp_path / "cat", bursts=["249435"])
    item = path.parent / "t117_249435_iw2_20240809" / "t117_249435_iw2_20240809.json"
    document = json.loads(item.read_text())
    document["properties"]["openeo_sar:azimuth_offset_px"] = 0.1
    item.write_text(json.dumps(document))
    must = r"^DataCorrupt: Item t117_249435_iw2_20240809 must have no openeo_sar:azimuth_offset_px: it is of the stack primary"
    with pytest.raises(DataError, match=must):
        cube_of(path)


@pytest.mark.parametrize(
    ("name", "value", "must"),
    [
        (
            "openeo_sar:line_offset",
            5,
            r"have as openeo_sar:line_offset -?\d, which follows from the orbits, instead got 5",
        ),
        ("openeo_sar:line_offset", 10**9, r"have a whole number as openeo_sar:line_offset, instead got 1000000000"),
        ("openeo_sar:sample_offset", 0.5, r"have a whole number as openeo_sar:sample_offset, instead got 0\.5"),
        ("openeo_sar:sample_offset", None, r"have a whole number as openeo_sar:sample_offset, instead got None"),
        ("openeo_sar:relative_burst", 249_436, r"have as start_datetime 2024-08-21T17:07:32\.\d+, that of its burst"),
        ("openeo_sar:relative_burst", 1, r"have as openeo_sar:relative_burst one of \[249435, 249436\], the bursts of"),
        ("openeo_sar:primary", "2024-08-21", r"have as openeo_sar:primary 2024-08-09, that of its burst, instead got"),
        ("openeo_sar:primary", "now", r"have as openeo_sar:primary 2024-08-09, that of its burst, instead got 'now'"),
        (
            "start_datetime",
            "2024-08-21T00:00:00Z",
            r"have as start_datetime 2024-08-21T17:07:30\.\d+, that of its burst",
        ),
        ("start_datetime", 7, r"have as start_datetime 2024-08-21T17:07:30\.\d+, that of its burst, instead got 7"),
        (
            "openeo_sar:azimuth_offset_px",
            9,
            r"have a number from -8 to 8 as openeo_sar:azimuth_offset_px, instead got 9",
        ),
        ("proj:shape", [24, 33], r"have as proj:shape \[24, 32\], that of its burst, instead got \[24, 33\]"),
    ],
)
def test_properties(edited, name, value, must):
    with pytest.raises(DataError, match=rf"^DataCorrupt: Item {SECONDARY} must {must}"):
        edited(lambda document: document["properties"].update({name: value}))


def test_secondary_without_its_primary(edited):
    match = rf"^DataCorrupt: Item {SECONDARY} must have as openeo_sar:primary 2024-08-21, that of its burst"
    with pytest.raises(DataError, match=match):
        edited(lambda document: document["assets"].pop("primary_annotation"))


def test_primary_that_is_another_date(edited):
    def change(document):
        document["assets"]["primary_annotation"] = document["assets"]["annotation_vv"] | {"bands": []}

    with pytest.raises(DataError, match=rf"^DataCorrupt: Item {SECONDARY} must have as openeo_sar:primary 2024-08-21"):
        edited(change)


@pytest.mark.parametrize("key", ["annotation_vv", "measurement_vv", "primary_annotation", "orbit", "dem"])
def test_nothing_outside_of_the_roots_is_opened(edited, key):
    with pytest.raises(OpenEOError, match=r"^AccessRefused: A file must lie below .*, instead got '/etc/passwd'"):
        edited(lambda document: document["assets"].setdefault(key, {}).update(href="/etc/passwd"))


def test_measurement_without_annotation(edited):
    def change(document):
        document["assets"]["measurement_vh"] = document["assets"]["measurement_vv"]

    with pytest.raises(DataError, match=rf"^DataCorrupt: Item {SECONDARY} must have the asset 'annotation_vh'"):
        edited(change)


def test_item_without_measurement_has_no_pixels(edited):
    cube = edited(lambda document: document["assets"].pop("measurement_vv"))
    assert np.isfinite(cube.sel(bands="i_VV")).any(["y", "x"]).values.tolist() == [True, False]

import hashlib
import json

import numpy as np
import pytest
import rasterio
from pyproj import Transformer

from local_runner.stac.metadata import polarizations, shared
from tests.stac.results import GRAPH, GRID, PAIR, SAR, H, W, cube, items_of, saved


@pytest.mark.parametrize("for_backend", [False, True])
@pytest.mark.parametrize("file_format", ["GTiff", "netCDF"])
@pytest.mark.parametrize("crs", [None, 32631])
def test_documents_are_valid(tmp_path, validate, for_backend, file_format, crs):
    out = saved(tmp_path, cube(tmp_path, *PAIR, crs=crs), for_backend=for_backend, file_format=file_format)
    collection = json.loads((out / "collection.json").read_text())
    validate(collection)
    assert any("/datacube/" in uri for uri in collection["stac_extensions"])
    for item in items_of(out):
        validate(item)
        for name in ("file", "insar", "processing", "projection", "sar"):
            assert any(f"/{name}/" in uri for uri in item["stac_extensions"]), name


@pytest.mark.parametrize(
    "fault", [{"sar:polarizations": ["XX"]}, {"datetime": 3}, {"insar:baseline": 1}, {"proj:shape": 1}]
)
def test_the_validation_finds_faults(tmp_path, validate, fault):
    (item,) = items_of(saved(tmp_path, cube(tmp_path, *PAIR)))
    item["properties"] |= fault
    with pytest.raises(AssertionError, match=r"^\('https://"):
        validate(item)


def test_fields_of_a_pair(tmp_path):
    (item,) = items_of(saved(tmp_path, cube(tmp_path, *PAIR)))
    assert item["id"] == "analysis_20230331_20230319"
    found = item["properties"]
    expected = {
        "datetime": "2023-03-19T05:50:33.500000Z",
        "start_datetime": "2023-03-19T05:50:33.500000Z",
        "end_datetime": "2023-03-31T05:50:33.900000Z",
        "insar:reference_datetime": "2023-03-31T05:50:33.900000Z",
        "insar:secondary_datetime": "2023-03-19T05:50:33.500000Z",
        "insar:temporal_baseline": pytest.approx(-12, abs=1e-4),
        "processing:expression": {"format": "openeo", "expression": GRAPH},
        "processing:software": {"numpy": np.__version__},
        "processing:lineage": 'openEO process analysis(url="https://example.org/a", window_range=21)',
        "openeo_sar:parameters": {"url": "https://example.org/a", "window_range": 21},
        "created": "2026-01-01T00:00:00Z",
        "proj:code": None,
        "proj:shape": [H, W],
    }
    assert set(found.pop("renders")) == {"coherence", "phase"}
    assert found == {**expected, **SAR, **GRID}


def test_links_lead_to_the_inputs_without_secrets(tmp_path):
    out = saved(tmp_path, cube(tmp_path, *PAIR))
    (item,) = items_of(out)
    links = [(link["rel"], link["href"]) for link in item["links"]]
    inputs = {role: f"../../in/{day}.json" for role, day in (("reference", "2023-03-31"), ("secondary", "2023-03-19"))}
    assert links == [
        ("self", "./analysis_20230331_20230319.json"),
        ("root", "../collection.json"),
        ("parent", "../collection.json"),
        ("collection", "../collection.json"),
        ("processing-record", "../record.json"),
        ("derived_from", inputs["reference"]),
        ("reference", inputs["reference"]),
        ("derived_from", inputs["secondary"]),
        ("secondary", inputs["secondary"]),
    ]
    text = (out / "collection.json").read_text() + json.dumps(item)
    assert "https://example.org/collection.json" in text
    assert "secret" not in text
    assert "pw@" not in text


def test_secrets_of_inherited_properties_are_left_out(tmp_path):
    data = cube(tmp_path, "a")
    (source,) = data.attrs["stac"]["2023-03-19"]
    source["properties"]["browse"] = ["https://user:pw@example.org/a.png?sig=secret"]
    (item,) = items_of(saved(tmp_path, data))
    assert item["properties"]["browse"] == ["https://example.org/a.png"]


def test_an_input_elsewhere_is_linked_by_its_path(tmp_path):
    data = cube(tmp_path / "else" / "where", *PAIR)
    (tmp_path / "results").mkdir()
    (item,) = items_of(saved(tmp_path / "results", data))
    assert {
        "rel": "secondary",
        "type": "application/geo+json",
        "href": f"{tmp_path}/else/where/in/2023-03-19.json",
    } in item["links"]


def test_checksum_size_and_statistics_of_assets(tmp_path):
    out = saved(tmp_path, cube(tmp_path, *PAIR))
    (item,) = items_of(out)
    folder = out / item["id"]
    for asset in item["assets"].values():
        content = (folder / asset["href"]).read_bytes()
        assert asset["file:checksum"] == "1220" + hashlib.sha256(content).hexdigest()
        assert asset["file:size"] == len(content)
    band = item["assets"]["coherence"]["bands"][0]
    assert (band["name"], band["unit"], band["data_type"], band["nodata"]) == ("coherence", "1", "float32", "nan")
    assert band["statistics"]["count"] == (H - 4) * W
    assert band["statistics"]["valid_percent"] == pytest.approx(90)
    assert item["assets"]["coherence"]["roles"] == ["data", "coherence"]


def test_the_form_for_a_back_end(tmp_path):
    out = saved(tmp_path, cube(tmp_path, *PAIR), for_backend=True)
    (item,) = items_of(out)
    assert item["geometry"] is None
    assert "bbox" not in item
    grid = {"proj:code": "EPSG:3857", "proj:bbox": [0, 0, W, H], "proj:transform": [1, 0, 0, 0, 1, 0]}
    assert item["properties"].items() >= grid.items()
    assert item["assets"]["coherence"].items() >= grid.items()
    assert item["properties"]["footprint"]["type"] == "Polygon"
    with (
        pytest.warns(rasterio.errors.NotGeoreferencedWarning),
        rasterio.open(out / item["id"] / "coherence.tif") as file,
    ):
        assert file.crs.to_epsg() == 3857


def test_map_geometry(tmp_path):
    (item,) = items_of(saved(tmp_path, cube(tmp_path, "coherence_20230331_20230319", crs=32631), for_backend=True))
    found = item["properties"]
    assert found["proj:code"] == "EPSG:32631"
    assert found["proj:transform"] == [20, 0, 500_000, 0, -20, 5_800_000]
    assert found["proj:bbox"] == [500_000, 5_799_200, 501_200, 5_800_000]
    assert not {"first_line", "footprint", "slant_range_first_m"} & set(found)
    assert (item["bbox"][0], item["bbox"][3]) == (pytest.approx(3, abs=1e-3), pytest.approx(52.3504, abs=1e-3))
    assert item["geometry"]["type"] == "Polygon"


def test_a_cut_stack_tells_where_its_grid_starts(tmp_path):
    part = cube(tmp_path, "i_VV", "q_VV").isel(y=slice(3, 20), x=slice(5, 30))
    (item,) = items_of(saved(tmp_path, part))
    assert (item["properties"]["first_line"], item["properties"]["first_sample"]) == (915, 12)
    assert "slant_range_first_m" not in item["properties"]


def test_multilooked_grids_do_not_keep_the_fields_of_the_primary(tmp_path):
    part = cube(tmp_path, "i_VV").isel(y=slice(0, 40, 4))
    (item,) = items_of(saved(tmp_path, part))
    assert not {"first_line", "range_spacing_m"} & set(item["properties"])


def test_shared_properties_are_those_with_one_value():
    inputs = [{"a": 1, "b": 2, "file:size": 3, "datetime": "x"}, {"a": 1, "b": 3, "file:size": 3, "datetime": "x"}]
    assert shared(inputs, offset=(0, 0)) == {"a": 1}
    assert shared([], offset=None) == {}


def dimensions(out):
    return json.loads((out / "collection.json").read_text())["cube:dimensions"]


def test_dimensions_of_radar_geometry(tmp_path):
    assert dimensions(saved(tmp_path, cube(tmp_path, *PAIR))) == {
        "x": {"type": "spatial", "axis": "x", "description": "range sample", "extent": [0, W - 1], "step": 1},
        "y": {"type": "spatial", "axis": "y", "description": "azimuth line", "extent": [0, H - 1], "step": 1},
        "t": {
            "type": "temporal",
            "extent": ["2023-03-19T05:50:33.500000Z"] * 2,
            "values": ["2023-03-19T05:50:33.500000Z"],
        },
        "bands": {"type": "bands", "values": ["coherence", "phase", "latitude", "longitude"]},
    }


def test_dimensions_of_map_geometry(tmp_path):
    found = dimensions(saved(tmp_path, cube(tmp_path, *PAIR, crs=32631)))
    grid = {"step": 20, "reference_system": 32631}
    assert found["x"] == {"type": "spatial", "axis": "x", "extent": [500_010, 500_010 + 20 * (W - 1)], **grid}
    assert found["y"] == {"type": "spatial", "axis": "y", "extent": [5_799_990 - 20 * (H - 1), 5_799_990], **grid}


def in_degrees(x, y):
    found = Transformer.from_crs(32631, 4326, always_xy=True).transform(x, y)
    return pytest.approx(found, abs=2e-6)


@pytest.mark.parametrize("file_format", ["GTiff", "netCDF"])
def test_the_footprint_in_map_geometry_is_that_of_valid_data(tmp_path, file_format):
    data = cube(tmp_path, "coherence_20230319_20230331", "coherence_20230331_20230319", crs=32631)
    data[:, 1] = data[:, 1].where((data.y < 5_799_500) & (data.x > 500_900))
    whole, part = items_of(saved(tmp_path, data, file_format=file_format))
    assert [whole["bbox"][i] for i in (0, 3)] == in_degrees(500_000, 5_799_920)  # the first four rows are NaN
    assert [part["bbox"][i] for i in (0, 3)] == in_degrees(500_900, 5_799_500)


def test_the_footprint_of_nothing_is_the_grid(tmp_path):
    data = cube(tmp_path, "coherence_20230319_20230331", crs=32631)
    (item,) = items_of(saved(tmp_path, data.where(False)))
    assert [item["bbox"][i] for i in (0, 3)] == in_degrees(500_000, 5_800_000)


@pytest.mark.parametrize(
    ("inherited", "bands", "parameters", "left"),
    [
        (["VV", "VH"], ["coherence"], {"polarization": "VV"}, ["VV"]),
        (["VV", "VH"], ["i_VH", "height"], {}, ["VH"]),
        (["VV", "VH"], ["coherence_VH_20230319_20230331"], {"polarization": "VV"}, ["VH"]),
        (["VV", "VH"], ["coherence"], {}, []),
        (["VV"], ["coherence"], {}, ["VV"]),
    ],
)
def test_polarizations_are_those_of_the_bands(inherited, bands, parameters, left):
    assert polarizations(inherited, bands, parameters) == left


def test_the_type_of_the_product_is_not_that_of_the_result():
    assert shared([{"product:type": "SLC", "platform": "a"}], offset=None) == {"platform": "a"}

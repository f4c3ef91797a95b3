import hashlib
import json
from dataclasses import replace

import dask.array as da
import numpy as np
import pytest
import rasterio
from pyproj import Transformer

from local_runner.files.raster import Reader
from local_runner.stac.inherited import Place, polarizations, shared
from local_runner.stac.metadata import is_averaged
from tests.stac.results import GRAPH, GRID, PAIR, PROVENANCE, SAR, H, W, cube, items_of, saved


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
    assert item["properties"]["slant_range_first_m"] == pytest.approx(923676.27 + 5 * 2.33, abs=1e-6)


def test_the_slant_range_of_a_cut_stack_is_not_made_up(tmp_path):
    part = cube(tmp_path, "i_VV").isel(x=slice(5, 30))
    for sources in part.attrs["stac"].values():
        sources[0]["properties"].pop("range_spacing_m")
    (item,) = items_of(saved(tmp_path, part))
    assert "slant_range_first_m" not in item["properties"]


def multilooked(tmp_path, *names, **properties):
    """Cells of 2 lines by 8 samples that begin at line 4 and sample 8 of a stack."""
    part = cube(tmp_path, *names).isel(y=slice(4, 40), x=slice(8, 60)).coarsen(y=2, x=8, boundary="trim").mean()
    for sources in part.attrs["stac"].values():
        sources[0]["properties"] |= properties
    return part


def test_fields_of_a_multilooked_grid_are_those_of_its_cells(tmp_path):
    given = {"line_interval_s": 0.002, "sar:looks_range": 1, "sar:looks_azimuth": 3, "sar:pixel_spacing_range": 2.3}
    (item,) = items_of(saved(tmp_path, multilooked(tmp_path, *PAIR, **given)))
    expected = {
        "first_line": (912 + 4.5) / 2,
        "first_sample": (7 + 11.5) / 8,
        "line_interval_s": 0.004,
        "range_spacing_m": 8 * 2.33,
        "slant_range_first_m": 923676.27 + 11.5 * 2.33,
        "sar:looks_range": 8,
        "sar:looks_azimuth": 6,
        "sar:pixel_spacing_range": 8 * 2.3,
    }
    assert {name: item["properties"][name] for name in expected} == pytest.approx(expected, rel=1e-12)


def test_looks_of_a_map_are_those_that_were_asked_for(tmp_path):
    data = cube(tmp_path, PAIR[0], crs=32631)
    for sources in data.attrs["stac"].values():
        sources[0]["properties"] |= {"sar:looks_range": 1, "sar:looks_azimuth": 1}
    asked = replace(PROVENANCE, parameters={"looks_range": 8, "looks_azimuth": 2})
    (item,) = items_of(saved(tmp_path, data, provenance=asked))
    assert (item["properties"]["sar:looks_range"], item["properties"]["sar:looks_azimuth"]) == (8, 2)


@pytest.mark.parametrize("file_format", ["GTiff", "netCDF"])
@pytest.mark.parametrize("crs", [None, 32631])
def test_bands_of_the_grid_are_written_once_beside_pairs(tmp_path, file_format, crs):
    other = "coherence_20230319_20230331"
    names = (PAIR[0], other, "height", *(() if crs else ("latitude", "longitude")))
    out = saved(tmp_path, cube(tmp_path, *names, crs=crs), file_format=file_format)
    found = items_of(out)
    assert [item["id"] for item in found] == ["analysis_20230319_20230331", "analysis_20230331_20230319"]
    bands = [{band["name"] for asset in item["assets"].values() for band in asset["bands"]} for item in found]
    assert bands == [{"coherence", *names[2:]}] * 2
    if file_format == "GTiff":
        assert {item["assets"]["height"]["href"] for item in found} == {"../height.tif"}


@pytest.mark.parametrize(
    ("name", "averaged"),
    [
        ("coherence", True),
        ("phase_unwrapped", True),
        ("height", True),
        ("phase", False),
        ("phase_filtered_VV", False),
        ("reference_phase", False),
        ("component", False),
        ("status", False),
    ],
)
def test_wrapped_phases_and_classes_are_not_averaged(name, averaged):
    assert is_averaged(name) is averaged


def test_overviews_of_a_wrapped_phase_are_its_cells(tmp_path):
    data = cube(tmp_path, *PAIR[:2]).isel(y=slice(0, 40)).pad(y=(0, 1000), x=(0, 1000), mode="edge")
    data = data.assign_coords(y=np.arange(1040), x=np.arange(1060)).chunk(y=256)
    data = data.copy(data=da.where(data.data > 0.5, np.float32(3.1), np.float32(-3.1)))
    out = saved(tmp_path, data)
    found = {}
    for name in ("coherence", "phase"):
        with Reader(str(out / "analysis_20230331_20230319" / f"{name}.tif"), driver="GTiff", overview_level=0) as file:
            found[name] = np.unique(file.read(1))
    assert found["phase"].tolist() == [np.float32(-3.1), np.float32(3.1)]
    assert found["coherence"].size > 2


def test_meanings_of_the_complex_values_of_a_pair(tmp_path):
    data = cube(tmp_path, "i_20230331_20230319", "component_20230331_20230319")
    assets = items_of(saved(tmp_path, data))[0]["assets"]
    assert assets["i"]["description"] == "real part of primary times conjugate of secondary"
    assert assets["component"]["bands"][0]["unit"] == "1"


def test_shared_properties_are_those_with_one_value():
    inputs = [{"a": 1, "b": 2, "file:size": 3, "datetime": "x"}, {"a": 1, "b": 3, "file:size": 3, "datetime": "x"}]
    assert shared(inputs, place=Place(0, 0)) == {"a": 1}
    assert shared([], place=None) == {}


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
    assert shared([{"product:type": "SLC", "platform": "a"}], place=None) == {"platform": "a"}

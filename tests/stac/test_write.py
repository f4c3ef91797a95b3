import hashlib
import json
import shutil
from pathlib import Path

import dask.array as da
import numpy as np
import pystac
import pytest
import rasterio
import xarray as xr
from jsonschema import Draft7Validator
from pystac.validation.local_validator import get_local_schema_cache
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from local_runner.access import Access
from local_runner.cube import crs_of, parse_crs, with_crs
from local_runner.errors import OpenEOError
from local_runner.stac import footprint
from local_runner.stac.metadata import safe_name, shared
from local_runner.stac.read import load
from local_runner.stac.write import Provenance, save

SCHEMAS = Path(__file__).resolve().parents[3] / "shared" / "stac-schemas" / "extensions"
H, W = 40, 60
GRAPH = {
    "load": {"process_id": "load_stac", "arguments": {"url": "https://example.org/collection.json"}, "result": True}
}
SIGNED = {"load": {**GRAPH["load"], "arguments": {"url": "https://user:pw@example.org/collection.json?sig=secret"}}}
PROVENANCE = Provenance(
    process_graph=SIGNED,
    parameters={"url": "https://example.org/a?token=secret", "window_range": 21},
    versions={"numpy": np.__version__},
    inputs=["https://user:pw@example.org/collection.json?sig=secret"],
    created="2026-01-01T00:00:00Z",
)
SAR = {"platform": "sentinel-1a", "sar:polarizations": ["VV"], "sar:frequency_band": "C", "sar:instrument_mode": "IW"}
GRID = {"first_line": 912, "first_sample": 7, "slant_range_first_m": 923676.27, "range_spacing_m": 2.33}
TIMES = {"2023-03-19": "2023-03-19T05:50:33.5Z", "2023-03-31": "2023-03-31T05:50:33.9Z"}


def sources(folder):
    """Input items of two days; the orbit differs, everything else is shared."""
    orbits = zip(TIMES.items(), (47709, 47884), strict=True)
    return {
        day: [
            {
                "id": day,
                "href": str(folder / "in" / f"{day}.json"),
                "properties": {"datetime": time, "sat:absolute_orbit": orbit, "proj:shape": [1, 1], **SAR, **GRID},
            }
        ]
        for (day, time), orbit in orbits
    }


def cube(folder, *names, times=("2023-03-19",), crs=None):
    """Cube (t, bands, y, x) of noise; latitude and longitude are positions."""
    y, x = np.arange(H), np.arange(W)
    data = np.random.default_rng(0).random((len(times), len(names), H, W)).astype(np.float32)
    data[:, 0, :4] = np.nan
    for at, name in enumerate(names):
        if name in ("latitude", "grid_lat"):
            data[:, at] = 52 + y[:, None] / 1000 + x / 10_000
        if name in ("longitude", "grid_lon"):
            data[:, at] = 4 - y[:, None] / 10_000 + x / 1000
    coords = {"t": np.array(times, "datetime64[ns]"), "bands": list(names), "y": y, "x": x}
    if crs is not None:
        coords |= {"x": 500_010 + 20.0 * x, "y": 5_799_990 - 20.0 * y}
    lazy = da.from_array(data, chunks=(1, 1, 16, 32))
    found = xr.DataArray(lazy, dims=("t", "bands", "y", "x"), coords=coords, attrs={"stac": sources(folder)})
    return with_crs(found, None if crs is None else parse_crs(crs))


PAIR = ("coherence_20230331_20230319", "phase_20230331_20230319", "latitude", "longitude")


def saved(folder, data, **options):
    out = folder / "out"
    out.mkdir()
    options.setdefault("provenance", PROVENANCE)
    save(data, out, process="analysis", **options)
    (out / "record.json").write_text("{}")
    return out


def items_of(out):
    return [json.loads(path.read_text()) for path in sorted(out.glob("*/*.json"))]


def reference_of(out):
    return load(str(out / "collection.json"), access=Access())


@pytest.fixture(scope="session")
def validate():
    """Checks a document against the core schemas of pystac and those of its extensions, without network."""
    if not SCHEMAS.is_dir():
        pytest.skip(f"{SCHEMAS} is not there")
    extensions = [json.loads(path.read_text()) for path in SCHEMAS.glob("*.json")]
    named = {document["$id"].rstrip("#"): document for document in extensions} | get_local_schema_cache()
    named["https://proj.org/schemas/v0.7/projjson.schema.json"] = {}
    registry = Registry().with_resources(
        (uri, Resource.from_contents(document, default_specification=DRAFT7)) for uri, document in named.items()
    )
    core = "https://schemas.stacspec.org/v1.1.0/{0}-spec/json-schema/{0}.json"

    def check(document):
        kind = {"Feature": "item", "Collection": "collection"}[document["type"]]
        for uri in (core.format(kind), *document.get("stac_extensions", [])):
            errors = list(Draft7Validator(named[uri], registry=registry).iter_errors(document))
            assert not errors, (uri, errors[0].message)

    return check


@pytest.mark.parametrize("for_backend", [False, True])
@pytest.mark.parametrize("file_format", ["GTiff", "netCDF"])
@pytest.mark.parametrize("crs", [None, 32631])
def test_documents_are_valid(tmp_path, validate, for_backend, file_format, crs):
    out = saved(tmp_path, cube(tmp_path, *PAIR, crs=crs), for_backend=for_backend, file_format=file_format)
    validate(json.loads((out / "collection.json").read_text()))
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


@pytest.mark.parametrize("for_backend", [False, True])
@pytest.mark.parametrize("crs", [None, 32631])
def test_what_is_saved_is_loaded(tmp_path, for_backend, crs):
    expected = cube(tmp_path, *PAIR, crs=crs)
    found = reference_of(saved(tmp_path, expected, for_backend=for_backend))
    assert found.bands.values.tolist() == ["coherence", "phase", "latitude", "longitude"]
    assert [str(t) for t in found.t.values] == ["2023-03-19T05:50:33.500000000"]
    np.testing.assert_array_equal(found.values, expected.values)
    np.testing.assert_array_equal(found.x, expected.x)
    np.testing.assert_array_equal(found.y, expected.y)
    assert crs_of(found) == crs_of(expected)


def test_files_of_a_pair(tmp_path):
    out = saved(tmp_path, cube(tmp_path, *PAIR))
    names = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    pair = "analysis_20230331_20230319"
    inside = [f"{pair}/{pair}.json", f"{pair}/coherence.tif", f"{pair}/phase.tif"]
    assert names == [*inside, "collection.json", "latitude.tif", "longitude.tif", "record.json"]


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
        "created": "2026-01-01T00:00:00Z",
        "proj:code": None,
        "proj:shape": [H, W],
    }
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


def test_an_input_elsewhere_is_linked_by_its_path(tmp_path):
    data = cube(tmp_path / "else" / "where", *PAIR)
    (tmp_path / "results").mkdir()
    (item,) = items_of(saved(tmp_path / "results", data))
    assert {
        "rel": "secondary",
        "type": "application/geo+json",
        "href": f"{tmp_path}/else/where/in/2023-03-19.json",
    } in item["links"]


def test_pystac_reads_the_result_after_it_was_moved(tmp_path):
    out = saved(tmp_path, cube(tmp_path, *PAIR))
    moved = shutil.move(out, tmp_path / "moved")
    (item,) = pystac.Collection.from_file(str(moved / "collection.json")).get_items()
    assert Path(item.assets["latitude"].get_absolute_href()) == moved / "latitude.tif"


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


def test_derived_bands_are_cogs_and_coordinates_plain(tmp_path):
    (item,) = items_of(saved(tmp_path, cube(tmp_path, *PAIR)))
    cogs = {key: "cloud-optimized" in asset["type"] for key, asset in item["assets"].items()}
    assert cogs == {"coherence": True, "phase": True, "latitude": False, "longitude": False}


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


def test_slc_stacks_have_an_item_per_date_and_plain_tiles(tmp_path):
    names = ("i_VV", "q_VV", "grid_lat", "grid_lon")
    expected = cube(tmp_path, *names, times=("2023-03-19T05:50:33.5", "2023-03-31"))
    out = saved(tmp_path, expected)
    first, second = items_of(out)
    assert (first["id"], second["id"]) == ("analysis_20230319", "analysis_20230331")
    assert second["properties"]["datetime"] == "2023-03-31T05:50:33.900000Z"
    assert first["properties"]["sat:absolute_orbit"] == 47709
    assert first["assets"]["grid_lat"]["href"] == second["assets"]["grid_lat"]["href"] == "../grid_lat.tif"
    assert all("cloud" not in asset["type"] for asset in first["assets"].values())
    np.testing.assert_array_equal(reference_of(out).values, expected.values)


def test_a_cut_stack_tells_where_its_grid_starts(tmp_path):
    part = cube(tmp_path, "i_VV", "q_VV").isel(y=slice(3, 20), x=slice(5, 30))
    (item,) = items_of(saved(tmp_path, part))
    assert (item["properties"]["first_line"], item["properties"]["first_sample"]) == (915, 12)
    assert "slant_range_first_m" not in item["properties"]


def test_multilooked_grids_do_not_keep_the_fields_of_the_primary(tmp_path):
    part = cube(tmp_path, "i_VV").isel(y=slice(0, 40, 4))
    (item,) = items_of(saved(tmp_path, part))
    assert not {"first_line", "range_spacing_m"} & set(item["properties"])


def test_the_pair_of_the_provenance_names_bands_that_do_not(tmp_path):
    named = Provenance(GRAPH, pair=("2023-03-31", "2023-03-19"))
    (item,) = items_of(saved(tmp_path, cube(tmp_path, "dx", "dy", "latitude", "longitude"), provenance=named))
    assert item["id"] == "analysis_20230331_20230319"
    assert list(item["assets"]) == ["dx", "dy", "latitude", "longitude"]


def test_several_pairs_make_several_items(tmp_path):
    names = ("coherence_20230319_20230331", "coherence_20230331_20230412", "latitude", "longitude")
    out = saved(tmp_path, cube(tmp_path, *names))
    assert [item["id"] for item in items_of(out)] == ["analysis_20230319_20230331", "analysis_20230331_20230412"]
    assert reference_of(out).sizes["t"] == 2


def test_a_cube_without_dates_has_those_of_its_inputs(tmp_path):
    (item,) = items_of(saved(tmp_path, cube(tmp_path, "amplitude").isel(t=0, drop=True)))
    assert item["id"] == "analysis"
    found = item["properties"]
    assert (found["datetime"], found["start_datetime"][:10], found["end_datetime"][:10]) == (
        None,
        "2023-03-19",
        "2023-03-31",
    )


def test_a_cube_without_bands_is_named_after_the_process(tmp_path):
    (item,) = items_of(saved(tmp_path, cube(tmp_path, "amplitude").isel(bands=0, drop=True)))
    assert list(item["assets"]) == ["analysis"]


def test_odd_names_stay_inside_the_folder(tmp_path):
    data = cube(tmp_path, "../../evil", "a", "A", "CON").isel(t=0, drop=True)
    out = tmp_path / "out"
    out.mkdir()
    save(data, out, process="../x", provenance=PROVENANCE)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert all(path.is_relative_to(out) for path in files)
    assert len({path.name.casefold() for path in out.rglob("*.tif")}) == 4


@pytest.mark.parametrize(
    "name", ["..", "/etc/x", "sp ace?#", "x" * 300, "NUL", "com1.tif", "ä", "", ".hidden", "a\0b", "a."]
)
def test_safe_names(name):
    found = safe_name(name)
    assert found != name
    assert safe_name(found) == found
    assert safe_name(name + "b") != found


def test_netcdf_has_one_file_per_item(tmp_path):
    expected = cube(tmp_path, *PAIR)
    out = saved(tmp_path, expected, file_format="netCDF")
    (item,) = items_of(out)
    (asset,) = item["assets"].values()
    assert [band["name"] for band in asset["bands"]] == ["coherence", "phase", "latitude", "longitude"]
    with xr.open_dataset(out / item["id"] / asset["href"]) as found:
        np.testing.assert_array_equal(found.phase.values, expected.values[:, 1])
        assert str(found.t.values[0]) == "2023-03-19T05:50:33.500000000"
    assert item["geometry"]["type"] == "Polygon"


def test_options(tmp_path):
    options = {"filename_prefix": "run1", "tile_size": 512, "overviews": "OFF"}
    out = saved(tmp_path, cube(tmp_path, *PAIR), options=options)
    assert (out / "analysis_20230331_20230319" / "run1_coherence.tif").is_file()
    assert "cloud" not in items_of(out)[0]["assets"]["coherence"]["type"]


@pytest.mark.parametrize(
    "options",
    [{"COMPRESS": "NONE"}, {"tile_size": 300}, {"tile_size": True}, {"filename_prefix": "../x"}, {"overviews": 3}],
)
def test_bad_options_are_refused(tmp_path, options):
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: (Each of 'options'|The option) "):
        saved(tmp_path, cube(tmp_path, "a"), options=options)


def test_cubes_that_no_raster_can_hold(tmp_path):
    data = cube(tmp_path, "a_20230319_20230331", times=("2023-03-19", "2023-03-31"))
    out = tmp_path / "out"
    for given, code in (
        (data, "FormatUnsuitable: A cube with bands of pairs must have one label on t"),
        (data.isel(x=slice(0)), "DataCubeEmpty: "),
        (
            data.expand_dims("pair"),
            "FormatUnsuitable: A cube that is saved as raster must have the labelled dimensions",
        ),
        (
            data[:1].assign_coords(bands=["a_20231319_20230331"]),
            "FormatUnsuitable: Bands of pairs must end with two dates",
        ),
    ):
        with pytest.raises(OpenEOError, match=f"^{code}"):
            save(given, out, process="a", provenance=PROVENANCE)
    with pytest.raises(OpenEOError, match=r"^FormatUnsuitable: format must be one of"):
        save(data, out, process="a", file_format="PNG", provenance=PROVENANCE)


def test_shared_properties_are_those_with_one_value():
    inputs = [{"a": 1, "b": 2, "file:size": 3, "datetime": "x"}, {"a": 1, "b": 3, "file:size": 3, "datetime": "x"}]
    assert shared(inputs, offset=(0, 0)) == {"a": 1}
    assert shared([], offset=None) == {}


def valid(geometry):
    shape = pytest.importorskip("shapely.geometry").shape(geometry)
    rings = [shape.exterior] if geometry["type"] == "Polygon" else [part.exterior for part in shape.geoms]
    return shape.is_valid and all(ring.is_ccw for ring in rings)


def grid(lat0=52.0, lon0=4.0, *, heading=1):
    y, x = np.mgrid[:17, :17]
    return lat0 + heading * y / 100 + x / 1000, lon0 - y / 1000 + x / 100


@pytest.mark.parametrize("heading", [1, -1])
def test_footprints_are_valid_and_counter_clockwise(heading):
    latitude, longitude = grid(heading=heading)
    latitude[:2, :9] = np.nan
    geometry, bbox = footprint.geometry_of(footprint.of_samples(latitude, longitude))
    assert valid(geometry)
    seen = np.isfinite(latitude)
    assert bbox == pytest.approx(
        [longitude[seen].min(), latitude[seen].min(), longitude[seen].max(), latitude[seen].max()]
    )


def test_a_folded_outline_becomes_its_hull():
    latitude, longitude = grid()
    longitude[0] = longitude[0][::-1]
    latitude[0, 3] += 0.2
    assert valid(footprint.geometry_of(footprint.of_samples(latitude, longitude))[0])


def test_a_footprint_at_the_antimeridian_is_split():
    latitude, longitude = grid(lon0=179.95)
    longitude = (longitude + 180) % 360 - 180
    geometry, bbox = footprint.geometry_of(footprint.of_samples(latitude, longitude))
    assert geometry["type"] == "MultiPolygon"
    assert valid(geometry)
    assert bbox[0] > 0 > bbox[2]


def test_no_footprint_without_positions():
    assert footprint.geometry_of(footprint.of_samples(np.full((3, 3), np.nan), np.zeros((3, 3)))) == (None, None)
    assert footprint.geometry_of(footprint.of_samples(np.zeros((3, 3)), np.zeros((3, 3)))) == (None, None)

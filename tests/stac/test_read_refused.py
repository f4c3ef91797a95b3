import json

import pytest

from local_runner.errors import DataError, LimitExceededError, OpenEOError
from tests.stac.catalogues import H, W, asset, collection, cube, item, noise, tiff, write


def test_dates_of_another_grid_are_refused(tmp_path, stack):
    tiff(tmp_path / "i1.tif", noise(1, (H, W - 1)))
    with pytest.raises(DataError, match=r"^GridsDiffer: .* i0.tif has shape \(12, 20\) .* i1.tif \(12, 19\)"):
        cube(stack)


def test_two_acquisitions_of_a_day_are_refused(tmp_path, stack):
    document = json.loads((tmp_path / "d1.json").read_text())
    document["properties"]["datetime"] = "2024-08-09T17:08:00Z"
    write(tmp_path, "d1.json", document)
    with pytest.raises(OpenEOError, match=r"^DatesNotUnique: .*; 2024-08-09 has d0 and d1"):
        cube(stack)


def test_what_leads_to_no_item(tmp_path):
    with pytest.raises(OpenEOError, match=r"^NoDataAvailable: The STAC address must lead to items"):
        cube(collection(tmp_path, []))
    with pytest.raises(DataError, match=r"^DataCorrupt: .* must be a STAC Item"):
        cube(write(tmp_path, "a.json", {}))
    picture = item("a", "2024-08-09T00:00:00Z", {"a": {"href": "a.png", "type": "image/png"}})
    with pytest.raises(OpenEOError, match=r"^NoDataAvailable: The items must have GeoTIFF or netCDF assets with data"):
        cube(collection(tmp_path, [picture]))


def test_a_collection_with_nothing_but_a_thumbnail_has_no_items(tmp_path):
    document = {"type": "Collection", "id": "c", "assets": {"thumbnail": {"href": "a.png", "type": "image/png"}}}
    with pytest.raises(OpenEOError, match=r"^NoDataAvailable: The STAC address must lead to items"):
        cube(write(tmp_path, "a.json", document))


@pytest.mark.parametrize("bands", [[], "i_VV"])
def test_bands_are_a_list_of_names(stack, bands):
    with pytest.raises(
        OpenEOError, match=r"^ProcessParameterInvalid: 'bands' must be null or a list with at least one"
    ):
        cube(stack, bands=bands)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("properties",), 5),
        (("properties", "datetime"), True),
        (("properties", "datetime"), 5),
        (("properties", "datetime"), "31/03/2023"),
        (("links",), "x"),
        (("assets",), ["x"]),
        (("assets", "i"), "x"),
    ],
)
def test_documents_of_another_form_are_named(tmp_path, stack, where, value):
    document = json.loads((tmp_path / "d0.json").read_text())
    *path, last = where
    inner = document
    for key in path:
        inner = inner[key]
    inner[last] = value
    write(tmp_path, "d0.json", document)
    with pytest.raises(DataError, match=rf"^DataCorrupt: .*{last} of .*d0(\.json)? must be a"):
        cube(stack)


@pytest.mark.parametrize("value", [None, 5, "x", {}, [[]], [{}], [None]])
@pytest.mark.parametrize("field", ["roles", "bands", "eo:bands", "type", "file:size"])
def test_fields_of_an_asset_of_another_form_are_no_fields(tmp_path, value, field):
    tiff(tmp_path / "i_VV.tif", noise())
    if (field, value) == ("file:size", 5):
        return
    found = cube(
        write(tmp_path, "a.json", item("a", "2024-08-09T00:00:00Z", {"i": {"href": "i_VV.tif", field: value}}))
    )
    assert found.bands.values.tolist() == ["i_VV"]


def test_dimensions_of_another_form_name_no_bands(tmp_path):
    tiff(tmp_path / "i_VV.tif", noise())
    found = item("a", "2024-08-09T00:00:00Z", {"i": {"href": "i_VV.tif"}}, **{"cube:dimensions": 5})
    assert cube(write(tmp_path, "a.json", found)).bands.values.tolist() == ["i_VV"]


def test_numbers_of_items_and_assets_are_limited(tmp_path):
    many = [item(str(n), "2024-08-09T00:00:00Z", {}) for n in range(1001)]
    with pytest.raises(LimitExceededError, match=r"^TooManyItems: "):
        cube(write(tmp_path, "a.json", {"type": "FeatureCollection", "features": many}))
    assets = {str(n): asset("a.tif", "a") for n in range(201)}
    with pytest.raises(LimitExceededError, match=r"^TooManyAssets: "):
        cube(write(tmp_path, "b.json", item("a", "2024-08-09T00:00:00Z", assets)))


@pytest.mark.parametrize(
    "href", ["/etc/passwd", "../" * 12 + "etc/passwd", "/vsicurl/http://127.0.0.1/a.tif", "VRT:a.tif"]
)
def test_hostile_assets_are_refused(tmp_path, href):
    url = write(tmp_path, "a.json", item("a", "2024-08-09T00:00:00Z", {"a": asset(href, "a")}))
    with pytest.raises(OpenEOError, match=r"^AccessRefused: "):
        cube(url)


def test_a_file_of_another_size_than_recorded_is_refused(tmp_path):
    tiff(tmp_path / "a.tif", noise())
    url = write(tmp_path, "a.json", item("a", "2024-08-09T00:00:00Z", {"a": asset("a.tif", "a", **{"file:size": 7})}))
    with pytest.raises(DataError, match=r"^DataCorrupt: .*a.tif must have 7 bytes, its file:size"):
        cube(url)


def test_a_truncated_file_is_named_when_the_cube_is_computed(tmp_path, stack):
    tiff(tmp_path / "i1.tif", noise(1), compress="zstd")
    (tmp_path / "i1.tif").write_bytes((tmp_path / "i1.tif").read_bytes()[:-200])
    with pytest.raises(DataError, match=r"^DataCorrupt: .*i1.tif must be a whole, readable GeoTIFF"):
        cube(stack).compute()


def test_a_result_without_its_record_is_refused(tmp_path, stack):
    document = json.loads((tmp_path / "collection.json").read_text())
    document["links"].append({"rel": "processing-record", "href": "./record.json"})
    write(tmp_path, "collection.json", document)
    with pytest.raises(DataError, match=r"^ResultIncomplete: .* a folder without its record is no result"):
        cube(stack)
    write(tmp_path, "record.json", {})
    assert cube(stack).sizes["t"] == 2


def test_a_partial_folder_is_refused(tmp_path):
    folder = tmp_path / "out.partial-0123456789ab"
    folder.mkdir()
    with pytest.raises(DataError, match=r"^ResultIncomplete: The folder must be a finished result"):
        cube(collection(folder, []))

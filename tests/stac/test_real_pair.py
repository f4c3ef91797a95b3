import json

import pytest

from local_runner.jobs.run import run
from tests import real_pair

PAIR = {"pairs": [["2023-03-31", "2023-03-19"]]}


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    if not real_pair.SHARED.is_dir():
        pytest.skip(f"{real_pair.SHARED} is not there")
    return real_pair.write_real_pair(tmp_path_factory.mktemp("real") / "in")


@pytest.fixture(scope="module", params=["radar", "map", "netCDF"])
def result(request, catalogue):
    options = {"geocode": 32631, "resolution": 40} if request.param != "radar" else {}
    file_format = "netCDF" if request.param == "netCDF" else "GTiff"
    out = catalogue.parents[1] / request.param
    return run("slc_coherence", PAIR, inputs={"data": catalogue}, out=out, file_format=file_format, **options)


def documents(result):
    (item,) = result.folder.glob("*/*.json")
    return json.loads(item.read_text()), json.loads((result.folder / "collection.json").read_text())


def test_documents_are_valid(result, validate):
    for document in documents(result):
        validate(document)


def test_links_lead_to_both_inputs(result):
    item, _ = documents(result)
    links = {(link["rel"], link["href"].rpartition("/")[2]) for link in item["links"]}
    primary, secondary = "S1_2images_20230331T055033.json", "S1_2images_20230319T055033.json"
    expected = {
        ("derived_from", primary),
        ("reference", primary),
        ("derived_from", secondary),
        ("secondary", secondary),
    }
    assert expected <= links
    folder = result.folder / item["id"]
    assert all((folder / link["href"]).is_file() for link in item["links"])


def test_parameters_can_be_read_from_the_item(result):
    item, _ = documents(result)
    found = item["properties"]["openeo_sar:parameters"]
    assert found["window_azimuth"], found["window_range"] == (5, 21)
    assert found["flatten"] is found["bias_correction"] is False


def test_renders_name_the_asset_that_was_drawn(result):
    item, _ = documents(result)
    render = item["properties"]["renders"]["coherence"]
    assert render["rescale"] == [[0, 1]]
    assert set(render["assets"]) <= set(item["assets"])
    assert render.get("bands", ["coherence"]) == ["coherence"]
    assert any("/render/v2.0.0/" in uri for uri in item["stac_extensions"])


def test_readme_holds_method_and_baseline(result):
    text = (result.folder / "README.md").read_text()
    assert "## Method" in text
    assert "**Not**: no coregistration" in text
    assert "| 2023-03-31 / 2023-03-19 | -12 | coherence |" in text

"""Synthetic Sentinel-1 products through the whole: catalogue, cube, files for a back-end, pairs."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from local_runner import evaluate, run
from local_runner.access import Access
from local_runner.cli import cli
from local_runner.demo.safe import Product, later, write_safe
from local_runner.errors import DataError
from local_runner.products import catalogue, materialise
from local_runner.stac.read import load

BASELINE = "insar:perpendicular_baseline"


@pytest.fixture
def safes(tmp_path):
    """Three dates of one burst, the second 90 m and the third 60 m across."""
    first = Product(bursts=1)
    several = (first, later(first), later(first, 2, across_m=30.0))
    return [write_safe(tmp_path / "data", each) for each in several]


@pytest.fixture
def made(safes, tmp_path):
    return catalogue(safes, out=tmp_path / "cat")


def properties(top):
    return {
        path.stem[-8:]: json.loads(path.read_text())["properties"] for path in sorted(top.parent.glob("t117*/*.json"))
    }


def test_cube_of_all_bands(made):
    cube = load(str(made), access=Access())
    assert cube.sizes["t"] == 3
    assert {"i_VV", "q_VV", "grid_lat", "azimuth_shift", "reference_phase"} <= set(cube.bands.values)
    values = cube.compute()
    assert np.isfinite(values.sel(bands="grid_lat")).all()
    assert (values.sel(bands="reference_phase").isel(t=0) == 0).all()


def test_materialised_bands_are_those_of_the_driver(made):
    (result,) = materialise(made, for_backend=True)
    before, after = (load(str(path), access=Access()) for path in (made, result.folder))
    same = after.sel(bands=before.bands.values)
    assert np.array_equal(before.values, same.values, equal_nan=True)
    told = result.items[1].properties
    for name in (BASELINE, "first_line", "slant_range_first_m", "openeo_sar:primary", "sar:polarizations"):
        assert told[name] == properties(made)["20240821"][name]


@pytest.mark.filterwarnings("ignore:slc_coherence needs coregistered images")
def test_baseline_of_a_pair_of_secondaries(made, tmp_path):
    """What a run tells of a pair is the difference of what the driver tells of its dates."""
    told = properties(made)
    result = run(
        "slc_coherence",
        {"pairs": [["2024-08-21", "2024-09-02"]], "window_range": 3, "window_azimuth": 3},
        inputs={"data": str(made)},
        out=tmp_path / "out",
    )
    expected = told["20240902"][BASELINE] - told["20240821"][BASELINE]
    assert result.items[0].properties[BASELINE] == pytest.approx(expected, abs=1e-5)
    assert "openeo_sar:driver" not in result.items[0].properties


def origins(document, rel):
    return [
        Path(os.path.normpath(document.parent / link["href"]))
        for link in json.loads(document.read_text())["links"]
        if link["rel"] == rel
    ]


@pytest.mark.filterwarnings("ignore:slc_coherence needs coregistered images")
@pytest.mark.parametrize("materialised", [False, True])
def test_lineage_of_a_geocoded_pair_leads_to_the_manifests(materialised, made, safes, tmp_path):
    """Over the items of the catalogue, also after catalogue and result have moved together."""
    top = made.parent.rename(tmp_path / "project") / "collection.json"
    bands = ["i_VV", "q_VV", "grid_lat", "grid_lon"]
    given = materialise(top, bands=bands)[0].folder if materialised else top.parent
    pair = {"pairs": [["2024-08-09", "2024-09-02"]], "window_range": 3, "window_azimuth": 3}
    out = (given if materialised else top).parent.parent / ("out" if not materialised else "project/out")
    run("slc_coherence", pair, inputs={"data": str(given)}, geocode=32632, resolution=20, out=out)
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for name in ("project", "out"):
        if (tmp_path / name).exists():
            (tmp_path / name).rename(moved / name)
    (document,) = moved.glob("**/slc_coherence_*/*.json")
    assert origins(document, "reference") == origins(document, "derived_from")[:1]
    assert origins(document, "secondary") == origins(document, "derived_from")[1:]
    chain = origins(document, "derived_from")
    for _ in range(2 if materialised else 1):
        assert all(path.is_relative_to(moved) for path in chain)
        chain = [origin for path in chain for origin in origins(path, "derived_from")]
    assert chain == [safe / "manifest.safe" for safe in (safes[0], safes[2])]


def test_checksums_are_of_what_was_written(made):
    """Products stay as they are and where they are: only their size is noted."""
    (result,) = materialise(made, bands=["height"])
    for path, written in ((made, False), (result.folder, True)):
        top = path if path.is_dir() else path.parent
        documents = [json.loads(each.read_text()) for each in top.glob("t117*/*.json")]
        assets = [asset for document in documents for asset in document["assets"].values()]
        assert assets
        assert {("file:checksum" in asset) for asset in assets} == {written}


def test_bands_of_pixels_come_first_of_every_polarisation(tmp_path):
    product = Product(bursts=1, polarizations=("VV", "VH"))
    made = catalogue([write_safe(tmp_path, product)], out=tmp_path / "cat")
    assert list(load(str(made), access=Access()).bands.values)[:4] == ["i_VV", "q_VV", "i_VH", "q_VH"]


def test_described(made):
    text = CliRunner().invoke(cli, ["describe", str(made.parent)]).stdout
    assert "burst" in text
    assert "2024-08-09  t117_249435_iw2_20240809  +0    primary" in text
    assert f"{properties(made)['20240821'][BASELINE]:+.2f}" in text


def test_valid(made, validate):
    for path in (made, *made.parent.glob("*/*.json")):
        validate(json.loads(path.read_text()))


def test_every_date_of_the_cube_shares_the_bands_of_the_grid(made):
    graph = {
        "load": {"process_id": "load_stac", "arguments": {"url": str(made), "bands": ["grid_lat"]}, "result": True}
    }
    cube = evaluate(graph).compute()
    assert (cube == cube.isel(t=0)).all()


def test_a_folder_stands_for_the_products_in_it_and_in_its_folders(tmp_path):
    product = Product(bursts=1, has_pixels=False)
    for folder, each in (("a", product), ("b/c", later(product))):
        write_safe(tmp_path / "stack" / folder, each)
    (tmp_path / "stack" / "notes.txt").write_text("nothing")
    made = json.loads(catalogue([tmp_path / "stack"], out=tmp_path / "cat").read_text())
    assert len([link for link in made["links"] if link["rel"] == "item"]) == 2


def test_a_folder_without_products_is_none(tmp_path):
    (tmp_path / "stack" / "empty").mkdir(parents=True)
    with pytest.raises(DataError, match=r"^ProductUnknown: The path must be one of these products: .*stack'"):
        catalogue([tmp_path / "stack"], out=tmp_path / "cat")

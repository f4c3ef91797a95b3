"""Synthetic Sentinel-1 products through the whole: catalogue, cube, files for a back-end, pairs."""

import json

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

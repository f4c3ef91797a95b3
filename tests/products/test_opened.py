"""Items that their driver opens: loaded, planned and refused."""

import json
import warnings

import numpy as np
import pytest

from local_runner import evaluate, explain, products, run
from local_runner.access import Access
from local_runner.errors import DataError, LimitExceededError, OpenEOError
from local_runner.planning.estimate import of_arrays
from local_runner.products import catalogue, materialise
from local_runner.stac.read import load
from tests.products import toy


def graph(url, **arguments):
    return {"load": {"process_id": "load_stac", "arguments": {"url": str(url), **arguments}, "result": True}}


@pytest.fixture
def made(stack, tmp_path):
    return catalogue(stack, out=tmp_path / "cat")


@pytest.fixture
def bursts(toys, tmp_path):
    names = ("t001_000001_iw1", "t001_000002_iw1")
    paths = [toys.product(tmp_path / "data", day, burst) for burst in names for day in ("2023-03-19", "2023-03-31")]
    return catalogue(paths, out=tmp_path / "cat")


@pytest.fixture
def closed(toys, monkeypatch):
    """The driver must not be asked to open anything."""

    def refuse(*_):
        raise AssertionError("opened")

    monkeypatch.setattr(toys, "open_item", refuse)


def test_cube_holds_what_the_driver_gives(made):
    cube = evaluate(graph(made, bands=["q_VV", "height"]))
    told = {"day": "2023-03-31", "burst": "t001_000001_iw1", "shape": (600, 40), "longitude": 4.0}
    at = cube.sel(t="2023-03-31").isel(t=0)
    assert np.array_equal(at.sel(bands="q_VV").values, toy.band(told, "q_VV").compute())
    assert cube.chunks[2] == (256, 256, 88)
    assert cube.dtype == np.float32


def test_bands_of_the_grid_are_one_task_for_all_dates(made):
    cube = load(str(made), bands=["grid_lat"], access=Access())
    tasks = [key for key in cube.__dask_graph__() if str(key[0]).startswith("toy-")]
    assert len(tasks) == 3


def test_a_plan_counts_bands_of_the_grid_once(made):
    """What is read and held is that of the cube, whose dates share these bands."""
    cubes = [load(str(made), access=Access(), planning=planning) for planning in (True, False)]
    planned, actual = (of_arrays([c.data[t, b] for t in range(3) for b in range(6)]) for c in cubes)
    assert planned.pixels_read == 600 * 40 * (3 + 3 * 3)
    assert planned.held_bytes == actual.held_bytes


@pytest.mark.usefixtures("closed")
def test_a_plan_opens_nothing(made):
    plan = explain(graph(made))
    assert plan.complete
    cube = load(str(made), access=Access(), planning=True)
    assert dict(cube.sizes) == {"t": 3, "bands": 6, "y": 600, "x": 40}
    assert cube.chunks[2] == (256, 256, 88)


def test_plan_and_cube_agree(made):
    planned, cube = (load(str(made), access=Access(), planning=planning) for planning in (True, False))
    assert planned.chunks == cube.chunks
    assert planned.dtype == cube.dtype
    assert all(np.array_equal(planned[name], cube[name]) for name in ("t", "bands", "y", "x"))


@pytest.mark.usefixtures("closed")
@pytest.mark.parametrize("planning", [True, False])
def test_several_bursts_are_no_cube(bursts, planning):
    match = (
        r"^GridsDiffer: .* be of one collection; these are of t001_000001_iw1, t001_000002_iw1.*t001_000002_iw1/coll"
    )
    with pytest.raises(DataError, match=match):
        load(str(bursts), access=Access(), planning=planning)


def test_one_burst_of_several_is_a_cube(bursts):
    assert load(str(bursts.parent / "t001_000002_iw1"), access=Access()).sizes["t"] == 2


def test_one_date_can_be_opened_alone(made):
    item = next(made.parent.glob("*0331/*.json"))
    assert load(str(item), access=Access()).sizes == {"t": 1, "bands": 6, "y": 600, "x": 40}


def test_a_run_says_once_that_a_backend_could_not(made, tmp_path):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        run(graph(made, bands=["height"]), out=tmp_path / "out", quicklooks=False)
    texts = {str(warning.message) for warning in told}
    assert len(texts) == 1
    text = texts.pop()
    assert text.startswith("[geopyspark G45] ")
    assert "of the driver toy" in text
    assert "openeo-sar stac --materialise --for-backend" in text


def test_materialised_bands_raise_no_warning(made, tmp_path):
    (result,) = materialise(made, for_backend=True, bands=["height"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(str(result.folder), access=Access())
        run(graph(result.folder), out=tmp_path / "out", quicklooks=False)


def test_box_in_degrees_selects_by_the_bands(made):
    cube = evaluate(graph(made, spatial_extent={"west": 4.0, "east": 4.01, "south": 52.0, "north": 52.01}))
    assert cube.sizes["y"] < 120
    assert cube.sizes["x"] < 20


def test_driver_that_is_not_there(made, monkeypatch):
    monkeypatch.setattr(products, "drivers", dict)
    with pytest.raises(OpenEOError, match=r"^ProductUnknown: openeo_sar:driver of item .*must be one of"):
        load(str(made), access=Access())


def hand_edited(made, tmp_path, edit):
    item = json.loads(next(made.parent.glob("*0319/*.json")).read_text())
    edit(item)
    (tmp_path / "item.json").write_text(json.dumps(item))
    return tmp_path / "item.json"


@pytest.mark.parametrize("shape", [[10**9, 10**9], [10**9, 1], [1, 10**9], [-1, 5], [0, 5], [10**400, 1]])
def test_absurd_shape_is_refused_before_memory_is_spent(shape, made, tmp_path):
    item = hand_edited(made, tmp_path, lambda item: item["properties"].update({"proj:shape": shape}))
    with pytest.raises(OpenEOError, match=r"^(ArrayTooLarge|DataCorrupt): "):
        load(str(item), access=Access(), planning=True)


def test_more_bands_than_a_file_may_have(made, tmp_path):
    many = [{"name": f"b{number}"} for number in range(100_000)]
    item = hand_edited(made, tmp_path, lambda item: item["assets"]["manifest"].update(bands=many))
    for planning in (True, False):
        with pytest.raises(LimitExceededError, match=r"^TooManyBands: An item must have at most 1000 bands"):
            load(str(item), access=Access(), planning=planning)


@pytest.mark.parametrize("name", ["_catalogue", "os", "../toy", "toy.os", "", "sentinel1_slc.items"])
def test_a_driver_is_one_of_those_that_are_found_and_nothing_else(name, made, tmp_path):
    item = hand_edited(made, tmp_path, lambda item: item["properties"].update({"openeo_sar:driver": name}))
    with pytest.raises(OpenEOError, match=r"^ProductUnknown: openeo_sar:driver of item .* must be one of"):
        load(str(item), access=Access())


def test_lineage_walks_back_to_the_product(made, stack, tmp_path):
    """From the result of a run over the item of the driver to the file of the product."""
    result = run(graph(made, bands=["height"], temporal_extent=["2023-03-31", "2023-04-01"]), out=tmp_path / "out")
    folder = next(path for path in result.folder.iterdir() if path.is_dir())
    document = folder / f"{folder.name}.json"
    chain = [document]
    while document.name != toy.MANIFEST:
        hrefs = [link["href"] for link in json.loads(document.read_text())["links"] if link["rel"] == "derived_from"]
        document = document.parent.joinpath(hrefs[0]).resolve()
        chain.append(document)
    assert [path.name for path in chain[1:]] == ["t001_000001_iw1_20230331.json", toy.MANIFEST]
    assert chain[-1] == stack[1] / toy.MANIFEST

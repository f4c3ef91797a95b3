"""The scene on disk: the bands of each date, what the items say, footprint, same bytes."""

import hashlib
from itertools import pairwise

import numpy as np
import pystac
import pytest

from local_runner.demo.catalogue import write_catalogue
from local_runner.demo.simulator import Scene, simulate
from local_runner.files.raster import Reader


@pytest.fixture(scope="module")
def scene() -> Scene:
    return simulate(120, 480)


@pytest.fixture(scope="module")
def fringes() -> Scene:
    return simulate(120, 480, baselines_m=(0, 34, -60), bandwidth=(0.672, 0.750))


def test_catalogue_holds_the_bands_of_each_date(tmp_path, fringes):
    collection = pystac.Collection.from_file(write_catalogue(fringes, tmp_path / "scene"))
    items = sorted(collection.get_items(), key=lambda item: item.datetime)
    assert [item.datetime for item in items] == list(fringes.dates)
    bands = {"i_VV": fringes.i[1], "q_VV": fringes.q[1], "grid_lat": fringes.latitude, "grid_lon": fringes.longitude}
    bands["reference_phase"] = fringes.reference_phase[1]
    assert set(items[1].assets) == set(bands)
    assert set(collection.extra_fields["cube:dimensions"]["bands"]["values"]) == set(bands)
    for name, values in bands.items():
        with Reader(items[1].assets[name].get_absolute_href()) as dataset:
            assert dataset.crs is None
            assert dataset.block_shapes == [(256, 256)]
            assert dataset.compression.value == "ZSTD"
            assert dataset.descriptions == (name,)
            np.testing.assert_array_equal(dataset.read(1), values)
    assert len({item.assets["grid_lat"].get_absolute_href() for item in items}) == 1


def test_items_say_what_they_are(tmp_path, scene):
    path = write_catalogue(scene, tmp_path)
    item = next(iter(pystac.Collection.from_file(path).get_items()))
    asset = item.assets["i_VV"]
    content = (tmp_path / item.id / "i_VV.tif").read_bytes()
    assert asset.extra_fields["file:checksum"] == f"1220{hashlib.sha256(content).hexdigest()}"
    assert asset.extra_fields["bands"] == [{"name": "i_VV", "unit": "1", "data_type": "float32"}]
    assert (asset.href, item.assets["grid_lat"].href) == ("./i_VV.tif", "../grid_lat.tif")
    assert item.properties["proj:code"] is None
    assert item.properties["proj:shape"] == [120, 480]
    assert item.properties["sar:polarizations"] == ["VV"]
    assert "reference_phase" not in item.assets


def test_footprint_is_closed_counter_clockwise_and_around_all_samples(tmp_path, scene):
    item = next(iter(pystac.Collection.from_file(write_catalogue(scene, tmp_path)).get_items()))
    ring = item.geometry["coordinates"][0]
    assert ring[0] == ring[-1]
    assert sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairwise(ring)) > 0
    west, south, east, north = item.bbox
    np.testing.assert_allclose((west, east), (scene.longitude.min(), scene.longitude.max()), atol=1e-5)
    np.testing.assert_allclose((south, north), (scene.latitude.min(), scene.latitude.max()), atol=1e-5)


def test_writing_twice_gives_the_same_bytes(tmp_path, scene):
    first, second = (write_catalogue(scene, tmp_path / name).parent for name in ("a", "b"))
    files = sorted(p.relative_to(first) for p in first.rglob("*") if p.is_file())
    assert len(files) == 12
    assert all((first / f).read_bytes() == (second / f).read_bytes() for f in files)

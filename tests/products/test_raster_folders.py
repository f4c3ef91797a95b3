"""What holds for all drivers of folders of GeoTIFFs."""

import math
import os

import pytest
from affine import Affine

from local_runner.access import Access
from local_runner.errors import DataError
from local_runner.products import _rasters, catalogue, drivers, recognise
from local_runner.stac.read import load
from local_runner.stac.walk import Found
from tests.products import raster_folders as folders
from tests.products.raster_folders import items_of
from tests.stac.catalogues import MAP, UTM, noise, tiff


def plain(folder):
    folder.mkdir()
    tiff(folder / "amp_20240809.tif", noise(), noise(), crs=UTM, transform=MAP)
    return folder


MAKERS = {
    "cloudinsar": folders.cloudinsar,
    "geogrid": lambda folder: folders.geogrid(folder / "20240809"),
    "geotiff_folder": plain,
}
every = pytest.mark.parametrize("name", MAKERS)


@every
def test_each_is_known_by_its_driver(name, tmp_path):
    assert recognise(MAKERS[name](tmp_path / "product")) == name


@every
def test_a_plan_is_made_without_the_files(name, tmp_path):
    folder = MAKERS[name](tmp_path / "product")
    made = catalogue([folder], out=tmp_path / "cat")
    whole = load(str(made), access=Access())
    for path in folder.iterdir():
        path.unlink()
    planned = load(str(made), access=Access(), planning=True)
    assert planned.dims == whole.dims
    assert planned.coords.equals(whole.coords)


@every
def test_assets_are_the_files_themselves(name, tmp_path):
    folder = MAKERS[name](tmp_path / "product")
    made = catalogue([folder], out=tmp_path / "cat")
    hrefs = {asset["href"] for item in items_of(made).values() for asset in item["assets"].values()}
    assert hrefs == {str(path) for path in folder.iterdir()}
    assert not [path for path in made.parent.rglob("*") if path.suffix == ".tif"]


@every
def test_the_same_folder_gives_the_same_items(name, tmp_path):
    folder = MAKERS[name](tmp_path / "product")
    one, other = (items_of(catalogue([folder], out=tmp_path / out)) for out in ("one", "other"))
    assert one == other


@every
def test_recognising_opens_nothing_that_blocks_and_raises_nothing(name, tmp_path):
    driver = drivers()[name]
    for odd in ("openEO_2024-08-09Z.tif", "window_location.tif", "a.tif"):
        os.mkfifo(tmp_path / odd)
    assert driver.recognise(tmp_path) == (name != "cloudinsar")
    assert not driver.recognise(tmp_path / "gone")
    assert not driver.recognise(tmp_path / "gone" / "a.tif")


@pytest.mark.parametrize("name", ["geogrid", "geotiff_folder"])
def test_what_is_no_regular_file_is_an_error(name, tmp_path):
    folder = MAKERS[name](tmp_path / "product")
    os.mkfifo(folder / "window_20240809.tif")
    with pytest.raises(DataError, match=r"^FileNotFound: The path must name a regular file, .*window_20240809\.tif'"):
        catalogue([folder], out=tmp_path / "cat")


def test_a_link_to_itself_is_an_error(tmp_path):
    folder = plain(tmp_path / "product")
    (folder / "loop_20240809.tif").symlink_to(folder / "loop_20240809.tif")
    with pytest.raises(DataError, match=r"^FileNotFound: The file must exist, .*loop_20240809\.tif'"):
        catalogue([folder], out=tmp_path / "cat")


@pytest.mark.parametrize(
    ("step", "message"),
    [(math.nan, "must have a grid of finite numbers"), (1e300, "must lie within its CRS, EPSG:32631")],
)
def test_a_georeference_of_nonsense_is_named(tmp_path, step, message):
    (tmp_path / "product").mkdir()
    tiff(tmp_path / "product" / "a_20240809.tif", noise(), transform=Affine(step, 0, step, 0, -1, 0), crs=UTM)
    with pytest.raises(DataError, match=rf"^DataCorrupt: .*a_20240809\.tif {message}"):
        catalogue([tmp_path / "product"], out=tmp_path / "cat")


def test_of_very_many_blocks_the_last_ones_are_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(_rasters, "_MOST_BLOCKS", 3)
    folder = plain(tmp_path / "product")
    folders.cut_off(next(iter(folder.glob("*.tif"))))
    with pytest.raises(DataError, match=r"^DataCorrupt: .*\.tif must have at least"):
        catalogue([folder], out=tmp_path / "cat")


@every
def test_an_item_that_names_such_a_driver_is_wrong(name):
    item = Found({"id": "a", "properties": {"openeo_sar:driver": name}}, "/a.json")
    with pytest.raises(DataError, match=rf"^DataCorrupt: Item a must not name a driver: .* instead got '{name}'"):
        drivers()[name].open_item(item, Access())

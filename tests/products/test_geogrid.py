import os

import numpy as np
import pytest
from pyproj import Transformer

from local_runner.errors import DataError, OpenEOError
from local_runner.products import catalogue, recognise
from local_runner.products._rasters import DATETIME_SOURCE
from tests.products import raster_folders as folders
from tests.products.raster_folders import NODATA, items_of, load
from tests.stac.catalogues import MAP, UTM, H, W, noise, tiff

SCENE = "S1A_IW_SLC__1SDV_20170203T162106_20170203T162132_015121_018B9A_1380"


@pytest.fixture
def folder(tmp_path):
    return folders.geogrid(tmp_path / SCENE / "velocity")


def test_bands_are_the_stem_of_the_file_and_their_number(folder, tmp_path):
    names = load(folder, tmp_path).bands.values.tolist()
    assert names == [
        "window_location_1",
        "window_location_2",
        "window_rdr_off2vel_x_vec_1",
        "window_rdr_off2vel_x_vec_2",
        "window_rdr_off2vel_x_vec_3",
        "window_stable_surface_mask_1",
    ]


def test_values_of_int32_and_float64_come_back_and_no_data_is_nan(folder, tmp_path):
    found = load(folder, tmp_path)
    assert found.shape == (1, 6, H, W)
    assert np.isnan(found.values[:, :, 0]).all()
    for name, values in (
        ("window_location_2", folders.layer(0, 1, np.int32)),
        ("window_stable_surface_mask_1", folders.layer(1, 0, np.int32)),
        ("window_rdr_off2vel_x_vec_3", folders.layer(2, 2)),
    ):
        np.testing.assert_array_equal(found.sel(bands=name).values[0, 1:], values[1:].astype(np.float32))


def test_the_item_says_its_grid_and_the_types_of_the_files(folder, tmp_path, validate):
    made = catalogue([folder], out=tmp_path / "cat")
    (item,) = items_of(made).values()
    validate(item)
    properties = item["properties"]
    assert properties["proj:code"] == "EPSG:32631"
    assert properties["proj:shape"] == [H, W]
    assert properties["proj:transform"] == list(MAP)[:6]
    assert properties["proj:bbox"] == [500_000, 5_800_000 - 20 * H, 500_000 + 20 * W, 5_800_000]
    assert sorted(item["assets"]) == ["window_location", "window_rdr_off2vel_x_vec", "window_stable_surface_mask"]
    bands = item["assets"]["window_location"]["bands"]
    assert [(band["data_type"], band["nodata"], band["unit"]) for band in bands] == [("int32", NODATA, "pixel")] * 2


def test_the_footprint_is_that_of_the_grid(folder, tmp_path):
    (item,) = items_of(catalogue([folder], out=tmp_path / "cat")).values()
    lon, lat = Transformer.from_crs(UTM, 4326, always_xy=True).transform(
        [500_000, 500_000 + 20 * W], [5_800_000 - 20 * H, 5_800_000]
    )
    assert item["bbox"] == pytest.approx([lon[0], lat[0], lon[1], lat[1]], abs=2e-6)


def test_some_of_the_files_are_enough(folder, tmp_path):
    (folder / "window_location.tif").unlink()
    tiff(folder / "other.tif", noise(shape=(3, 3)))
    assert load(folder, tmp_path).sizes["bands"] == 4


def test_without_any_of_the_files_it_is_something_else(folder):
    for path in folder.iterdir():
        path.rename(path.with_name(path.name.removeprefix("window_")))
    assert recognise(folder) == "geotiff_folder"


@pytest.mark.parametrize(
    ("name", "options", "time", "source"),
    [
        (f"{SCENE}/velocity", {}, "2017-02-03T16:21:06Z", "name of the folder"),
        (f"20200101/{SCENE}", {}, "2017-02-03T16:21:06Z", "name of the folder"),
        (f"{SCENE}/velocity", {"date": "2017-02-15"}, "2017-02-15T00:00:00Z", "--date"),
    ],
)
def test_the_time_is_given_or_that_of_the_folder(tmp_path, name, options, time, source):
    folder = folders.geogrid(tmp_path / name)
    (item,) = items_of(catalogue([folder], out=tmp_path / "cat", **options)).values()
    assert item["properties"]["datetime"] == time
    assert item["properties"][DATETIME_SOURCE] == source


def test_without_a_date_the_time_is_that_of_the_files_and_one_is_told_so(tmp_path):
    folder = folders.geogrid(tmp_path / "a" / "velocity")
    for path in folder.iterdir():
        os.utime(path, (0, 86_400))
    with pytest.warns(UserWarning, match=r"velocity has no date in its name: the item gets 1970-01-02T00:00:00Z, when"):
        made = catalogue([folder], out=tmp_path / "cat")
    (item,) = items_of(made).values()
    assert item["properties"]["datetime"] == "1970-01-02T00:00:00Z"
    assert item["properties"][DATETIME_SOURCE] == "modification time of the files"


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda path: tiff(path, noise(), crs=UTM, transform=MAP * MAP.translation(1, 0)), "GridsDiffer"),
        (lambda path: tiff(path, noise(), crs="EPSG:32632", transform=MAP), "GridsDiffer"),
        (folders.cut_off, "DataCorrupt"),
        (lambda path: path.write_text("<VRTDataset/>"), "DataCorrupt"),
        (lambda path: (path.unlink(), path.symlink_to("gone.tif")), "FileNotFound"),
    ],
)
def test_bad_files_are_named_and_nothing_is_written(folder, tmp_path, spoil, code):
    spoil(folder / "window_rdr_off2vel_x_vec.tif")
    with pytest.raises(OpenEOError, match=rf"^{code}: .*window_rdr_off2vel_x_vec\.tif"):
        catalogue([folder], out=tmp_path / "cat")
    assert not (tmp_path / "cat").exists()


def test_a_header_that_says_a_huge_image_is_refused(folder, tmp_path):
    path = folder / "window_stable_surface_mask.tif"
    tiff(path, noise(), crs=UTM, transform=MAP)
    content = bytearray(path.read_bytes())
    place = content.index((256).to_bytes(2, "little") + (3).to_bytes(2, "little")) + 8
    content[place : place + 2] = (60_000).to_bytes(2, "little")
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"^DataCorrupt: .*window_stable_surface_mask\.tif"):
        catalogue([folder], out=tmp_path / "cat")

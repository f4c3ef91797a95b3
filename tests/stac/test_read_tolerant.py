import numpy as np
import pytest
from affine import Affine

from tests.stac.catalogues import DATES, LATITUDE, LONGITUDE, asset, collection, cube, item, noise, tiff, write


def one_item(folder, assets, moment="2024-08-09T00:00:00Z", **fields):
    return cube(write(folder, "a.json", item("a", moment, assets) | fields))


def test_doubled_keys_and_left_over_files_are_not_opened(tmp_path):
    name = f"S1_2images_prm_{DATES[0]}_vh_grid_lat.tif"
    tiff(tmp_path / name, LATITUDE)
    left_over = {"tmp_sec_1.tif": {"href": "gone.tif"}, "a": {"href": "sub/tmp_sec2_i_VH.tif"}}
    for key in (name, "grid_lat"):
        found = one_item(tmp_path, {key: {"href": name}, f"{name}_0-{name}": {"href": "gone.tif"}} | left_over)
        assert found.bands.values.tolist() == ["grid_lat"]


def test_a_doubled_key_counts_where_it_is_the_only_one(tmp_path):
    tiff(tmp_path / "a_grid_lon.tif", LONGITUDE)
    found = one_item(tmp_path, {"a_grid_lon.tif_0-a_grid_lon.tif": {"href": "a_grid_lon.tif"}})
    assert found.bands.values.tolist() == ["grid_lon"]


def test_each_file_may_be_stored_from_the_first_or_from_the_last_line_on(tmp_path):
    tiff(tmp_path / "up.tif", noise(0), transform=Affine(2, 0, 0, 0, 2, 0), crs=None)
    tiff(tmp_path / "down.tif", noise(1)[::-1])
    items = [
        item(name, f"2024-08-0{day}T00:00:00Z", {"i": asset(f"{name}.tif", "i_VV")})
        for day, name in enumerate(("up", "down"), start=1)
    ]
    np.testing.assert_array_equal(cube(collection(tmp_path, items))[:, 0].values, [noise(0), noise(1)])


@pytest.mark.parametrize(("count", "names"), [(1, ["openEO"]), (2, ["openEO_1", "openEO_2"])])
def test_bands_that_nothing_names_are_the_same_on_each_date(tmp_path, count, names):
    days = ("2024-08-09", "2024-08-21")
    for at, day in enumerate(days):
        tiff(tmp_path / f"openEO_{day}Z.tif", *[noise(at + n) for n in range(count)])
    assets = {f"openEO_{day}Z.tif": {"href": f"openEO_{day}Z.tif"} for day in days}
    found = cube(write(tmp_path, "job-results.json", {"type": "Collection", "id": "job", "assets": assets}))
    assert found.bands.values.tolist() == names
    np.testing.assert_array_equal(found[:, 0, ::-1].values, [noise(0), noise(1)])


def test_the_only_label_names_the_only_band(tmp_path):
    tiff(tmp_path / "openEO_2024-08-09Z.tif", noise())
    labels = {"cube:dimensions": {"bands": {"type": "bands", "values": ["coherence"]}}}
    document = {"type": "Collection", "id": "job", "assets": {"a": {"href": "openEO_2024-08-09Z.tif"}}, **labels}
    assert cube(write(tmp_path, "a.json", document)).bands.values.tolist() == ["coherence"]


def test_the_key_names_a_band_that_the_file_does_not(tmp_path):
    for name in ("1.tif", "2.tif"):
        tiff(tmp_path / name, noise())
    assets = {"i_VV": {"href": "1.tif"}, "amplitude": {"href": "2.tif"}}
    labels = {"b": {"type": "bands", "values": ["i_VV", "amplitude"]}}
    found = one_item(tmp_path, assets, **{"cube:dimensions": labels})
    assert found.bands.values.tolist() == ["i_VV", "amplitude"]


def test_the_ending_makes_a_raster_of_a_file_of_an_odd_type(tmp_path):
    tiff(tmp_path / "a.TIF", noise())
    found = one_item(tmp_path, {"i_VV": {"href": "a.TIF", "type": "application/octet-stream"}})
    assert found.bands.values.tolist() == ["i_VV"]

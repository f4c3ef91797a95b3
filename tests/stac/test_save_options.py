"""The option `static_bands` of `save_result`; the others are tested with what they do."""

import pytest

from local_runner.errors import OpenEOError
from tests.stac.results import cube, items_of, reference_of, saved

DATES = ("2023-03-19", "2023-03-31")
BANDS = ("i_VV", "height", "grid_lat", "grid_lon")


def files(out):
    return sorted(path.relative_to(out).as_posix() for path in out.rglob("*.tif"))


def test_bands_of_the_grid_are_per_date_unless_asked(tmp_path):
    data = cube(tmp_path, *BANDS, times=DATES)
    per_date = [f"analysis_{day}/{band}.tif" for day in ("20230319", "20230331") for band in ("height", "i_VV")]
    assert files(saved(tmp_path, data)) == [*per_date, "grid_lat.tif", "grid_lon.tif"]


def test_once(tmp_path):
    data = cube(tmp_path, *BANDS, times=DATES)
    out = saved(tmp_path, data, options={"static_bands": "ONCE"})
    per_date = [f"analysis_{day}/i_VV.tif" for day in ("20230319", "20230331")]
    assert files(out) == [*per_date, "grid_lat.tif", "grid_lon.tif", "height.tif"]
    assert [item["assets"]["height"]["href"] for item in items_of(out)] == ["../height.tif"] * 2
    read = reference_of(out).sel(bands="height")
    assert (read == data.sel(bands="height").isel(t=0)).all()


def test_once_and_nothing_else(tmp_path):
    data = cube(tmp_path, "height", times=DATES, crs=32631)
    out = saved(tmp_path, data, options={"static_bands": "ONCE"})
    assert files(out) == ["height.tif"]
    assert all(item["geometry"]["type"] == "Polygon" for item in items_of(out))


@pytest.mark.parametrize("value", ["once", True, None, 1])
def test_bad_value(value, tmp_path):
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: The option 'static_bands' must be one of"):
        saved(tmp_path, cube(tmp_path, "i_VV"), options={"static_bands": value})

import re
import shutil
from pathlib import Path

import numpy as np
import pystac
import pytest
import xarray as xr

from local_runner.cube import crs_of
from local_runner.errors import OpenEOError
from local_runner.stac.metadata import safe_name
from local_runner.stac.write import Provenance, save
from tests.stac.results import GRAPH, PAIR, PROVENANCE, cube, items_of, reference_of, saved


@pytest.mark.parametrize("for_backend", [False, True])
@pytest.mark.parametrize("crs", [None, 32631])
def test_what_is_saved_is_loaded(tmp_path, for_backend, crs):
    expected = cube(tmp_path, *PAIR, crs=crs)
    found = reference_of(saved(tmp_path, expected, for_backend=for_backend))
    assert found.bands.values.tolist() == ["coherence", "phase", "latitude", "longitude"]
    assert [str(t) for t in found.t.values] == ["2023-03-19T05:50:33.500000000"]
    np.testing.assert_array_equal(found.values, expected.values)
    np.testing.assert_array_equal(found.x, expected.x)
    np.testing.assert_array_equal(found.y, expected.y)
    assert crs_of(found) == crs_of(expected)


def test_files_of_a_pair(tmp_path):
    out = saved(tmp_path, cube(tmp_path, *PAIR))
    names = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    pair = "analysis_20230331_20230319"
    inside = [f"{pair}/{pair}.json", f"{pair}/coherence.tif", f"{pair}/phase.tif"]
    assert names == [*inside, "collection.json", "latitude.tif", "longitude.tif", "record.json"]


def test_pystac_reads_the_result_after_it_was_moved(tmp_path):
    out = saved(tmp_path, cube(tmp_path, *PAIR))
    moved = shutil.move(out, tmp_path / "moved")
    (item,) = pystac.Collection.from_file(str(moved / "collection.json")).get_items()
    assert Path(item.assets["latitude"].get_absolute_href()) == moved / "latitude.tif"


def test_derived_bands_are_cogs_and_coordinates_plain(tmp_path):
    (item,) = items_of(saved(tmp_path, cube(tmp_path, *PAIR)))
    cogs = {key: "cloud-optimized" in asset["type"] for key, asset in item["assets"].items()}
    assert cogs == {"coherence": True, "phase": True, "latitude": False, "longitude": False}


def test_slc_stacks_have_an_item_per_date_and_plain_tiles(tmp_path):
    names = ("i_VV", "q_VV", "grid_lat", "grid_lon")
    expected = cube(tmp_path, *names, times=("2023-03-19T05:50:33.5", "2023-03-31"))
    out = saved(tmp_path, expected)
    first, second = items_of(out)
    assert (first["id"], second["id"]) == ("analysis_20230319", "analysis_20230331")
    assert second["properties"]["datetime"] == "2023-03-31T05:50:33.900000Z"
    assert first["properties"]["sat:absolute_orbit"] == 47709
    assert first["assets"]["grid_lat"]["href"] == second["assets"]["grid_lat"]["href"] == "../grid_lat.tif"
    assert all("cloud" not in asset["type"] for asset in first["assets"].values())
    np.testing.assert_array_equal(reference_of(out).values, expected.values)


def test_the_pair_of_the_provenance_names_bands_that_do_not(tmp_path):
    named = Provenance(GRAPH, pair=("2023-03-31", "2023-03-19"))
    (item,) = items_of(saved(tmp_path, cube(tmp_path, "dx", "dy", "latitude", "longitude"), provenance=named))
    assert item["id"] == "analysis_20230331_20230319"
    assert list(item["assets"]) == ["dx", "dy", "latitude", "longitude"]


def test_several_pairs_make_several_items(tmp_path):
    names = ("coherence_20230319_20230331", "coherence_20230331_20230412", "latitude", "longitude")
    out = saved(tmp_path, cube(tmp_path, *names))
    assert [item["id"] for item in items_of(out)] == ["analysis_20230319_20230331", "analysis_20230331_20230412"]
    assert reference_of(out).sizes["t"] == 2


def test_a_cube_without_dates_has_those_of_its_inputs(tmp_path):
    (item,) = items_of(saved(tmp_path, cube(tmp_path, "amplitude").isel(t=0, drop=True)))
    assert item["id"] == "analysis"
    found = item["properties"]
    assert (found["datetime"], found["start_datetime"][:10], found["end_datetime"][:10]) == (
        None,
        "2023-03-19",
        "2023-03-31",
    )


def test_a_cube_without_bands_is_named_after_the_process(tmp_path):
    (item,) = items_of(saved(tmp_path, cube(tmp_path, "amplitude").isel(bands=0, drop=True)))
    assert list(item["assets"]) == ["analysis"]


def test_odd_names_stay_inside_the_folder(tmp_path):
    data = cube(tmp_path, "../../evil", "a", "A", "CON").isel(t=0, drop=True)
    out = tmp_path / "out"
    out.mkdir()
    save(data, out, process="../x", provenance=PROVENANCE)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert all(path.is_relative_to(out) for path in files)
    assert len({path.name.casefold() for path in out.rglob("*.tif")}) == 4


@pytest.mark.parametrize(
    "name", ["..", "/etc/x", "sp ace?#", "x" * 300, "NUL", "com1.tif", "ä", "", ".hidden", "a\0b", "a."]
)
def test_safe_names(name):
    found = safe_name(name)
    assert found != name
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", found)
    assert safe_name(name + "b") != found


def test_netcdf_has_one_file_per_item(tmp_path):
    expected = cube(tmp_path, *PAIR)
    out = saved(tmp_path, expected, file_format="netCDF")
    (item,) = items_of(out)
    (asset,) = item["assets"].values()
    assert [band["name"] for band in asset["bands"]] == ["coherence", "phase", "latitude", "longitude"]
    with xr.open_dataset(out / item["id"] / asset["href"]) as found:
        np.testing.assert_array_equal(found.phase.values, expected.values[:, 1])
        assert str(found.t.values[0]) == "2023-03-19T05:50:33.500000000"
    assert item["geometry"]["type"] == "Polygon"


def test_options(tmp_path):
    options = {"filename_prefix": "run1", "tile_size": 512, "overviews": "OFF"}
    out = saved(tmp_path, cube(tmp_path, *PAIR), options=options)
    assert (out / "analysis_20230331_20230319" / "run1_coherence.tif").is_file()
    assert "cloud" not in items_of(out)[0]["assets"]["coherence"]["type"]


@pytest.mark.parametrize(
    "options",
    [{"COMPRESS": "NONE"}, {"tile_size": 300}, {"tile_size": True}, {"filename_prefix": "../x"}, {"overviews": 3}],
)
def test_bad_options_are_refused(tmp_path, options):
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: (Each of 'options'|The option) "):
        saved(tmp_path, cube(tmp_path, "a"), options=options)


def test_cubes_that_no_raster_can_hold(tmp_path):
    data = cube(tmp_path, "a_20230319_20230331", times=("2023-03-19", "2023-03-31"))
    out = tmp_path / "out"
    for given, code in (
        (data, "FormatUnsuitable: A cube with bands of pairs must have one label on t"),
        (data.isel(x=slice(0)), "DataCubeEmpty: "),
        (
            data.expand_dims("pair"),
            "FormatUnsuitable: A cube that is saved as raster must have the labelled dimensions",
        ),
        (
            data[:1].assign_coords(bands=["a_20231319_20230331"]),
            "FormatUnsuitable: Bands of pairs must end with two dates",
        ),
    ):
        with pytest.raises(OpenEOError, match=f"^{code}"):
            save(given, out, process="a", provenance=PROVENANCE)
    with pytest.raises(OpenEOError, match=r"^FormatUnsuitable: format must be one of"):
        save(data, out, process="a", file_format="PNG", provenance=PROVENANCE)

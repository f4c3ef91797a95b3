import json

import numpy as np
import pytest
import xarray as xr

from local_runner.cube import crs_of, parse_crs
from local_runner.errors import DataError, OpenEOError
from tests.stac import catalogues
from tests.stac.catalogues import H, W, item, noise, write
from tests.stac.results import PAIR, cube, items_of, reference_of, saved

NETCDF = "application/x-netcdf"
DAYS = np.array(["2024-08-09T17:07:39", "2024-08-21T17:07:39"], "M8[ns]")


def foreign(path, crs=None, **names):
    """A netCDF file with two dates, as other software writes it: `names` are the data of its variables."""
    coords = {"t": DAYS, "y": 5_799_990 - 20.0 * np.arange(H), "x": 500_010 + 20.0 * np.arange(W)}
    dims = {3: ("t", "y", "x"), 2: ("y", "x")}
    data = xr.Dataset({name: (dims[values.ndim], values) for name, values in names.items()}, coords=coords)
    if crs is not None:
        data = data.rio.write_crs(crs).rio.write_coordinate_system()
    data.to_netcdf(path, engine="netcdf4")


def asset(href, **fields):
    return {"href": href, "type": NETCDF, "roles": ["data"], **fields}


@pytest.mark.parametrize("for_backend", [False, True])
@pytest.mark.parametrize("crs", [None, 32631, 4326])
def test_what_is_saved_is_loaded(tmp_path, crs, for_backend):
    expected = cube(tmp_path, *PAIR, crs=crs)
    out = saved(tmp_path, expected, file_format="netCDF", for_backend=for_backend)
    found = reference_of(out)
    assert found.bands.values.tolist() == ["coherence", "phase", "latitude", "longitude"]
    assert [str(t) for t in found.t.values] == ["2023-03-19T05:50:33.500000000"]
    assert found.dims == ("t", "bands", "y", "x")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found.values, expected.values)
    np.testing.assert_array_equal(found.x, expected.x)
    np.testing.assert_array_equal(found.y, expected.y)
    assert crs_of(found) == (None if crs is None else parse_crs(crs))


def test_geotiff_and_netcdf_of_several_pairs_load_alike(tmp_path):
    names = ("coherence_20230319_20230331", "coherence_20230331_20230412", "latitude", "longitude")
    cubes = []
    for file_format in ("GTiff", "netCDF"):
        (tmp_path / file_format).mkdir()
        cubes.append(reference_of(saved(tmp_path / file_format, cube(tmp_path, *names), file_format=file_format)))
    xr.testing.assert_equal(cubes[0].compute(), cubes[1].compute())
    assert cubes[0].sizes["t"] == 2


def test_a_stack_of_dates(tmp_path):
    names = ("i_VV", "q_VV", "grid_lat", "grid_lon")
    expected = cube(tmp_path, *names, times=("2023-03-19T05:50:33.5", "2023-03-31"))
    out = saved(tmp_path, expected, file_format="netCDF")
    assert len(items_of(out)) == 2
    np.testing.assert_array_equal(reference_of(out).values, expected.values)


def test_a_file_with_several_dates_gives_them_all(tmp_path):
    data = np.stack([noise(0), noise(1)])
    foreign(tmp_path / "openEO.nc", 32631, VV=data, incidence_angle=noise(2))
    results = {"type": "Collection", "id": "job", "links": [], "assets": {"openEO.nc": asset("openEO.nc")}}
    results["extent"] = {"temporal": {"interval": [["2024-08-01T00:00:00Z", "2024-09-01T00:00:00Z"]]}}
    url = write(tmp_path, "results.json", results)
    found = catalogues.cube(url)
    assert found.bands.values.tolist() == ["VV", "incidence_angle"]
    np.testing.assert_array_equal(found.t.values, DAYS)
    np.testing.assert_array_equal(found.values, [[noise(0), noise(2)], [noise(1), noise(2)]])
    one = catalogues.cube(url, temporal_extent=["2024-08-20", None], bands=["VV"])
    np.testing.assert_array_equal(one.values, [[noise(1)]])
    box = {"west": 500_030, "south": 5_799_940, "east": 500_069, "north": 5_799_975, "crs": 32631}
    assert catalogues.cube(url, spatial_extent=box).shape == (2, 2, 2, 2)


def test_files_of_other_dates_are_not_opened(tmp_path):
    out = saved(tmp_path, cube(tmp_path, "i_VV", times=("2023-03-19", "2023-03-31")), file_format="netCDF")
    (out / "analysis_20230331" / "data.nc").unlink()
    found = catalogues.cube(str(out), temporal_extent=["2023-03-19", "2023-03-20"])
    assert found.sizes["t"] == 1


def test_variables_are_found_by_the_names_of_the_bands(tmp_path):
    foreign(tmp_path / "a.nc", 32631, b=noise(0), a=noise(1))
    url = write(tmp_path, "a.json", item("a", "2024-08-09T00:00:00Z", {"d": asset("a.nc", bands=[{"name": "a"}])}))
    np.testing.assert_array_equal(catalogues.cube(url).values[0], [noise(1)])
    write(tmp_path, "a.json", item("a", "2024-08-09T00:00:00Z", {"d": asset("a.nc", bands=[{"name": "c"}])}))
    with pytest.raises(
        DataError, match=r"^DataCorrupt: .*a.nc must have the variable 'c', .* instead got \('b', 'a'\)"
    ):
        catalogues.cube(url)


def test_a_truncated_file_is_named(tmp_path):
    out = saved(tmp_path, cube(tmp_path, *PAIR), file_format="netCDF")
    path = next(out.rglob("*.nc"))
    path.write_bytes(path.read_bytes()[:-500])
    document = next(out.glob("*/*.json"))
    text = json.loads(document.read_text())
    del text["assets"]["data"]["file:size"]
    document.write_text(json.dumps(text))
    with pytest.raises(DataError, match=r"^DataCorrupt: .*data.nc must be a whole, readable netCDF file"):
        reference_of(out)


def test_uneven_coordinates_are_refused(tmp_path):
    foreign(tmp_path / "a.nc", 32631, a=noise())
    with xr.open_dataset(tmp_path / "a.nc") as file:
        data = file.load()
    data = data.assign_coords(x=("x", data.x.values**2, data.x.attrs))
    data.to_netcdf(tmp_path / "b.nc", engine="netcdf4")
    url = write(tmp_path, "b.json", item("b", "2024-08-09T00:00:00Z", {"b": asset("b.nc")}))
    with pytest.raises(OpenEOError, match=r"^FormatUnsuitable: .*b.nc must have even coordinates x in map geometry"):
        catalogues.cube(url)

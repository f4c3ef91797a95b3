"""Cubes planned by metadata have the grid, labels and chunks of those that are read, and no file is opened for them."""

from pathlib import Path

import numpy as np
import pytest
from affine import Affine

from local_runner.access import Access
from local_runner.errors import DataError, InternalError, LimitExceededError, OpenEOError
from local_runner.stac.read import load
from tests.stac.catalogues import DATES, MAP, UTM, H, W, asset, collection, item, noise, tiff

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "stac_samples"
GRID = {"proj:code": "EPSG:32631", "proj:shape": [H, W], "proj:transform": list(MAP)[:6]}


def planned(url, **options):
    return load(url, access=Access(), planning=True, **options)


def one(folder, *bands, fields=None, properties=None, name="a.tif"):
    """A collection of one item with one asset, whose file need not be there."""
    made = item(
        "i", f"{DATES[0][:8]}T000000", {"a": asset(f"./{name}", *bands, **(fields or {}))}, **(properties or {})
    )
    made["properties"]["datetime"] = "2024-08-09T17:07:39Z"
    return collection(folder, [made])


def same(url, **options):
    real, plan = load(url, access=Access(), **options), planned(url, **options)
    assert (plan.dims, plan.shape, plan.dtype, plan.chunks) == (real.dims, real.shape, real.dtype, real.chunks)
    for name in ("t", "bands", "y", "x"):
        assert plan[name].values.tolist() == real[name].values.tolist()
    assert plan.rio.crs == real.rio.crs
    return plan


def test_stack(stack):
    same(stack)


def test_map(tmp_path):
    tiff(tmp_path / "a.tif", noise(), crs=UTM, transform=MAP)
    same(one(tmp_path, "coherence", fields=GRID))


def test_several_bands_of_one_file(tmp_path):
    tiff(tmp_path / "a.tif", noise(1), noise(2), crs=UTM, transform=MAP, interleave="pixel")
    plan = same(one(tmp_path, "dx", "dy", properties=GRID))
    assert plan.bands.values.tolist() == ["dx", "dy"]


@pytest.mark.parametrize("transform", [Affine(1, 0, 3, 0, 1, 5), Affine(1, 0, 0, 0, -1, H)])
def test_indices_by_another_name(tmp_path, transform):
    tiff(tmp_path / "a.tif", noise(), transform=transform)
    same(one(tmp_path, "i_VV", fields=GRID | {"proj:code": "EPSG:3857", "proj:transform": list(transform)[:6]}))


def test_box_on_a_map(tmp_path):
    tiff(tmp_path / "a.tif", noise(), crs=UTM, transform=MAP)
    box = {"west": 500_030, "south": 5_799_900, "east": 500_150, "north": 5_799_990, "crs": 32631}
    assert same(one(tmp_path, "coherence", fields=GRID), spatial_extent=box).shape[2:] == (5, 7)


@pytest.mark.parametrize(
    "fields",
    [
        {"proj:epsg": 32631, "proj:shape": [H, W], "proj:bbox": [500_000, 5_799_760, 500_400, 5_800_000]},
        {"proj:code": "EPSG:32631", "proj:transform": list(MAP), "proj:bbox": [500_000, 5_799_760, 500_400, 5_800_000]},
    ],
)
@pytest.mark.usefixtures("sealed")
def test_grid_by_other_fields(tmp_path, fields):
    cube = planned(one(tmp_path, "coherence", fields=fields))
    assert cube.shape == (1, 1, H, W)
    assert cube.y.values[[0, -1]].tolist() == [5_799_990, 5_799_770]


@pytest.mark.usefixtures("sealed")
class TestWithoutFile:
    def test_item_assets_name_bands_and_grid(self, tmp_path):
        made = item("i", "2024-08-09T17:07:39Z", {"a": asset("./a.tif")})
        url = collection(tmp_path, [made], item_assets={"a": {"bands": [{"name": "i_VV"}], **GRID}})
        assert planned(url).bands.values.tolist() == ["i_VV"]

    def test_cube_dimensions_tell_the_shape(self, tmp_path):
        axes = {name: {"type": "spatial", "extent": [0, size - 1], "step": 1} for name, size in (("x", W), ("y", H))}
        made = item("i", "2024-08-09T17:07:39Z", {"a": asset("./a.tif", "i_VV")})
        assert planned(collection(tmp_path, [made], **{"cube:dimensions": axes})).shape == (1, 1, H, W)

    def test_dates_of_one_netcdf(self, tmp_path):
        times = ["2024-08-09T00:00:00Z", "2024-08-21T00:00:00Z"]
        fields = {"type": "application/x-netcdf", "proj:shape": [H, W]}
        made = item("i", None, {"a": asset("./a.nc", "i_VV", **fields)}, start_datetime=times[0], end_datetime=times[1])
        made["cube:dimensions"] = {"t": {"type": "temporal", "values": times}}
        assert planned(collection(tmp_path, [made])).shape == (2, 1, H, W)

    def test_shape_is_missing(self, tmp_path):
        with pytest.raises(
            DataError, match=r"^GridUnknown: The metadata of item i must tell the shape .* by proj:shape"
        ):
            planned(one(tmp_path, "i_VV"))

    def test_transform_is_missing(self, tmp_path):
        fields = {"proj:code": "EPSG:32631", "proj:shape": [H, W]}
        with pytest.raises(DataError, match=r"^GridUnknown: .* by proj:transform, instead got None. Add the field"):
            planned(one(tmp_path, "i_VV", fields=fields))

    @pytest.mark.parametrize("shape", [[10**9, 10**9], [0, 5], [-3, 5]])
    def test_impossible_shape(self, tmp_path, shape):
        with pytest.raises(LimitExceededError, match=r"^ArrayTooLarge: A band of .* must have at least one pixel"):
            planned(one(tmp_path, "i_VV", fields={"proj:shape": shape}))

    def test_complex_numbers(self, tmp_path):
        fields = {"proj:shape": [H, W], "data_type": "cfloat32"}
        with pytest.raises(OpenEOError, match=r"^FormatUnsuitable: .* must hold real numbers"):
            planned(one(tmp_path, "i_VV", fields=fields))

    def test_computing_is_refused(self, tmp_path):
        cube = planned(one(tmp_path, "i_VV", fields={"proj:shape": [H, W]}))
        task = next(
            iter(cube.data.dask.layers[next(n for n in cube.data.dask.layers if n.startswith("planned"))].values())
        )
        with pytest.raises(InternalError, match=r"^Internal: A plan must not be computed: it reads no pixel"):
            task[0](*task[1:])


@pytest.mark.usefixtures("sealed")
class TestOfOthers:
    @pytest.fixture(autouse=True)
    def _shared(self):
        if not SHARED.is_dir():
            pytest.skip("../shared/data is missing")

    def test_results_of_an_openeo_job(self):
        cube = planned(str(SHARED / "openeo_job_results" / "item01.json"))
        assert cube.shape[1:] == (3, 129, 129)
        assert cube.rio.crs.to_epsg() == 32631
        assert np.diff(cube.x.values)[0] == 10

    def test_global_grid_in_degrees(self):
        cube = planned(str(SHARED / "openeo_job_results" / "result_item_canonical.json"))
        assert cube.shape == (1, 1, 1002, 2004)

import numpy as np
import pytest
from shapely.geometry import Polygon

from local_runner import evaluate
from local_runner.errors import OpenEOError
from tests import real_pair
from tests.processes import call, graph, make_cube, node, output, shapes, unreadable
from tests.stac.catalogues import MAP, UTM, asset, collection, item, noise, tiff


@pytest.mark.parametrize("name", ["GTiff", "gtiff", "netCDF", "NETCDF"])
def test_outside_of_a_run_the_cube_is_handed_through(name):
    cube = unreadable(make_cube(t=1, bands=("a",)))
    assert call("save_result", data=cube, format=name).identical(cube)


def test_an_unknown_format():
    with pytest.raises(
        OpenEOError, match=r"^FormatUnsuitable: format must be one of \('GTiff', 'netCDF'\), instead got 'PNG'"
    ):
        call("save_result", data=make_cube(), format="PNG")


def test_a_cube_without_values():
    with pytest.raises(OpenEOError, match=r"^DataCubeEmpty: "):
        call("save_result", data=make_cube(bands=("a",)).isel(bands=slice(0)), format="GTiff")


@pytest.fixture
def pair(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    monkeypatch.setattr(real_pair, "read", lambda _: rng.normal(0, 30, real_pair.SHAPE).astype(np.float32))
    return str(real_pair.write_real_pair(tmp_path / "pair"))


def test_load_stac_filters_while_loading(pair):
    arguments = {"temporal_extent": ["2023-03-31", "2023-04-01"], "bands": ["q_VV", "i_VV"]}
    whole, cube = call("load_stac", url=pair), call("load_stac", url=pair, **arguments)
    assert cube.dims == ("t", "bands", "y", "x")
    assert cube.dtype == np.float32
    assert cube.equals(whole.sel(bands=["q_VV", "i_VV"]).isel(t=[1]))


def test_featureflags_are_ignored(pair):
    cube = call("load_stac", url=pair, featureflags={"tilesize": 512})
    assert cube.equals(call("load_stac", url=pair))


def test_what_was_loaded_is_known_to_the_result(pair):
    nodes = graph(load=node("load_stac", url=pair), save=node("save_result", data=output("load"), format="GTiff"))
    stac = evaluate(nodes["process_graph"]).attrs["stac"]
    assert list(stac) == ["2023-03-19", "2023-03-31"]
    assert [item["id"] for items in stac.values() for item in items] == [
        f"S1_2images_{m}" for m in (real_pair.SECONDARY, real_pair.PRIMARY)
    ]


class TestPolygons:
    """Twelve rows and twenty columns of 20 m from the corner (500000, 5800000) in EPSG:32631."""

    @pytest.fixture
    def url(self, tmp_path):
        tiff(tmp_path / "a.tif", noise(), crs=UTM, transform=MAP)
        return collection(tmp_path, [item("one", "2024-08-09T17:07:39Z", {"a": asset("a.tif", "a")})])

    def test_nan_outside_of_them(self, url):
        triangle = Polygon([(500_000, 5_800_000), (500_100, 5_800_000), (500_000, 5_799_900)])
        extent = shapes.collection(triangle)
        result = call("load_stac", url=url, spatial_extent=extent)
        rows, columns = np.indices((5, 5))
        inside = result.isel(x=slice(0, 5), y=slice(0, 5))
        assert np.array_equal(inside[0, 0].notnull(), rows + columns < 5)
        assert result.notnull().sum() == 15
        assert result.equals(call("load_stac", url=url, spatial_extent=call("load_geojson", data=extent)))

    def test_nothing_else_is_loaded(self, url):
        box = shapes.collection(Polygon.from_bounds(500_041, 5_799_841, 500_079, 5_799_879))
        whole = call("load_stac", url=url)
        assert call("load_stac", url=url, spatial_extent=box).equals(whole.isel(x=[2, 3], y=[6, 7]))

    def test_empty_ones_hold_nothing(self, url):
        with pytest.raises(
            OpenEOError, match=r"^NoDataAvailable: spatial_extent must have a polygon that is not empty"
        ):
            call("load_stac", url=url, spatial_extent=shapes.collection(Polygon()))


def test_there_are_no_collections():
    arguments = {"id": "SENTINEL1_SLC", "spatial_extent": None, "temporal_extent": None}
    with pytest.raises(
        OpenEOError, match=r"^CollectionNotFound: .* instead got 'SENTINEL1_SLC'\. Load .* by load_stac"
    ):
        call("load_collection", **arguments)


def test_what_is_saved_has_dates():
    cube = make_cube(t=2, bands=("a",)).assign_coords(t=["2023-03", "2023-04"])
    with pytest.raises(OpenEOError, match=r"^FormatUnsuitable: The labels of t must be dates, .*rename_labels first"):
        call("save_result", data=cube, format="GTiff")


def test_vector_cubes_are_not_saved():
    cube = call("load_geojson", data={"type": "Point", "coordinates": [4, 52]})
    with pytest.raises(
        OpenEOError, match=r"^FormatUnsuitable: A cube that is saved must be a raster, instead got \('geome"
    ):
        call("save_result", data=cube, format="GTiff")

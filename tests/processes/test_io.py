import numpy as np
import pytest

from local_runner import evaluate
from local_runner.errors import OpenEOError
from tests import real_pair
from tests.processes import call, graph, make_cube, node, output, unreadable


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
def collection(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    monkeypatch.setattr(real_pair, "read", lambda _: rng.normal(0, 30, real_pair.SHAPE).astype(np.float32))
    return str(real_pair.write_real_pair(tmp_path / "pair"))


def test_load_stac_filters_while_loading(collection):
    arguments = {"temporal_extent": ["2023-03-31", "2023-04-01"], "bands": ["q_VV", "i_VV"]}
    whole, cube = call("load_stac", url=collection), call("load_stac", url=collection, **arguments)
    assert cube.dims == ("t", "bands", "y", "x")
    assert cube.dtype == np.float32
    assert cube.equals(whole.sel(bands=["q_VV", "i_VV"]).isel(t=[1]))


def test_featureflags_are_ignored(collection):
    cube = call("load_stac", url=collection, featureflags={"tilesize": 512})
    assert cube.equals(call("load_stac", url=collection))


def test_what_was_loaded_is_known_to_the_result(collection):
    nodes = graph(load=node("load_stac", url=collection), save=node("save_result", data=output("load"), format="GTiff"))
    stac = evaluate(nodes["process_graph"]).attrs["stac"]
    assert list(stac) == ["2023-03-19", "2023-03-31"]
    assert [item["id"] for items in stac.values() for item in items] == [
        f"S1_2images_{m}" for m in (real_pair.SECONDARY, real_pair.PRIMARY)
    ]

import json
from itertools import product

import h5py
import numpy as np
import pytest

from local_runner import evaluate
from local_runner.access import Access
from local_runner.errors import DataError, OpenEOError
from local_runner.files import hdf5
from local_runner.products import catalogue, recognise
from local_runner.stac.read import load
from tests.products import hdf5_files as files
from tests.products.hdf5_files import BURST, NEW, OLD, OLD_STATIC, X, Y, cslc, opened, stacks, static_layers

DAYS = ("2021-01-09", "2021-01-21")
LAYOUTS = {"new": (NEW, NEW), "old": (OLD, OLD_STATIC)}


def written(folder, layout=NEW, static=NEW):
    """Two dates of a burst and its static layers."""
    paths = [
        cslc(folder / f"{BURST}_{day.replace('-', '')}.h5", day, layout=layout, seed=at) for at, day in enumerate(DAYS)
    ]
    return [*paths, static_layers(folder / f"static_layers_{BURST}.h5", layout=static)]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_values_of_both_layouts_come_back(tmp_path, layout):
    url = catalogue(written(tmp_path, *LAYOUTS[layout]), out=tmp_path / "cat")
    graph = {"l": {"process_id": "load_stac", "arguments": {"url": str(url)}, "result": True}}
    cube = evaluate(graph)
    assert cube.dtype == np.float32
    assert [str(time)[:26] for time in cube.t.values] == [f"{day}T01:52:30.123456" for day in DAYS]
    for at in range(2):
        found = cube.isel(t=at).compute()
        expected = files.samples(at)
        np.testing.assert_array_equal(found.sel(bands="i_VV"), expected.real)
        np.testing.assert_array_equal(found.sel(bands="q_VV"), expected.imag)
        np.testing.assert_array_equal(found.sel(bands="flattening_phase"), files.phases(1).astype(np.float32))
        assert np.all(found.sel(bands="los_east") == np.float32(0.625))
        assert np.all(found.sel(bands="los_north") == np.float32(-0.119))


def test_grid_is_that_of_the_pixel_centres_with_its_sign(tmp_path):
    item = stacks("opera_cslc", *written(tmp_path))[0].items[0]
    assert item.properties["proj:code"] == "EPSG:32611"
    assert item.properties["proj:transform"] == [5, 0, 500_000, 0, -10, 3_850_010]
    grid = opened(item, tmp_path).grid
    np.testing.assert_array_equal(grid.x, X)
    np.testing.assert_array_equal(grid.y, Y)
    assert grid.y[0] > grid.y[-1]
    assert grid.crs.to_epsg() == 32611


def test_a_plan_has_the_grid_and_the_bands_without_opening_a_file(tmp_path, monkeypatch):
    paths = written(tmp_path)
    url = str(catalogue(paths, out=tmp_path / "cat"))
    loaded = load(url, access=Access())
    monkeypatch.setattr(hdf5, "opened", lambda *_: pytest.fail("a file was opened"))
    planned = load(url, access=Access(), planning=True)
    for name in ("t", "bands", "y", "x"):
        np.testing.assert_array_equal(planned[name], loaded[name])
    assert planned.chunks == loaded.chunks


def test_nothing_is_there_outside_of_the_burst(tmp_path):
    bands = opened(stacks("opera_cslc", *written(tmp_path))[0].items[0], tmp_path).bands
    for name in ("i_VV", "q_VV"):
        missing = np.isnan(bands[name]().compute())
        np.testing.assert_array_equal(missing, np.arange(X.size)[None] == np.zeros((Y.size, 1)))
    mask = bands["layover_shadow_mask"]().compute()
    np.testing.assert_array_equal(mask[0, :4], [1, 2, np.nan, 0])


def test_half_a_sample_is_none(tmp_path):
    path = cslc(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        file["data/VV"][5, 5] = complex(np.nan, 1)
    bands = opened(stacks("opera_cslc", path)[0].items[0], tmp_path).bands
    assert np.isnan([bands[name]()[5, 5].compute() for name in ("i_VV", "q_VV")]).all()


def test_phases_are_wrapped_in_float64(tmp_path):
    path = cslc(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        file["data/flattening_phase"][0, :4] = [-np.pi, np.pi, 1000 * np.pi + 0.25, -7 * np.pi - 0.5]
    phase = opened(stacks("opera_cslc", path)[0].items[0], tmp_path).bands["flattening_phase"]().compute()
    np.testing.assert_allclose(phase[0, :4], [np.pi, np.pi, 0.25, np.pi - 0.5], rtol=1e-7)


def test_no_pixel_is_read_before_a_cube_is_computed(tmp_path, monkeypatch):
    read = []
    given = hdf5.read_rows
    monkeypatch.setattr(hdf5, "read_rows", lambda *place: read.append(place) or given(*place))
    bands = opened(stacks("opera_cslc", *written(tmp_path))[0].items[0], tmp_path).bands
    arrays = {name: make() for name, make in bands.items()}
    assert read == []
    arrays["i_VV"][290:].compute()
    assert [(source.name, start, count) for source, start, count in read] == [("data/VV", 256, 44)]


def test_i_and_q_share_what_is_read_and_names_tell_what_it_is(tmp_path):
    paths = written(tmp_path)
    item = stacks("opera_cslc", *paths)[0].items[0]
    first, again = (opened(item, tmp_path).bands for _ in range(2))
    assert all(first[name]().name == again[name]().name for name in first)
    assert all(first[name]().chunks == ((256, 44), (20,)) for name in first)
    real, imaginary = (set(first[name]().dask.layers) for name in ("i_VV", "q_VV"))
    assert len(real & imaginary) == 1
    other = opened(stacks("opera_cslc", *paths)[0].items[1], tmp_path).bands
    assert first["i_VV"]().name != other["i_VV"]().name
    assert first["los_east"]().name == other["los_east"]().name


def test_fields_of_an_item(tmp_path, validate):
    stack = stacks("opera_cslc", *written(tmp_path))[0]
    assert (stack.id, [item.id for item in stack.items]) == (BURST, [f"{BURST}_20210109", f"{BURST}_20210121"])
    item = stack.items[0]
    validate(item.to_dict(include_self_link=False, transform_hrefs=False))
    expected = {
        "sat:orbit_state": "ascending", "sat:relative_orbit": 64, "sat:absolute_orbit": 36_000, "platform": "sentinel-1a",
        "sar:polarizations": ["VV"], "sar:instrument_mode": "IW", "sar:beam_ids": ["IW2"], "sar:frequency_band": "C",
        "sar:center_frequency": 5.405, "sar:observation_direction": "right", "product:type": "CSLC-S1",
        "openeo_sar:burst_id": BURST, "openeo_sar:wavelength_m": 0.05546576, "proj:shape": [300, 20],
        "start_datetime": "2021-01-09T01:52:30.123456Z", "end_datetime": "2021-01-09T01:52:33.200000Z",
    }  # fmt: skip
    assert {name: item.properties.get(name) for name in expected} == expected
    assert item.bbox == [-118.0, 34.70, -117.9, 34.80]
    assert [link.target for link in item.get_links("derived_from")] == [
        str(tmp_path / f"{BURST}_20210109.h5"),
        str(tmp_path / f"static_layers_{BURST}.h5"),
    ]


def test_documents_of_a_catalogue_are_valid(tmp_path, validate):
    url = catalogue(written(tmp_path), out=tmp_path / "cat")
    for path in url.parent.rglob("*.json"):
        if path.name != "record.json":
            validate(json.loads(path.read_text()))


@pytest.mark.parametrize("parts", [True, False])
def test_a_footprint_across_the_antimeridian(tmp_path, parts):
    east = "((179.5 60, 180 60, 180 61, 179.5 61, 179.5 60))"
    west = "((-180 60, -179.5 60, -179.5 61, -180 61, -180 60))"
    whole = "POLYGON ((179.5 60, -179.5 60, -179.5 61, 179.5 61, 179.5 60))"
    polygon = f"MULTIPOLYGON ({east}, {west})" if parts else whole
    item = stacks("opera_cslc", cslc(tmp_path / "a.h5", bounding_polygon=polygon))[0].items[0]
    assert item.geometry["type"] == "MultiPolygon"
    assert item.bbox == [179.5, 60, -179.5, 61]


def test_without_a_polygon_the_grid_is_the_footprint(tmp_path):
    item = stacks("opera_cslc", cslc(tmp_path / "a.h5", bounding_polygon=None))[0].items[0]
    assert item.bbox == pytest.approx([-117.0, 34.7646, -116.9989, 34.7918], abs=2e-3)


def test_each_burst_is_a_stack_with_its_own_static_layers(tmp_path):
    other = "t064_135524_iw2"
    paths = [
        *written(tmp_path),
        cslc(tmp_path / "b.h5", burst=other),
        static_layers(tmp_path / "c.h5", burst="t001_000001_iw3"),
    ]
    made = stacks("opera_cslc", *paths)
    assert [stack.id for stack in made] == ["t001_000001_iw3_static_layers", BURST, other]
    assert [len(stack.items) for stack in made] == [1, 2, 1]
    assert "static_layers" not in made[2].items[0].assets
    alone = opened(made[0].items[0], tmp_path)
    assert list(alone.bands) == ["los_east", "los_north", "local_incidence_angle", "layover_shadow_mask"]


def test_polarisations_in_one_file_or_in_two(tmp_path):
    one = stacks("opera_cslc", cslc(tmp_path / "a.h5", polarizations=("VV", "VH")))[0].items[0]
    parts = [cslc(tmp_path / f"{pol}.h5", polarizations=(pol,), seed=at) for at, pol in enumerate(("VV", "VH"))]
    two = stacks("opera_cslc", *parts)[0].items[0]
    assert list(one.assets) == ["data"]
    assert sorted(two.assets) == ["data_vh", "data_vv"]
    for name in ("i_VV", "q_VV", "i_VH", "q_VH"):
        a, b = (opened(item, tmp_path).bands[name]().compute() for item in (one, two))
        np.testing.assert_array_equal(a, b)


def test_options_choose(tmp_path):
    paths = [cslc(tmp_path / "a.h5", polarizations=("VV", "VH")), cslc(tmp_path / "b.h5", burst="t064_135523_iw3")]
    bands = [
        band["name"]
        for band in stacks("opera_cslc", paths[0], polarizations=("vh",))[0]
        .items[0]
        .assets["data"]
        .extra_fields["bands"]
    ]
    assert bands[:2] == ["i_VH", "q_VH"]
    for options in ({"bursts": ("T064-135523-IW3",)}, {"swaths": ("IW3",)}):
        assert [stack.id for stack in stacks("opera_cslc", *paths, **options)] == ["t064_135523_iw3"]
    with pytest.raises(
        OpenEOError, match=r"^NoDataAvailable: --burst, --swath and --polarization must leave one of .*iw3 VV"
    ):
        stacks("opera_cslc", *paths, bursts=("t001_000001_iw1",))


def test_a_file_is_known_by_its_contents_or_its_name(tmp_path):
    for at, (layout, static) in enumerate(product((NEW, OLD), (False, True))):
        make = static_layers if static else cslc
        where = OLD_STATIC if static and layout is OLD else layout
        assert recognise(make(tmp_path / f"{at}.hdf", layout=where)) == "opera_cslc"
    (tmp_path / f"{BURST}_20210109.h5").write_bytes(b"\x89HDF")
    assert recognise(tmp_path / f"{BURST}_20210109.h5") == "opera_cslc"
    (tmp_path / "a.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(DataError, match=r"^DataCorrupt: .*a.h5 must be a whole, readable HDF5 file"):
        recognise(tmp_path / "a.h5")

"""`insar_preprocessing` from small products to the cube, the plan and the result on disk."""

import json
import shlex
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from local_runner import catalog, evaluate, explain, run
from local_runner.access import Access
from local_runner.bursts import preprocessing
from local_runner.cli import cli
from local_runner.demo.safe import Product, later, write_safe
from local_runner.errors import OpenEOError
from local_runner.execution import Execution
from local_runner.graph import evaluate_with
from local_runner.products import catalogue
from local_runner.products.sentinel1_slc import measurement
from local_runner.profiles import load_profile
from local_runner.stac.describe import next_commands
from local_runner.stac.overview import overviews
from tests.graphs import definition, graph, node

PRODUCT = Product(lines=40, samples=48, polarizations=("VV", "VH"))
SEED = {"burst_id": 249_435, "sub_swath": "IW2", "temporal_extent": ["2024-08-09", "2024-09-03"], "polarization": "vv"}
SHAPE = {"t": 3, "bands": 4, "y": 40, "x": 48}
IMAGES = ["i_VV", "q_VV"]


@pytest.fixture(scope="module", autouse=True)
def _state(tmp_path_factory):
    """What the program keeps for its user, apart from that of other tests: the last catalogue is one of this module."""
    with pytest.MonkeyPatch.context() as patched:
        state = str(tmp_path_factory.mktemp("state"))
        patched.setenv("XDG_STATE_HOME", state)
        yield state


@pytest.fixture(autouse=True)
def _same_state(_state, _own_state, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", _state)


@pytest.fixture(scope="module")
def safes(tmp_path_factory):
    """Two bursts on three dates."""
    dates = (PRODUCT, later(PRODUCT), later(PRODUCT, 2))
    return [write_safe(tmp_path_factory.mktemp("safes"), date) for date in dates]


@pytest.fixture(scope="module")
def made(safes, tmp_path_factory):
    """Catalogue of them."""
    return catalogue(safes, out=tmp_path_factory.mktemp("made") / "cat")


def computed(process_graph):
    return evaluate(process_graph, profile="geopyspark").compute()


def cube_of(url, **arguments):
    """What the process gives, computed."""
    return computed(graph(stack=("insar_preprocessing", {"url": str(url), **arguments})))


def coregistered(url, **arguments):
    """What `slc_coregistration` makes of a collection, computed."""
    loaded = graph(
        load=("load_stac", {"url": str(url)}), out=("slc_coregistration", {"data": node("load"), **arguments})
    )
    return computed(loaded)


@pytest.fixture(scope="module")
def stack(made):
    """The burst of the seed's call on the grid of the catalogue's primary."""
    return cube_of(made, **SEED)


def same(one, other):
    return one.coords.equals(other.coords) and np.array_equal(one.values, other.values, equal_nan=True)


def test_burst_is_what_coregistration_makes_of_its_collection(made, stack):
    assert (dict(stack.sizes), list(stack.bands.values)) == (SHAPE, [*IMAGES, "grid_lat", "grid_lon"])
    assert same(stack, coregistered(made.parent / "t117_249435_iw2"))
    assert stack.sel(bands=IMAGES).notnull().any(("y", "x")).all()


@pytest.mark.parametrize("options", [{"taps": 8}, {"zeros_valid": True}])
def test_options_of_the_resampling_reach_it(made, stack, options):
    found = cube_of(made, **SEED, **options)
    assert same(found, coregistered(made.parent / "t117_249435_iw2", **options))
    assert not same(found, stack)


def test_another_primary_gives_what_a_catalogue_with_it_gives(made, safes, stack, tmp_path):
    found = cube_of(made, **SEED, primary_date="2024-08-21")
    other = catalogue(safes, out=tmp_path / "cat", primary="2024-08-21")
    assert same(found, coregistered(other.parent / "t117_249435_iw2"))
    assert not same(found, stack)


def test_primary_passes_unchanged_and_lies_outside_of_the_extent(made):
    given = {**SEED, "temporal_extent": ["2024-08-09", "2024-09-02"]}  # as the seed has it
    found = cube_of(made, **given, master_date="2024-09-02")
    raw = computed(graph(load=("load_stac", {"url": str(made.parent / "t117_249435_iw2"), "bands": IMAGES})))
    assert [str(t)[:10] for t in found.t.values] == ["2024-08-09", "2024-08-21", "2024-09-02"]
    shown = found.sel(bands=IMAGES).isel(t=2).values
    offsets = [raw.attrs["stac"]["2024-09-02"][0]["properties"][f"openeo_sar:{n}_offset"] for n in ("line", "sample")]
    placed = raw.isel(t=2).shift(y=offsets[0], x=offsets[1]).values  # undone: the catalogue has it on another grid
    kept = np.isfinite(placed)
    assert kept.sum() > 1000
    np.testing.assert_array_equal(shown[kept], placed[kept])


def test_polarizations_and_geometry_are_those_that_are_asked_for(made):
    found = cube_of(made, **{**SEED, "polarization": ["vh", "VV"]}, geometry=["height", "reference_phase"])
    images, ground = ["i_VH", "q_VH", "i_VV", "q_VV"], ["grid_lat", "grid_lon", "height", "reference_phase"]
    assert list(found.bands.values) == [*images, *ground]
    assert same(found, coregistered(made.parent / "t117_249435_iw2", polarization=["VH", "VV"], geometry=ground[2:]))


def footprint(made, burst):
    """Bounds of a burst."""
    item = f"t117_{burst}_iw2_20240809"
    return json.loads((made.parent / f"t117_{burst}_iw2" / item / f"{item}.json").read_text())["bbox"]


def items_of(url, **arguments):
    """Ids of the items behind the cube, which is not computed."""
    cube = evaluate(graph(stack=("insar_preprocessing", {"url": str(url), **arguments})), profile="geopyspark")
    return {item["id"] for items in cube.attrs["stac"].values() for item in items}


def test_burst_by_point_and_by_box(made):
    west, south, east, north = footprint(made, 249_436)
    point = {"type": "Point", "coordinates": [(west + east) / 2, (south + north) / 2]}
    box = {"west": west - 0.001, "south": south, "east": west + (east - west) / 2, "north": north}
    expected = items_of(made, burst_id=249_436)
    assert expected == {f"t117_249436_iw2_{day}" for day in ("20240809", "20240821", "20240902")}
    assert items_of(made, spatial_extent=point) == items_of(made, spatial_extent=box) == expected


def test_bursts_of_a_polygon_are_one_image(made, stack):
    both = [footprint(made, burst) for burst in (249_435, 249_436)]
    (west, south), (east, north) = np.min(both, axis=0)[:2], np.max(both, axis=0)[2:]
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    found = cube_of(made, spatial_extent={"type": "Polygon", "coordinates": [ring]})
    assert found.sizes["y"] == 1342 + 40
    for line, part in zip((0, 1342), (stack, cube_of(made, burst_id=249_436)), strict=True):
        assert np.array_equal(found.values[:, :, line : line + 40], part.values, equal_nan=True)
    assert items_of(made, burst_id=[249_436, 249_435]) == items_of(
        made, spatial_extent={"type": "Polygon", "coordinates": [ring]}
    )


def test_stripmap_has_no_carrier(tmp_path):
    strip = replace(PRODUCT, swaths=("S3",), polarizations=("VV",))
    path = catalogue([write_safe(tmp_path, each) for each in (strip, later(strip))], out=tmp_path / "cat")
    assert same(cube_of(path), coregistered(path, carrier=False))


@pytest.fixture(scope="module")
def moved(made):
    """The same with an azimuth offset of one date."""
    return cube_of(made, **SEED, azimuth_offsets={"2024-08-21": 0.25})


def test_azimuth_offset_is_resampled_with_and_told(stack, moved):
    assert same(moved.isel(t=[0, 2]), stack.isel(t=[0, 2]))
    assert not same(moved, stack)
    told = {
        day: items[0]["properties"].get("openeo_sar:azimuth_offset_px") for day, items in moved.attrs["stac"].items()
    }
    assert told == {"2024-08-09": None, "2024-08-21": 0.25, "2024-09-02": None}


def test_estimated_offsets_are_resampled_with(made, moved, monkeypatch):
    seen = []

    def estimated(stacks, _coregister, _execution, *, polarization):
        seen.append(([stack.burst_id for stack in stacks], polarization))
        return {"2024-08-21": 0.25}

    monkeypatch.setattr(preprocessing, "estimated", estimated)
    assert same(cube_of(made, **SEED, esd=True), moved)
    assert seen == [([249_435], "VV")]


def test_a_definition_that_comes_along_does_not_stand_in_for_the_installed_one(made):
    own = definition("slc_coregistration", graph(one=("add", {"x": 1, "y": 1})))
    surroundings = Execution(load_profile("geopyspark"), Access(), processes={own["id"]: own})
    stack = graph(stack=("insar_preprocessing", {"url": str(made), **SEED}))
    assert dict(evaluate_with(stack, {}, surroundings).sizes) == SHAPE


@pytest.mark.parametrize(
    ("arguments", "must"),
    [
        ({"burst_id": 5}, r"BurstNotFound: The catalogue must hold burst 5 in sub-swath IW2; it has 2 bursts: 249435 to 2494"),
        ({"primary_date": "2024-08-10"}, r"PrimaryNotFound: primary_date must be one of the dates of burst 249435"),
        ({"primary_date": "2024-08-09", "master_date": "2024-08-21"}, r"ProcessParameterInvalid: primary_date and master_da"),
        ({"master_date": "soon"}, r"ProcessParameterInvalid: master_date must be a date as YYYY-MM-DD, instead got 'soon'"),
        ({"polarization": "hh"}, r"PolarizationNotFound: polarization must be of \('VV', 'VH'\), which t117_249435_iw2_"),
        ({"polarization": []}, r"ProcessParameterInvalid: polarization must name one or more, instead got \[\]"),
        ({"temporal_extent": ["2025-01-01", None]}, r"NoDataAvailable: temporal_extent must hold a date of burst 249435"),
        ({"esd": True}, r"OverlapMissing: "),
        ({"esd": True, "azimuth_offsets": {"2024-08-21": 1}}, r"ProcessParameterInvalid: Either esd or azimuth_offsets must"),
        ({"azimuth_offsets": {"2024-08-09": 1}}, r"ProcessParameterInvalid: azimuth_offsets must be of the secondaries"),
        ({"spatial_extent": {"west": 1}}, r"ProcessParameterInvalid: spatial_extent must be a bounding box with"),
    ],
)  # fmt: skip
def test_what_does_not_fit(arguments, must, made):
    with pytest.raises(OpenEOError, match=rf"^{must}"):
        cube_of(made, **{**SEED, **arguments})


def test_without_any_catalogue(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    must = r"^ProcessParameterRequired: url must name the catalogue .*, or the last one is gone\. Make one by `openeo-sar stac "
    with pytest.raises(OpenEOError, match=must):
        evaluate(graph(stack=("insar_preprocessing", SEED)))


def test_rasters_of_a_burst_are_told_where_they_are_an_input(made, tmp_path):
    given = {**SEED, "url": str(made)}
    result = run(
        graph(a=("insar_preprocessing", given), b=("save_result", {"data": node("a"), "format": "GTiff"})),
        out=tmp_path / "out",
        quicklooks=False,
    )
    must = r"^BurstNotFound: The catalogue must hold bursts .*, instead got 3 items of other data\. .* an input of slc_coreg"
    with pytest.raises(OpenEOError, match=must):
        cube_of(result.folder)


@pytest.mark.parametrize("primary", ["2024-08-09", "2024-08-21"])
def test_plan_reads_no_pixel(primary, made, monkeypatch):
    monkeypatch.setattr(measurement, "_window", None)
    plan = explain("insar_preprocessing", {**SEED, "url": str(made), "primary_date": primary, "esd": False})
    assert plan.complete
    shapes = {found.path: found.cube.shape for found in plan.nodes if found.cube}
    assert shapes["insar_preprocessing"] == shapes["insar_preprocessing/249435_IW2"] == tuple(SHAPE.values())
    assert plan.udf_calls == 3


@pytest.mark.parametrize("bursts", [249_435, [249_435, 249_436]])
def test_cube_of_the_plan_is_that_of_the_lazy_graph(bursts, made):
    arguments = {"url": str(made), "burst_id": bursts, "primary_date": "2024-08-21", "geometry": ["height"]}
    plan = explain("insar_preprocessing", arguments)
    planned = plan.node("insar_preprocessing").cube
    real = evaluate(graph(stack=("insar_preprocessing", arguments)), profile="geopyspark")
    assert plan.complete
    assert (planned.shape, planned.memory_bytes) == (real.shape, real.nbytes)
    assert tuple(axis.chunks for axis in planned.axes) == real.chunks
    assert list(planned.axes[1].labels) == list(real.bands.values)


def test_result_tells_how_it_was_made(made, tmp_path):
    parameters = {**SEED, "url": str(made), "azimuth_offsets": {"2024-08-21": 0.01}}
    result = run("insar_preprocessing", parameters, out=tmp_path / "out", quicklooks=False)
    told = result.items[1].properties
    assert [item.id for item in result.items] == [
        f"insar_preprocessing_{d}" for d in ("20240809", "20240821", "20240902")
    ]
    expected = {"relative_burst": 249_435, "primary": "2024-08-09", "azimuth_offset_px": 0.01, "orbit": "annotation"}
    assert {name: told[f"openeo_sar:{name}"] for name in expected} == expected
    assert (told["openeo_sar:heights"], told["sar:beam_ids"]) == ("geolocation grid", ["IW2"])
    assert (told["openeo_sar:parameters"]["taps"], told["insar:temporal_baseline"]) == (12, 12)
    again = computed(graph(load=("load_stac", {"url": str(result.folder)})))
    assert np.array_equal(again.values, cube_of(**parameters).sel(bands=again.bands).values, equal_nan=True)


def test_registered_catalogue_is_an_input(safes, tmp_path):
    path = catalogue(safes[:2], out=tmp_path / "cat", bursts=["249435"])
    first = run("insar_preprocessing", out=tmp_path / "out", quicklooks=False)
    record = json.loads((first.folder / "record.json").read_text())
    assert [(given["name"], given["href"]) for given in record["inputs"]] == [("insar_preprocessing", str(path))]
    assert {"slc_coregistration", "enhanced_spectral_diversity"} <= set(record["processes"])
    before = record["created"], (first.folder / "record.json").stat().st_mtime_ns
    run("insar_preprocessing", out=tmp_path / "out", quicklooks=False)
    assert before == (record["created"], (first.folder / "record.json").stat().st_mtime_ns)
    catalogue(safes[:2], out=tmp_path / "cat", bursts=["249435"], primary="2024-08-21", overwrite=True)
    with pytest.raises(OpenEOError, match=r"^ResultExists: "):
        run("insar_preprocessing", out=tmp_path / "out", quicklooks=False)


def test_graph_of_the_back_end_takes_the_registered_catalogue(safes, tmp_path, caplog):
    """As the openEO client writes `datacube_from_process("insar_preprocessing", ...).save_result("GTiff")`."""
    path = catalogue(safes[:2], out=tmp_path / "cat")
    given = {**SEED, "temporal_extent": ["2024-08-09", "2024-08-21"], "master_date": "2024-08-21"}
    client = graph(
        insarpreprocessing1=("insar_preprocessing", given),
        saveresult1=("save_result", {"data": node("insarpreprocessing1"), "format": "GTiff"}),
    )
    result = run(client, out=tmp_path / "out", quicklooks=False)
    assert [str(item.datetime)[:10] for item in result.items] == ["2024-08-09", "2024-08-21"]
    assert json.loads((result.folder / "record.json").read_text())["inputs"][0]["href"] == str(path)
    assert f"catalogue: {path}, the last that was made; -p url=... names another" in caplog.messages


def test_catalogue_tells_the_command_that_goes_on(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (stack,) = overviews(str(made.parent / "t117_249435_iw2"), Access())
    program, *words = shlex.split(next_commands(stack)[0])
    assert program == "openeo-sar"
    assert words[:4] == ["run", "insar_preprocessing", "-p", f"url={made.parent / 't117_249435_iw2'}"]
    assert CliRunner().invoke(cli, words).exit_code == 0
    (found,) = overviews("stack", Access())
    assert set(found.bands) == {*IMAGES, "grid_lat", "grid_lon", "reference_phase"}
    assert next_commands(found)[0].startswith("openeo-sar run slc_interferogram --input data=stack ")


def test_result_does_not_replace_its_input(made):
    with pytest.raises(OpenEOError, match=r"^(ResultExists|OutputFolderInvalid): "):
        run("insar_preprocessing", {**SEED, "url": str(made)}, out=made.parent, overwrite=True)


def test_exceptions_that_are_raised_are_described():
    described = set(catalog.load("insar_preprocessing")["exceptions"])
    assert {
        "BurstNotFound",
        "BurstAmbiguous",
        "PolarizationNotFound",
        "PrimaryNotFound",
        "NoDataAvailable",
    } <= described

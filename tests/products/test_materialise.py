import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner

from local_runner import run
from local_runner.access import Access
from local_runner.cli import cli
from local_runner.errors import OpenEOError
from local_runner.products import catalogue, materialise
from local_runner.stac.read import load
from tests.products import toy

STATIC = ("grid_lat", "grid_lon", "height")


@pytest.fixture
def made(stack, tmp_path):
    return catalogue(stack, out=tmp_path / "cat", primary="2023-03-31")


def cube_of(path):
    return load(str(path), access=Access())


def items_of(result):
    return {item.id: item.to_dict() for item in result.items}


@pytest.mark.parametrize("for_backend", [False, True])
def test_same_bits_as_the_driver_gives(made, for_backend):
    (result,) = materialise(made, for_backend=for_backend)
    before, after = cube_of(made), cube_of(result.folder)
    assert result.folder == made.parent / "materialised"
    assert [str(time) for time in after.t.values] == [str(time) for time in before.t.values]
    for name in toy.BANDS:
        assert np.array_equal(before.sel(bands=name).values, after.sel(bands=name).values, equal_nan=True)


def test_items_carry_what_the_driver_told(made):
    (result,) = materialise(made)
    found = items_of(result)["t001_000001_iw1_20230412"]
    told = found["properties"]
    assert told["insar:perpendicular_baseline"] == -12.5
    assert told["openeo_sar:primary"] == "2023-03-31"
    assert (told["first_line"], told["sat:relative_orbit"], told["proj:shape"]) == (10, 1, [600, 40])
    assert "openeo_sar:driver" not in told
    origins = [link["href"] for link in found["links"] if link["rel"] == "derived_from"]
    origin = Path(result.folder, "x", origins[0]).resolve() if not Path(origins[0]).is_absolute() else Path(origins[0])
    assert origin == made.parent / "t001_000001_iw1_20230412" / "t001_000001_iw1_20230412.json"


def test_bands_of_the_grid_are_written_once(made):
    (result,) = materialise(made)
    files = sorted(path.relative_to(result.folder).as_posix() for path in result.folder.rglob("*.tif"))
    assert [name for name in files if "/" not in name] == [f"{name}.tif" for name in STATIC]
    assert len(files) == len(STATIC) + 3 * (len(toy.BANDS) - len(STATIC))
    hrefs = {item["assets"]["height"]["href"] for item in items_of(result).values()}
    assert {Path(href).name for href in hrefs} == {"height.tif"}


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_parts_of_slcs_have_no_overviews(made):
    (result,) = materialise(made, for_backend=True)
    for path in result.folder.rglob("*.tif"):
        with rasterio.open(path) as file:
            assert file.overviews(1) == []
            assert file.profile["tiled"]
            assert file.compression.name == "zstd"


def test_only_the_bands_that_are_named(made):
    (result,) = materialise(made, bands=["q_VV", "height"])
    assert sorted({path.stem for path in result.folder.rglob("*.tif")}) == ["height", "q_VV"]
    assert list(cube_of(result.folder).bands.values) == ["q_VV", "height"]


def test_unknown_band(made):
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: Each of the bands must be one of .*'i_VV'"):
        materialise(made, bands=["i_HH"])
    assert not (made.parent / "materialised").exists()


def test_each_collection_of_several_is_written_below_it(toys, tmp_path):
    paths = [toys.product(tmp_path / "data", "2023-03-19", f"t001_00000{n}_iw1", (300, 20)) for n in (1, 2)]
    made = catalogue(paths, out=tmp_path / "cat")
    results = materialise(made.parent)
    assert [result.folder.relative_to(made.parent).as_posix() for result in results] == [
        "t001_000001_iw1/materialised",
        "t001_000002_iw1/materialised",
    ]


def test_again_gives_what_is_there(made):
    (first,) = materialise(made)
    stamp = (first.folder / "record.json").stat().st_mtime_ns
    materialise(made)
    assert (first.folder / "record.json").stat().st_mtime_ns == stamp


def test_item_alone_is_no_catalogue(made):
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: Bands are written of collections"):
        materialise(next(made.parent.glob("*/t001*.json")))


def test_items_are_valid(made, validate):
    (result,) = materialise(made, for_backend=True)
    for path in (result.folder / "collection.json", *result.folder.glob("*/*.json")):
        validate(json.loads(path.read_text()))


def test_overwriting_the_catalogue_does_not_remove_it(made, stack):
    (result,) = materialise(made, bands=["height"])
    with pytest.raises(OpenEOError, match=r"^ResultExists: .* no bands that were written as GeoTIFF.*materialised"):
        catalogue(stack, out=made.parent, overwrite=True)
    assert (result.folder / "height.tif").is_file()


def test_it_is_called_what_it_is(made):
    (result,) = materialise(made, bands=["height"])
    told = json.loads((result.folder / "collection.json").read_text())["description"]
    assert told == "Bands of the collection t001_000001_iw1, materialised."


@pytest.mark.parametrize("for_backend", [False, True])
def test_footprint_is_that_of_the_product_where_no_positions_are_written(made, for_backend):
    given = json.loads(next(made.parent.glob("*0412/*.json")).read_text())
    (result,) = materialise(made, bands=["height"], for_backend=for_backend)
    found = items_of(result)["t001_000001_iw1_20230412"]
    assert (found["properties"]["footprint"] if for_backend else found["geometry"]) == given["geometry"]
    assert found.get("bbox") == (None if for_backend else given["bbox"])


def test_part_of_the_grid_has_no_footprint_of_the_whole(made, tmp_path):
    box = {"west": 4.0, "east": 4.01, "south": 52.0, "north": 52.01}
    load = {"url": str(made), "bands": ["height"], "spatial_extent": box}
    graph = {"load": {"process_id": "load_stac", "arguments": load, "result": True}}
    result = run(graph, out=tmp_path / "out", quicklooks=False)
    assert [item.geometry for item in result.items] == [None] * 3


def test_description_of_what_is_written_for_a_backend(made):
    (result,) = materialise(made, bands=["height", "i_VV"], for_backend=True)
    text = CliRunner().invoke(cli, ["describe", str(result.folder)]).stdout
    assert "radar geometry, 600 lines x 40 samples" in text
    assert "footprint  " in text
    assert "--materialise" not in text


def test_a_catalogue_does_not_replace_a_result(made, stack):
    (result,) = materialise(made, bands=["height"])
    with pytest.raises(OpenEOError, match=r"^ResultExists: .* must hold a catalogue to be replaced by one"):
        catalogue(stack, out=result.folder, overwrite=True)


def test_overwriting_removes_what_a_killed_run_left(made, stack):
    (made.parent / ".materialised.lock").write_text("")
    (made.parent / "materialised.partial-0123456789ab").mkdir()
    (made.parent / "materialised.partial-0123456789ab" / "x.tif").write_text("")
    catalogue(stack, out=made.parent, overwrite=True)
    assert not [path for path in made.parent.iterdir() if "materialised" in path.name]

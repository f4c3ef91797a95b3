import json
import os
from pathlib import Path

import numpy as np
import pystac
import pytest

from local_runner import roots
from local_runner.access import Access
from local_runner.errors import DataError, OpenEOError
from local_runner.products import Stack, _catalogue, catalogue
from local_runner.products._items import item
from local_runner.stac.read import load
from tests.products import toy
from tests.products.raster_folders import geogrid


def read(path):
    return json.loads(Path(path).read_text())


def links(document, rel):
    return [link["href"] for link in document["links"] if link["rel"] == rel]


@pytest.fixture
def made(stack, tmp_path):
    return catalogue(stack, out=tmp_path / "cat", primary="20230331")


@pytest.fixture
def bursts(toys, tmp_path):
    """Two bursts of two dates."""
    names = ("t001_000001_iw1", "t001_000002_iw1")
    paths = [toys.product(tmp_path / "data", day, burst) for burst in names for day in ("2023-03-19", "2023-03-31")]
    return catalogue(paths, out=tmp_path / "cat")


def test_one_stack_is_one_collection(made):
    assert made.name == "collection.json"
    assert sorted(path.name for path in made.parent.iterdir() if path.is_dir()) == [
        "t001_000001_iw1_20230319",
        "t001_000001_iw1_20230331",
        "t001_000001_iw1_20230412",
    ]
    assert read(made)["openeo_sar:primary"] == "2023-03-31"


def test_several_stacks_are_collections_of_a_collection(bursts):
    parent = read(bursts)
    assert parent["id"] == "cat"
    assert links(parent, "child") == ["./t001_000001_iw1/collection.json", "./t001_000002_iw1/collection.json"]
    child = read(bursts.parent / links(parent, "child")[0])
    assert links(child, "parent") == links(child, "root") == ["../collection.json"]
    assert len(links(child, "item")) == 2


@pytest.mark.parametrize("which", ["made", "bursts"])
def test_documents_are_valid(which, request, validate):
    top = request.getfixturevalue(which)
    documents = [read(path) for path in top.parent.rglob("*.json") if path.name != "record.json"]
    assert {document["type"] for document in documents} == {"Feature", "Collection"}
    for document in documents:
        validate(document)
        assert document["stac_version"] == "1.1.0"


@pytest.mark.parametrize("which", ["made", "bursts"])
def test_every_link_leads_to_a_file(which, request):
    for path in request.getfixturevalue(which).parent.rglob("*.json"):
        document = read(path)
        hrefs = [link["href"] for link in document.get("links", ())]
        hrefs += [asset["href"] for asset in document.get("assets", {}).values()]
        assert [href for href in hrefs if not (path.parent / href).is_file()] == []


def test_pystac_walks_it(bursts):
    top = pystac.Collection.from_file(str(bursts))
    assert [child.id for child in top.get_children()] == ["t001_000001_iw1", "t001_000002_iw1"]
    assert len(list(top.get_items(recursive=True))) == 4
    assert {found.get_root().id for found in top.get_items(recursive=True)} == {"cat"}


def test_links_stay_true_when_the_catalogue_moves(made, tmp_path):
    moved = tmp_path / "elsewhere" / "cat"
    moved.parent.mkdir()
    made.parent.rename(moved)
    for path in moved.glob("*/*.json"):
        assert not [
            href for rel in ("self", "root", "collection") for href in links(read(path), rel) if "/cat/" in href
        ]
    assert load(str(moved), access=Access()).sizes["t"] == 3


def test_secondaries_refer_to_the_primary(made):
    found = {path.stem[-8:]: read(path) for path in made.parent.glob("*/*.json")}
    primary = "../t001_000001_iw1_20230331/t001_000001_iw1_20230331.json"
    assert {day: links(document, "reference") for day, document in found.items()} == {
        "20230319": [primary],
        "20230331": [],
        "20230412": [primary],
    }


def test_lineage_and_assets_lead_to_the_product(made, stack):
    document = read(next(made.parent.glob("*0319/*.json")))
    assert links(document, "derived_from") == [str(stack[0] / toy.MANIFEST)]
    assert document["assets"]["manifest"]["href"] == str(stack[0] / toy.MANIFEST)


def test_what_lies_in_the_catalogue_is_relative(toys, tmp_path, monkeypatch):
    """A driver may put files into the folder of the catalogue, which gets its name later."""
    path, given = toys.product(tmp_path, "2023-03-19"), toys.stacks

    def unpacking(paths, options):
        (options.out / "unpacked").mkdir()
        copy = options.out / "unpacked" / toy.MANIFEST
        copy.write_bytes((paths[0] / toy.MANIFEST).read_bytes())
        made = given(paths, options)
        made[0].items[0].assets["manifest"].href = str(copy)
        return made

    monkeypatch.setattr(toys, "stacks", unpacking)
    made = catalogue([path], out=tmp_path / "cat")
    document = read(next(made.parent.glob("*0319/*.json")))
    assert document["assets"]["manifest"]["href"] == "../unpacked/product.json"
    assert load(str(made), access=Access()).sizes["bands"] == len(toy.BANDS)


def test_collection_tells_what_its_items_share(made):
    document = read(made)
    assert document["summaries"]["platform"] == ["sentinel-1a"]
    assert document["summaries"]["sar:polarizations"] == ["VV"]
    assert document["openeo_sar:attribution"] == "contains modified Copernicus Sentinel data 2023"
    assert document["keywords"] == ["SAR", "toy"]
    dimensions = document["cube:dimensions"]
    assert dimensions["x"]["extent"] == [0, 39]
    assert dimensions["y"]["extent"] == [0, 599]
    assert set(dimensions["bands"]["values"]) == set(toy.BANDS)
    assert len(dimensions["t"]["values"]) == 3


@pytest.mark.parametrize("which", ["made", "bursts"])
def test_collections_tell_when_they_were_made(which, request):
    """Items are the same of the same products, whenever they are made."""
    top = request.getfixturevalue(which)
    documents = [read(path) for path in top.parent.rglob("*.json") if path.name != "record.json"]
    (stamp,) = {document["created"] for document in documents if document["type"] == "Collection"}
    assert abs(np.datetime64("now") - np.datetime64(stamp.rstrip("Z"))) < np.timedelta64(1, "h")
    assert not [document for document in documents if "created" in document.get("properties", ())]


def test_bands_with_a_fixed_scale_have_renders(made):
    """Of the others the pixels would have to be seen."""
    expected = {"assets": ["manifest"], "bands": ["reference_phase"], "rescale": [[-np.pi, np.pi]], "nodata": "nan"}
    for document in (read(made), read(next(made.parent.glob("*0319/*.json")))["properties"]):
        (name,) = document["renders"]
        assert name == "reference_phase"
        assert expected.items() <= document["renders"][name].items()


def test_bands_of_pixels_come_first(made):
    """Whatever the order in which the driver names its assets."""
    cube = load(str(made), access=Access())
    assert list(cube.bands.values)[:2] == ["i_VV", "q_VV"]
    assert read(made)["cube:dimensions"]["bands"]["values"] == list(cube.bands.values)


def test_bands_of_a_driver_tell_that_nan_is_no_data(made):
    assets = read(next(made.parent.glob("*0319/*.json")))["assets"].values()
    assert {band["nodata"] for asset in assets for band in asset["bands"]} == {"nan"}


def test_same_days_as_the_cube(made):
    cube = load(str(made), access=Access())
    assert [str(time)[:10] for time in cube.t.values] == ["2023-03-19", "2023-03-31", "2023-04-12"]
    assert set(cube.bands.values) == set(toy.BANDS)


def test_roots_are_remembered_after_success_only(stack, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with monkeypatch.context() as patched:
        patched.setattr(_catalogue, "dump", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(DataError, match=r"^StorageFailed: "):
            catalogue(stack, out=tmp_path / "cat")
    assert roots.remembered() == ()
    catalogue(stack, out=tmp_path / "cat")
    assert roots.remembered() == tuple(stack)


@pytest.mark.parametrize("error", [OpenEOError("Test", "must not fail"), KeyboardInterrupt(), OSError("no space")])
def test_nothing_is_left_on_failure(error, stack, toys, tmp_path, monkeypatch):
    def failing(_paths, options):
        (options.out / "half").write_text("")
        raise error

    monkeypatch.setattr(toys, "stacks", failing)
    with pytest.raises((OpenEOError, KeyboardInterrupt)):
        catalogue(stack, out=tmp_path / "cat")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


def test_existing_folder_is_replaced_only_if_asked(made, stack):
    out, before = made.parent, read(made)
    with pytest.raises(OpenEOError, match=r"^ResultExists: The output folder must be new or empty.*--overwrite"):
        catalogue(stack, out=out)
    assert read(made) == before
    catalogue(stack[:1], out=out, overwrite=True)
    assert len(links(read(made), "item")) == 1


def test_other_files_are_never_replaced(stack, tmp_path):
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "thesis.txt").write_text("")
    with pytest.raises(OpenEOError, match=r"^ResultExists: .* files of another origin"):
        catalogue(stack, out=tmp_path / "cat", overwrite=True)


def test_results_in_the_catalogue_are_not_lost(made, stack):
    (made.parent / "coherence").mkdir()
    (made.parent / "coherence" / "c.tif").write_text("")
    with pytest.raises(OpenEOError, match=r"^ResultExists: .* also holds coherence/c\.tif"):
        catalogue(stack, out=made.parent, overwrite=True)


def test_catalogue_does_not_replace_its_products(stack):
    with pytest.raises(OpenEOError, match=r"^OutputFolderInvalid: .* must not hold the input"):
        catalogue(stack, out=stack[0].parent, overwrite=True)


@pytest.mark.parametrize("name", ["..", "a/b", "x" * 300, "Ä ö", "con", "collection.json"])
def test_ids_are_no_paths(name, tmp_path):
    item_ = item(name, "2023-03-19", None, {}, {})
    stack = Stack(name, "", "d", [item_])
    if name == "collection.json":
        with pytest.raises(DataError, match=r"^DataCorrupt: .* must have different ids"):
            _catalogue.write([stack], tmp_path / "cat")
        return
    made = _catalogue.write([stack, Stack("other", "", "d", [item_])], tmp_path / "cat")
    assert all(Path(os.path.realpath(path)).is_relative_to(made.parent) for path in tmp_path.rglob("*.json"))
    assert pystac.Collection.from_file(str(made)).get_child(name).id == name


def test_stacks_have_different_ids(tmp_path):
    stacks = [Stack("a", "", "d", [item("i", "2023-03-19", None, {}, {})]) for _ in range(2)]
    with pytest.raises(DataError, match=r"^DataCorrupt: The stacks of the catalogue must have different ids"):
        _catalogue.write(stacks, tmp_path / "cat")
    assert not (tmp_path / "cat").exists()


def test_footprint_across_the_antimeridian(toys, tmp_path, validate):
    """Split in two, with west larger than east, in the items and in the extent."""
    days = ("2023-03-19", "2023-03-31")
    made = catalogue([toys.product(tmp_path, day, longitude=179.98) for day in days], out=tmp_path / "cat")
    document = read(next(made.parent.glob("*0319/*.json")))
    assert document["geometry"]["type"] == "MultiPolygon"
    assert document["bbox"] == [179.98, 52, -179.98, 52.06]
    for found in (document, read(made)):
        validate(found)
    assert read(made)["extent"]["spatial"]["bbox"] == [pytest.approx([179.98, 52, -179.98, 52.06])]


@pytest.mark.parametrize("folder", ["a b", "50%20", "ä#1", "x?y=1", "a:b", "-v"])
def test_products_in_folders_with_odd_names(folder, toys, tmp_path):
    path = toys.product(tmp_path / folder, "2023-03-19")
    made = catalogue([path], out=tmp_path / "cat")
    assert load(str(made), access=Access()).sizes["t"] == 1
    document = read(next(made.parent.glob("*0319/*.json")))
    assert links(document, "derived_from") == [str(path / toys.MANIFEST)]


def test_a_product_named_twice_counts_once(toys, tmp_path):
    path = toys.product(tmp_path, "2023-03-19")
    (tmp_path / "again").symlink_to(path)
    made = catalogue([path, path, tmp_path / "again"], out=tmp_path / "cat")
    assert len(links(read(made), "item")) == 1


def test_record_tells_what_was_asked_for(made, stack):
    told = read(made.parent / "record.json")
    assert told["catalogue"] == {"products": [str(path) for path in stack], "options": {"primary": "20230331"}}
    assert set(told["files"]) == {str(p.relative_to(made.parent)) for p in made.parent.rglob("*.json")} - {
        "record.json"
    }


def test_several_drivers_in_one_catalogue(toys, tmp_path):
    """One collection for each stack, whichever driver made it."""
    made = catalogue(
        [toys.product(tmp_path, "2023-03-19"), geogrid(tmp_path / "geogrid_20230319")], out=tmp_path / "cat"
    )
    assert len(links(read(made), "child")) == 2


def test_an_unreadable_product_is_an_error_that_names_it(stack, toys, tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied", "x.xml")

    monkeypatch.setattr(toys, "stacks", refuse)
    with pytest.raises(DataError, match=r"^DataCorrupt: The files of the products must be readable .*x\.xml"):
        catalogue(stack, out=tmp_path / "cat")


def test_without_products(tmp_path):
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: At least one product must be named"):
        catalogue([], out=tmp_path / "cat")


def test_unknown_option(stack, tmp_path):
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: The options must be of .*'primary'"):
        catalogue(stack, out=tmp_path / "cat", reference="2023-03-19")

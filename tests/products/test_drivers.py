"""What holds for every driver that is found."""

import inspect
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from local_runner.access import Access
from local_runner.errors import DataError, OpenEOError
from local_runner.products import DRIVER, Driver, catalogue, drivers, materialise, recognise
from local_runner.stac import source
from local_runner.stac.metadata import meaning_of
from local_runner.stac.read import load
from tests.products.samples import SAMPLES

NAMES = sorted(drivers())
ROOT = Path(__file__).parents[2]
FUNCTIONS = ("recognise", "stacks", "open_item")
ENDINGS = (".SAFE", ".zip", ".h5", ".nc", ".tif", ".json", ".EOF", ".hdf5", "")


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """A product of each driver."""
    return {name: make(tmp_path_factory.mktemp(name)) for name, make in SAMPLES.items()}


@pytest.mark.parametrize("name", NAMES)
def test_a_driver_has_what_a_driver_has(name):
    driver = drivers()[name]
    assert re.fullmatch(r"[A-Z][^\n|]{10,120}", driver.TITLE)
    assert inspect.getdoc(driver)
    for function in FUNCTIONS:
        wanted = [given for given in inspect.signature(getattr(Driver, function)).parameters if given != "self"]
        assert list(inspect.signature(getattr(driver, function)).parameters) == wanted
        assert inspect.getdoc(getattr(driver, function))


def test_titles_differ():
    titles = [driver.TITLE for driver in drivers().values()]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("name", NAMES)
def test_a_driver_has_tests_a_sample_and_a_row_in_the_guide(name):
    here = Path(__file__).parent
    assert [*here.glob(f"test_{name}*.py"), *here.glob(f"{name}/test_*.py")]
    assert name in SAMPLES
    assert f"| `{name}` | {drivers()[name].TITLE} |" in (ROOT / "docs" / "products.md").read_text()


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_a_product_has_one_driver(name, samples):
    """But for drivers that take only what no other one knows."""
    path = samples[name]
    knowing = [other for other in NAMES if drivers()[other].recognise(path)]
    assert [other for other in knowing if not getattr(drivers()[other], "FALLBACK", False) or other == name] == [name]
    assert recognise(path) == name


@pytest.mark.parametrize("name", NAMES)
def test_recognise_raises_nothing(name, tmp_path):
    odd = [tmp_path / "missing", tmp_path, Path("/dev/null"), Path("/proc/self/mem"), Path("a\nb")]
    for ending in ENDINGS:
        for kind, data in (("empty", b""), ("junk", bytes(range(256)) * 9), ("text", b"{")):
            odd.append(tmp_path / f"{kind}{ending}")
            odd[-1].write_bytes(data)
        odd.append(tmp_path / f"folder{ending}")
        odd[-1].mkdir()
        (odd[-1] / "annotation").mkdir()
        odd.append(tmp_path / f"loop{ending}")
        odd[-1].symlink_to(odd[-1])
    assert [path for path in odd if not isinstance(drivers()[name].recognise(path), bool)] == []


@pytest.mark.parametrize("path", ["missing", "x" * 5000, "a\nb"])
def test_path_that_is_not_there(path):
    with pytest.raises(DataError, match=r"^FileNotFound: The product must exist"):
        recognise(Path(path))


@pytest.mark.parametrize("name", NAMES)
def test_recognise_does_without_permission(name, tmp_path, monkeypatch):
    def refuse(*_args, **_named):
        raise PermissionError(13, "Permission denied")

    paths = [tmp_path / f"closed{ending}" for ending in ENDINGS]
    [path.mkdir() for path in paths]
    for function in ("iterdir", "open", "glob", "rglob"):
        monkeypatch.setattr(Path, function, refuse)
    assert not any(drivers()[name].recognise(path) for path in paths)


@pytest.fixture(scope="module")
def catalogues(samples, tmp_path_factory):
    out = tmp_path_factory.mktemp("catalogues")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_STATE_HOME", str(out / "state"))
        return {name: catalogue([path], out=out / name) for name, path in samples.items()}


def items_of(top):
    documents = [json.loads(path.read_text()) for path in top.parent.rglob("*.json")]
    return [document for document in documents if document.get("type") == "Feature"]


def texts_of(folder):
    """Unit and description of each band."""
    bands = [b for item in items_of(folder / "x") for a in item["assets"].values() for b in a.get("bands", ())]
    return {band["name"]: (band.get("unit"), band.get("description")) for band in bands}


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_documents_are_valid(name, catalogues, validate):
    for path in catalogues[name].parent.rglob("*.json"):
        if path.name != "record.json":
            validate(json.loads(path.read_text()))


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_items_tell_what_a_cube_needs(name, catalogues):
    for item in items_of(catalogues[name]):
        assert item["properties"].get(DRIVER) in (None, name)
        told = [item["properties"], *item["assets"].values()]
        assert any(fields.get("proj:shape") for fields in told)
        assert DRIVER not in item["properties"] or any(link["rel"] == "derived_from" for link in item["links"])
        assert all(Path(asset["href"]).is_absolute() for asset in item["assets"].values())


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_every_band_is_described(name, catalogues):
    bands = [b for item in items_of(catalogues[name]) for a in item["assets"].values() for b in a.get("bands", ())]
    assert bands
    assert [b["name"] for b in bands if not b.get("description") and meaning_of(b["name"]).description] == []


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_plan_and_cube_agree_and_a_plan_opens_nothing(name, catalogues, samples, monkeypatch):
    cube = load(str(catalogues[name]), access=Access(roots=(samples[name],)))
    monkeypatch.setattr(source, "open_item", None)
    planned = load(str(catalogues[name]), access=Access(), planning=True)
    assert planned.sizes == cube.sizes
    assert planned.dtype == cube.dtype == "float32"
    assert list(planned.bands.values) == list(cube.bands.values)


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_missing_product_is_an_error_that_names_it(name, catalogues, tmp_path):
    item = items_of(catalogues[name])[0]
    for asset in item["assets"].values():
        asset["href"] = str(tmp_path / "gone" / Path(asset["href"]).name)
    (tmp_path / "item.json").write_text(json.dumps(item))
    with pytest.raises(OpenEOError, match=r"^FileNotFound: .*gone"):
        load(str(tmp_path / "item.json"), access=Access(roots=(tmp_path,))).compute()


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_dimensions_are_those_of_the_cube(name, catalogues, samples):
    cube = load(str(catalogues[name]), access=Access(roots=(samples[name],)))
    told = json.loads(catalogues[name].read_text())["cube:dimensions"]
    for axis in ("x", "y"):
        labels = cube[axis].values
        assert told[axis]["extent"] == pytest.approx([labels.min(), labels.max()], rel=1e-9)
    assert set(told["bands"]["values"]) == set(cube.bands.values)
    assert len(told["t"].get("values", cube.t)) == cube.sizes["t"]


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_materialised_bands_are_bit_for_bit_those_of_the_driver(name, catalogues, samples, tmp_path, validate):
    copy = tmp_path / "cat"
    shutil.copytree(catalogues[name].parent, copy)
    (result,) = materialise(copy, for_backend=True, data_roots=[samples[name]])
    before = load(str(copy), access=Access(roots=(samples[name],))).compute()
    after = load(str(result.folder), access=Access()).sel(bands=before.bands.values).compute()
    assert np.array_equal(before.values, after.values, equal_nan=True)
    assert list(after.t.values) == list(before.t.values)
    assert texts_of(result.folder) == texts_of(catalogues[name].parent)
    for path in result.folder.rglob("*.json"):
        if path.name != "record.json":
            validate(json.loads(path.read_text()))


def test_name_of_a_driver_that_is_no_text(tmp_path):
    item = {"type": "Feature", "id": "i", "properties": {DRIVER: ["x"], "datetime": "2023-03-19T00:00:00Z"}}
    item["assets"] = {"data": {"href": "./a.tif", "bands": [{"name": "a"}]}}
    (tmp_path / "item.json").write_text(json.dumps(item))
    with pytest.raises(OpenEOError, match=r"^ProductUnknown: openeo_sar:driver of item i must be one of"):
        load(str(tmp_path / "item.json"), access=Access())


@pytest.mark.parametrize("name", NAMES)
def test_the_guide_tells_what_bands_a_driver_offers(name):
    assert (ROOT / "docs" / "products.md").read_text().count(f"| `{name}` |") == 2

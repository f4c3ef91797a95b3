"""Paths that are named to `catalogue`: alone, in folders, closed, gone, parts of products; choices over several drivers."""

import shutil
from pathlib import Path

import pytest

from local_runner import products
from local_runner.access import Access, holder
from local_runner.errors import DataError, OpenEOError
from local_runner.pairs import of_collection
from local_runner.products import catalogue, recognise
from local_runner.products._driver import ChoiceEmptyError
from local_runner.products._options import written
from local_runner.stac.read import load
from tests.products import toy


@pytest.mark.parametrize("kind", [str, Path])
def test_one_path_needs_no_list(kind, toys, tmp_path):
    assert catalogue(kind(toys.product(tmp_path, "2023-03-19")), out=tmp_path / "cat").is_file()


def test_a_folder_that_is_closed_is_skipped_in_a_search(toys, tmp_path, monkeypatch):
    toys.product(tmp_path / "data", "2023-03-19")
    (tmp_path / "data" / "closed").mkdir()
    given = Path.iterdir

    def refuse(path):
        if path.name == "closed":
            raise PermissionError(13, "Permission denied")
        return given(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert catalogue(tmp_path / "data", out=tmp_path / "cat").is_file()
    with pytest.raises(DataError, match=r"^FileNotFound: The folder must be readable \(Permission denied\)"):
        catalogue(tmp_path / "data" / "closed", out=tmp_path / "other")


def test_a_driver_that_may_not_look_does_not_know(toys, tmp_path, monkeypatch):
    def refuse(_path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(toys, "recognise", refuse)
    assert "toy" not in products.candidates(toys.product(tmp_path, "2023-03-19"))


def test_no_catalogue_in_a_product(toys, tmp_path):
    path = toys.product(tmp_path, "2023-03-19")
    with pytest.raises(OpenEOError, match=r"^OutputFolderInvalid: The output folder must not lie in the product"):
        catalogue(path, out=path / "cat")
    assert catalogue(tmp_path, out=tmp_path / "cat").is_file()


def test_a_part_of_a_safe_names_the_safe(toys, tmp_path):
    path = toys.product(tmp_path, "2023-03-19").rename(tmp_path / "X.SAFE")
    (path / "measurement").mkdir()
    (path / "measurement" / "a.tif").write_bytes(b"")
    with pytest.raises(DataError, match=r"^ProductUnknown: .* a part of one.* Name .*X\.SAFE\.$"):
        recognise(path / "measurement" / "a.tif")


def test_a_product_that_is_gone_is_no_matter_of_access(stack, tmp_path):
    made = catalogue(stack, out=tmp_path / "cat")
    shutil.rmtree(stack[0])
    with pytest.raises(DataError, match=r"^FileNotFound: The file must exist, which a catalogue names.*20230319\.toy"):
        load(str(made), access=Access())
    with pytest.raises(OpenEOError, match=r"^AccessRefused: "):
        load(str(made), access=Access(roots=(made.parent,), any_folder=False))


def test_advice_for_somebody_else_names_the_folder_of_the_products(stack, tmp_path, monkeypatch):
    made = catalogue(stack, out=tmp_path / "cat")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "other"))
    match = rf"^AccessRefused: .* Allow the folders of the product with --data-root {stack[0]}"
    with pytest.raises(OpenEOError, match=match):
        load(str(made), access=Access())


def test_folder_to_be_allowed():
    assert holder(Path("/d/X.SAFE/annotation/a.xml")) == holder(Path("/d/Y.SAFE/manifest.safe")) == Path("/d")
    assert holder(Path("/d/e/a.h5")) == Path("/d/e")


@pytest.fixture
def both(toys, tmp_path, monkeypatch):
    """Two toy drivers, each with a burst of its own, that judge the choice of bursts."""

    class Other:
        TITLE, open_item = "other: a .toy folder", staticmethod(toy.open_item)
        recognise = staticmethod(lambda path: "000002" in path.name and (path / toy.MANIFEST).is_file())

    def judging(number):
        def stacks(paths, options):
            if options.bursts and str(number) not in options.bursts:
                raise ChoiceEmptyError("ProcessParameterInvalid", f"--burst must be {number}", got=options.bursts)
            return given(paths, options)

        return stacks

    given, alone, known = toy.stacks, toy.recognise, products.drivers()
    Other.stacks = staticmethod(judging(2))
    monkeypatch.setattr(toy, "stacks", judging(1))
    monkeypatch.setattr(toy, "recognise", lambda path: alone(path) and not Other.recognise(path))
    monkeypatch.setattr(products, "drivers", lambda: {**known, "toy2": Other})
    return [toys.product(tmp_path, "2023-03-19", f"t001_00000{number}_iw1") for number in (1, 2)]


@pytest.mark.parametrize("number", [1, 2])
def test_a_choice_is_judged_over_all_drivers(number, both, tmp_path, caplog):
    made = catalogue(both, out=tmp_path / "cat", bursts=[str(number)])
    assert f'"id": "t001_00000{number}_iw1"' in made.read_text()
    assert f"--burst must be {3 - number}" in caplog.text


def test_a_choice_that_no_driver_has(both, tmp_path):
    match = r"^ProcessParameterInvalid: --burst must be 1; --burst must be 2, instead got \['3'\]"
    with pytest.raises(OpenEOError, match=match):
        catalogue(both, out=tmp_path / "cat", bursts=["3"])
    assert not (tmp_path / "cat").exists()


def test_pairs_of_several_collections(toys, tmp_path):
    paths = [toys.product(tmp_path / "data", "2023-03-19", f"t001_00000{number}_iw1") for number in (1, 2)]
    made = catalogue(paths, out=tmp_path / "cat")
    with pytest.raises(DataError, match=r"^GridsDiffer: .*these are of t001_000001_iw1, t001_000002_iw1"):
        of_collection("all", str(made))


def test_record_tells_where_the_dem_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert written({"dem": "dem.tif"}) == {"dem": str(tmp_path / "dem.tif")}
    assert written({"dem": "https://example.org/dem.json"}) == {"dem": "https://example.org/dem.json"}

"""The list of product files that local catalogues may name."""

import json
import logging
from concurrent.futures import ThreadPoolExecutor

import pytest

from local_runner import roots
from local_runner.access import Access
from local_runner.errors import OpenEOError


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    """The file of the list, not yet there."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "openeo-sar" / "product-roots.json"


@pytest.fixture
def product(tmp_path):
    path = tmp_path / "data" / "a.SAFE"
    path.mkdir(parents=True)
    (path / "manifest.safe").write_text("")
    return path


def written(state, content):
    state.parent.mkdir(parents=True, exist_ok=True)
    state.write_text(content if isinstance(content, str) else json.dumps(content))
    return roots.remembered()


def test_a_catalogue_anywhere_names_products_of_the_list_and_nothing_else(product, tmp_path):
    roots.remember([product])
    (tmp_path / "data" / "secret").write_text("")
    access = Access().naming(tmp_path / "strangers" / "collection.json")
    assert access.open_path(str(product / "manifest.safe")) == product / "manifest.safe"
    with pytest.raises(OpenEOError, match=r"^AccessRefused: A file must lie below"):
        access.open_path(str(tmp_path / "data" / "secret"))


def test_callers_of_an_endpoint_never_get_them(product, tmp_path):
    roots.remember([product])
    access = Access(any_folder=False).naming(tmp_path / "strangers" / "collection.json")
    with pytest.raises(OpenEOError, match=r"^AccessRefused: A file must lie below"):
        access.open_path(str(product / "manifest.safe"))


def test_product_that_was_deleted(product):
    roots.remember([product])
    product.rename(product.with_name("b.SAFE"))
    assert roots.remembered() == ()


@pytest.mark.parametrize("level", ["product", "above"])
def test_product_that_was_replaced_by_a_link(level, product, tmp_path):
    """Whoever may write there would open any folder to catalogues."""
    roots.remember([product])
    (tmp_path / "secret" / "a.SAFE").mkdir(parents=True)
    replaced = product if level == "product" else product.parent
    replaced.rename(tmp_path / "away")
    replaced.symlink_to(tmp_path / "secret")
    assert roots.remembered() == ()


@pytest.mark.parametrize("name", ["/", "//", "/.", ".", "", "data", "\0", "x" * 5000])
def test_what_is_never_a_root(name, state):
    assert written(state, [name]) == ()


def test_whole_disk_is_not_remembered(product):
    roots.remember([product, product.parent.parent / ("../" * 20)])
    assert roots.remembered() == (product,)


def test_list_of_an_older_version_is_read_and_kept(product, state, tmp_path):
    assert written(state, [str(product)]) == (product,)
    roots.remember([tmp_path / "data"])
    assert roots.remembered() == (product, tmp_path / "data")


def test_last_catalogue_is_registered_until_it_is_gone(product, tmp_path):
    assert roots.registered() is None
    first, second = (tmp_path / name / "collection.json" for name in ("one", "two"))
    for path in (first, second):
        path.parent.mkdir()
        path.write_text("{}")
        roots.remember([product], catalogue=path)
    roots.remember([tmp_path / "data"])
    assert roots.registered() == second
    second.rename(second.with_name("away.json"))
    assert roots.registered() is None
    second.symlink_to(second.with_name("away.json"))
    assert roots.registered() is None
    assert roots.remembered() == (product, tmp_path / "data")


@pytest.mark.parametrize("known", [5, None, [], {}, "", "relative", "/", "\0"])
def test_what_is_never_a_catalogue(known, state):
    written(state, json.dumps({"roots": [], "catalogue": known}))
    assert roots.registered() is None


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "5",
        "null",
        '{"/tmp": 1}',
        '{"roots": 5}',
        '{"roots": {"/tmp": 1}}',
        '"/tmp"',
        "[[]]",
        "\udcff",
        "[" * 100_000,
    ],
)
def test_damaged_list_counts_as_empty_and_is_written_anew(content, state, product):
    state.parent.mkdir(parents=True)
    state.write_bytes(content.encode(errors="surrogateescape"))
    assert roots.remembered() == ()
    roots.remember([product])
    assert roots.remembered() == (product,)


def test_folder_in_place_of_the_list_is_a_warning(state, product, caplog):
    """The catalogue is there already, and can be opened with --data-root."""
    state.mkdir(parents=True)
    with caplog.at_level(logging.WARNING):
        roots.remember([product])
    assert "open the catalogue with --data-root" in caplog.text
    assert roots.remembered() == ()


def test_state_folder_that_cannot_be_made_is_a_warning(tmp_path, product, monkeypatch, caplog):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    roots.remember([product])
    assert "product-roots.json cannot be written" in caplog.text


def test_concurrent_writers_lose_nothing(tmp_path):
    products = [tmp_path / f"{n}.SAFE" for n in range(24)]
    [path.mkdir() for path in products]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda path: roots.remember([path]), products))
    assert set(roots.remembered()) == set(products)

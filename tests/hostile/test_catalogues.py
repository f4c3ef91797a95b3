"""Hostile catalogues: loops, floods, and texts that are more than texts."""

import pytest

from local_runner.access import Access
from local_runner.errors import DataError, LimitExceededError
from local_runner.stac.read import load
from tests.stac.catalogues import asset, collection, item, noise, tiff, write


def test_links_in_a_loop_are_followed_once(catalogue):
    tiff(catalogue / "a.tif", noise())
    found = item("a", "2024-08-09T00:00:00Z", {"a": asset("a.tif", "a")})
    write(catalogue, "a.json", found)
    self_child = [{"rel": "child", "href": href} for href in ("./c.json", "c.json", "../c/c.json", "./x/../c.json")]
    items = [{"rel": "item", "href": "a.json"}] * 3
    url = write(catalogue, "c.json", {"type": "Catalog", "id": "c", "links": [*self_child, *items]})
    assert load(url, access=Access()).sizes["t"] == 1


@pytest.mark.parametrize("count", [1001, 100_000])
def test_items_have_a_limit(catalogue, count):
    many = [item("a", "2024-08-09T00:00:00Z", {}) for _ in range(1001)]
    links = [{"rel": "item", "href": f"{n}.json"} for n in range(count)]
    write(catalogue, "0.json", {"type": "FeatureCollection", "features": many})
    with pytest.raises(LimitExceededError, match=r"^TooManyItems: "):
        load(write(catalogue, "c.json", {"type": "Catalog", "id": "c", "links": links}), access=Access())


@pytest.mark.parametrize("count", [201, 50_000])
def test_assets_of_an_item_have_a_limit(catalogue, count):
    many = {str(n): {"href": f"/etc/{n}"} for n in range(count)}
    with pytest.raises(LimitExceededError, match=r"^TooManyAssets: "):
        load(write(catalogue, "a.json", item("a", "2024-08-09T00:00:00Z", many)), access=Access())


def test_a_document_of_more_than_8_mib_is_refused(catalogue):
    found = item("a", "2024-08-09T00:00:00Z", {}, text="x" * 2**23)
    with pytest.raises(LimitExceededError, match=r"^DocumentTooLarge: "):
        load(collection(catalogue, [found]), access=Access())


def test_texts_of_a_catalogue_do_not_speak_to_the_terminal(catalogue):
    found = item("\x1b[2Ja\u202eb", None, {"a": asset("a.tif", "a")})
    with pytest.raises(DataError, match=r"^DataCorrupt: Item \\x1b\[2Ja\\u202eb must have a datetime"):
        load(write(catalogue, "a.json", found), access=Access())

"""Descriptions of catalogues of others: whatever their fields hold."""

import io

import pytest
from rich.console import Console

from local_runner.access import Access
from local_runner.errors import OpenEOError
from local_runner.stac.describe import describe, is_stac, lines
from local_runner.stac.overview import overviews
from tests.stac.catalogues import asset, collection, item, write

ODD = (None, 7, "text", [], {}, [None], [["a"]], ["a", "b", "c", "d"], "\x1b[31m", True, 1e300)


def described(address):
    console = Console(width=200, markup=False, highlight=False, file=io.StringIO())
    console.print(describe(str(address), Access()))
    return console.file.getvalue()


def test_tells_what_the_metadata_tell(stack):
    text = described(stack)
    assert "2024-08-09  d0" in text
    assert "i_VV" in text
    assert "not told by the metadata" in text
    assert "Missing" not in text


@pytest.mark.parametrize("odd", ODD, ids=repr)
@pytest.mark.parametrize(
    "field", ["proj:shape", "openeo_sar:primary", "proj:code", "insar:perpendicular_baseline", "sar:polarizations"]
)
def test_odd_properties(field, odd, tmp_path):
    made = collection(tmp_path, [item("a", "2024-08-09T00:00:00Z", {"d": asset("./d.tif", "x")}, **{field: odd})])
    assert "2024-08-09" in described(made)
    assert lines(overviews(made, Access()))


@pytest.mark.parametrize("odd", ODD, ids=repr)
@pytest.mark.parametrize("field", ["bbox", "bands", "title", "links", "id"])
def test_odd_members(field, odd, tmp_path):
    made = item("a", "2024-08-09T00:00:00Z", {"d": asset("./d.tif")})
    (made["assets"]["d"] if field == "bands" else made)[field] = odd
    address = write(tmp_path, "item.json", made)
    if field == "links" and not isinstance(odd, list | None):
        with pytest.raises(OpenEOError, match=r"^DataCorrupt: links of .* must be a JSON array"):
            described(address)
        return
    assert "\x1b" not in described(address)


def test_texts_of_others_do_not_reach_the_terminal(tmp_path):
    made = item("a\x1b[2J", "2024-08-09T00:00:00Z", {"d": asset("./d.tif", "x\x1b[31m")}, platform="p\x1b]0;t\x07")
    address = write(tmp_path, "item.json", made)
    texts = [described(address), *lines(overviews(address, Access()))]
    assert not [text for text in texts if "\x1b" in text or "\x07" in text]


def test_what_is_stac(tmp_path):
    assert not is_stac("slc_coherence", Access())
    assert not is_stac(str(tmp_path / "missing.json"), Access())
    assert not is_stac(write(tmp_path, "process.json", {"id": "p", "process_graph": {}}), Access())
    assert is_stac(write(tmp_path, "item.json", item("a", "2024-08-09T00:00:00Z", {})), Access())

import gzip

import numpy as np
import pytest

from local_runner.errors import DataError, LimitExceededError
from local_runner.products import _xml
from local_runner.products._xml import read_xml, times

LAUGHS = """<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>"""
EXTERNAL = """<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]><a>&b;</a>"""
DTD = """<?xml version="1.0"?><!DOCTYPE a SYSTEM "http://example.org/a.dtd"><a>1</a>"""


def node(tmp_path, text, root="a"):
    path = tmp_path / "file.xml"
    path.write_text(text)
    return read_xml(path, root)


@pytest.mark.parametrize("text", [LAUGHS, EXTERNAL, DTD])
def test_entities_and_dtd_are_refused(tmp_path, text):
    with pytest.raises(DataError, match=r"^DataCorrupt: .*file\.xml must be XML without DTD and entities"):
        node(tmp_path, text)


def test_deep_document_is_refused(tmp_path):
    with pytest.raises(LimitExceededError, match=r"^DocumentTooLarge: .*file\.xml must have at most 64 levels"):
        node(tmp_path, "<a>" * 100_000 + "</a>" * 100_000)


def test_64_levels_are_read(tmp_path):
    assert node(tmp_path, "<a>" * 64 + "</a>" * 64).has("a")


def test_many_elements_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(_xml, "ELEMENT_LIMIT", 10)
    with pytest.raises(LimitExceededError, match=r"^DocumentTooLarge: .*file\.xml must have at most 10 elements"):
        node(tmp_path, f"<a>{'<b/>' * 10}</a>")


@pytest.mark.parametrize("packed", [False, True])
def test_large_document_is_refused(tmp_path, packed):
    path, data = tmp_path / "file.xml", b"<a>" + b" " * _xml.SIZE_LIMIT + b"</a>"
    path.write_bytes(gzip.compress(data, 1) if packed else data)
    with pytest.raises(LimitExceededError, match=r"^DocumentTooLarge: .*file\.xml must have at most 32 MiB"):
        read_xml(path, "a")


def test_gzipped_document_is_read(tmp_path):
    (tmp_path / "file.xml.gz").write_bytes(gzip.compress(b"<a><b>7</b></a>"))
    assert read_xml(tmp_path / "file.xml.gz", "a").integer("b") == 7


@pytest.mark.parametrize(
    "data", [b"", b"<a>", b"\x00\x01", b"\x1f\x8b\x08broken", b'<?xml version="1.0" encoding="x"?><a/>']
)
def test_damaged_document(tmp_path, data):
    (tmp_path / "file.xml").write_bytes(data)
    with pytest.raises(DataError, match=r"^DataCorrupt: .*file\.xml must be "):
        read_xml(tmp_path / "file.xml", "a")


def test_missing_file(tmp_path):
    with pytest.raises(DataError, match=r"^FileNotFound: The file must exist, instead got '.*no\.xml'"):
        read_xml(tmp_path / "no.xml", "a")


def test_other_root(tmp_path):
    with pytest.raises(
        DataError, match=r"^DataCorrupt: .*file\.xml must have the root element 'product', instead got 'a'"
    ):
        node(tmp_path, "<a/>", "product")


@pytest.mark.parametrize(
    ("text", "field", "must"),
    [
        ("<b>x</b>", "number", r"a/b of .*file\.xml must be a finite number, instead got 'x'"),
        ("<b>nan</b>", "number", "a/b of .* must be a finite number, instead got 'nan'"),
        ("<b>1e999</b>", "number", "a/b of .* must be a finite number"),
        ("<b>1_0</b>", "number", "a/b of .* must be a finite number"),
        ("<b>1.5</b>", "integer", "a/b of .* must be a whole number from 0 to"),
        ("<b>-1</b>", "integer", "a/b of .* must be a whole number from 0 to"),
        ("<b> </b>", "text", "a/b of .* must have a text"),
        ("", "text", "a/b of .* must be there once, instead got 0"),
        ("<b>1</b><b>2</b>", "text", "a/b of .* must be there once, instead got 2"),
        ("<b>2024-02-30T00:00:00</b>", "time", "a/b of .* must be a time like"),
        ("<b>yesterday</b>", "time", "a/b of .* must be a time like"),
        ('<b count="3">1 2</b>', "numbers", "a/b of .* must have as many entries as its count, '3', instead got 2"),
        ("<b>1 x 3</b>", "numbers", "a/b of .* must be a list of numbers, instead got 'x'"),
        ("<b>1 inf 3</b>", "numbers", "a/b of .* must be a list of finite numbers, instead got 'inf'"),
        ("<b>1 2.5</b>", "integers", "a/b of .* must be a list of whole numbers, instead got 2.5"),
        ('<b count="2"><c/></b>', "entries", "a/b of .* must have as many entries as its count, '2', instead got 1"),
        ('<b count="0"/>', "entries", "a/b of .* must have an entry"),
    ],
)
def test_field_is_named(tmp_path, text, field, must):
    with pytest.raises(DataError, match=rf"^DataCorrupt: {must}"):
        getattr(node(tmp_path, f"<a>{text}</a>"), field)("b")


def test_bounds_and_choices(tmp_path):
    given = node(tmp_path, "<a><b>7</b></a>")
    with pytest.raises(DataError, match=r"^DataCorrupt: a/b of .* must be a number from 8 to 9, instead got '7'"):
        given.number("b", low=8, high=9)
    with pytest.raises(DataError, match=r"^DataCorrupt: a/b of .* must be one of \('8', '9'\), instead got '7'"):
        given.choice("b", ("8", "9"))


def test_times_are_integers_of_microseconds(tmp_path):
    given = node(tmp_path, "<a><b>UTC=2024-08-09T17:06:52.123457</b><c>2024-08-09T17:06:52Z</c></a>")
    assert given.time("b") - given.time("c") == np.timedelta64(123_457, "us")


def test_times_must_ascend(tmp_path):
    text = "<a><b><t>2024-01-01T00:00:00</t></b><b><t>2024-01-01T00:00:01</t></b><b><t>2024-01-01T00:00:01</t></b></a>"
    with pytest.raises(DataError, match=r"^DataCorrupt: a/b\[3\]/t of .* must be later than that of the entry before"):
        times(node(tmp_path, text).all("b"), "t")


def test_a_million_numbers_are_read(tmp_path):
    assert node(tmp_path, f"<a><b>{'1 ' * 1_000_000}</b></a>").numbers("b").sum() == 1_000_000

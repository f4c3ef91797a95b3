"""What comes out of a sandbox is checked before it is believed."""

import json

import numpy as np
import pytest

from local_runner.errors import LimitExceededError, OpenEOError, UdfError
from local_runner.sandbox import replies, wire
from local_runner.sandbox.files import Files, read, read_into
from local_runner.sandbox.replies import BadReplyError
from tests.sandbox import MIB, chunk

ARRAY = {"dims": ["y", "x"], "shape": [2, 3], "dtype": "<f4", "coords": {}}


def array_of(changes, samples=bytes(24), limit=MIB):
    with Files() as files:
        return replies.array_of({"array": ARRAY | changes}, files.make(samples), limit)


def test_an_array_comes_back_as_it_was():
    array = (
        chunk()
        .assign_coords(bands=["a", "b"], x=np.arange(4, dtype=np.float32))
        .expand_dims(t=np.array(["2024-01-01T05:50:33.123456789"], "datetime64[ns]"))
    )
    with Files() as files:
        found = replies.array_of(
            {"array": json.loads(json.dumps(wire.describe(array)))}, files.make(array.values.tobytes()), MIB
        )
    assert found.identical(array)
    assert found.x.dtype == np.float32


@pytest.mark.parametrize(
    "changes",
    [
        {"shape": [2, 4]},
        {"shape": [2, 2]},
        {"shape": [-2, -3]},
        {"shape": [2.0, 3]},
        {"shape": [True, 6]},
        {"shape": [6]},
        {"shape": [2**40, 2**40]},
        {"shape": "23"},
        {"dims": ["y", "y"]},
        {"dims": ["y", 1]},
        {"dims": ["y", "x" * 1000]},
        {"dims": [], "shape": []},
        {"dtype": "O"},
        {"dtype": "<c8"},
        {"dtype": "V4"},
        {"dtype": "M8[ns]"},
        {"dtype": "f1"},
        {"dtype": ["f4"]},
        {"dtype": "<f4,<f4"},
        {"coords": None},
        {"coords": {"z": {"kind": "O", "values": []}}},
        {"coords": {"x": {"kind": "O", "values": [1, 2]}}},
        {"coords": {"x": {"kind": "O", "values": [1, 2, [3]]}}},
        {"coords": {"x": {"kind": "O", "values": ["a", "b", "c" * 2**24]}}},
        {"coords": {"x": {"kind": "O8", "values": [1, 2, 3]}}},
        {"coords": {"x": {"kind": "<i8", "values": [1, 2, 2**70]}}},
        {"coords": {"x": {"kind": "M", "values": [1, 2, "c"]}}},
        {"coords": {"x": {"kind": "M", "values": [1, 2, 3], "more": 1}}},
        {"coords": {"x": [1, 2, 3]}},
    ],
    ids=str,
)
def test_an_array_must_fit_together(changes):
    with pytest.raises(BadReplyError):
        array_of(changes)


def test_an_array_has_a_limit():
    assert array_of({}, limit=24).shape == (2, 3)
    with pytest.raises(BadReplyError, match=r"^as many samples as its shape says$"):
        array_of({}, limit=23)


@pytest.mark.parametrize("reply", [{}, {"array": None}, {"array": [1]}])
def test_there_must_be_an_array(reply):
    with pytest.raises(BadReplyError, match=r"^an array$"):
        replies.array_of(reply, -1, MIB)


@pytest.mark.parametrize(
    "content", [b"", b"\x80\x04.", b"[1]", b"null", b"[" * 100_000, b"9" * 10_000, b"\xff"], ids=repr
)
def test_a_reply_must_be_an_object(content):
    with pytest.raises(BadReplyError):
        replies.parsed(content)


@pytest.mark.parametrize(
    "error", [None, "UdfFailed", {}, {"code": "Internal"}, {"code": ["UdfFailed"]}, {"code": "__reduce__"}], ids=str
)
def test_an_error_must_be_known(error):
    with pytest.raises(BadReplyError, match=r"^a known error$"):
        replies.parsed(json.dumps({"error": error}).encode())


@pytest.mark.parametrize(
    ("code", "kind"),
    [("UdfFailed", UdfError), ("UdfOutOfMemory", LimitExceededError), ("UdfInputInvalid", OpenEOError)],
)
def test_an_error_keeps_its_kind(code, kind):
    error = {"code": code, "must": "It must \x1b[31m hold", "got": "'x'", "do": "Do"}
    with pytest.raises(kind, match=rf"^{code}: It must  \[31m hold, instead got 'x'\. Do\.$") as caught:
        replies.parsed(json.dumps({"error": error}).encode())
    assert type(caught.value) is kind


@pytest.mark.parametrize("bands", ["ab", [1], ["a" * 1000], [["a"]], {"a": 1}], ids=str)
def test_bands_are_texts(bands):
    with pytest.raises(BadReplyError, match=r"^band labels$"):
        replies.bands_of({"bands": bands})


def test_a_file_that_shrinks_is_too_short():
    with Files() as files:
        file = files.make(b"abc")
        assert read(file, 2) == b"ab"
        assert not read_into(file, memoryview(bytearray(4)))

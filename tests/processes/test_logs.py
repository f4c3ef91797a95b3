import logging

import pytest

from local_runner.errors import OpenEOError
from tests.processes import call, make_cube, unreadable


@pytest.mark.parametrize("data", [1.5, None, "text", [1, None], {"a": [True]}])
def test_inspect_hands_the_data_through(data):
    assert call("inspect", data=data) == data


@pytest.mark.parametrize("level", ["error", "warning", "info", "debug"])
def test_inspect_logs_message_code_and_data(caplog, level):
    caplog.set_level(logging.DEBUG, logger="local_runner.inspect")
    call("inspect", data=[1, None], message="two of them", code="mine", level=level)
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [(level.upper(), "mine: two of them [1, None]")]


def test_inspect_says_little_unless_told(caplog):
    call("inspect", data=7)
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [("INFO", "User: 7")]


def test_inspect_of_a_cube_reads_nothing(caplog):
    cube = unreadable(make_cube(bands=("a", "b")))
    assert call("inspect", data=cube).sizes == cube.sizes
    assert caplog.records[0].getMessage() == "User: cube (bands 2, y 5, x 7) float32"


def test_inspect_cuts_long_data(caplog):
    call("inspect", data=list(range(1000)))
    assert len(caplog.records[0].getMessage()) < 250


def test_inspect_refuses_another_level():
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: The argument 'level' of inspect must be "):
        call("inspect", data=1, level="fatal")

import datetime as dt

import numpy as np
import pytest

from local_runner.errors import OpenEOError
from local_runner.parameters import checked, constraints, resolve

WINDOW = {"type": "integer", "minimum": 3, "maximum": 65, "not": {"multipleOf": 2}}
DATE = {"type": "string", "subtype": "date", "format": "date"}
PROCESS = {
    "id": "analysis",
    "parameters": [
        {"name": "data", "schema": {"type": "object", "subtype": "datacube"}},
        {
            "name": "pairs",
            "description": "Pairs of dates.\nMore.",
            "schema": {
                "type": "array",
                "minItems": 1,
                "items": {"type": "array", "minItems": 2, "maxItems": 2, "items": DATE},
            },
        },
        {"name": "window_range", "optional": True, "default": 21, "schema": WINDOW},
        {"name": "threshold", "optional": True, "default": None, "schema": [{"type": "number"}, {"type": "null"}]},
        {
            "name": "polarization",
            "optional": True,
            "default": "VV",
            "schema": {"type": "string", "enum": ["VV", "VH"]},
        },
        {
            "name": "at",
            "optional": True,
            "default": None,
            "schema": {"type": ["string", "null"], "format": "date-time"},
        },
    ],
}
PAIRS = [["2023-03-31", "2023-04-12"]]


def test_defaults_are_filled_in():
    found = resolve(PROCESS, {"pairs": PAIRS})
    assert found == {"pairs": PAIRS, "window_range": 21, "threshold": None, "polarization": "VV", "at": None}


def test_python_values_become_json():
    pairs = [(dt.date(2023, 3, 31), np.datetime64("2023-04-12"))]
    found = resolve(PROCESS, {"pairs": pairs, "window_range": np.int32(5), "threshold": np.float32(0.5)})
    assert found["pairs"] == PAIRS
    assert found["window_range"] == 5
    assert type(found["window_range"]) is int
    assert found["threshold"] == 0.5


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"window_range": 4},
            r"'window_range' of 'analysis' must be odd, instead got 4\. Change window_range, the default is 21",
        ),
        ({"window_range": 67}, r"must be at most 65, instead got 67"),
        ({"window_range": 1}, r"must be at least 3, instead got 1"),
        ({"window_range": "21 m"}, r"must be an integer, instead got '21 m'"),
        ({"window_range": True}, r"must be an integer, instead got True"),
        ({"window_range": None}, r"must be an integer, instead got None"),
        ({"threshold": "low"}, r"must be a number, or be null, instead got 'low'"),
        ({"threshold": float("nan")}, r"must hold finite numbers only, instead got nan"),
        ({"polarization": "vv"}, r"must be one of \('VV', 'VH'\), instead got 'vv'"),
        ({"pairs": []}, r"must have at least 1 entry"),
        ({"pairs": [["2023-03-31"]]}, r"must be such that \[0\] must have at least 2 entries"),
        ({"pairs": [["2023-03-31", "2023-04-31"]]}, r"must be such that \[0\]\[1\] must be a valid date"),
        ({"pairs": "all"}, r"must be a list, instead got 'all'"),
        ({"at": "2023-03-31T17:00:00"}, r"must be a valid date-time"),
    ],
)
def test_value_that_is_not_valid(given, message):
    with pytest.raises(OpenEOError, match=rf"^ProcessParameterInvalid: The parameter .*{message}"):
        resolve(PROCESS, {"pairs": PAIRS, **given})


def test_unknown_name_says_what_is_near():
    with pytest.raises(
        OpenEOError, match=r"^ProcessParameterUnsupported: .*'window_rnge'\. Did you mean 'window_range'"
    ):
        resolve(PROCESS, {"pairs": PAIRS, "window_rnge": 5})


def test_missing_parameter():
    with pytest.raises(
        OpenEOError, match=r"^ProcessParameterRequired: .*'pairs'.*\(Pairs of dates\)\. Add -p pairs=VALUE"
    ):
        resolve(PROCESS, {})


def test_cube_is_an_input():
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: .*'data'.* raster cube.*--input data=STAC"):
        resolve(PROCESS, {"pairs": PAIRS, "data": "cat/"})


def test_range_in_words():
    assert constraints(WINDOW) == "odd, at least 3, at most 65"
    assert constraints({"type": "string"}) == ""


def test_rule_for_pairs_in_python_names_the_helper():
    pairs = {"name": "pairs", "schema": {"type": "array"}}
    with pytest.raises(
        OpenEOError, match=r"^ProcessParameterInvalid: .*local_runner.pairs.of_collection\(\"all\", STAC\)"
    ):
        checked(pairs, "all", "analysis")


def test_ranges_are_words():
    schema = {"enum": ["VV", "VH"], "minItems": 1, "maxItems": 2}
    assert sorted(constraints(schema).split(", ")) == ["VH", "at least 1 entry", "at most 2 entries", "one of VV"]

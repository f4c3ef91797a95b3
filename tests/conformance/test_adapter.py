"""The adapter tells right from wrong: own cases, written in the format of the published ones."""

import json

import pytest

from tests.conformance import __main__ as command
from tests.conformance.adapter import FAILED, NOT_RUNNABLE, PASSED, PUBLISHED, read_cases, run
from tests.conformance.defects import _CORRECTIONS, correct

NODATA = {"type": "nodata"}
ARRAY = {"type": "labeled-array", "data": [{"key": "a", "value": 1}, {"key": 2, "value": NODATA}]}
CUBE = {
    "type": "datacube",
    "nodata": 255,
    "order": ["t", "x"],
    "dimensions": {
        "t": {"type": "temporal", "values": ["2020-06-01", "2020-06-03T00:00:00Z"]},
        "x": {"type": "spatial", "axis": "x", "values": [5.0, 15.0, 25.0], "reference_system": "EPSG:25832"},
    },
    "data": [[1, 255, None], [4, 5.5, 6]],
}
PLUS_ONE = {
    "process_graph": {"n": {"process_id": "add", "arguments": {"x": {"from_argument": "x"}, "y": 1}, "result": True}}
}


def outcome_of(folder, process_id, arguments, **content):
    file = folder / f"{process_id}.json5"
    test = json.dumps({"arguments": arguments, **content})
    file.write_text(f"{{id: '{process_id}', tests: [ /* JSON5 */ {test}, ]}}")
    return run(read_cases(file)[0])


def changed(encoded, **changes):
    return json.loads(json.dumps(encoded)) | changes


@pytest.mark.parametrize(
    "value",
    [1, 1.5, True, None, "text", float("nan"), float("-inf"), [1, None, "a"], {}, [], NODATA, [NODATA], ARRAY, CUBE],
)
def test_a_value_is_itself(tmp_path, value):
    assert outcome_of(tmp_path, "constant", {"x": value}, returns=value) == (PASSED, "")


@pytest.mark.parametrize(
    ("x", "returns"),
    [
        (True, 1),
        (1, True),
        (0, False),
        (None, float("nan")),
        (float("nan"), None),
        (1, "1"),
        (1, 1.001),
        ([1, 2], [1]),
        ([None], [float("nan")]),
        ([1], ARRAY),
        (ARRAY, {"type": "labeled-array", "data": [{"key": "a", "value": 1}]}),
        (ARRAY, {"type": "labeled-array", "data": [{"key": "b", "value": 1}, {"key": 2, "value": NODATA}]}),
        (1, CUBE),
        (CUBE, 1),
        ("2020-01-01T00:00:00Z", {"type": "datetime", "value": "2020-01-02T00:00:00Z"}),
    ],
)
def test_another_value_is_told(tmp_path, x, returns):
    outcome, reason = outcome_of(tmp_path, "constant", {"x": x}, returns=returns)
    assert outcome == FAILED
    assert reason.startswith("got ")


def test_a_time_may_be_written_in_another_way(tmp_path):
    expected = {"type": "datetime", "value": "2020-01-01T02:00:00+02:00"}
    assert outcome_of(tmp_path, "constant", {"x": "2020-01-01T00:00:00Z"}, returns=expected)[0] == PASSED


X = CUBE["dimensions"]["x"]
OTHER_CUBES = {
    "dimensions": changed(CUBE, order=["x", "t"], data=[[1, 4], [255, 5.5], [255, 6]]),
    "values": changed(CUBE, data=[[1, 255, 255], [4, 5.5, 7]]),
    "values of no-data": changed(CUBE, data=[[1, 0, 255], [4, 5.5, 6]]),
    "labels": changed(CUBE, dimensions=CUBE["dimensions"] | {"x": X | {"values": [5.0, 15.0, 26.0]}}),
    "type": changed(CUBE, dimensions=CUBE["dimensions"] | {"x": X | {"type": "other"}}),
    "reference system": changed(CUBE, dimensions=CUBE["dimensions"] | {"x": X | {"reference_system": "EPSG:25833"}}),
}


@pytest.mark.parametrize("returns", OTHER_CUBES.values(), ids=list(OTHER_CUBES))
def test_another_cube_is_told(tmp_path, returns):
    assert outcome_of(tmp_path, "constant", {"x": CUBE}, returns=returns)[0] == FAILED


def test_data_that_do_not_matter_are_not_compared(tmp_path):
    assert outcome_of(tmp_path, "constant", {"x": CUBE}, returns=changed(CUBE, data=None))[0] == PASSED


def test_assets_stand_beside_the_file(tmp_path):
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "cube.json5").write_text(json.dumps(CUBE))
    added = changed(CUBE, data=[[2, 255, 255], [5, 6.5, 7]])
    arguments = {"data": {"$ref": "assets/cube.json5"}, "process": PLUS_ONE}
    assert outcome_of(tmp_path, "apply", arguments, returns=added, required=["add"]) == (PASSED, "")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"throws": "ArrayNotLabeled"}, PASSED),
        ({"throws": True}, PASSED),
        ({"throws": "ArrayNotLabeled", "returns": 1}, PASSED),
        ({"throws": "LabelNotAvailable"}, FAILED),
        ({"returns": 1}, FAILED),
    ],
)
def test_an_exception_is_known_by_its_name(tmp_path, content, expected):
    assert outcome_of(tmp_path, "array_element", {"data": [1], "label": "a"}, **content)[0] == expected


def test_an_exception_that_does_not_come_is_missed(tmp_path):
    outcome, reason = outcome_of(tmp_path, "add", {"x": 1, "y": 2}, throws="DivisionByZero")
    assert (outcome, reason) == (FAILED, "returned 3, must raise DivisionByZero")


@pytest.mark.parametrize(("delta", "expected"), [({}, FAILED), ({"delta": 0.01}, PASSED)])
def test_delta(tmp_path, delta, expected):
    assert outcome_of(tmp_path, "add", {"x": 1, "y": 2.001}, returns=3, **delta)[0] == expected


def test_a_missing_process_is_no_failure(tmp_path):
    content = {"returns": 1, "required": ["no_such_process"]}
    assert outcome_of(tmp_path, "constant", {"x": 1}, **content) == (NOT_RUNNABLE, "no process no_such_process")


def test_a_reference_is_to_a_node_where_the_callback_has_one():
    graph = {"x": {"arguments": {"x": {"from_argument": "x"}}}, "n": {"arguments": {"y": {"from_argument": "y"}}}}
    arguments = correct("apply", 99, {"arguments": {"process": {"process_graph": graph}}})["arguments"]
    nodes = arguments["process"]["process_graph"]
    assert nodes["x"]["arguments"]["x"] == {"from_node": "x"}
    assert nodes["n"]["arguments"]["y"] == {"from_parameter": "y"}


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason=f"the official test cases are not at {PUBLISHED}")
def test_every_correction_is_of_a_published_case():
    assert {*_CORRECTIONS} <= {(case.process_id, case.number) for case in read_cases(PUBLISHED)}


@pytest.mark.parametrize(
    ("returns", "code", "line"),
    [
        (3, 0, "official cases: 1 passed of 1 (1 processes), 0 failed, 0 not runnable"),
        (4, 1, "official cases: 0 passed of 1 (1 processes), 1 failed, 0 not runnable"),
    ],
)
def test_the_command_says_how_many_pass(tmp_path, capsys, returns, code, line):
    file = tmp_path / "add.json5"
    file.write_text(json.dumps({"id": "add", "tests": [{"arguments": {"x": 1, "y": 2}, "returns": returns}]}))
    assert command.main([str(tmp_path)]) == code
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1] == line
    assert printed[:-1] == ([] if code == 0 else ["add-0 failed: got 3, expected 4"])

"""Hostile graphs by the ways that lead in: `run` and `check` refuse what `evaluate` refuses, with a typed error."""

import math

import pytest

from local_runner.check import check
from local_runner.errors import OpenEOError
from local_runner.jobs.run import run
from tests.graphs import graph
from tests.hostile.graphs import NAMES, SIZE, STRUCTURE, nested, note, shared

CASES = {**STRUCTURE, **SIZE, **NAMES}
pytestmark = pytest.mark.usefixtures("calls", "bounded_memory")


@pytest.mark.parametrize("name", CASES)
def test_run_refuses(tmp_path, name):
    make, _, _ = CASES[name]
    with pytest.raises(OpenEOError, match=r"^[A-Z][A-Za-z]+: ") as caught:
        run({"process_graph": make()}, out=tmp_path / "out")
    assert caught.value.code != "Internal"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", CASES)
def test_check_finds(name):
    make, _, _ = CASES[name]
    findings = check({"process_graph": make()})
    assert any(finding.severity == "error" for finding in findings)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, {"k": [math.nan]}])
def test_numbers_that_are_none_in_json_are_refused_by_a_run(tmp_path, value):
    with pytest.raises(OpenEOError, match=r"^ProcessGraphInvalid: "):
        run({"process_graph": graph(a=("absolute", {"x": value}))}, out=tmp_path / "out")


@pytest.mark.parametrize("value", [nested(1000), nested(100_000), nested(100, kind=dict), shared(60)])
def test_values_of_parameters_are_not_nested_for_ever(tmp_path, value):
    process = {"id": "p", "parameters": [{"name": "p", "schema": {}}], "process_graph": note({"from_parameter": "p"})}
    with pytest.raises(OpenEOError, match=r"^(ProcessParameterInvalid|ProcessGraphComplexity): "):
        run(process, {"p": value}, out=tmp_path / "out")

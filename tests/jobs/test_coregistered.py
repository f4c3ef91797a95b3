"""Dates that are placed by whole samples are not coregistered, and a process that needs it says so."""

import re
import warnings

import pytest

from local_runner.demo.safe import Product, later, write_safe
from local_runner.planning import explain
from local_runner.products import catalogue

PAIR = {"pairs": [["2024-08-09", "2024-08-21"]]}


@pytest.fixture
def stack(tmp_path):
    """Path of a catalogue of two dates of one burst."""
    first = Product(bursts=1, lines=40, samples=60)
    return catalogue([write_safe(tmp_path, each) for each in (first, later(first))], out=tmp_path / "cat")


def test_a_placed_date_is_told(stack):
    text = "slc_coherence needs coregistered images, but t117_249435_iw2_20240821 of 'data' is placed by whole samples"
    with pytest.warns(UserWarning, match=rf"^{re.escape(text)}.* Run slc_coregistration on it, or insar_preprocessing"):
        explain("slc_coherence", PAIR, inputs={"data": stack})


def test_coregistered_dates_are_not(stack):
    """Without the property, as a result of resampling has none."""
    for path in stack.parent.rglob("*.json"):
        path.write_text(path.read_text().replace("openeo_sar:line_offset", "openeo_sar:nothing"))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        explain("slc_coherence", PAIR, inputs={"data": stack})
    assert not [each for each in told if "coregistered" in str(each.message)]


def test_a_process_that_does_not_need_it_does_not_ask(stack, monkeypatch):
    monkeypatch.setattr("local_runner.jobs.coregistered._placed", None)
    graph = {"load": {"process_id": "load_stac", "arguments": {"url": str(stack)}, "result": True}}
    explain(graph)


@pytest.mark.filterwarnings("ignore:slc_coherence needs coregistered images")
def test_only_the_bands_that_are_needed_are_read(stack):
    """The geometry of a date costs seconds for each burst: the graph selects its bands first."""
    bands = ["i_VV", "q_VV", "grid_lat", "grid_lon"]
    for flatten, more in ((False, []), (True, ["reference_phase"])):
        plan = explain("slc_coherence", {**PAIR, "flatten": flatten}, inputs={"data": stack})
        (udf,) = plan.node("slc_coherence/coherence").udfs
        assert udf.labels["bands"] == [*bands, *more]


@pytest.mark.filterwarnings("ignore:slc_coherence needs coregistered images")
def test_a_polarisation_that_is_not_there(stack):
    plan = explain("slc_coherence", {**PAIR, "polarization": "VH"}, inputs={"data": stack})
    problem = plan.node("slc_coherence/needed").problem
    assert plan.exit_code == 2
    assert re.match(r"A band must be one of \('i_VV', .* instead got \['i_VH', 'q_VH'\]", problem.message)

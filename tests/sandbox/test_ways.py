"""By whichever way a text comes into a graph: it runs in the sandbox, unless it is of the collection to the last byte."""

import json

import pytest

from local_runner import evaluate
from local_runner.check import check
from local_runner.demo.catalogue import write_catalogue
from local_runner.demo.simulator import simulate
from local_runner.describe import describe
from local_runner.errors import OpenEOError
from local_runner.planning import explain
from local_runner.sandbox import pool
from tests.processes import graph, make_cube, node, parameter, unreadable
from tests.sandbox import needs_bubblewrap, text_of

TEXT = text_of("return cube + os.getpid()")
"""In a sandbox, whose processes have numbers of their own, this is a small number, but never that of this process."""


def run_udf(udf=TEXT):
    return node("run_udf", data=parameter("data"), udf=udf, runtime="Python")


def apply(**callback):
    """A neighbourhood process with this callback."""
    size = [{"dimension": d, "value": 64, "unit": "px"} for d in "xy"]
    return node("apply_neighborhood", data=parameter("data"), process=graph(**callback), size=size)


@pytest.fixture
def never_here(monkeypatch):
    """No text may run in this process."""

    def fail(*_):
        raise AssertionError("a UDF ran here")

    for name in ("run_udf_code", "load_module_from_string", "Udf.__call__", "Udf.declared_bands"):
        monkeypatch.setattr(f"local_runner.udf.call.{name}", fail)


@pytest.fixture
def nowhere(monkeypatch):
    """Not in a sandbox, either."""

    def fail():
        raise AssertionError("a sandbox was used")

    monkeypatch.setattr(pool, "borrowed", fail)


def inner(udf=TEXT):
    """A process of the user's with the UDF in its graph."""
    parameters = [{"name": "data", "schema": {}}]
    return {"id": "inner", "parameters": parameters, **graph(apply=apply(udf=run_udf(udf)))}


def ways(folder):
    """Graphs that take the text from themselves, from a parameter, from files that call each other."""
    (folder / "inner.json").write_text(json.dumps(inner()))
    called = node("inner", data=parameter("data"))
    called["namespace"] = str(folder / "inner.json")
    outer = {"id": "outer", "parameters": inner()["parameters"], **graph(inner=called)}
    (folder / "outer.json").write_text(json.dumps(outer))
    return {
        "itself": graph(apply=apply(udf=run_udf())),
        "parameter": graph(apply=apply(udf=run_udf(parameter("text")))),
        "file": graph(inner=called),
        "file of a file": graph(outer={**called, "process_id": "outer", "namespace": str(folder / "outer.json")}),
        "no callback": graph(udf=run_udf()),
    }


@needs_bubblewrap
@pytest.mark.usefixtures("never_here")
@pytest.mark.parametrize("way", ["itself", "parameter", "file", "file of a file", "no callback"])
def test_the_sandbox_is_taken(way, tmp_path):
    cube = make_cube(t=1, bands=("a",))
    found = evaluate(ways(tmp_path)[way], {"data": cube, "text": TEXT}, trusted=False).compute()
    assert (found - cube).values.min() > 1
    assert (found - cube).values.max() < 1000


@pytest.mark.usefixtures("never_here")
@pytest.mark.parametrize("process", ["apply", "apply_dimension"])
def test_a_callback_of_a_callback_does_not_get_round_it(process):
    """The outer callback is not just one run_udf: the graph is refused."""
    dimension = {} if process == "apply" else {"dimension": "t"}
    deep = node(process, data=parameter("x"), process=graph(udf=run_udf()), **dimension)
    whole = graph(parent=node(process, data=parameter("data"), process=graph(deep=deep), **dimension))
    with pytest.raises(OpenEOError, match=r"^\w+: .*\(node parent.*\)$"):
        evaluate(whole, {"data": unreadable(make_cube(t=2, bands=("a",)))}, trusted=False)


@pytest.mark.usefixtures("never_here", "nowhere")
def test_what_only_looks_runs_nothing(tmp_path):
    catalogue = write_catalogue(simulate(40, 60), tmp_path / "catalogue")
    declares = f"{TEXT}def apply_metadata(metadata: Any, context: dict) -> Any:\n    raise AssertionError\n"
    cube = {"name": "data", "schema": {"type": "object", "subtype": "datacube"}}
    for text in (TEXT, declares):
        process = {**inner(text), "parameters": [cube]}
        check(process)
        describe(process, "inner")
        assert explain(process, inputs={"data": catalogue})

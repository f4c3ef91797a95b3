"""What is wrong with saving is noted in a plan at its node, and keeps a run from reading pixels."""

import json

import pytest
import rasterio

from local_runner.errors import OpenEOError
from local_runner.jobs.run import run
from local_runner.planning import explain
from tests.planning import UDF, process, with_udf


def node(process_id, **arguments):
    return {"process_id": process_id, "arguments": arguments}


def save(name):
    return node("save_result", data={"from_node": name}, format="GTiff")


MEAN = {"process_graph": {"mean": node("mean", data={"from_parameter": "data"}) | {"result": True}}}
SUM = {"process_graph": {"sum": node("add", x={"from_parameter": "x"}, y=1) | {"result": True}}}
LOADED = {"from_node": "load"}
WRONG = {  # nodes behind `load`, the node at which saving fails, its code
    "twice": ({"one": save("load"), "two": save("load")}, "two", "ProcessGraphInvalid"),
    "in the middle": ({"one": save("load"), "more": node("apply", data=LOADED, process=SUM)}, "save", "ProcessGraphInvalid"),
    "used": ({"one": save("load"), "more": node("inspect", data={"from_node": "one"})}, "save", "ProcessGraphInvalid"),
    "a number": ({"sum": node("add", x=1, y=2)}, "save", "ProcessParameterInvalid"),
    "no map": ({"mean": node("reduce_dimension", data=LOADED, dimension="x", reducer=MEAN)}, "save", "FormatUnsuitable"),
}  # fmt: skip


def graph(stack, nodes):
    whole = json.loads(json.dumps({"load": node("load_stac", url=stack), **nodes}))
    whole[list(whole)[-1]]["result"] = True
    return whole


@pytest.mark.usefixtures("sealed")
@pytest.mark.parametrize(("nodes", "where", "code"), WRONG.values(), ids=WRONG)
def test_a_plan_notes_it_and_goes_on(stack, nodes, where, code):
    plan = explain(graph(stack, nodes))
    assert plan.node(where).problem.code == code
    assert plan.node("load").cube is not None
    assert not plan.complete


@pytest.mark.filterwarnings("ignore::local_runner.profiles.ProfileWarning")
@pytest.mark.parametrize(("nodes", "where", "code"), WRONG.values(), ids=WRONG)
def test_a_run_opens_no_raster(stack, tmp_path, monkeypatch, nodes, where, code):
    def refuse(*_args, **_named):
        raise AssertionError("a raster was opened")

    monkeypatch.setattr(rasterio, "open", refuse)
    with pytest.raises(OpenEOError, match=rf"^{code}: .*\(node {where}\)$"):
        run(graph(stack, nodes), out=tmp_path / "out")
    assert not list(tmp_path.iterdir())


@pytest.mark.filterwarnings("ignore::local_runner.profiles.ProfileWarning")
def test_what_only_a_udf_could_mend_is_left_to_the_run(stack, tmp_path):
    month = node("aggregate_temporal_period", period="month", reducer=MEAN)
    text = UDF.format(before="import pandas as pd\n").replace(
        "cube\n", "cube.assign_coords(t=pd.to_datetime(cube.t.values))\n"
    )
    udf = with_udf(text, "apply_dimension", dimension="t")["process_graph"]["step"]
    del udf["arguments"]["data"]
    definition = process(month=month, dates=udf)
    assert explain(definition, inputs={"data": stack}).node("save").problem.code == "FormatUnsuitable"
    found = run(definition, inputs={"data": stack}, out=tmp_path / "out", trusted=True, quicklooks=False)
    assert [item.id for item in found.items] == ["own_20240801", "own_20240901"]

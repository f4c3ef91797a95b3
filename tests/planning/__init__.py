"""Catalogues to plan with, and what a plan must never do."""

import json

from local_runner.demo.catalogue import write_catalogue
from local_runner.demo.simulator import simulate

DAYS = ("2024-08-09", "2024-08-21", "2024-09-02")
PAIRS = [["2024-08-09", "2024-08-21"], ["2024-09-02", "2024-08-09"]]
LINES, SAMPLES = 60, 1100
UDF = """
import xarray as xr
from typing import Any

{before}
def apply_datacube(cube: xr.DataArray, context: dict[str, Any]) -> xr.DataArray:
    return cube
"""
METADATA = "def apply_metadata(metadata: Any, context: dict[str, Any]) -> Any:\n    return metadata\n"


def write_stack(folder):
    """A simulated stack of three dates, wider than a chunk of the reader."""
    return str(write_catalogue(simulate(LINES, SAMPLES, dates=3), folder))


def with_udf(text, parent="apply", **arguments):
    """Process of one parameter `data` that runs a UDF."""
    udf = {"data": {"from_parameter": "data" if parent != "apply" else "x"}, "udf": text, "runtime": "Python"}
    callback = {"process_graph": {"udf": {"process_id": "run_udf", "arguments": udf, "result": True}}}
    name = "reducer" if parent == "reduce_dimension" else "process"
    return process(step={"process_id": parent, "arguments": {name: callback, **arguments}})


def process(**nodes):
    """Process of one parameter `data`: nodes in a chain, each with the one before as its `data`."""
    before = {"from_parameter": "data"}
    for name, node in nodes.items():
        node["arguments"] = {"data": before, **node.get("arguments", {})}
        before = {"from_node": name}
    nodes[name]["result"] = True
    schema = {"type": "object", "subtype": "datacube"}
    parameters = [{"name": "data", "description": "A cube.", "schema": schema}]
    return {"id": "own", "parameters": parameters, "process_graph": nodes}


def changed(folder, name, change):
    """Path of a copy of the collection beside it, of items that a function changed."""
    collection = json.loads((folder / "collection.json").read_text())
    for link in collection["links"]:
        if link["rel"] == "item":
            item = json.loads((folder / link["href"]).read_text())
            change(item)
            for asset in item["assets"].values():
                asset["href"] = str((folder / link["href"]).parent / asset["href"])
            link["href"] = f"./{name}-{item['id']}.json"
            (folder / link["href"]).write_text(json.dumps(item))
    (folder / f"{name}.json").write_text(json.dumps(collection))
    return str(folder / f"{name}.json")

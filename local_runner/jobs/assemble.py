"""The flat graph of a run: inputs loaded, process called, geocoded if asked for, saved. It is evaluated and recorded.

Not here: evaluating it, and the values of the parameters, which `local_runner.parameters` checks.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
from typing import TYPE_CHECKING, Any, Final

from local_runner import catalog, parameters
from local_runner.errors import OpenEOError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from local_runner.execution import Execution

_LOG: Final = logging.getLogger(__name__)
Nodes = dict[str, dict[str, Any]]
_LARGEST_RESOLUTION: Final = {"degrees": 1.0, "metres": 1e6}


def assemble(
    process: Mapping[str, Any],
    values: Mapping[str, Any],
    inputs: Mapping[str, str],
    *,
    geocode: int | None = None,
    resolution: float | None = None,
    file_format: str = "GTiff",
) -> Nodes:
    """Flat graph that loads `inputs`, calls `process` with them and with `values`, geocodes and saves.

    A process without parameters that is not in the collection is a graph that somebody wrote: its nodes are taken over,
    so that the record holds all of it. One that saves its result itself is not geocoded or saved again.
    """
    if process.get("parameters") or process["id"] in catalog.ids():
        nodes, result = _calling(process, values, inputs)
    else:
        nodes, result = _copied(process["process_graph"])
    if nodes[result]["process_id"] == "save_result":
        if geocode is not None:
            raise OpenEOError(
                "ProcessParameterInvalid",
                "A graph that ends with save_result must not be geocoded by the runner",
                got=f"geocode {geocode}",
                do="Remove save_result from the graph or put resample_spatial(method='geocode') before it",
            )
        nodes[result]["result"] = True
        return nodes
    if geocode is not None:
        arguments = {
            "data": {"from_node": result},
            "projection": geocode,
            "resolution": resolution,
            "method": "geocode",
        }
        result = _add(nodes, "geocode", "resample_spatial", arguments)
    result = _add(nodes, "save", "save_result", {"data": {"from_node": result}, "format": file_format})
    nodes[result]["result"] = True
    return nodes


def on_grid(
    process: Mapping[str, Any], given: Mapping[str, Any], geocode: int | None, resolution: float | None
) -> tuple[dict[str, Any], int | None, float | None]:
    """Values of the parameters, and the target grid that is left for the runner: none where the process geocodes itself.

    A process with the parameters `projection` and `resolution` knows what of it must not be geocoded as it is, as a phase.
    """
    own = {"projection": geocode, "resolution": resolution}
    if geocode is None or not own.keys() <= {p["name"] for p in process.get("parameters") or ()}:
        return dict(given), geocode, resolution
    for name, value in own.items():
        if given.get(name, value) != value:
            must = f"The parameter {name!r} of {process['id']} and the grid of the runner must be the same"
            do = f"Leave out -p {name}=, or --geocode with --resolution"
            raise OpenEOError("ProcessParameterInvalid", must, got=(given[name], value), do=do)
    return {**given, **own}, None, None


def several_saves() -> OpenEOError:
    """Error for a second `save_result`."""
    do = "Let one save_result be the result node, or none: the runner saves the result itself"
    return OpenEOError("ProcessGraphInvalid", "A graph must save one result", do=do)


def input_addresses(process: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, str]:
    """Check that each raster cube of a process has an input and each input a raster cube."""
    cubes = [p for p in process.get("parameters") or [] if parameters.is_cube(p)]
    if inputs and not cubes:
        must = f"{process['id']} takes no raster cube, so that there must be no input"
        by_url = any(p["name"] == "url" for p in process.get("parameters") or [])
        do = "Name the catalogue by -p url=PATH in place of --input" if by_url else "Leave out --input"
        raise OpenEOError("ProcessParameterUnsupported", must, got=list(inputs), do=do)
    for name in inputs:
        parameters.require_known(name, [p["name"] for p in cubes], process["id"], kind="raster-cube input")
    for parameter in cubes:
        if parameter["name"] not in inputs and not parameter.get("optional", False):
            raise parameters.required(parameter, process["id"], f"--input {parameter['name']}=STAC")
    return {name: str(address) for name, address in inputs.items()}


def target_grid(geocode: int | str | None, resolution: float | None) -> tuple[int | None, float | None]:
    """EPSG code and resolution of the target grid, both or none."""
    if geocode is None and resolution is None:
        return None, None
    if geocode is None or resolution is None:
        missing = "geocode" if geocode is None else "resolution"
        raise OpenEOError(
            "ProcessParameterInvalid",
            "geocode and resolution must be given together",
            got=f"no {missing}",
            do="Add --geocode EPSG:32632 --resolution 20, with the values of your map",
        )
    from local_runner.cube import parse_crs  # noqa: PLC0415  (brings xarray, which a run without geocoding loads later)

    crs = parse_crs(geocode)
    code = crs.to_epsg()
    if code is None:
        raise OpenEOError("ProcessParameterInvalid", "geocode must be an EPSG code", got=geocode)
    if not math.isfinite(resolution) or resolution <= 0:
        raise OpenEOError("ProcessParameterInvalid", "resolution must be more than 0", got=resolution)
    unit = "degrees" if crs.is_geographic else "metres"
    if resolution > _LARGEST_RESOLUTION[unit]:
        raise OpenEOError(
            "ProcessParameterInvalid",
            f"The resolution must be in the unit of EPSG:{code}, {unit}, and at most {_LARGEST_RESOLUTION[unit]:g}",
            got=resolution,
            do="Give it in degrees, or choose a projection in metres" if crs.is_geographic else "",
        )
    return code, float(resolution)


def definitions(nodes: Mapping[str, Any], execution: Execution) -> dict[str, Any]:
    """Parameters and graphs of all user-defined processes that a graph calls, directly or through others."""
    from local_runner.processes import registry  # noqa: PLC0415

    found: dict[str, Any] = {}
    waiting: list[Any] = [nodes]
    while waiting:
        for node in _nodes(waiting.pop()):
            name, namespace = node["process_id"], node.get("namespace")
            if namespace in (None, "predefined", "backend") and name in registry():
                waiting.append({called: {"process_id": called} for called in registry()[name].calls})
                continue
            key = f"{namespace}#{name}" if namespace else name
            if key not in found:
                process = catalog.find(name, namespace, execution)
                found[key] = {
                    "id": name,
                    "parameters": process.get("parameters") or [],
                    "process_graph": process["process_graph"],
                }
                waiting.append(process["process_graph"])
    return found


def require_trusted(nodes: Mapping[str, Any], called: Mapping[str, Any], *, unsafe: bool = False) -> None:
    """Raise `UdfNotTrusted` if any `run_udf` holds a text that is not of the collection and that no sandbox can hold here.

    `unsafe`: one that is weak will do, which is said aloud. Pixels need not be read to find this out.
    """
    texts = [(n.get("arguments") or {}).get("udf") for n in _nodes([nodes, called]) if n["process_id"] == "run_udf"]
    if not texts:
        return
    from local_runner.sandbox.udf import require_sandbox, warn_if_weak  # noqa: PLC0415  (brings the openEO client)
    from local_runner.udf.call import is_of_collection  # noqa: PLC0415

    strange = [text for text in texts if not is_of_collection(text)]
    for text in strange:
        if isinstance(text, str):  # what a parameter holds is looked at when the graph is evaluated
            require_sandbox(text, unsafe=unsafe)
    if strange and unsafe:
        warn_if_weak()


def with_catalogue(nodes: Nodes) -> Nodes:
    """The graph with the registered catalogue named where a process would take it, so that it is an input like others."""
    from local_runner.roots import registered  # noqa: PLC0415

    found = registered()
    without = [name for name, node in nodes.items() if _may_load(node) and not node.get("arguments", {}).get("url")]
    if found is None or not without:
        return nodes
    _LOG.warning("catalogue: %s, the last that was made; -p url=... names another", found)
    named = {name: {**nodes[name].get("arguments", {}), "url": str(found)} for name in without}
    return nodes | {name: {**nodes[name], "arguments": arguments} for name, arguments in named.items()}


def loaded(nodes: Mapping[str, Any]) -> dict[str, str]:
    """Addresses that the nodes of a graph load from, by node id."""
    return {
        name: node["arguments"]["url"]
        for name, node in nodes.items()
        if (node["process_id"] == "load_stac" or _may_load(node))
        and isinstance(node.get("arguments", {}).get("url"), str)
    }


def _may_load(node: Mapping[str, Any]) -> bool:
    """Whether a node calls a process of the executor that has a catalogue of its own where no `url` is given."""
    from local_runner.processes import registry  # noqa: PLC0415

    process = registry().get(node["process_id"]) if node.get("namespace") in (None, "predefined", "backend") else None
    return process is not None and "url" in process.parameters and not process.parameters["url"].required


def hash_of(nodes: Mapping[str, Any], called: Mapping[str, Any]) -> str:
    """Hexadecimal sha256 of a graph with all user-defined processes that it calls, UDF texts included."""
    text = json.dumps([nodes, called], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _calling(process: Mapping[str, Any], values: Mapping[str, Any], inputs: Mapping[str, str]) -> tuple[Nodes, str]:
    nodes: Nodes = {}
    arguments = {
        name: {"from_node": _add(nodes, f"load_{name}", "load_stac", {"url": url})} for name, url in inputs.items()
    }
    return nodes, _add(nodes, process["id"], process["id"], arguments | dict(values))


def _copied(graph: Mapping[str, Any]) -> tuple[Nodes, str]:
    nodes = {name: {key: value for key, value in node.items() if key != "result"} for name, node in graph.items()}
    results = [name for name, node in graph.items() if node.get("result") is True]
    if len(results) != 1:
        raise OpenEOError("ProcessGraphInvalid", "A process graph must have exactly one result node", got=results)
    return nodes, results[0]


def _add(nodes: Nodes, wanted: str, process_id: str, arguments: dict[str, Any]) -> str:
    name, number = wanted, 1
    while name in nodes:
        number += 1
        name = f"{wanted}_{number}"
    nodes[name] = {"process_id": process_id, "arguments": arguments}
    return name


def _nodes(value: Any) -> Iterator[Mapping[str, Any]]:
    """All nodes in a JSON value, callbacks included; without recursion, however deep the value is."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if isinstance(item.get("process_id"), str):
                yield item
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item

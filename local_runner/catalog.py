"""The collection: finds process graphs and UDFs by file name, reads process definitions, checks parameter values.

`process_graphs/<id>.json` is one process. The `udf` text of a node with the id `<stem>` is `udfs/<stem>.py`.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib.resources
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import xarray as xr

from local_runner import parameters
from local_runner.access import Access
from local_runner.errors import DataError, OpenEOError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from importlib.resources.abc import Traversable

    from local_runner.execution import Execution


def _files(package: str, suffix: str) -> dict[str, Traversable]:
    entries = importlib.resources.files(package).iterdir()
    return {e.name.removesuffix(suffix): e for e in entries if e.name.endswith(suffix) and not e.name.startswith("_")}


def ids() -> tuple[str, ...]:
    """Ids of the processes of the collection, sorted."""
    return tuple(sorted(_files("process_graphs", ".json")))


def udf_stems() -> tuple[str, ...]:
    """File stems of the UDFs, sorted."""
    return tuple(sorted(_files("udfs", ".py")))


def udf_text(stem: str) -> str:
    """Text of `udfs/<stem>.py`."""
    return _files("udfs", ".py")[stem].read_text(encoding="utf-8")


@cache
def udf_hashes() -> frozenset[str]:
    """SHA-256 of the installed UDF texts."""
    return frozenset(text_hash(udf_text(stem)) for stem in udf_stems())


def text_hash(text: str) -> str:
    """SHA-256 of a text in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def load(process: str | Path | Mapping[str, Any], access: Access | None = None) -> dict[str, Any]:
    """Process object of an id of the collection, a path or https URL of a process JSON, a bare graph or a process object.

    Raises `ProcessUnsupported` for an unknown id, `FileNotFound` and `ProcessGraphInvalid` for a file that is no process.
    """
    if not isinstance(process, str | Path):
        bare = "process_graph" not in process
        return {"process_graph": dict(process)} if bare else dict(process)
    text = str(process)
    if text in ids():
        return _definition(json.loads(_files("process_graphs", ".json")[text].read_text(encoding="utf-8")), text)
    if _is_url(text) or text.endswith(".json") or "/" in text:
        return _definition((access or Access(trusted=False)).naming(text).read_json(text), text)
    near = difflib.get_close_matches(text, ids())
    do = f"Did you mean {near[0]!r}?" if near else "`openeo-sar list` shows them"
    must = f"A process must be one of {ids()}, a path of a JSON file or a URL"
    raise OpenEOError("ProcessUnsupported", must, got=text, do=do)


def find(process_id: str, namespace: str | None, execution: Execution) -> dict[str, Any]:
    """Definition of a user-defined process that a node calls: given with the graph, of the collection, or by namespace.

    A `namespace` is a path or URL of a process JSON (one process, or `{"processes": [...]}`); its `id` must be
    `process_id`. Raises `ProcessUnsupported`.
    """
    if namespace in (None, "user"):
        if process_id in execution.processes:
            return dict(execution.processes[process_id])
        if process_id in ids():
            return load(process_id)
    if namespace in (None, "user", "predefined", "backend"):
        from local_runner.processes import registry  # noqa: PLC0415

        near = difflib.get_close_matches(process_id, (*registry(), *ids(), *execution.processes))
        do = f"Did you mean {near[0]!r}?" if near else "`openeo-sar list` shows the collection"
        raise OpenEOError("ProcessUnsupported", "process_id must name a known process", got=process_id, do=do)
    found = execution.access.naming(namespace).read_json(namespace)
    if isinstance(found.get("processes"), list):
        found = next((p for p in found["processes"] if p.get("id") == process_id), found)
    definition = _definition(found, namespace)
    if definition.get("id") != process_id:
        must = f"The process at {namespace} must have the id {process_id!r}"
        raise OpenEOError("ProcessUnsupported", must, got=definition.get("id"))
    return definition


def _definition(found: Any, where: str) -> dict[str, Any]:
    if isinstance(found, dict) and isinstance(found.get("process_graph"), dict):
        return found
    if isinstance(found, dict) and found and all(isinstance(n, dict) and "process_id" in n for n in found.values()):
        return {"process_graph": found}
    raise DataError("ProcessGraphInvalid", "A process JSON must have a process_graph", got=where)


def _is_url(text: str) -> bool:
    return urlsplit(text).scheme in ("http", "https")


def complete_parameters(process: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Values with the defaults of a process filled in, each checked against its JSON Schema.

    Raises `ProcessParameterUnsupported`, `ProcessParameterRequired` and `ProcessParameterInvalid`. A bare graph declares
    nothing: its values pass as they are.
    """
    if "parameters" not in process:
        return dict(values)
    check_arguments(process, values)
    return {p["name"]: values.get(p["name"], p.get("default")) for p in process["parameters"]}


def check_arguments(
    process: Mapping[str, Any], values: Mapping[str, Any], known: Callable[[Any], bool] = lambda _: True
) -> None:
    """Check names and, where `known(value)`, values for a process; see `complete_parameters`."""
    declared = {p["name"]: p for p in process.get("parameters", ())}
    name_of_process = str(process.get("id", "process_graph"))
    for name in values:
        parameters.require_known(name, declared, name_of_process)
    for name, parameter in declared.items():
        if name in values:
            if known(values[name]):
                check_parameter(parameter, values[name], name_of_process)
        elif not parameter.get("optional"):
            raise parameters.required(parameter, name_of_process, f"the argument {name!r}")


def check_parameter(parameter: Mapping[str, Any], value: Any, process: str) -> None:
    """Raise `ProcessParameterInvalid` unless a value, which may be a cube, is valid for a declared parameter."""
    takes_cube = parameters.is_cube(parameter)
    if isinstance(value, xr.DataArray) and not takes_cube and parameter.get("schema"):
        must = f"The parameter {parameter['name']!r} of {process!r} must not be a cube"
        raise OpenEOError("ProcessParameterInvalid", must, got=dict(value.sizes))
    if isinstance(value, xr.DataArray):
        return
    if takes_cube:
        must = f"The parameter {parameter['name']!r} of {process!r} must be a cube"
        raise OpenEOError("ProcessParameterInvalid", must, got=value, do="On the command line: --input NAME=STAC")
    parameters.checked(parameter, value, process)

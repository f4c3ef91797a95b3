"""The collection: finds process graphs and UDFs by file name, reads process definitions, checks parameter values.

`process_graphs/<id>.json` is one process. The `udf` text of a node with the id `<stem>` is `udfs/<stem>.py`.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import xarray as xr

from local_runner import parameters, schemas
from local_runner.access import Access
from local_runner.callback import CallbackOutline
from local_runner.errors import DataError, OpenEOError
from local_runner.limits import MAX_GRAPH
from local_runner.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from importlib.resources.abc import Traversable

    from local_runner.execution import Execution

_SUBTYPE_OF_CALLBACKS: Final = "process-graph"


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

    Raises `ProcessUnsupported` for an unknown id, `FileNotFound` and `ProcessGraphInvalid` for a file that is no process;
    such a file is the caller's own to mend, and no fault of the data.
    """
    if not isinstance(process, str | Path):
        bare = "process_graph" not in process
        return {"process_graph": dict(process)} if bare else dict(process)
    text = str(process)
    if text in ids():
        return _definition(json.loads(_files("process_graphs", ".json")[text].read_text(encoding="utf-8")), text)
    if _is_url(text) or text.endswith(".json") or "/" in text:
        definition = _definition(_read(text, (access or Access(trusted=False)).naming(text)), text)
        check_declaration(definition)
        return definition
    do = did_you_mean(text, ids(), most=1) or "`openeo-sar list` shows them"
    must = f"A process must be one of {ids()}, a path of a JSON file or a URL"
    raise OpenEOError("ProcessUnsupported", must, got=text, do=do)


def find(process_id: str, namespace: str | None, execution: Execution) -> dict[str, Any]:
    """Definition of a user-defined process that a node calls: given with the graph, of the collection, or by namespace.

    A `namespace` is a path or URL of a process JSON (one process, or `{"processes": [...]}`); its `id` must be
    `process_id`. Raises `ProcessUnsupported`.
    """
    if namespace in (None, "user"):
        if process_id in execution.processes:
            return _definition(dict(execution.processes[process_id]), process_id)
        if process_id in ids():
            return load(process_id)
    if namespace in (None, "user", "predefined", "backend"):
        from local_runner.processes import registry  # noqa: PLC0415

        known = (*registry(), *ids(), *execution.processes)
        do = did_you_mean(process_id, known, most=1) or "`openeo-sar list --processes` shows them"
        if process_id == "load_collection":
            do = "Use load_stac with the path or URL of a STAC catalogue: there are no collections here"
        raise OpenEOError("ProcessUnsupported", "process_id must name a known process", got=process_id, do=do)
    found = _read(namespace, execution.access.naming(namespace))
    if isinstance(found.get("processes"), list):
        found = next((p for p in found["processes"] if isinstance(p, dict) and p.get("id") == process_id), found)
    if found.get("id") != process_id:
        must = f"The process at {namespace} must have the id {process_id!r}"
        raise OpenEOError("ProcessUnsupported", must, got=found.get("id"))
    definition = _definition(found, namespace)
    check_declaration(definition)
    return definition


def _read(where: str, access: Access) -> dict[str, Any]:
    try:
        return access.read_json(where, MAX_GRAPH)
    except DataError as error:
        if error.code == "DataCorrupt":
            raise OpenEOError("ProcessGraphInvalid", error.must, do="Mend it there") from None
        if error.code == "FileNotFound":
            near = "" if "/" in where else did_you_mean(where.removesuffix(".json"), ids(), most=1)
            raise OpenEOError("FileNotFound", error.must, got=error.got, do=near or error.do) from None
        raise


def _definition(found: Any, where: str) -> dict[str, Any]:
    if isinstance(found, dict) and isinstance(found.get("process_graph"), dict):
        return found
    if isinstance(found, dict) and any(isinstance(n, dict) and "process_id" in n for n in found.values()):
        return {"process_graph": found}
    do = "Write a process object with a process_graph, or the graph itself: nodes with process_id and arguments"
    raise OpenEOError("ProcessGraphInvalid", "A process JSON must have a process_graph", got=where, do=do)


def _is_url(text: str) -> bool:
    return urlsplit(text).scheme in ("http", "https")


def check_declaration(process: Mapping[str, Any]) -> None:
    """Raise `ProcessGraphInvalid` unless the parameters of a process have names and valid schemas without references."""
    if not isinstance(process.get("id"), str | None):
        raise OpenEOError("ProcessGraphInvalid", "The id of a process must be a text", got=process["id"])
    declared = process.get("parameters")
    if not isinstance(declared, list | None) or not all(
        isinstance(p, dict) and isinstance(p.get("name"), str) for p in declared or ()
    ):
        raise OpenEOError("ProcessGraphInvalid", "The parameters of a process must be objects with names", got=declared)
    for parameter in declared or ():
        must = f"The schema of the parameter {parameter['name']!r} must be JSON Schema draft 7 without $ref"
        for schema in parameters.alternatives(parameter):
            fault = schemas.fault_of(schema)
            if fault:
                raise OpenEOError("ProcessGraphInvalid", f"{must} ({fault})", got=schema)


def complete_parameters(process: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Values with the defaults of a process filled in, each checked against its JSON Schema, as plain JSON.

    Raises `ProcessParameterUnsupported`, `ProcessParameterRequired` and `ProcessParameterInvalid`. A bare graph declares
    nothing: its values pass as they are.
    """
    if process.get("parameters") is None:
        return dict(values)
    defaults = {p["name"]: p.get("default") for p in process["parameters"]}
    return defaults | check_arguments(process, values)


def check_arguments(
    process: Mapping[str, Any], values: Mapping[str, Any], known: Callable[[Any], bool] = lambda _: True
) -> dict[str, Any]:
    """Check names and, where `known(value)`, values for a process, and return these; see `complete_parameters`."""
    declared = {p["name"]: p for p in process.get("parameters") or ()}
    name_of_process = str(process.get("id", "process_graph"))
    for name in values:
        parameters.require_known(name, declared, name_of_process)
    found = {}
    for name, parameter in declared.items():
        if name in values:
            if known(values[name]):
                found[name] = check_parameter(parameter, values[name], name_of_process)
        elif not parameter.get("optional"):
            raise parameters.required(parameter, name_of_process, f"the argument {name!r}")
    return found


def check_parameter(parameter: Mapping[str, Any], value: Any, process: str) -> Any:
    """Value, which may be a cube or a callback, if it is valid for a declared parameter; else `ProcessParameterInvalid`."""
    what = f"The parameter {parameter['name']!r} of {process!r} must"
    schemas = parameters.alternatives(parameter)
    anything = {} in schemas
    if isinstance(value, xr.DataArray):
        if not parameters.is_cube(parameter) and not anything:
            raise OpenEOError("ProcessParameterInvalid", f"{what} not be a cube", got=dict(value.sizes))
        return value
    if isinstance(value, CallbackOutline):
        if _SUBTYPE_OF_CALLBACKS not in (s.get("subtype") for s in schemas) and not anything:
            raise OpenEOError("ProcessParameterInvalid", f"{what} not be a process graph", got=value.process_ids)
        return value
    if _holds_cube(value) and not anything:
        raise OpenEOError("ProcessParameterInvalid", f"{what} hold no cube", got=type(value).__name__)
    values = [s for s in schemas if s.get("subtype") != _SUBTYPE_OF_CALLBACKS and not parameters.is_cube({"schema": s})]
    if values:
        return parameters.checked({**parameter, "schema": values}, value, process)
    if parameters.is_cube(parameter):
        do = "On the command line: --input NAME=STAC"
        raise OpenEOError("ProcessParameterInvalid", f"{what} be a cube", got=value, do=do)
    raise OpenEOError("ProcessParameterInvalid", f"{what} be a process graph", got=value)


def _holds_cube(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_cube, value.values()))
    return any(map(_holds_cube, value)) if isinstance(value, list | tuple) else isinstance(value, xr.DataArray)


def callback_parameters(process: Mapping[str, Any]) -> dict[str, tuple[str, ...] | None]:
    """Names that each parameter of a process hands to a callback; None where they are not declared."""
    found: dict[str, tuple[str, ...] | None] = {}
    for parameter in process.get("parameters") or ():
        lists = [s["parameters"] for s in parameters.alternatives(parameter) if isinstance(s.get("parameters"), list)]
        found[parameter["name"]] = tuple(str(p.get("name")) for p in lists[0]) if lists else None
    return found

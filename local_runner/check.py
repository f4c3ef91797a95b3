"""Looks for mistakes in a process before anything is sent or run: graph, parameters, metadata, UDF texts.

No pixel is read, no UDF is executed. What a back-end alone can know (quota, data that it has) is not looked at.
"""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from local_runner import catalog
from local_runner.access import Access
from local_runner.errors import OpenEOError
from local_runner.execution import Execution
from local_runner.graph import check_graph
from local_runner.processes import registry
from local_runner.profiles import load_profile
from local_runner.udf import check_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

UDF_MODULES: Final = frozenset({"numpy", "scipy", "xarray", "pandas", "openeo"}) | sys.stdlib_module_names
_METADATA: Final = ("summary", "description", "categories", "parameters", "returns", "exceptions", "examples", "links")
_BACKEND_IDS: Final = ("insar_coherence", "sar_backscatter", "sar_coherence", "sentinel1_sar_coherence")


@dataclass(frozen=True)
class Finding:
    """A mistake: the path of the node or field, a code, what must hold."""

    node: str
    code: str
    message: str
    severity: Literal["error", "warning"] = "error"


def check(process: Mapping[str, Any], *, profile: str = "geopyspark", access: Access | None = None) -> list[Finding]:
    """All findings for a process object or bare graph; empty if there is nothing to say."""
    execution = Execution(profile=load_profile(profile), access=access or Access(trusted=False))
    process = catalog.load(process)
    findings = []
    try:
        catalog.check_declaration(process)
        check_graph(process, execution)
    except OpenEOError as error:
        findings.append(Finding(error.node, error.code, error.message))
        if error.code in ("ProcessGraphMissing", "ProcessGraphInvalid", "ProcessGraphComplexity"):
            return findings
    if "id" in process:
        findings += [*_check_metadata(process), *_check_parameters(process)]
    for path, node in _nodes(process["process_graph"], ""):
        if node.get("process_id") == "run_udf":
            findings += _check_udf(path, node.get("arguments", {}))
        if node.get("process_id") == "save_result" and "parameters" in process:
            findings.append(Finding(path, "SaveResultInside", "A user-defined process must not save: its caller does"))
    return findings


def _check_metadata(process: Mapping[str, Any]) -> Iterator[Finding]:
    if not re.fullmatch(r"\w+", str(process["id"])):
        yield Finding("id", "IdInvalid", f"The id must match ^\\w+$, instead got {process['id']!r}.")
    if process["id"] in _BACKEND_IDS:
        yield Finding("id", "IdReserved", f"[G56] The id must not be one of a back-end, instead got {process['id']!r}.")
    for name in _METADATA:
        if not process.get(name):
            yield Finding(name, "MetadataMissing", f"A process must have {name!r}.", "warning")


def _check_parameters(process: Mapping[str, Any]) -> Iterator[Finding]:
    used = set(_used(process["process_graph"], frozenset()))
    for parameter in process.get("parameters") or ():
        name, path = parameter["name"], f"parameters/{parameter['name']}"
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            yield Finding(path, "NameInvalid", f"A parameter must be named in snake_case, instead got {name!r}.")
        if name not in used:
            yield Finding(path, "ParameterUnused", f"The graph must use the parameter {name!r}.")
        for field in ("description", "schema"):
            if not parameter.get(field):
                yield Finding(path, "MetadataMissing", f"A parameter must have {field!r}.")
        if bool(parameter.get("optional")) != ("default" in parameter):
            yield Finding(path, "DefaultMissing", "A parameter must have a default if it is optional, and only then.")
        if "default" in parameter:
            yield from _check_default(process, parameter, path)


def _check_default(process: Mapping[str, Any], parameter: Mapping[str, Any], path: str) -> Iterator[Finding]:
    try:
        catalog.check_parameter(parameter, parameter["default"], str(process["id"]))
    except OpenEOError as error:
        yield Finding(path, "DefaultInvalid", error.message)


def _check_udf(path: str, arguments: Mapping[str, Any]) -> Iterator[Finding]:
    text, context = arguments.get("udf"), arguments.get("context") or {}
    if not isinstance(text, str):
        return
    try:
        check_text(text)
    except OpenEOError as error:
        yield Finding(path, error.code, error.message)
        return
    module = ast.parse(text)
    imported = {name.split(".")[0] for name in _imports(module)}
    for name in sorted(imported - UDF_MODULES - declared_dependencies(text)):
        must = f"A UDF must import what a back-end has or what its PEP 723 block names, instead got {name!r}."
        yield Finding(path, "UdfImport", must)
    defines = any(isinstance(f, ast.FunctionDef) and f.name == "apply_metadata" for f in module.body)
    if "apply_metadata" in text and not defines:
        yield Finding(path, "UdfApplyMetadata", "A UDF must not name apply_metadata unless it defines it.")
    read = context_keys(module)
    if isinstance(context, dict) and not {"from_parameter", "from_node"} & set(context) and read != set(context):
        must = f"The context must have the keys that the UDF reads, {sorted(read)}, instead got {sorted(context)}."
        yield Finding(path, "UdfContext", must)


def declared_dependencies(text: str) -> set[str]:
    """Module names in the PEP 723 block of a UDF."""
    block = re.search(r"^# /// script\n(?:#.*\n)*?# dependencies = \[(?P<list>(?:.*\n)*?)#? ?\]", text, re.MULTILINE)
    return set() if block is None else set(re.findall(r"[\"']([A-Za-z0-9_]+)", block["list"]))


def context_keys(module: ast.Module) -> set[str]:
    """Keys of `context` that a UDF reads by `context["key"]` or `context.get("key")`."""
    keys = set()
    for node in ast.walk(module):
        match node:
            case ast.Subscript(value=ast.Name(id="context"), slice=ast.Constant(value=str(key))):
                keys.add(key)
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="context"), attr="get"), args=[ast.Constant(value=str(key)), *_]
            ):
                keys.add(key)
    return keys


def _imports(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def _nodes(graph: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """All nodes with their paths, callbacks included."""
    if not isinstance(graph, dict):
        return
    for node_id, node in graph.items():
        if not isinstance(node, dict):
            continue
        yield f"{path}{node_id}", node
        for value in (node.get("arguments") or {}).values():
            if isinstance(value, dict) and "process_graph" in value:
                yield from _nodes(value["process_graph"], f"{path}{node_id}/")


def _used(value: Any, hidden: frozenset[str]) -> Iterator[str]:
    """Names of the parameters that a graph refers to and that no callback around the reference hides."""
    if isinstance(value, list):
        for item in value:
            yield from _used(item, hidden)
    elif isinstance(value, dict):
        if set(value) == {"from_parameter"}:
            yield from {value["from_parameter"]} - hidden
        process = registry().get(str(value.get("process_id")))
        if process is not None:
            handed = {name: frozenset(p.callback_parameters or ()) for name, p in process.parameters.items()}
            for name, argument in (value.get("arguments") or {}).items():
                yield from _used(argument, hidden | handed.get(name, frozenset()))
            return
        for item in value.values():
            yield from _used(item, hidden)

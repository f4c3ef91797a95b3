"""Mistakes in what a user-defined process says of itself: id, texts, parameters, examples, links."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from local_runner import catalog
from local_runner.check.findings import Finding
from local_runner.errors import OpenEOError
from local_runner.processes import registry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_METADATA: Final = ("summary", "description", "categories", "returns", "exceptions", "examples", "links")
_INSIDE: Final = {"exceptions": ("message",), "links": ("rel", "href"), "examples": ("arguments",)}
"""What each entry of a list or object must have."""


def metadata_findings(process: Mapping[str, Any]) -> Iterator[Finding]:
    """Id that a back-end does not take, texts that are missing, entries without what they need."""
    if not isinstance(process["id"], str) or not re.fullmatch(r"\w+", process["id"]):
        yield Finding("id", "IdInvalid", f"The id must match ^\\w+$, instead got {process['id']!r}.")
    for name in _METADATA:
        if not process.get(name):
            yield Finding(name, "MetadataMissing", f"A process must have {name!r}.", "warning")
    if not isinstance(process.get("parameters"), list):
        yield Finding(
            "parameters", "MetadataMissing", "A process must have 'parameters', [] if it has none.", "warning"
        )
    returns = process.get("returns")
    if isinstance(returns, dict) and returns and not (returns.get("description") and "schema" in returns):
        yield Finding("returns", "MetadataMissing", "A result must have 'description' and 'schema'.", "warning")
    for name, needed in _INSIDE.items():
        entries = process.get(name)
        listed = (
            entries.items() if isinstance(entries, dict) else enumerate(entries if isinstance(entries, list) else ())
        )
        for key, entry in listed:
            missing = [field for field in needed if not isinstance(entry, dict) or field not in entry]
            if missing:
                must = f"An entry of {name!r} must have {missing}."
                yield Finding(f"{name}/{key}", "MetadataMissing", must, "warning")


def parameter_findings(process: Mapping[str, Any]) -> Iterator[Finding]:
    """Parameters that are badly named, described or never used, defaults against their schemas."""
    declared = {p["name"]: p for p in process.get("parameters") or ()}
    used = set(_used(process["process_graph"], frozenset()))
    for name, parameter in declared.items():
        path = f"parameters/{name}"
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
            yield from _invalid(parameter, parameter["default"], process, Finding(path, "DefaultInvalid", ""))


def example_findings(process: Mapping[str, Any]) -> Iterator[Finding]:
    """Examples whose arguments are not declared or against their schemas."""
    declared = {p["name"]: p for p in process.get("parameters") or ()}
    examples = process.get("examples")
    for number, example in enumerate(examples if isinstance(examples, list) else ()):
        given = example.get("arguments") if isinstance(example, dict) else None
        for name, value in given.items() if isinstance(given, dict) else ():
            place = Finding(f"examples/{number}", "ExampleInvalid", "")
            if name in declared:
                yield from _invalid(declared[name], value, process, place)
            else:
                must = f"An example must use declared parameters, {tuple(declared)}, instead got {name!r}."
                yield Finding(place.node, place.code, must)


def _invalid(parameter: Mapping[str, Any], value: Any, process: Mapping[str, Any], place: Finding) -> Iterator[Finding]:
    if isinstance(value, dict) and {"from_parameter", "from_node"} & set(value):
        return
    try:
        catalog.check_parameter(parameter, value, str(process["id"]))
    except OpenEOError as error:
        yield Finding(place.node, place.code, error.message)


def _used(value: Any, hidden: frozenset[str]) -> Iterator[str]:
    """Names of the parameters that a graph refers to and that no callback around the reference hides."""
    if isinstance(value, list):
        for item in value:
            yield from _used(item, hidden)
    elif isinstance(value, dict):
        if set(value) == {"from_parameter"}:
            yield from {str(value["from_parameter"])} - hidden
        process = registry().get(str(value.get("process_id")))
        arguments = value.get("arguments")
        if process is not None and isinstance(arguments, dict):
            handed = {name: frozenset(p.callback_parameters or ()) for name, p in process.parameters.items()}
            for name, argument in arguments.items():
                yield from _used(argument, hidden | handed.get(name, frozenset()))
            return
        for item in value.values():
            yield from _used(item, hidden)

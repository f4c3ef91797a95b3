"""A process in words, from its JSON alone: what `openeo-sar describe` prints."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any, Final

from rich.console import Group
from rich.markdown import Markdown
from rich.table import Table
from rich.text import Text

from local_runner import options, parameters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import RenderableType

_TITLE: Final = {"id": "bold", "summary": ""}
"""Fields that stand at the top, and their style."""


def describe(process: Mapping[str, Any], address: str) -> Group:
    """Summary, description, parameters, cubes in and out, exceptions and an example command line.

    `address` is what the process was found by: its id, path or URL.
    """
    title = [Text(str(process[key]), style=style) for key, style in _TITLE.items() if process.get(key)]
    parts: list[RenderableType] = [Group(*title)] if title else []
    if process.get("description"):
        parts.append(_markdown(str(process["description"])))
    declared = process.get("parameters") or []
    values = [p for p in declared if not parameters.is_cube(p)]
    parts += [_parameters(values)] if values else []
    cubes = [p for p in declared if parameters.is_cube(p)]
    parts += [Text.assemble(("In  ", "bold"), p["name"], ": ", _cube(p)) for p in cubes]
    if process.get("returns"):
        parts.append(Text.assemble(("Out  ", "bold"), _cube(process["returns"])))
    if process.get("exceptions"):
        parts.append(_exceptions(process["exceptions"]))
    parts.append(Group(Text("Example", style="bold"), Text(example(process, address))))
    return Group(*[line for part in parts for line in (Text(), part)][1:])


def example(process: Mapping[str, Any], address: str) -> str:
    """Command line that runs a process: the first example of its JSON, else placeholders for what must be given."""
    examples = process.get("examples") or [{}]
    given = examples[0].get("arguments", {})
    words = ["openeo-sar", "run", address]
    for parameter in process.get("parameters") or []:
        name = parameter["name"]
        if parameters.is_cube(parameter):
            words += ["--input", f"{name}=collection.json"] if not parameter.get("optional", False) else []
        elif name in given:
            words += ["-p", f"{name}={_written(given[name])}"]
        elif not parameter.get("optional", False):
            words += ["-p", f"{name}=VALUE"]
    return shlex.join([*words, "--out", "out"])


def _markdown(text: str) -> Markdown:
    """CommonMark without HTML: a `<` is an angle bracket, and stands as it is in code."""
    parts = text.strip().split("`")
    return Markdown("`".join(part.replace("<", r"\<") if i % 2 == 0 else part for i, part in enumerate(parts)))


def _parameters(declared: list[Mapping[str, Any]]) -> Table:
    table = Table("parameter", "type", "default", "range", "meaning", box=None, header_style="bold", pad_edge=False)
    for parameter in declared:
        schemas = parameters.alternatives(parameter)
        units = "".join(f" [{schema['unit']}]" for schema in schemas if "unit" in schema)
        table.add_row(
            parameter["name"],
            " or ".join(options.types_of(parameter)) + units,
            options.default_text(parameter) if parameter.get("optional", False) else "required",
            "; ".join(filter(None, map(parameters.constraints, schemas))),
            str(parameter.get("description", "")).strip(),
        )
    return table


def _cube(described: Mapping[str, Any]) -> str:
    text = str(described.get("description", "")).strip()
    for schema in parameters.alternatives(described):
        for dimension in schema.get("dimensions", ()):
            if dimension.get("values"):
                text += f"\n    {dimension.get('type')}: {', '.join(map(str, dimension['values']))}"
    return text


def _exceptions(exceptions: Mapping[str, Any]) -> Table:
    table = Table("exception", "meaning", box=None, header_style="bold", pad_edge=False)
    for code, exception in exceptions.items():
        table.add_row(code, str(exception.get("description") or exception.get("message", "")))
    return table


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)

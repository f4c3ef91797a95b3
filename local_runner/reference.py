"""The processes that there are, in words: what `openeo-sar list` and `openeo-sar describe add` print."""

from __future__ import annotations

import inspect
import types
import typing
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, Literal

import xarray as xr
from rich.console import Group
from rich.table import Table
from rich.text import Text

from local_runner import catalog, options
from local_runner.callback import Callback
from local_runner.processes import Parameter, Process, registry

if TYPE_CHECKING:
    from collections.abc import Iterator

_WORDS: Final = {
    int: "integer", float: "number", str: "text", bool: "boolean", list: "array", tuple: "array", dict: "object",
    type(None): "null", xr.DataArray: "data cube", Callback: "process graph", Any: "anything",
}  # fmt: skip


def listing(part: str = "", *, predefined: bool = False) -> Table:
    """One line per process with `part` in its name: those of the collection, or by category those that a graph may use."""
    names = [name for name in (registry() if predefined else catalog.ids()) if part in name]
    table = Table(box=None, header_style="bold", pad_edge=False, expand=True)
    table.add_column("process", no_wrap=True, min_width=max(map(len, names), default=0) + 2)
    table.add_column("summary", no_wrap=True, overflow="ellipsis", ratio=1)
    if not predefined:
        for name in names:
            table.add_row(name, str(catalog.load(name).get("summary", "")))
        return table
    known = sorted((_category(p), p.id, _summary(p)) for p in map(registry().__getitem__, names))
    for category, rows in groupby(known, key=lambda row: row[0]):
        table.add_row(Text(category, style="bold"), "")
        for _, name, summary in rows:
            table.add_row(f"  {name}", summary)
    return table


def describe_predefined(process: Process) -> Group:
    """Signature, parameters with types and defaults, and docstring of a process of the executor."""
    hints = typing.get_type_hints(process.function, include_extras=True)
    hints = {name.rstrip("_"): hint for name, hint in hints.items()}
    table = Table("parameter", "type", "default", box=None, header_style="bold", pad_edge=False)
    for name, parameter in process.parameters.items():
        default = "required" if parameter.required else options.default_text({"default": parameter.default})
        table.add_row(name, _type_in_words(hints[name], parameter), default)
    names = ", ".join(name if p.required else f"[{name}]" for name, p in process.parameters.items())
    signature = Text.assemble((process.id, "bold"), f"({names})")
    paragraphs = (inspect.getdoc(process.function) or "").split("\n\n")
    text = Text("\n\n".join(" ".join(paragraph.splitlines()) for paragraph in paragraphs))
    parts = [signature, Text(), text]
    return Group(*parts, Text(), table) if process.parameters else Group(*parts)


def _type_in_words(hint: Any, parameter: Parameter) -> str:
    found = list(dict.fromkeys(_words(hint)))
    if "number" in found and "integer" in found:
        found.remove("integer")
    text = " or ".join(found)
    if parameter.callback_parameters is None:
        return text
    return text.replace("process graph", f"process graph of {', '.join(parameter.callback_parameters)}")


def _words(hint: Any) -> Iterator[str]:
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        yield from _words(inside[0])
    elif origin in (typing.Union, types.UnionType):
        for alternative in inside:
            yield from _words(alternative)
    elif origin is Literal:
        yield from (options.default_text({"default": value}) for value in inside)
    else:
        yield _WORDS.get(origin or hint, str(hint))


def _category(process: Process) -> str:
    return process.function.__module__.rpartition(".")[2].replace("_", " ")


def _summary(process: Process) -> str:
    return (inspect.getdoc(process.function) or "").partition("\n")[0].partition(". ")[0].rstrip(".")

"""A plan as text for people: a table of the nodes, then labels, UDF calls, limits and totals."""

from __future__ import annotations

import textwrap
from io import StringIO
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.table import Table

from local_runner.budget import size_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from local_runner.planning.plan import Check, NodePlan, Plan, UdfPlan

WIDTH: Final = 120
_SHOWN: Final = 4
"""Labels and chunk sizes that are shown; of more, the first ones and the last."""
_NAMES: Final = {"pixels": "pixels of a plane", "memory_bytes": "memory", "output_bytes": "output on disk"}


def as_text(plan: Plan, *, width: int = WIDTH) -> str:
    """The plan as plain text, lines of at most `width` characters."""
    parts = [_title(plan), "", _table(plan, width), *_sections(plan, width)]
    return "\n".join(parts) + "\n"


def _title(plan: Plan) -> str:
    calls = f", {plan.udf_calls} UDF calls" if plan.udf_calls else ""
    return f"{plan.process}, profile {plan.profile}: {len(plan.nodes)} nodes{calls}, {plan.workers} workers"


def _table(plan: Plan, width: int) -> str:
    table = Table(box=None, pad_edge=False, header_style="", padding=(0, 2, 0, 0))
    for name in ("node", "process", "result", "dtype", "chunks"):
        table.add_column(name, overflow="fold")
    table.add_column("memory", justify="right", no_wrap=True)
    for node in plan.nodes:
        depth = node.path.count("/")
        name = "  " * depth + node.path.rpartition("/")[2]
        process = node.process + (" (run_udf)" if "run_udf" in node.callback else "")
        table.add_row(name, process, *_result(node))
    out = StringIO()
    Console(file=out, width=width, markup=False, highlight=False, emoji=False, color_system=None).print(table)
    return "\n".join(line.rstrip() for line in out.getvalue().rstrip("\n").split("\n"))


def _result(node: NodePlan) -> tuple[str, str, str, str]:
    if node.cube is not None:
        axes = node.cube.axes
        sizes = ", ".join(f"{axis.name} {axis.size}" for axis in axes)
        chunks = " x ".join(str(max(axis.chunks, default=0)) for axis in axes)
        return sizes, node.cube.dtype, chunks, size_text(node.cube.memory_bytes)
    if node.problem is not None:
        return f"unknown: {node.problem.code}", "", "", ""
    if node.unknown_from is not None:
        return f"unknown, for {node.unknown_from} is", "", "", ""
    return textwrap.shorten(str(node.value), 32, placeholder=" ..."), "", "", ""


def _sections(plan: Plan, width: int) -> Iterator[str]:
    nodes = plan.nodes
    yield from _section("labels", _labels(nodes), width)
    yield from _section("UDF calls", (_udf(udf) for node in nodes for udf in node.udfs), width)
    problems = (f"{n.path}: {n.problem.code}: {n.problem.message}" for n in nodes if n.problem is not None)
    yield from _section("not planned", problems, width)
    limits = (f"{n.path}: {limit.number} ({limit.action}): {limit.message}" for n in nodes for limit in n.limits)
    yield from _section(f"limits of {plan.profile}", limits, width)
    yield from _section("notes", (f"{n.path}: {note}" for n in nodes for note in n.notes), width)
    yield from _section("totals" if plan.complete else "totals, of what is known", _totals(plan), width)


def _section(title: str, lines: Iterable[str], width: int) -> Iterator[str]:
    entries = list(lines)
    if entries:
        yield ""
        yield title
    for entry in entries:
        yield textwrap.fill(entry, width, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)


def _labels(nodes: Sequence[NodePlan]) -> Iterator[str]:
    """Labels of each node that are not those of a node before it."""
    shown = set()
    for node in nodes:
        for axis in node.cube.axes if node.cube is not None else ():
            if axis.name in ("x", "y") or (axis.name, axis.labels) in shown:
                continue
            shown.add((axis.name, axis.labels))
            yield f"{node.path}: {axis.name} = {_few(axis.labels)}"


def _few(values: Sequence[Any]) -> str:
    texts = [str(value) for value in values]
    if len(texts) <= _SHOWN + 1:
        return ", ".join(texts)
    return f"{', '.join(texts[:_SHOWN])}, ... {texts[-1]} ({len(texts)})"


def _udf(udf: UdfPlan) -> str:
    sizes = ", ".join(f"{d} {n}" for d, n in zip(udf.dims, udf.shape, strict=True))
    halo = "" if not any(udf.overlap_px.values()) else f" (overlap y {udf.overlap_px['y']}, x {udf.overlap_px['x']})"
    dates = {"one": ", one date at a time", "all": ", all dates", "none": ""}[udf.dates]
    returned = " x ".join(map(str, udf.returned_shape))
    whose = "" if udf.of_collection else "; not of the collection: runs in the sandbox unless trusted"
    size = size_text(udf.memory_bytes)
    return f"{udf.node}: {udf.calls} calls, each gets {sizes}{halo} {udf.dtype}{dates}, returns {returned}, holds {size}{whose}"


def _totals(plan: Plan) -> Iterator[str]:
    memory = plan.memory
    yield f"read: {plan.pixels_read:,} pixels, {size_text(plan.bytes_read)} as float32"
    parts = {"base": memory.base_bytes, "chunks held": memory.held_bytes, "workers": memory.working_bytes}
    parts |= {"geometry": memory.geometry_bytes} if memory.geometry_bytes else {}
    split = ", ".join(f"{name} {size_text(size)}" for name, size in parts.items())
    yield f"memory: about {size_text(memory.peak_bytes)} at the peak ({split})"
    yield f"output: at most {size_text(plan.output_bytes)} on disk (before compression)"
    for check in plan.checks:
        yield f"budget of {_NAMES[check.name]}: {_holds(check)}"


def _holds(check: Check) -> str:
    needed, allowed = (_amount(check.name, n) for n in (check.needed, check.allowed))
    word = {True: "holds", False: "DOES NOT HOLD", None: "not known"}[check.holds]
    return f"{word} ({needed} of {allowed})"


def _amount(name: str, number: int | None) -> str:
    if number is None:
        return "?"
    return f"{number:,}" if name == "pixels" else size_text(number)

"""A plan as text for people: a table of the nodes, then labels, UDF calls, limits and totals.

Nodes of scalars and lists are counted only; `Plan.to_dict` has their values.
"""

from __future__ import annotations

import shutil
import textwrap
from io import StringIO
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.table import Table

from local_runner.budget import size_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from local_runner.planning.plan import Check, Memory, NodePlan, Plan, UdfPlan

WIDTH: Final = 120
"""Characters of a line where there is no terminal; on one between the least and the most."""
_LEAST, _MOST = 60, 160
_WITH_DTYPE: Final = 100
"""Characters of a line from which on the table has the dtype."""
_SHOWN: Final = 4
"""Labels and chunk sizes that are shown; of more, the first ones and the last."""
_NAMES: Final = {"pixels": "pixels of a plane", "memory_bytes": "memory", "output_bytes": "output on disk"}


def as_text(plan: Plan, *, width: int | None = None) -> str:
    """The plan as plain text, lines of at most `width` characters; if None, as wide as the terminal, from 60 to 160."""
    if width is None:
        width = min(max(shutil.get_terminal_size((WIDTH, 0)).columns, _LEAST), _MOST)
    parts = [
        textwrap.fill(_title(plan), width, subsequent_indent="  "),
        "",
        _table(plan, width),
        *_sections(plan, width),
    ]
    return "\n".join(parts) + "\n"


def _title(plan: Plan) -> str:
    calls = f", {plan.udf_calls} UDF calls" if plan.udf_calls else ""
    return f"{plan.process}, profile {plan.profile}: {len(plan.nodes)} nodes{calls}, {plan.workers} workers"


def _table(plan: Plan, width: int) -> str:
    table = Table(box=None, pad_edge=False, header_style="", padding=(0, 2, 0, 0))
    names = ("node", "process", "result", *(("dtype",) if width >= _WITH_DTYPE else ()), "chunks")
    for name in names:
        table.add_column(name, overflow="fold")
    table.add_column("memory", justify="right", no_wrap=True)
    shown = [node for node in plan.nodes if node.cube or node.problem or node.unknown_from]
    for node in shown:
        row = _row(node)
        table.add_row(*(row[name] for name in (*names, "memory")))
    hidden = len(plan.nodes) - len(shown)
    out = StringIO()
    Console(file=out, width=width, markup=False, highlight=False, emoji=False, color_system=None).print(table)
    lines = [line.rstrip() for line in out.getvalue().rstrip("\n").split("\n")]
    return "\n".join(lines + ([f"and {_counted(hidden, 'node')} of scalars and lists"] if hidden else []))


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _row(node: NodePlan) -> dict[str, str]:
    """Cells of a node, by the names of the columns."""
    name = "  " * node.path.count("/") + node.path.rpartition("/")[2]
    process = node.process + (" (run_udf)" if "run_udf" in node.callback else "")
    row = {"node": name, "process": process, "dtype": "", "chunks": "", "memory": ""}
    if node.cube is not None:
        axes = node.cube.axes
        sizes = ", ".join(f"{axis.name} {axis.size}" for axis in axes)
        chunks = " x ".join(str(max(axis.chunks, default=0)) for axis in axes)
        of_cube = {"dtype": node.cube.dtype, "chunks": chunks, "memory": size_text(node.cube.memory_bytes)}
        return row | {"result": sizes} | of_cube
    if node.problem is not None:
        return row | {"result": f"unknown: {node.problem.code}"}
    return row | {"result": f"unknown, for {(node.unknown_from or '').rpartition('/')[2]} is"}


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
    if plan.pixels_read is None or plan.bytes_read is None or plan.output_bytes is None:
        yield "read: unknown"
        yield f"memory: unknown, more than {size_text(memory.base_bytes)} (base)"
        yield "output: unknown"
    else:
        yield from _known_totals(memory, plan.pixels_read, plan.bytes_read, plan.output_bytes)
    for check in plan.checks:
        yield f"budget of {_NAMES[check.name]}: {_holds(check)}"


def _known_totals(memory: Memory, pixels_read: int, bytes_read: int, output_bytes: int) -> Iterator[str]:
    yield f"read: {pixels_read:,} pixels, {size_text(bytes_read)} as float32"
    parts = {"base": memory.base_bytes, "chunks held": memory.held_bytes, "workers": memory.working_bytes}
    parts |= {"geometry": memory.geometry_bytes} if memory.geometry_bytes else {}
    split = ", ".join(f"{name} {size_text(size)}" for name, size in parts.items())
    yield f"memory: about {size_text(memory.peak_bytes)} at the peak ({split})"
    yield f"output: at most {size_text(output_bytes)} on disk (before compression)"


def _holds(check: Check) -> str:
    allowed = _amount(check.name, check.allowed)
    if check.needed is None:
        return f"unknown ({allowed} allowed)"
    word = {True: "holds", False: "DOES NOT HOLD", None: "unknown"}[check.holds]
    least = "at least " if check.holds is None else ""
    return f"{word} ({least}{_amount(check.name, check.needed)} of {allowed})"


def _amount(name: str, number: int) -> str:
    return f"{number:,}" if name == "pixels" else size_text(number)

"""A plan as a picture: text of a mermaid flowchart, user-defined processes as boxes around their nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local_runner.planning.plan import NodePlan, Plan


def as_mermaid(plan: Plan) -> str:
    """Mermaid text of the plan; `unknown` nodes are dashed, nodes that the back-end refuses red."""
    ids = {node.path: f"n{number}" for number, node in enumerate(plan.nodes)}
    lines = ["flowchart TD", *_boxes(plan.nodes, ids, "", 1)]
    lines += [f"  {ids[needed]} --> {ids[node.path]}" for node in plan.nodes for needed in node.needs if needed in ids]
    for name, style, found in (
        ("unknown", "stroke-dasharray: 5 5", [n for n in plan.nodes if n.problem or n.unknown_from]),
        (
            "refused",
            "stroke:#c00,stroke-width:2px",
            [n for n in plan.nodes if any(i.action == "refuse" for i in n.limits)],
        ),
    ):
        if found:
            lines += [f"  classDef {name} {style}", f"  class {','.join(ids[n.path] for n in found)} {name}"]
    return "\n".join(lines) + "\n"


def _boxes(nodes: tuple[NodePlan, ...], ids: dict[str, str], scope: str, depth: int) -> Iterator[str]:
    """Nodes of a scope (its path with a slash at the end), and in boxes those of the processes that they call."""
    indent = "  " * depth
    for node in nodes:
        if not node.path.startswith(scope) or "/" in node.path[len(scope) :]:
            continue
        inner = f"{node.path}/"
        if any(other.path.startswith(inner) for other in nodes):
            yield f"{indent}subgraph {ids[node.path]}[{_quoted(node.path[len(scope) :], _text(node))}]"
            yield from _boxes(nodes, ids, inner, depth + 1)
            yield f"{indent}end"
        else:
            yield f"{indent}{ids[node.path]}[{_quoted(node.path[len(scope) :], _text(node))}]"


def _text(node: NodePlan) -> str:
    parts = [node.process]
    if node.cube is not None:
        parts.append(", ".join(f"{axis.name} {axis.size}" for axis in node.cube.axes))
    elif node.problem is not None:
        parts.append(node.problem.code)
    parts += [f"{udf.calls} calls of {udf.node.rpartition('/')[2]}" for udf in node.udfs]
    parts += [f"{limit.number} {limit.action}" for limit in node.limits]
    return "<br>".join(_escaped(part) for part in parts)


def _quoted(name: str, text: str) -> str:
    return f'"<b>{_escaped(name)}</b><br>{text}"'


def _escaped(text: str) -> str:
    """Text that neither ends the label nor is markup: mermaid's own entities."""
    return "".join(c if c.isalnum() or c in " _-.,:()" else f"#{ord(c)};" for c in text)

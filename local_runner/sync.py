"""Fills in what is copied from one place to another: shared functions, UDF texts, descriptions, tables of README and docs.

Works on a source tree, because it writes. Everything else in the files is written by hand and keeps its place.
"""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

from local_runner.errors import OpenEOError

_CUT = re.compile(
    r"^# --- shared: (?P<names>[\w., ]+) -- generated from udfs/_shared by `openeo-sar sync` ---\n", re.MULTILINE
)
_TABLE = re.compile(r"(<!-- processes -->\n).*?(<!-- /processes -->)", re.DOTALL)
_PRODUCTS = re.compile(r"(<!-- products -->\n).*?(<!-- /products -->)", re.DOTALL)


def sync(root: Path | None = None, *, check: bool = False) -> list[str]:
    """Bring the files of a source tree up to date and return the names of those that were stale; `check` only looks.

    `root` is the folder with `udfs/` and `process_graphs/`, by default the one that this package stands in.
    """
    if root is None:
        root = Path(__file__).parents[1]
        if not (root / "pyproject.toml").exists():
            do = "Run it in a clone, installed with `pip install -e .`"
            raise OpenEOError("NoSourceTree", "sync must work on the source tree", got=str(root), do=do)
    stale = []
    for path, text in _synchronised(root).items():
        if path.read_text(encoding="utf-8") != text:
            stale.append(str(path.relative_to(root)))
            if not check:
                path.write_text(text, encoding="utf-8")
    return stale


def _synchronised(root: Path) -> dict[Path, str]:
    """What the files should hold."""
    texts = {path: _with_shared(path, root) for path in sorted((root / "udfs").glob("[!_]*.py"))}
    udfs = {path.stem: text for path, text in texts.items()}
    rows = []
    for path in sorted((root / "process_graphs").glob("[!_]*.json")):
        process = json.loads(path.read_text(encoding="utf-8"))
        _fill_udfs(process.get("process_graph", {}), udfs)
        if process.get("id") in udfs:
            process["description"] = ast.get_docstring(ast.parse(udfs[process["id"]])) or ""
        texts[path] = json.dumps(process, indent=2, ensure_ascii=False) + "\n"
        rows.append(f"| [`{path.stem}`](docs/processes/{path.stem}.md) | {process.get('summary', '')} |\n")
    readme = root / "README.md"
    if readme.exists():
        table = "| process | what it gives |\n|---|---|\n" + "".join(rows)
        texts[readme] = _TABLE.sub(lambda m: m[1] + table + m[2], readme.read_text(encoding="utf-8"))
    guide = root / "docs" / "products.md"
    if guide.exists():
        texts[guide] = _PRODUCTS.sub(lambda m: m[1] + _products() + m[2], guide.read_text(encoding="utf-8"))
    return texts


def _products() -> str:
    """Table of the product drivers."""
    from local_runner.products import drivers  # noqa: PLC0415  (brings what reads files)

    rows = [f"| `{name}` | {driver.TITLE} |\n" for name, driver in drivers().items()]
    return "| driver | product, and what its path is |\n|---|---|\n" + "".join(rows)


def _with_shared(path: Path, root: Path) -> str:
    """The text of a UDF with the functions that its cut line names below the line."""
    text = path.read_text(encoding="utf-8")
    cut = _CUT.search(text)
    if cut is None:
        return text
    functions = [_shared_function(root, name.strip(), path) for name in cut["names"].split(",")]
    return text[: cut.end()] + "\n\n" + "\n\n\n".join(functions) + "\n"


def _shared_function(root: Path, name: str, user: Path) -> str:
    module, _, function = name.partition(".")
    source = root / "udfs" / "_shared" / f"{module}.py"
    text = source.read_text(encoding="utf-8") if source.exists() else ""
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            return ast.get_source_segment(text, node) or ""
    raise OpenEOError("SharedFunctionMissing", f"{user.name} must name functions of udfs/_shared", got=name)


def _fill_udfs(value: Any, udfs: dict[str, str]) -> None:
    """Put the text of `udfs/<stem>.py` into each `run_udf` node with the id `<stem>`, callbacks included."""
    if isinstance(value, list):
        for item in value:
            _fill_udfs(item, udfs)
    elif isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, dict) and item.get("process_id") == "run_udf" and key in udfs:
                item["arguments"]["udf"] = udfs[key]
            _fill_udfs(item, udfs)

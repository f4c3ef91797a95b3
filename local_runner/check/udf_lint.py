"""Looks for mistakes in the text of a UDF: by its syntax tree, it is never executed."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from typing import TYPE_CHECKING, Any, Final

from local_runner import catalog
from local_runner.check.findings import Finding
from local_runner.errors import OpenEOError
from local_runner.limits import MAX_UDF
from local_runner.udf.text import text_errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

UDF_MODULES: Final = frozenset({"numpy", "scipy", "xarray", "pandas", "openeo"}) | sys.stdlib_module_names
"""What a back-end has; of openeo only `openeo.udf`."""
_BLOCK: Final = re.compile(r"^# /// script *$\n(?P<content>(?:^#(?: .*)?$\n)+?)^# ///$", re.MULTILINE)


def lint_file(path: Path) -> Iterator[Finding]:
    """All findings for a file that is to be a UDF, whatever context it will be sent; `FileNotFound` where there is none."""
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(MAX_UDF + 1)
    except UnicodeDecodeError as error:
        yield Finding("", "UdfInvalid", f"A UDF must be a text in UTF-8; {error.reason} at byte {error.start}.")
        return
    except OSError as error:
        must, do = f"The file must be readable ({error.strerror})", "Check the path"
        raise OpenEOError("FileNotFound", must, got=str(path), do=do) from None
    yield from lint(text if "\n" in text else f"{text}\n", {"from_parameter": "context"}, "")


def lint(text: str, context: Any, path: str) -> Iterator[Finding]:
    """All findings for the text of a `run_udf` node at `path` and the context that it is sent."""
    module, stem = _parse(text), path.rpartition("/")[2]
    yield from (Finding(path, error.code, error.message) for error in text_errors(text))
    if module is None:
        return
    if stem in catalog.udf_stems() and text != catalog.udf_text(stem):
        must = f"The text of a node {stem!r} should be that of udfs/{stem}.py. Run `openeo-sar sync`."
        yield Finding(path, "UdfDiffers", must, "warning")
    yield from _imports(module, text, path)
    defines = any(isinstance(f, ast.FunctionDef) and f.name == "apply_metadata" for f in module.body)
    if "apply_metadata" in text and not defines:
        line = text[: text.index("apply_metadata")].count("\n") + 1
        must = f"A UDF must not name apply_metadata unless it defines it, as in line {line}. Take the name out."
        yield Finding(path, "UdfApplyMetadata", must)
    if isinstance(context, dict | None) and not {"from_parameter", "from_node"} & set(context or {}):
        yield from _context(module, set(context or {}), path)


def declared_dependencies(text: str) -> set[str]:
    """Names of the distributions in the PEP 723 block of a UDF, in lower case; empty without a block that can be read."""
    block = _BLOCK.search(text)
    if block is None:
        return set()
    content = "".join(line[2:] or "\n" for line in block["content"].splitlines(keepends=True))
    try:
        listed = tomllib.loads(content).get("dependencies", [])
    except tomllib.TOMLDecodeError:
        return set()
    names = (re.match(r"[A-Za-z0-9._-]+", entry) for entry in listed if isinstance(entry, str))
    return {name[0].lower().replace("-", "_") for name in names if name}


def context_keys(module: ast.Module) -> set[str]:
    """Keys of `context` that a UDF reads by `context["key"]` or `context.get("key")`."""
    return _required_keys(module) | _optional_keys(module)


def _required_keys(module: ast.Module) -> set[str]:
    keys = set()
    for node in ast.walk(module):
        match node:
            case ast.Subscript(value=ast.Name(id="context"), slice=ast.Constant(value=str(key))):
                keys.add(key)
    return keys


def _optional_keys(module: ast.Module) -> set[str]:
    keys = set()
    for node in ast.walk(module):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="context"), attr="get"), args=[ast.Constant(value=str(key)), *_]
            ):
                keys.add(key)
    return keys


def _context(module: ast.Module, sent: set[str], path: str) -> Iterator[Finding]:
    read = context_keys(module)
    if read == sent:
        return
    must = f"The context must have the keys that the UDF reads, {sorted(read)}, instead got {sorted(sent)}."
    yield Finding(path, "UdfContext", must, "error" if _required_keys(module) - sent else "warning")


def _parse(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _imports(module: ast.Module, text: str, path: str) -> Iterator[Finding]:
    """A module that is neither there nor declared; a declared distribution of which nothing is imported."""
    declared = declared_dependencies(text)
    optional = {node for guarded in _guarded(module) for node in ast.walk(guarded)}
    needed = {n for node in ast.walk(module) if node not in optional for n in _modules(node)} - UDF_MODULES
    wanted = {n for node in optional for n in _modules(node)} - UDF_MODULES
    if not needed | wanted | declared:
        return
    providers = packages_distributions()
    provided = {n: {d.lower().replace("-", "_") for d in providers.get(n, ())} | {n.lower()} for n in needed | wanted}
    missing = sorted(n for n in needed if not provided[n] & declared)
    unused = sorted(declared - set().union(*provided.values()))
    if missing and unused:
        must = (
            f"The PEP 723 block should name what is imported, {missing}; whether {unused} is that cannot be told here."
        )
        yield Finding(path, "UdfDependencies", must, "warning")
        return
    for name in missing:
        line = min(statement.lineno for statement in _statements(module) if name in _modules(statement))
        must = f"A UDF must import what a back-end has or what its PEP 723 block names, instead got {name!r}"
        must += f" in line {line}."
        yield Finding(path, "UdfImport", must)
    for name in unused:
        must = f"The PEP 723 block of a UDF must name what is imported and a back-end lacks, instead got {name!r}."
        yield Finding(path, "UdfDependencies", must)


def _statements(module: ast.Module) -> Iterator[ast.stmt]:
    return (node for node in ast.walk(module) if isinstance(node, ast.stmt))


def _guarded(module: ast.Module) -> Iterator[ast.stmt]:
    """Statements in a `try` that goes on without what cannot be imported."""
    for node in ast.walk(module):
        if isinstance(node, ast.Try):
            caught = (handler.type for handler in node.handlers if handler.type is not None)
            names = {name.id for kind in caught for name in ast.walk(kind) if isinstance(name, ast.Name)}
            if names & {"ImportError", "ModuleNotFoundError", "Exception"}:
                yield from node.body


def _modules(node: ast.AST) -> list[str]:
    """Top-level names that a statement imports; of openeo anything but `openeo.udf` counts as a module of its own."""
    match node:
        case ast.Import(names=names):
            found = [alias.name for alias in names]
        case ast.ImportFrom(module=str(module), names=names, level=0):
            found = [f"{module}.{alias.name}" for alias in names] if module == "openeo" else [module]
        case ast.ImportFrom():
            found = ["."]
        case _:
            found = []
    outside = [name for name in found if name.startswith("openeo") and not re.match(r"openeo\.udf\b", name)]
    return outside + [name.split(".")[0] or "." for name in found if name not in outside]

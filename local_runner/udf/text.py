"""Checks the text of a UDF without running it: what it is, its one entry point, and the packages that it names."""

from __future__ import annotations

import ast
import importlib.metadata
import itertools
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from openeo.udf.run_code import extract_udf_dependencies
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from local_runner.errors import LimitExceededError, OpenEOError, UdfError
from local_runner.limits import MAX_UDF

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ENTRY_POINT: Final = "apply_datacube"
_OTHER_ENTRY_POINTS: Final = ("apply_timeseries", "apply_hypercube", "apply_vectorcube", "apply_udf_data")
_NOT_A_TEXT: Final = {
    r"\s*$": "nothing",
    r"https?:": "a URL",
    r"file:": "a file URL",
    r"data:": "a data URL",
    r"\\\\|//": "a network path",
    r"/|[A-Za-z]:[\\/]": "an absolute path",
    r"\.": "a relative path",
}
_NAMED: Final[dict[type[ast.AST], str]] = {
    **dict.fromkeys((ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef), "name"),
    **dict.fromkeys((ast.ExceptHandler, ast.MatchAs, ast.MatchStar), "name"),
    ast.MatchMapping: "rest",
}
"""What else gives a name a meaning, and the field with the name."""
_ALL: Final = "import *"
_PROGRAM: Final = "openeo-sar"
_TEXTS: Final = 64
"""Texts of which is remembered what they say: plan and run ask for it at each node."""
_BLOCK: Final = "# /// "
_MAX_BLOCK: Final = 2**13
"""Characters of a block of dependencies, which takes time that grows with their square."""


@lru_cache(_TEXTS)
def check_text(text: str) -> None:
    """Raise unless a text is Python with exactly one entry point that `run_udf_code` will find."""
    for error in text_errors(text):
        raise error


def text_errors(text: str) -> Iterator[OpenEOError]:
    """What keeps a text from being run as a UDF: it must be Python with exactly one entry point that can be found.

    A path or URL, which the openEO specification allows as well, is refused without a look at what it names.
    """
    if "\n" not in text:
        kind = next((kind for start, kind in _NOT_A_TEXT.items() if re.match(start, text, re.IGNORECASE)), "a name")
        must, do = "udf must be the text of a UDF, not a path or URL", "Write the text itself into the graph"
        yield OpenEOError("ProcessParameterInvalid", f"{must}; this is {kind}", got=text, do=do)
        return
    size = len(text.encode(errors="surrogatepass"))
    if size > MAX_UDF:
        yield LimitExceededError("UdfTooLarge", f"A UDF text must have at most {MAX_UDF} bytes", got=size)
        return
    try:
        module = ast.parse(text)
    except SyntaxError as error:
        yield UdfError("UdfInvalid", f"A UDF must be valid Python; line {error.lineno}: {error.msg}")
        return
    except (ValueError, RecursionError, MemoryError) as error:
        yield UdfError("UdfInvalid", f"A UDF must be valid Python ({type(error).__name__})")
        return
    yield from _entry_errors(module)


def check_dependencies(text: str, *, node: str = "") -> None:
    """Raise `UdfDependencyMissing` unless all packages of the PEP 723 block are here; nothing is ever installed."""
    lines = text.splitlines()
    blocks = [i for i, line in enumerate(lines) if line.startswith(_BLOCK)]
    if not blocks:
        return
    if len(blocks) > 1:
        must = "A UDF must have at most one block of dependencies (PEP 723)"
        raise UdfError("UdfInvalid", must, got=len(blocks), node=node)
    size = sum(map(len, itertools.takewhile(lambda line: line.startswith("#"), lines[blocks[0] :])))
    if size > _MAX_BLOCK:
        must = f"The block of dependencies of a UDF must have at most {_MAX_BLOCK} characters"
        raise LimitExceededError("UdfTooLarge", must, got=size, node=node)
    try:
        wanted = [Requirement(name) for name in extract_udf_dependencies(text) or ()]
        absent = [requirement for requirement in wanted if not _is_here(requirement)]
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
        must = "The block of dependencies of a UDF must be valid (PEP 723)"
        raise UdfError("UdfInvalid", must, got=str(error), node=node) from error
    if absent:
        must = "The packages that a UDF names must be installed"
        raise missing(must, str(absent[0]), node, extras=_extras_with(absent[0].name))


def missing(must: str, what: object, node: str, *, extras: Sequence[str] = ()) -> UdfError:
    """The error of a UDF that needs a package which is not here; `extras`: those of this program that bring it."""
    do = "Install it into the environment of the runner if you trust it; nothing is installed for a UDF"
    if extras:
        commands = " or ".join(f'pip install "{_PROGRAM}[{extra}]"' for extra in extras)
        do = f"Install it by {commands}; nothing is installed for a UDF"
    return UdfError("UdfDependencyMissing", must, got=str(what), do=do, node=node)


def needs_whole_image(text: str) -> bool:
    """Whether a UDF declares by a constant `WHOLE_IMAGE = True` at its top that no call may get a part of the image."""
    return _constants(text).get("WHOLE_IMAGE") is True


def bytes_per_cell(text: str) -> int:
    """Memory that a call takes beside its arrays, per cell of the image: by a constant `BYTES_PER_CELL` at the top, else 0."""
    value = _constants(text).get("BYTES_PER_CELL")
    return value if type(value) is int and value > 0 else 0


@lru_cache(_TEXTS)
def _constants(text: str) -> dict[str, object]:
    """Literals that names get at the top of a text."""
    found: dict[str, object] = {}
    for statement in ast.parse(text).body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=value))
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=value))
            ):
                found[name] = value
    return found


def _extras_with(distribution: str) -> list[str]:
    """Extras of this program that contain a distribution, as its metadata tell."""
    try:
        program = importlib.metadata.metadata(_PROGRAM)
    except importlib.metadata.PackageNotFoundError:  # run from its folder, without being installed
        return []
    brought = [Requirement(text) for text in program.get_all("Requires-Dist") or ()]
    name = canonicalize_name(distribution)
    markers = [r.marker for r in brought if canonicalize_name(r.name) == name and r.marker is not None]
    extras = program.get_all("Provides-Extra") or ()
    return [extra for extra in extras if any(marker.evaluate({"extra": extra}) for marker in markers)]


def _is_here(requirement: Requirement) -> bool:
    if requirement.marker is not None and not requirement.marker.evaluate():
        return True
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return requirement.url is None and requirement.specifier.contains(version, prereleases=True)


def _entry_errors(module: ast.Module) -> Iterator[OpenEOError]:
    """Exactly one function at the top, and nothing else that gives its name, or that of another entry point, a meaning."""
    for statement in ast.walk(module):
        if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
            must = "A UDF must not import from __future__: its annotations would become texts and it would not be found"
            yield UdfError("UdfInvalid", must, got=f"line {statement.lineno}")
    functions = [f for f in module.body if isinstance(f, ast.FunctionDef)]
    entries = [f for f in functions if f.name == ENTRY_POINT]
    names = [name for node in ast.walk(module) for name in _given_names(node)]
    others = [name for name in names if name in (*_OTHER_ENTRY_POINTS, _ALL)]
    others += [f.name for f in functions if f.name not in others and _takes_udf_data(f)]
    if len(entries) != 1 or names.count(ENTRY_POINT) != 1 or others:
        got = [name for name in names if name == ENTRY_POINT] + others
        must = f"A UDF must have exactly one entry point, {ENTRY_POINT}, a function at its top level"
        do = f"Define {ENTRY_POINT}(cube, context) once and none of {_OTHER_ENTRY_POINTS}; import names one by one"
        yield UdfError("UdfInvalid", must, got=got, do=do)
        return
    entry = entries[0]
    if entry.decorator_list:
        must = f"The entry point {ENTRY_POINT} must have no decorator, which could put another function in its place"
        yield UdfError("UdfInvalid", must, got=f"line {entry.decorator_list[0].lineno}")
    arguments = [a.arg for a in entry.args.args]
    complete = all(a.annotation is not None for a in entry.args.args[:2]) and entry.returns is not None
    if arguments[:2] != ["cube", "context"] or not complete:
        must = (
            "The entry point must read def apply_datacube(cube: xr.DataArray, context: dict[str, Any]) -> xr.DataArray"
        )
        written = f"def {ENTRY_POINT}({_source(entry.args)})"
        yield UdfError("UdfInvalid", must, got=written, do=f"Change line {entry.lineno}")


def _given_names(node: ast.AST) -> list[str]:
    """Names to which a piece of a text gives a meaning."""
    if isinstance(node, ast.Name):
        return [] if isinstance(node.ctx, ast.Load) else [node.id]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [_ALL if alias.name == "*" else alias.asname or alias.name for alias in node.names]
    if isinstance(node, ast.Global | ast.Nonlocal):
        return node.names
    field = _NAMED.get(type(node))
    return [getattr(node, field) or ""] if field else []


def _takes_udf_data(function: ast.FunctionDef) -> bool:
    arguments = function.args.args
    annotation = arguments[0].annotation if len(arguments) == 1 else None
    return annotation is not None and "UdfData" in _source(annotation)


def _source(node: ast.AST) -> str:
    try:
        return ast.unparse(node)
    except RecursionError:
        return "..."

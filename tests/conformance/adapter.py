"""Reads test cases and runs them; the format is that of `tests/README.md` and `tests/schema` of openeo-processes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import json5
import xarray as xr

from local_runner import evaluate
from local_runner.errors import OpenEOError
from local_runner.processes import registry
from tests.conformance.defects import MISNAMED_ASSETS, correct
from tests.conformance.values import decode, difference

PUBLISHED = Path(__file__).parents[3] / "shared" / "openeo-processes" / "tests"
PASSED, FAILED, NOT_RUNNABLE = "passed", "failed", "not runnable"


@dataclass(frozen=True)
class Case:
    """One test case, corrected, its assets read."""

    process_id: str
    number: int
    content: dict[str, Any]

    @property
    def id(self):
        return f"{self.process_id}-{self.number}"

    @property
    def missing(self):
        """The processes that the case needs and the executor does not have."""
        return sorted({self.process_id, *self.content.get("required", ())} - set(registry()))


def read_cases(*paths):
    """The cases of JSON5 files and of the files in folders."""
    files = [file for path in map(Path, paths) for file in (sorted(path.glob("*.json5")) if path.is_dir() else [path])]
    return [case for file in files for case in _read(file)]


def _read(file):
    document = json5.loads(file.read_text(encoding="utf-8"))
    for number, content in enumerate(document["tests"]):
        yield Case(document["id"], number, correct(document["id"], number, _with_assets(content, file.parent)))


def _with_assets(value, folder):
    match value:
        case {"$ref": path}:
            return json5.loads((folder / MISNAMED_ASSETS.get(path, path)).read_text(encoding="utf-8"))
        case dict():
            return {key: _with_assets(item, folder) for key, item in value.items()}
        case list():
            return [_with_assets(item, folder) for item in value]
        case _:
            return value


def run(case):
    """(outcome, reason) of a case; where it has both `returns` and `throws`, either will do."""
    if case.missing:
        return NOT_RUNNABLE, f"no process {', '.join(case.missing)}"
    throws = case.content.get("throws")
    try:
        problem = _problem(_call(case), case.content)
    except OpenEOError as error:
        problem = None if throws is True or throws == error.code else f"raised {error}"
    return (FAILED, problem) if problem else (PASSED, "")


def _problem(result, content):
    if "returns" not in content:
        return f"returned {result!r}, must raise {content['throws']}"
    return difference(result, content["returns"], content.get("delta", 1e-10))


def _call(case):
    values = {name: decode(value) for name, value in case.content["arguments"].items()}
    cubes = {name: value for name, value in values.items() if isinstance(value, xr.DataArray)}
    arguments = values | {name: {"from_parameter": name} for name in cubes}
    graph = {"only": {"process_id": case.process_id, "arguments": arguments, "result": True}}
    return evaluate(graph, cubes)


def summary(outcomes):
    """One line for the pairs (process id, outcome) of a run."""
    count = {name: sum(outcome == name for _, outcome in outcomes) for name in (PASSED, FAILED, NOT_RUNNABLE)}
    processes = len({process_id for process_id, outcome in outcomes if outcome != NOT_RUNNABLE})
    return (
        f"official cases: {count[PASSED]} passed of {len(outcomes)} ({processes} processes), "
        f"{count[FAILED]} failed, {count[NOT_RUNNABLE]} not runnable"
    )

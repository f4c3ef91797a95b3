"""openeo-sar's executor: runs openEO process graphs on labelled xarray/dask cubes, STAC in and STAC out.

`evaluate(process_graph, parameters)` gives the value of a graph, `run(process, parameters, inputs=..., out=...)` writes a
result folder, and `explain(process, parameters, inputs=...)` says beforehand what a run would do. Pairs of dates come from
`local_runner.pairs`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local_runner.errors import OpenEOError
    from local_runner.graph import evaluate
    from local_runner.jobs.run import Result, run
    from local_runner.planning import Plan, explain

__all__ = ["OpenEOError", "Plan", "Result", "evaluate", "explain", "run"]
_HOME = {
    "OpenEOError": "local_runner.errors",
    "Plan": "local_runner.planning",
    "Result": "local_runner.jobs.run",
    "evaluate": "local_runner.graph",
    "explain": "local_runner.planning",
    "run": "local_runner.jobs.run",
}


def __dir__() -> list[str]:
    """All public names, also those that are not imported yet."""
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    """Import on first use: `openeo-sar --help` must not wait for xarray."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib  # noqa: PLC0415

    return getattr(importlib.import_module(_HOME[name]), name)

"""What one evaluation carries to the processes that touch the outside: profile, what may be opened, where results go."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from local_runner.budget import Budget
from local_runner.sandbox.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import xarray as xr

    from local_runner.access import Access
    from local_runner.nodes import Node
    from local_runner.profiles import Profile


class PlanningWarning(UserWarning):
    """What a plan assumes, or can tell the bounds of only."""


class Save(Protocol):
    """Writes a cube in a file format and returns the STAC collection as a dict."""

    def __call__(self, cube: xr.DataArray, *, file_format: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """Write now."""
        ...


@dataclass(frozen=True)
class UdfCalls:
    """How often a UDF is called, and what each call gets and returns.

    `shape` is that of `dims`, overlap included; `labels` those of t (ISO 8601) and bands, for t None where each call gets one
    date. `size`, `overlap` (y, x) in pixels. `collected`: whether the text is one of the installed collection. `own_bytes`:
    memory that a call takes beside its arrays.
    """

    node: str
    calls: int
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    labels: Mapping[str, list[Any]]
    size: tuple[int, int]
    overlap: tuple[int, int]
    one_date: bool
    returns: tuple[int, ...]
    collected: bool
    own_bytes: int = 0


class Observer(Protocol):
    """Watches an evaluation: nodes of the graph and of the user-defined processes in it, not those of callbacks."""

    def call(self, path: str, node: Node, arguments: Mapping[str, Any], function: Callable[[], Any]) -> Any:
        """Value of a node, which `function` gives; what this raises or returns instead counts."""
        ...

    def udf(self, calls: UdfCalls) -> None:
        """Take note of what a UDF will get; called within `call`, only while planning."""
        ...


@dataclass(frozen=True)
class Execution:
    """The surroundings of one evaluation.

    `trusted`: run UDF texts that are not of the installed collection in this process; else they run in the sandbox, and
    only with `unsafe` in one that is weak. `planning`: no data are opened and no UDF is run, so that a cube has the right
    dims, labels, shape and chunks, but no values. `save`: what `save_result` calls; None outside of a run, where
    `save_result` hands its cube through. `processes`: user-defined processes by id that came with the graph. `budget`: limits
    of the size of cubes. `sandbox`: limits of one call of a UDF there. `observer`: who watches the evaluation.
    """

    profile: Profile
    access: Access
    trusted: bool = True
    unsafe: bool = False
    planning: bool = False
    save: Save | None = None
    processes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    budget: Budget = field(default_factory=Budget)
    sandbox: Limits = field(default_factory=Limits)
    observer: Observer | None = None

"""What one evaluation carries to the processes that touch the outside: profile, what may be opened, where results go."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

    from local_runner.access import Access
    from local_runner.profiles import Profile


class Save(Protocol):
    """Writes a cube in a file format and returns the STAC collection as a dict."""

    def __call__(self, cube: xr.DataArray, *, file_format: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """Write now."""
        ...


@dataclass(frozen=True)
class Execution:
    """The surroundings of one evaluation.

    `trusted`: run UDF texts that are not of the installed collection in this process; else they run in the sandbox, and
    only with `unsafe` in one that is weak. `planning`: no data are opened and no UDF is run, so that a cube has the right
    dims, labels, shape and chunks, but no values. `save`: what `save_result` calls; None outside of a run, where
    `save_result` hands its cube through. `processes`: user-defined processes by id that came with the graph.
    """

    profile: Profile
    access: Access
    trusted: bool = True
    unsafe: bool = False
    planning: bool = False
    save: Save | None = None
    processes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

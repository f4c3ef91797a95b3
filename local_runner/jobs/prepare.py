"""A call of a process made ready: everything of it is checked and put into one graph, and no pixel is read.

`run` computes what comes out of here, and `explain` says what that would be.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_runner import catalog, parameters
from local_runner.access import Access, locate
from local_runner.execution import Execution
from local_runner.jobs import assemble
from local_runner.jobs.coregistered import warn_if_placed
from local_runner.process_graph import require_graph
from local_runner.profiles import load_profile

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from local_runner.budget import Budget


@dataclass(frozen=True)
class Job:
    """A call that has been checked: process with id, values of its parameters, addresses of its inputs, and its graph."""

    process: dict[str, Any]
    values: dict[str, Any]
    inputs: dict[str, str]
    nodes: assemble.Nodes
    execution: Execution


def prepare(
    process: str | Path | Mapping[str, Any],
    given: Mapping[str, Any],
    inputs: Mapping[str, str | os.PathLike[str]],
    *,
    profile: str,
    geocode: int | str | None,
    resolution: float | None,
    allow_hosts: Sequence[str],
    data_roots: Sequence[str | os.PathLike[str]],
    budget: Budget,
    file_format: str = "GTiff",
    trusted: bool = False,
    unsafe: bool = False,
) -> Job:
    """The job of a call; the arguments are those of `local_runner.run`. Raises `OpenEOError` for what is wrong with them."""
    access = Access(roots=tuple(map(Path, data_roots)), hosts=tuple(allow_hosts), trusted=trusted)
    loaded = catalog.load(process, access)
    require_graph(loaded)
    stem = Path(process).stem if isinstance(process, str | Path) else "graph"
    definition = {**loaded, "id": loaded.get("id") or re.sub(r"\W", "_", stem)}
    given, code, step = assemble.on_grid(definition, given, *assemble.target_grid(geocode, resolution))
    values = parameters.resolve(definition, given)
    addresses = assemble.input_addresses(definition, inputs)
    for address in addresses.values():
        access = access.naming(address)
    located = {name: locate(address) for name, address in addresses.items()}
    warn_if_placed(definition, located, access)
    nodes = assemble.assemble(definition, values, located, geocode=code, resolution=step, file_format=file_format)
    nodes = assemble.with_catalogue(nodes)
    execution = Execution(
        load_profile(profile), access, trusted, unsafe=unsafe, budget=budget, processes={definition["id"]: definition}
    )
    return Job(definition, values, located, nodes, execution)

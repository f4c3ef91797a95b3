"""Ids of user-defined processes: G56."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from local_runner import catalog
from local_runner.processes import registry
from local_runner.profiles import DEFINITION, Rules, Violation

if TYPE_CHECKING:
    from collections.abc import Mapping

rule = Rules()
_OF_THE_BACK_END: Final = ("insar_coherence", "sar_backscatter", "sar_coherence", "sentinel1_sar_coherence")
"""Its processes that are not of the specification, as far as their names are known to collide."""


@rule("G56", DEFINITION)
def _id_is_free(fields: Mapping[str, Any]) -> Violation | None:
    name = fields.get("id")
    if not isinstance(name, str) or (name not in _OF_THE_BACK_END and name not in registry()):
        return None
    if name in catalog.ids() and fields.get("process_graph") == catalog.load(name)["process_graph"]:
        return None  # what the collection tells of a process of the executor defines nothing
    return Violation("The id must not be one of a process of the back-end", name, "Choose another id")

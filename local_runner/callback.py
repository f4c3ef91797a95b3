"""Callbacks: a process graph given as an argument, with the scope that it stands in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class CallbackOutline(ABC):
    """What is known of a callback before anything is evaluated."""

    @property
    @abstractmethod
    def process_ids(self) -> tuple[str, ...]:
        """Ids of the processes in the graph, callbacks of callbacks included."""

    @property
    def contains_udf(self) -> bool:
        """Whether a `run_udf` stands anywhere in the graph."""
        return "run_udf" in self.process_ids

    @property
    def is_single_udf(self) -> bool:
        """Whether the graph is one `run_udf` node."""
        return self.process_ids == ("run_udf",)

    @property
    def udf_known(self) -> Mapping[str, Any]:
        """Arguments of the one `run_udf` node that are known: those that stand in it; none for any other graph."""
        return {}


class Callback(CallbackOutline):
    """A process graph as a function of its parameters; parameters of the scopes around it stay visible."""

    @abstractmethod
    def __call__(self, **parameters: Any) -> Any:
        """Evaluate the graph anew with these parameters and return the value of its result node."""

    @abstractmethod
    def udf_arguments(self, **parameters: Any) -> tuple[str, dict[str, Any]]:
        """Path and resolved arguments, without `data`, of the one `run_udf` node."""

"""Watches an evaluation that only plans, and notes what each node returns or why that is not known."""

from __future__ import annotations

import json
import re
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import xarray as xr

from local_runner.cube import crs_of
from local_runner.errors import LimitExceededError, OpenEOError, repr_of
from local_runner.jobs.assemble import several_saves
from local_runner.nodes import FromParameter, walk
from local_runner.planning.estimate import udf_bytes
from local_runner.planning.plan import CubePlan, Limit, NodePlan, Problem, UdfPlan
from local_runner.profiles import Profile, ProfileWarning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from local_runner.execution import UdfCalls
    from local_runner.nodes import Node
    from local_runner.profiles import Rule

_NUMBERED: Final = re.compile(r"\[\w+ (G\d+)\] (.*)", re.DOTALL)
_OF_PLANS: Final = ("FootprintUnknown", "GridUnknown", "LabelsUnknown")
"""Errors that a run does not have: it reads files and runs UDFs, which tell what the metadata do not."""


@dataclass(frozen=True)
class Unknown:
    """In place of a value that is not known, because the node at `path` could not be planned."""

    path: str


@dataclass
class Recorder:
    """The observer of a plan. A node that fails is noted and gives `Unknown`; nodes behind it are not called.

    `before_run`: an exceeded limit of size is raised instead, and so is what is wrong with saving, for a run would notice late.
    """

    profile: Profile
    before_run: bool = False
    nodes: dict[str, NodePlan] = field(default_factory=dict)
    calls: list[UdfCalls] = field(default_factory=list)
    geocoded_samples: list[int] = field(default_factory=list)
    _open: list[NodePlan] = field(default_factory=list)

    def watched(self) -> Profile:
        """The profile with its refusals and warnings noted at the node being called, and nothing raised."""
        own = {name: getattr(self.profile, name) for name in self.profile.__dataclass_fields__}
        return _Watched(**own, notice=self.limit)

    def limit(self, number: str, action: Any, message: str, exit_code: int = 0) -> None:
        """Note a limit at the node being called, and the exit code of a run that refuses it.

        Those found before any node is called are found again then.
        """
        found = _NUMBERED.fullmatch(message)
        limit = Limit(number, action, found[2] if found else message)
        if not self._open:
            return
        self._open[-1].exit_code = self._open[-1].exit_code or exit_code
        if limit not in self._open[-1].limits:
            self._open[-1].limits.append(limit)

    def udf(self, calls: UdfCalls) -> None:
        """Note what a UDF gets at the node that calls it."""
        self.calls.append(calls)
        self._open[-1].udfs.append(_udf_plan(calls))

    def call(self, path: str, node: Node, arguments: Mapping[str, Any], function: Callable[[], Any]) -> Any:
        """Value of a node, noted; `Unknown` where it cannot be told."""
        again = node.process_id == "save_result" and any(n.process == "save_result" for n in self.nodes.values())
        plan = NodePlan(path, node.process_id, _needs(path, node), tuple(_callbacks(arguments)))
        self.nodes[path] = plan
        unknown = next(
            (leaf for value in arguments.values() for leaf in walk(value) if isinstance(leaf, Unknown)), None
        )
        if unknown is not None and not again:
            plan.unknown_from = unknown.path
            return unknown
        self._open.append(plan)
        try:
            if again:
                raise several_saves().at(path)
            self._note_references(node)
            value = self._noting_warnings(plan, function)
        except OpenEOError as error:
            saving = node.process_id == "save_result" and self._is_certain(error)
            if self.before_run and (isinstance(error, LimitExceededError) or again or saving):
                raise
            plan.problem = Problem.of(error)
            plan.exit_code = plan.exit_code or (error.exit_code if again or self._is_certain(error) else 0)
            return Unknown(path)
        finally:
            self._open.pop()
        self._note(plan, node, arguments, value)
        return value

    def _is_certain(self, error: OpenEOError) -> bool:
        """Whether a run would fail as well: nothing was assumed on the way, or a limit of size is exceeded."""
        if isinstance(error, LimitExceededError):
            return True
        return error.code not in _OF_PLANS and not any(other.notes for other in self.nodes.values())

    def _note_references(self, node: Node) -> None:
        """Note limits on which arguments of the graph may refer to parameters."""
        references = {
            name: tuple(leaf.name for leaf in walk(value) if isinstance(leaf, FromParameter))
            for name, value in node.arguments.items()
        }
        for rule, error in self.profile.broken(node.process_id, {}, references):
            if rule.of_references:
                self.limit(rule.number, rule.action, error.message)

    def _noting_warnings(self, plan: NodePlan, function: Callable[[], Any]) -> Any:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            value = function()
        for warning in caught:
            text = str(warning.message)
            numbered = _NUMBERED.match(text) if issubclass(warning.category, ProfileWarning) else None
            if numbered is not None:
                self.limit(numbered[1], "warn", text)
            elif text not in plan.notes:
                plan.notes.append(text)
        return value

    def _note(self, plan: NodePlan, node: Node, arguments: Mapping[str, Any], value: Any) -> None:
        if node.process_id == "save_result":
            value = arguments["data"]
        if isinstance(value, Unknown):
            plan.unknown_from = value.path
        elif isinstance(value, xr.DataArray):
            crs = crs_of(value)
            plan.cube = CubePlan.of(value, None if crs is None else crs.to_string())
            if node.process_id == "resample_spatial" and arguments.get("method") == "geocode":
                self.geocoded_samples.append(arguments["data"].sizes["y"] * arguments["data"].sizes["x"])
        else:
            plan.value = _plain(value)


@dataclass(frozen=True)
class _Watched(Profile):
    """A profile that tells of broken rules instead of raising."""

    notice: Callable[[str, str, str, int], None] = lambda *_: None

    def broken(
        self, process: str, arguments: Mapping[str, Any], references: Mapping[str, tuple[str, ...]] | None = None
    ) -> Iterator[tuple[Rule, OpenEOError]]:
        known = {name: value for name, value in arguments.items() if not isinstance(value, Unknown)}
        for rule, error in super().broken(process, known, references):
            self.notice(rule.number, rule.action, error.message, error.exit_code if rule.action == "refuse" else 0)
        return iter(())

    def warn(self, number: str, text: str) -> None:
        self.notice(number, "warn", text, 0)


def _needs(path: str, node: Node) -> tuple[str, ...]:
    scope = path[: len(path) - len(node.id)]
    return tuple(dict.fromkeys(f"{scope}{needed}" for several in node.needs.values() for needed in several))


def _callbacks(arguments: Mapping[str, Any]) -> Iterator[str]:
    for value in arguments.values():
        for leaf in walk(value):
            yield from getattr(leaf, "process_ids", ())


def _udf_plan(calls: UdfCalls) -> UdfPlan:
    dates = "none" if "t" not in calls.dims and not calls.one_date else "one" if calls.one_date else "all"
    return UdfPlan(
        node=calls.node,
        calls=calls.calls,
        dims=calls.dims,
        shape=calls.shape,
        labels={name: list(values) for name, values in calls.labels.items()},
        dates=dates,  # type: ignore[arg-type]
        size_px=dict(zip("yx", calls.size, strict=True)),
        overlap_px=dict(zip("yx", calls.overlap, strict=True)),
        returned_shape=calls.returns,
        dtype="float32",
        memory_bytes=udf_bytes(calls),
        of_collection=calls.collected,
    )


def _plain(value: Any) -> Any:
    """A value as JSON, cut where it is long."""
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return repr_of(value)
    return value if len(text) <= 2000 else repr_of(value)

"""Profiles: what an openEO back-end accepts and how it behaves where the specification leaves room.

One module is one profile and holds `PROFILE`; it is found by its file name. A rule has the number of the limit that it
stands for, so that a message can be looked up.
"""

from __future__ import annotations

import importlib
import pkgutil
import warnings
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from local_runner.errors import OpenEOError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from local_runner.stac.walk import Found

ANY_PROCESS: Final = "*"
"""In place of a process id: a rule for the arguments of every process."""
DEFINITION: Final = "the definition of a process"
"""In place of a process id: a rule for a user-defined process; its arguments are the fields of the process object."""
ITEMS: Final = "the items of load_stac"
"""In place of a process id: a rule for what a STAC address leads to; its arguments are `items` (of `Found`) and `bands`."""


class ProfileWarning(UserWarning):
    """The back-end would take this graph, but not do what it says."""


@dataclass(frozen=True)
class Violation:
    """What must hold, what was given, what to do."""

    must: str
    got: Any
    do: str


@dataclass(frozen=True)
class Rule:
    """One limit of a back-end on the arguments of one process.

    `find` gets the arguments that are known, defaults included; a callback may be an outline. With `of_references` it gets
    the names of the parameters that each argument of the graph refers to instead.
    """

    number: str
    process: str
    action: Literal["refuse", "warn"]
    find: Callable[[Mapping[str, Any]], Violation | None]
    of_references: bool = False

    @property
    def severity(self) -> Literal["error", "warning"]:
        """What a violation is to `openeo-sar check`."""
        return "error" if self.action == "refuse" else "warning"


@dataclass(frozen=True)
class Profile:
    """A back-end's rules and behaviour.

    `float32_callbacks`: callbacks compute in float32 whatever the cube holds. `rename_by_position`: `rename_labels`
    without `source` renames named labels by position. `new_labels`: what `apply_neighborhood` says to labels that a UDF
    changed with `apply_metadata` (accept, or warn) and without (lost: enumerated from 0 with a warning, or refuse).
    `empty_filters`: whether a filter that nothing passes gives an empty cube (keep) or an error.
    `tile_px`: edge of the chunks that a UDF gets where the graph does not say. `float32_coordinates`: x and y of a UDF chunk.
    `choose_assets`: items with the assets that the back-end would load. `built_in`: numbers of the limits that the executor
    keeps without a rule. `said`: numbers of the limits that this object has warned of, each once: it serves one evaluation.
    """

    name: str
    rules: tuple[Rule, ...] = ()
    float32_callbacks: bool = False
    rename_by_position: bool = False
    new_labels: Literal["accept", "warn"] = "warn"
    undeclared_labels: Literal["lose", "refuse"] = "refuse"
    empty_filters: Literal["keep", "refuse"] = "keep"
    tile_px: int = 256
    float32_coordinates: bool = False
    choose_assets: Callable[[Sequence[Found]], list[Found]] | None = None
    built_in: frozenset[str] = frozenset()
    said: set[str] = field(default_factory=set, compare=False, repr=False)

    def broken(
        self, process: str, arguments: Mapping[str, Any], references: Mapping[str, tuple[str, ...]] | None = None
    ) -> Iterator[tuple[Rule, OpenEOError]]:
        """The rules that the arguments break, and what they say; arguments not known yet are left out.

        `references`: names of the parameters that each argument refers to, where the graph is at hand.
        """
        for rule in self.rules:
            if rule.process not in (process, ANY_PROCESS):
                continue
            violation = rule.find((references or {}) if rule.of_references else arguments)
            if violation is not None:
                must = f"{self.label(rule.number)}{violation.must}"
                yield rule, OpenEOError("FeatureUnsupported", must, got=violation.got, do=violation.do)

    def enforce(self, process: str, arguments: Mapping[str, Any], *, warn: bool = True) -> None:
        """Raise `FeatureUnsupported` or warn for each rule that the arguments break."""
        for rule, error in self.broken(process, arguments):
            if rule.action == "refuse":
                raise error
            if warn:
                self.warn(rule.number, error.message)

    def admit(self, items: Sequence[Found], bands: Sequence[str] | None = None) -> list[Found]:
        """The items of a STAC address as the back-end takes them; raises or warns for the rules that they break."""
        self.enforce(ITEMS, {"items": items, "bands": bands})
        return list(items) if self.choose_assets is None else self.choose_assets(items)

    def warn(self, number: str, text: str) -> None:
        """Warn of a limit, the first time only; `text` begins with its label."""
        if number not in self.said:
            self.said.add(number)
            warnings.warn(text, ProfileWarning, stacklevel=3)

    def label(self, number: str) -> str:
        """How messages begin that are about a limit; empty if the profile does not have it."""
        known = number in self.built_in or any(rule.number == number for rule in self.rules)
        return f"[{self.name} {number}] " if known else ""


class Rules:
    """Collects the rules of a module in the order in which they stand."""

    def __init__(self) -> None:
        self.all: list[Rule] = []

    def __call__(
        self,
        number: str,
        *processes: str,
        action: Literal["refuse", "warn"] = "refuse",
        of_references: bool = False,
    ) -> Callable[[Callable[[Mapping[str, Any]], Violation | None]], Callable[[Mapping[str, Any]], Violation | None]]:
        """Decorate a function that finds a violation in the arguments of each of `processes`."""

        def add(
            find: Callable[[Mapping[str, Any]], Violation | None],
        ) -> Callable[[Mapping[str, Any]], Violation | None]:
            self.all += [Rule(number, process, action, find, of_references) for process in processes]
            return find

        return add


def profile_names() -> tuple[str, ...]:
    """Names of the profiles there are."""
    return tuple(sorted(m.name for m in pkgutil.iter_modules(__path__)))


def load_profile(name: str) -> Profile:
    """The profile of that name, for one evaluation; raises `ProcessParameterInvalid` for an unknown one."""
    if name not in profile_names():
        raise OpenEOError("ProcessParameterInvalid", f"profile must be one of {profile_names()}", got=name)
    profile: Profile = importlib.import_module(f"{__name__}.{name}").PROFILE
    return replace(profile, said=set())

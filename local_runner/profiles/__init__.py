"""Profiles: what an openEO back-end accepts and how it behaves where the specification leaves room.

One module is one profile and holds `PROFILE`; it is found by its file name. A rule has the number of the limit that it
stands for, so that a message can be looked up.
"""

from __future__ import annotations

import importlib
import pkgutil
import warnings
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from local_runner.errors import OpenEOError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


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

    `find` gets the arguments that are known, defaults included; a callback may be an outline.
    """

    number: str
    process: str
    action: Literal["refuse", "warn"]
    find: Callable[[Mapping[str, Any]], Violation | None]


@dataclass(frozen=True)
class Profile:
    """A back-end's rules and behaviour.

    `float32_callbacks`: callbacks compute in float32 whatever the cube holds. `rename_by_position`: `rename_labels`
    without `source` renames named labels by position. `new_labels`: what `apply_neighborhood` says to labels that a UDF
    changed with `apply_metadata` (accept, or warn) and without (lost: enumerated from 0 with a warning, or refuse).
    `tile_px`: edge of the chunks that a UDF gets where the graph does not say. `float32_coordinates`: x and y of a UDF chunk.
    """

    name: str
    rules: tuple[Rule, ...] = ()
    float32_callbacks: bool = False
    rename_by_position: bool = False
    new_labels: Literal["accept", "warn"] = "warn"
    undeclared_labels: Literal["lose", "refuse"] = "refuse"
    tile_px: int = 256
    float32_coordinates: bool = False

    def enforce(self, process: str, arguments: Mapping[str, Any], *, warn: bool = True) -> None:
        """Raise `FeatureUnsupported` or warn for each rule that the arguments break; arguments not known yet are left out."""
        for rule in self.rules:
            if rule.process != process:
                continue
            violation = rule.find(arguments)
            if violation is None:
                continue
            error = OpenEOError(
                "FeatureUnsupported",
                f"[{self.name} {rule.number}] {violation.must}",
                got=violation.got,
                do=violation.do,
            )
            if rule.action == "refuse":
                raise error
            if warn:
                warnings.warn(error.message, ProfileWarning, stacklevel=2)


class Rules:
    """Collects the rules of a profile module in the order in which they stand."""

    def __init__(self) -> None:
        self.all: list[Rule] = []

    def __call__(
        self, number: str, process: str, *, action: Literal["refuse", "warn"] = "refuse"
    ) -> Callable[[Callable[[Mapping[str, Any]], Violation | None]], Callable[[Mapping[str, Any]], Violation | None]]:
        """Decorate a function that finds a violation in the arguments of `process`."""

        def add(
            find: Callable[[Mapping[str, Any]], Violation | None],
        ) -> Callable[[Mapping[str, Any]], Violation | None]:
            self.all.append(Rule(number, process, action, find))
            return find

        return add


def profile_names() -> tuple[str, ...]:
    """Names of the profiles there are."""
    return tuple(sorted(m.name for m in pkgutil.iter_modules(__path__)))


@cache
def load_profile(name: str) -> Profile:
    """The profile of that name; raises `ProcessParameterInvalid` for an unknown one."""
    if name not in profile_names():
        raise OpenEOError("ProcessParameterInvalid", f"profile must be one of {profile_names()}", got=name)
    profile: Profile = importlib.import_module(f"{__name__}.{name}").PROFILE
    return profile

"""The geopyspark back-end of the Copernicus Data Space: its refusals and its leniencies.

The numbers are those of the list of back-end limits in `docs/backend-limits.md`. Modules hold the rules by subject, each
as `rule`; they are found, not listed. An argument that a rule does not find is one whose value is not known yet.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, Final

from local_runner.profiles import Profile
from local_runner.profiles.geopyspark.assets import choose_assets

if TYPE_CHECKING:
    from local_runner.profiles import Rule

_BUILT_IN: Final = frozenset((
    "G04", "G05", "G06", "G08", "G09", "G11", "G17", "G20", "G24", "G26", "G30", "G31", "G36", "G44", "G46", "G50", "G54",
))  # fmt: skip
"""Kept by the processes, the chunks of UDFs and the reading of items, as `docs/backend-limits.md` tells."""


def _rules() -> tuple[Rule, ...]:
    modules = (importlib.import_module(f"{__name__}.{m.name}") for m in pkgutil.iter_modules(__path__))
    found = [rule for module in modules if hasattr(module, "rule") for rule in module.rule.all]
    return tuple(sorted(found, key=lambda rule: rule.number))


PROFILE = Profile(
    "geopyspark",
    rules=_rules(),
    float32_callbacks=True,
    rename_by_position=True,
    new_labels="accept",
    undeclared_labels="lose",
    empty_filters="refuse",
    float32_coordinates=True,
    choose_assets=choose_assets,
    built_in=_BUILT_IN,
)

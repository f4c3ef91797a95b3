"""What was probably meant by a name that is not known."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST: Final = 64
_NEAREST: Final = 0.65
"""Least likeness, as of difflib: at 0.6 `ndvi` is near `divide`."""
_MOST: Final = 300
"""Names that are compared: a graph of thousands of nodes would make a mistake in it slow to find."""


def did_you_mean(name: object, known: Iterable[str], *, most: int = 3) -> str:
    """`Did you mean 'a' or 'b'?`, at most `most` names; empty where nothing is near."""
    names = [other for other in known if len(other) <= _LONGEST][:_MOST]
    if not isinstance(name, str) or len(name) > _LONGEST:
        return ""
    close = difflib.get_close_matches(name, names, n=most, cutoff=_NEAREST)
    return f"Did you mean {' or '.join(map(repr, close))}?" if close else ""

"""The errors of the runner: one openEO code, one message, the node it happened at, and the exit code of the command line.

A message says what must hold, what was given instead and what to do; it is built here and nowhere else.
"""

from __future__ import annotations

import re
from typing import Any, Final

from local_runner.redaction import redact

_NOTHING: Final = object()
_UNPRINTABLE: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, among them those that change the direction of a line, and lone surrogates."""
_QUERY: Final = re.compile(r"(\w://[^\s?#'\"<>]+)[?#][^\s'\"<>)]*")
"""Query and fragment of a URL, which may be anything that opens a door."""
_MOST_VALUES: Final = 10_000


class OpenEOError(Exception):
    """An error with an openEO error code.

    `code` is the openEO name (`ProcessParameterInvalid`, `DimensionNotAvailable`, ...), `must` the rule that was broken,
    `got` what was given instead, `do` the remedy, `node` the path of the graph node, set by the evaluator
    (`coherence/slc_coherence` is node `slc_coherence` of the callback of node `coherence`).
    """

    exit_code = 2

    def __init__(self, code: str, must: str, *, got: Any = _NOTHING, do: str = "", node: str = "") -> None:
        self.code = code
        self.must = must
        self.got = got
        self.do = do
        self.node = node
        super().__init__(code, must)

    def __reduce__(self) -> tuple[Any, ...]:
        """Keep all fields when a worker process hands the error back."""
        return _restore, (
            type(self),
            self.code,
            self.must,
            self.do,
            self.node,
            self.got is not _NOTHING,
            repr_of(self.got),
        )

    def at(self, node: str) -> OpenEOError:
        """Name the node, unless a node further in has been named."""
        self.node = self.node or node
        return self

    @property
    def message(self) -> str:
        """The text without the code; secrets are left out, and characters that a terminal would obey are escaped."""
        text = self.must.rstrip(".")
        if self.got is not _NOTHING:
            text += f", instead got {repr_of(self.got)}"
        text += "."
        if self.do:
            text += f" {self.do}" if self.do.endswith((".", "?")) else f" {self.do}."
        return _printable(redact(_QUERY.sub(r"\1", text)))

    def __str__(self) -> str:
        where = f" (node {_printable(self.node)})" if self.node else ""
        return f"{self.code}: {self.message}{where}"


class LimitExceededError(OpenEOError):
    """A limit on size, memory or depth would be exceeded."""

    exit_code = 3


class InternalError(OpenEOError):
    """A defect of the program."""

    exit_code = 1


class UdfError(OpenEOError):
    """A UDF failed or returned something that may not be returned."""

    exit_code = 4


class DataError(OpenEOError):
    """Data are missing, unreadable or damaged."""

    exit_code = 5


class Quoted(str):
    """A text that stands in a message as it is, without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def repr_of(value: Any, longest: int = 200) -> str:
    """`repr` cut to a readable length; a value too large or too deep for `repr` is named by its type."""
    if isinstance(value, Quoted):
        return str(value)
    try:
        text = repr(value) if _is_small(value) else f"a {type(value).__name__} of {len(value)}"
    except (RecursionError, ValueError):  # nested too deeply, or an integer of thousands of digits
        text = f"a {type(value).__name__}"
    return text if len(text) <= longest else f"{text[:longest]}... ({len(text)} characters)"


def _is_small(value: Any) -> bool:
    waiting, count = [value], 0
    while waiting and count < _MOST_VALUES:
        item = waiting.pop()
        count += 1
        if isinstance(item, list | tuple | dict):
            waiting += item.values() if isinstance(item, dict) else item
    return not waiting


def _printable(text: str) -> str:
    return _UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], text)


def _restore(kind: type[OpenEOError], code: str, must: str, do: str, node: str, has_got: bool, got: str) -> OpenEOError:  # noqa: FBT001
    return kind(code, must, got=Quoted(got) if has_got else _NOTHING, do=do, node=node)

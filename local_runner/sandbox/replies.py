"""Checks what comes out of a sandbox: everything in it may have been made to harm whoever reads it."""

from __future__ import annotations

import json
import math
import os
import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from local_runner.errors import LimitExceededError, OpenEOError, Quoted, UdfError
from local_runner.sandbox import files, wire

if TYPE_CHECKING:
    import xarray as xr

MAX_REPLY: Final = 4 * 2**20
"""Longest reply without the samples, in bytes."""
_MAX_LABEL: Final = 256
_MAX_LABELS: Final = 2**24
"""Characters of all labels of a dimension, each counted as long as the longest of them: so numpy keeps them."""
_MAX_MESSAGE: Final = 1000
_SAMPLES: Final = re.compile(r"[<>|=]?(f[248]|[iu][1248]|b1)")
_KINDS: Final[dict[str, type[OpenEOError]]] = {
    "UdfFailed": UdfError,
    "UdfResultInvalid": UdfError,
    "UdfDependencyMissing": UdfError,
    "UdfInputInvalid": OpenEOError,
    "UdfOutOfMemory": LimitExceededError,
    "UdfOutputTooLarge": LimitExceededError,
}
"""Errors that a UDF in the sandbox can have by its own account."""


class BadReplyError(Exception):
    """A reply has not the form that it must have."""


def parsed(content: bytes) -> dict[str, Any]:
    """A reply as a dict; raises `BadReplyError`, and the error that the reply tells of."""
    try:
        reply = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BadReplyError("JSON") from error
    require(isinstance(reply, dict), "an object")
    if "error" in reply:
        raise _error(reply["error"])
    return dict(reply)


def array_of(reply: dict[str, Any], output: int, limit: int) -> xr.DataArray:
    """The array of a reply with the samples from a file; raises `BadReplyError` unless all of it fits together."""
    found: Any = reply.get("array")
    require(isinstance(found, dict), "an array")
    dims, shape, dtype, coords = (found.get(key) for key in ("dims", "shape", "dtype", "coords"))
    require(_are(dims, str) and len(set(dims)) == len(dims) <= 8 and all(map(_short, dims)), "different dimensions")
    require(_are(shape, int) and len(shape) == len(dims) and min(shape, default=0) >= 0, "a shape")
    require(isinstance(dtype, str) and _SAMPLES.fullmatch(dtype) is not None, "samples that are real numbers")
    bytes_wanted = math.prod(shape) * np.dtype(dtype).itemsize
    require(bytes_wanted <= limit and bytes_wanted == os.fstat(output).st_size, "as many samples as its shape says")
    try:
        values = np.empty(shape, dtype)
    except ValueError as error:  # without samples, but with other dimensions of any length
        raise BadReplyError("a shape") from error
    require(files.read_into(output, wire.samples_of(values)), "all samples")
    if values.dtype.kind == "b":
        values = values.view(np.uint8) != 0  # numpy counts on nothing but 0 and 1 in booleans
    require(isinstance(coords, dict) and set(coords) <= set(dims), "coordinates of its dimensions")
    for dim, size in zip(dims, shape, strict=True):
        require(dim not in coords or _are_labels(coords[dim], size), "one short and printable label for each place")
    try:
        with np.errstate(over="raise"):
            return wire.labelled(values, {"dims": dims, "coords": coords, "attrs": {}})
    except (ValueError, TypeError, ArithmeticError) as error:
        raise BadReplyError("an array") from error


def bands_of(reply: dict[str, Any]) -> list[str] | None:
    """The band labels of a reply, or None; raises `BadReplyError`."""
    bands = reply.get("bands")
    require(bands is None or (_are(bands, str) and all(map(_short, bands))), "band labels")
    return bands


def clean(text: Any, longest: int = _MAX_MESSAGE) -> str:
    """A text of a UDF fit for terminals and logs: printable, one line, not too long."""
    return "".join(c if c.isprintable() else " " for c in str(text)[:longest]).strip()


def require(holds: object, what: str) -> None:
    """Raise `BadReplyError` unless something holds."""
    if not holds:
        raise BadReplyError(what)


def _error(found: Any) -> OpenEOError:
    require(isinstance(found, dict) and found.get("code") in list(_KINDS), "a known error")
    kind = _KINDS[found["code"]]
    must, do = clean(found.get("must")), clean(found.get("do") or "")
    if found.get("got") is None:
        return kind(found["code"], must, do=do)
    return kind(found["code"], must, got=Quoted(clean(found["got"])), do=do)


def _are(values: Any, kind: type) -> bool:
    return isinstance(values, list) and all(type(v) is kind for v in values)


def _short(text: str) -> bool:
    return len(text) <= _MAX_LABEL and text.isprintable()


def _are_labels(labels: Any, size: int) -> bool:
    if not isinstance(labels, dict) or set(labels) != {"kind", "values"} or not isinstance(labels["kind"], str):
        return False
    kind, values = labels["kind"], labels["values"]
    if not isinstance(values, list) or len(values) != size:
        return False
    if kind == "O":
        plain = all(_short(v) if isinstance(v, str) else isinstance(v, int | float | None) for v in values)
        return plain and size * max((len(str(v)) for v in values), default=0) <= _MAX_LABELS
    numbers = all(isinstance(v, int | float) for v in values)
    return numbers and (kind == "M" or _SAMPLES.fullmatch(kind) is not None)

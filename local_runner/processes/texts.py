"""Texts."""

from local_runner.limits import require_length
from local_runner.processes._types import Array, Number


def text_concat(data: Array, separator: Number | bool | str | None = "") -> str:
    """The elements as texts one after the other, with `separator` between them; numbers and true, false, null as in JSON."""
    between, texts = _text(separator), [_text(value) for value in data]
    require_length(sum(map(len, texts)) + len(between) * len(texts), "The text that text_concat makes")
    return between.join(texts)


def _text(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)

"""Secrets in texts and JSON: finds them, and puts `<redacted>` in their place. What is found is never shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

REDACTED: Final = "<redacted>"
"""No pattern matches it, and a URL stays one."""
_PATTERNS: Final = {
    "a JSON web token": re.compile(r"eyJ[\w-]{5,}\.eyJ[\w-]+(?:\.[\w-]*)?"),
    "a bearer token": re.compile(r"(?<=bearer )(?=\S*\d)[A-Za-z0-9._~+/$-]{16,}=*", re.IGNORECASE),
    "basic credentials": re.compile(r"(?<=authorization: basic )[^\s<]+", re.IGNORECASE),
    "a signed URL": re.compile(r"(?<=[?&])X-(?:Amz|Goog)-[A-Za-z-]+=[^&\s\"'#]+", re.IGNORECASE),
    "a signature in a URL": re.compile(r"(?<=[?&])(?:sig|signature|token|api_?key)=[^&\s\"'#]+", re.IGNORECASE),
    "an access token": re.compile(
        r"(?:access|refresh|id)_token[\"']?\s*[=:]\s*[\"']?[A-Za-z0-9._~+/$-]{8,}", re.IGNORECASE
    ),
    "a user name or password in a URL": re.compile(r"(?<=://)[^/\s@\"'<>?#]+(?=@)"),
}
_KEYS: Final = re.compile(r"authorization|(?:access|refresh|id)_token|client_secret|password|x-amz-.*", re.IGNORECASE)


def redact(text: str) -> str:
    """The text with `<redacted>` in place of each secret."""
    for pattern in _PATTERNS.values():
        text = pattern.sub(REDACTED, text)
    return text


def kinds_of_secrets(text: str) -> tuple[str, ...]:
    """What kinds of secrets a text holds."""
    return tuple(kind for kind, pattern in _PATTERNS.items() if pattern.search(text))


def redacted(value: Any) -> Any:
    """A JSON value without secrets, in keys as well as in texts."""
    match value:
        case str():
            return redact(value)
        case list() | tuple():
            return [redacted(item) for item in value]
        case dict():
            return {
                redact(str(key)): REDACTED if _is_secret(key, item) else redacted(item) for key, item in value.items()
            }
        case _:
            return value


def secrets_in(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Path and kind of each secret in a JSON value."""
    match value:
        case str():
            yield from ((path, kind) for kind in kinds_of_secrets(value))
        case list() | tuple():
            for number, item in enumerate(value):
                yield from secrets_in(item, f"{path}/{number}")
        case dict():
            for key, item in value.items():
                inside = f"{path}/{redact(str(key))}".lstrip("/")
                yield from ((inside, f"{kind} as a key") for kind in kinds_of_secrets(str(key)))
                if _is_secret(key, item):
                    yield inside, f"a value of {str(key)!r}"
                else:
                    yield from secrets_in(item, inside)


def _is_secret(key: Any, value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and _KEYS.fullmatch(str(key)) is not None

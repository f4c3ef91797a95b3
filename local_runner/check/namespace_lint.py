"""Namespaces of nodes: addresses of process definitions, which a back-end fetches. Nothing is fetched here."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from local_runner.access import public_href
from local_runner.check.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NAMES: Final = (None, "user", "predefined", "backend")
_MOVING: Final = re.compile(r"/(?:refs/heads/[^/]+|main|master|develop|dev|HEAD)/")


def namespace_findings(path: str, node: Mapping[str, Any]) -> Iterator[Finding]:
    """What is wrong with the address of a process; that an address has not been opened is no mistake."""
    namespace = node.get("namespace")
    if namespace in _NAMES or not isinstance(namespace, str):
        return
    parts = _parts(namespace)
    shown = namespace.partition("?")[0] if parts is None else public_href(namespace)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        must = f"A namespace must be an https URL for a back-end to find it, instead got {shown!r}."
        yield Finding(path, "NamespaceLocal", must, "warning")
        return
    if parts.scheme != "https":
        yield Finding(path, "NamespaceInsecure", f"A namespace must be an https URL, instead got {shown!r}.")
    if _is_private(parts.hostname):
        yield Finding(path, "NamespacePrivate", f"A namespace must be on a public host, instead got {shown!r}.")
    if _MOVING.search(parts.path):
        must = f"A namespace should be pinned to a tag or commit, not to a branch that moves, instead got {shown!r}."
        yield Finding(path, "NamespaceMoving", must, "warning")


def _parts(namespace: str) -> Any:
    try:
        parts = urlsplit(namespace)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _is_private(host: str) -> bool:
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        return True
    if re.fullmatch(r"[0-9.]+|0x[0-9a-f.x]+", host):  # also the short, octal and hexadecimal ways to write an address
        try:
            return not ipaddress.ip_address(host).is_global
        except ValueError:
            return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False

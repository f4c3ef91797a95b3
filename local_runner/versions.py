"""Versions of what makes the numbers."""

from __future__ import annotations

import importlib.metadata
import platform


def versions_of(*libraries: str) -> dict[str, str]:
    """Version of each library, "not installed" where it is missing, and that of Python."""
    found = {}
    for name in libraries:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return {**found, "python": platform.python_version()}

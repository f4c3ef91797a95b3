"""Fingerprint of an input: does a result that is there still belong to it? Reads metadata alone."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_runner.access import is_remote
from local_runner.errors import OpenEOError
from local_runner.stac import walk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_runner.access import Access


def fingerprint(address: str, access: Access) -> str:
    """Hexadecimal sha256 of the STAC items and, per asset, checksum and size, else size and time of change."""
    allowed = access.naming(address)
    digest = hashlib.sha256()
    for found in walk.items(address, allowed):
        assets = {key: _state(found.href, asset, allowed) for key, asset in found.assets.items()}
        digest.update(json.dumps([found.item, found.collection, assets], sort_keys=True).encode())
    return digest.hexdigest()


def _state(where: str, asset: Mapping[str, Any], access: Access) -> list[Any]:
    """What tells whether a file changed; a remote file is known by its checksum alone, if it has one."""
    checksum = asset.get("file:checksum")
    try:
        href = access.resolve(str(asset.get("href", "")), where)
        status = None if is_remote(href) else Path(href).stat()
    except (OpenEOError, OSError, ValueError):
        return ["missing"]
    if status is None:
        return [checksum]
    return [checksum, status.st_size] if checksum else [status.st_size, status.st_mtime_ns]

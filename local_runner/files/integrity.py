"""Whether a file is the one that its metadata tell of: `file:checksum`, compared once before a pixel of it is used.

The first task that reads a file hashes all of it (240 MB take 0.1 s); the verdict holds in this process as long as path,
size and time of change stay. Nothing is hashed while a graph is evaluated, so that planning opens no data.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from local_runner.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

_LOG: Final = logging.getLogger(__name__)
_ALGORITHMS: Final = {
    "1114": "sha1",
    "1220": "sha256",
    "1340": "sha512",
    "1440": "sha3_512",
    "1530": "sha3_384",
    "1620": "sha3_256",
    "171c": "sha3_224",
    "2030": "sha384",
    "d50110": "md5",
}
"""Algorithms of hashlib by the first bytes of a multihash: its code as variable-length integer, and the digest's length."""
_GUARD: Final = threading.Lock()
_locks: dict[tuple[Any, ...], threading.Lock] = {}
_found: dict[tuple[Any, ...], str] = {}


def require_checksum(path: Path, checksum: str) -> None:
    """Raise `DataCorrupt` unless a file has the checksum, a hexadecimal multihash; without one nothing is compared.

    A multihash of an unknown kind is a warning in the log: the file is used unchecked.
    """
    text = checksum.lower()
    prefix = next((p for p in _ALGORITHMS if text.startswith(p) and len(text) == len(p) + 2 * int(p[-2:], 16)), None)
    if not text:
        return
    if prefix is None:
        _warn(path, text)
        return
    try:
        actual = _digest(path, _ALGORITHMS[prefix])
    except OSError as error:
        must = f"{path} must be readable ({error.strerror})"
        raise DataError("DataCorrupt", must, do="Check the file and its permissions") from error
    if actual != text[len(prefix) :]:
        must = f"{path} must have the file:checksum of its item, {text[:24]}..."
        do = "Make or download the file again, or correct the item if the file is right"
        raise DataError("DataCorrupt", must, got=f"{prefix}{actual}"[:24] + "...", do=do)


@cache
def _warn(path: Path, checksum: str) -> None:
    """Say it once."""
    _LOG.warning("the file:checksum of %s is of a kind that cannot be checked: %.40s", path, checksum)


def _digest(path: Path, algorithm: str) -> str:
    """Hexadecimal digest of a file; threads that ask for the same one wait for the first."""
    status = path.stat()
    key = (path, status.st_size, status.st_mtime_ns, algorithm)
    with _GUARD:
        lock = _locks.setdefault(key, threading.Lock())
    with lock:
        if key not in _found:
            with path.open("rb") as file:
                _found[key] = hashlib.file_digest(
                    file, lambda: hashlib.new(algorithm, usedforsecurity=False)
                ).hexdigest()
        return _found[key]

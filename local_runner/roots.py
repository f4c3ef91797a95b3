"""The folders and files of products that this user has made catalogues of: catalogues on this machine may name them.

Kept in a file of the user's, never in the STAC: a catalogue cannot grant itself access.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def remembered() -> tuple[Path, ...]:
    """Folders and files that `remember` was told of, as far as they still exist."""
    try:
        known = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ()
    return tuple(Path(root) for root in known if isinstance(root, str) and Path(root).exists())


def remember(roots: Iterable[Path]) -> None:
    """Add folders and files."""
    from filelock import FileLock  # noqa: PLC0415  (reading needs no lock)

    file = _file()
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(file.with_suffix(".lock")):
        known = dict.fromkeys(str(root) for root in (*remembered(), *(root.resolve() for root in roots)))
        draft = file.with_suffix(".draft")
        draft.write_text(json.dumps(list(known), indent=2) + "\n", encoding="utf-8")
        draft.replace(file)


def _file() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "openeo-sar" / "product-roots.json"

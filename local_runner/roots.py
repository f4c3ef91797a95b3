"""The folders and files of products that this user has made catalogues of: catalogues on this machine may name them.

With them the last catalogue of a burst stack, which is the one that is meant where none is named. Kept in a file of the
user's, never in the STAC: a catalogue cannot grant itself access.

    {"roots": ["/data/S1A_....SAFE"], "catalogue": "/data/cat/collection.json"}

A list alone, as older versions wrote it, is that of the roots.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_LOG: Final = logging.getLogger(__name__)
_PATIENCE_S: Final = 10
"""How long another process may hold the list, and a folder that cannot be written looks like one that is held."""
_ROOTS: Final = "roots"
_CATALOGUE: Final = "catalogue"


def remembered() -> tuple[Path, ...]:
    """Folders and files that `remember` was told of, as far as they are still there.

    What has become a symbolic link, or lies below one, is left out: it would lead to what was never meant.
    """
    known = _known().get(_ROOTS)
    paths = [root for root in known if isinstance(root, str)] if isinstance(known, list) else []
    return tuple(Path(root) for root in paths if _is_kept(root))


def registered() -> Path | None:
    """The last catalogue that `remember` was told of, if it is still there and no symbolic link leads to it."""
    known = _known().get(_CATALOGUE)
    return Path(known) if isinstance(known, str) and _is_kept(known) else None


def remember(roots: Iterable[Path], *, catalogue: Path | None = None) -> None:
    """Add folders and files, but never a whole disk, and register a catalogue in place of the one before.

    Warns where the list cannot be written.
    """
    from filelock import FileLock  # noqa: PLC0415  (reading needs no lock)

    file = _file()
    added = [str(root.resolve()) for root in roots]
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(file.with_suffix(".lock"), timeout=_PATIENCE_S):
            last = registered() if catalogue is None else catalogue.resolve()
            known: dict[str, Any] = {_ROOTS: list(dict.fromkeys((*map(str, remembered()), *filter(_is_kept, added))))}
            draft = file.with_suffix(".draft")
            draft.write_text(json.dumps(known | ({_CATALOGUE: str(last)} if last else {}), indent=2) + "\n", "utf-8")
            draft.replace(file)
    except OSError as error:
        text = "%s cannot be written (%s): open the catalogue with --data-root, or set XDG_STATE_HOME to another folder"
        _LOG.warning(text, file, error.strerror or error)


def _known() -> dict[str, Any]:
    """What the file holds; nothing where it is not there or damaged."""
    try:
        known = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if isinstance(known, list):
        return {_ROOTS: known}
    return known if isinstance(known, dict) else {}


def _is_kept(root: str) -> bool:
    """Whether a path is there, as it was resolved, and not the whole of the disk."""
    path = Path(root)
    if not path.is_absolute() or path.parent == path:
        return False
    return os.path.exists(root) and os.path.realpath(root) == root  # noqa: PTH110


def _file() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "openeo-sar" / "product-roots.json"

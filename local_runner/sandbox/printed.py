"""What a UDF in a sandbox prints, as lines of the log: the start of it, and nothing that a terminal would obey."""

from __future__ import annotations

import logging
import threading
from typing import Final

from local_runner.sandbox.replies import clean

MAX_PRINTED: Final = 4096
"""Bytes that are passed on of all that a UDF prints in a run."""
_MAX_LINES: Final = 100
_log: Final = logging.getLogger(__package__)


class Printed:
    """Passes on what one UDF prints, until it was enough; told to another process, it starts again there."""

    def __init__(self) -> None:
        self._bytes, self._lines, self._is_full = MAX_PRINTED, _MAX_LINES, False
        self._changing = threading.Lock()

    def __reduce__(self) -> tuple[type[Printed], tuple[()]]:
        return Printed, ()

    def pass_on(self, content: bytes, node: str, place: str) -> None:
        """Log the lines that a call printed."""
        with self._changing:
            if not content or self._is_full:
                return
            lines = content[: self._bytes].decode(errors="replace").splitlines()
            shown = lines[: self._lines]
            for line in filter(None, map(clean, shown)):
                _log.info("udf: %s (node %s, chunk %s)", line, node, place)
            self._is_full = len(content) > self._bytes or len(lines) > len(shown)
            if self._is_full:
                _log.info("udf: ... more output left out (node %s)", node)
            self._bytes -= len(content)
            self._lines -= len(shown)

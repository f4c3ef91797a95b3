"""The log of a run: one JSON object per line, in the result. It is told apart from the result itself: it has times.

Every line has `time` (UTC), `level`, `event` and `message`; lines of nodes have `node`, of stages of the work `stage`, and
what took time `seconds`. The first line tells versions and the hash of the graph, the last one that the run has finished.
Secrets are left out.
"""

from __future__ import annotations

import json
import logging
import time
import warnings
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from local_runner.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import TextIO

    from local_runner.execution import UdfCalls
    from local_runner.nodes import Node
    from local_runner.workers import Report

NAME: Final = "log.jsonl"


class Log(logging.Handler):
    """Writes lines, and passes on how far the run is. It watches the evaluation of the graph and the work on its blocks."""

    def __init__(self, file: TextIO, report: Report) -> None:
        super().__init__()
        self.file = file
        self.tell = report
        self.began: dict[str, float] = {}

    def write(self, event: str, message: str = "", *, level: str = "info", **fields: Any) -> None:
        """Add a line; `fields` are numbers and short texts."""
        line = {"time": _now(), "level": level, "event": event, "message": message, **fields}
        self.file.write(json.dumps(redacted(line), ensure_ascii=False, default=str) + "\n")
        self.file.flush()

    def emit(self, record: logging.LogRecord) -> None:
        """Add a message of the package's logger."""
        self.write("message", record.getMessage(), level=record.levelname.lower())

    def report(self, stage: str, done: int, total: int) -> None:
        """Take note of how much of a stage is done; a line is written when all is."""
        self.began.setdefault(stage, time.monotonic())
        self.tell(stage, done, total)
        if done == total:
            seconds = time.monotonic() - self.began.pop(stage)
            self.write("stage", stage=stage, count=total, seconds=round(seconds, 3))

    def call(self, path: str, node: Node, arguments: Mapping[str, Any], function: Callable[[], Any]) -> Any:
        """Value of a node. Cubes are lazy: most of the time is that of the node that saves."""
        del node, arguments
        start = time.monotonic()
        self.tell(f"node {path}", 0, 1)
        value = function()
        self.tell(f"node {path}", 1, 1)
        self.write("node", node=path, seconds=round(time.monotonic() - start, 3))
        return value

    def udf(self, calls: UdfCalls) -> None:
        """Nothing: it is asked for in plans only."""


@contextmanager
def opened(folder: Path, report: Report) -> Iterator[Log]:
    """The log in a folder; messages of the package's logger and warnings come into it, and go their usual way as well."""
    logger = logging.getLogger("local_runner")
    shown = warnings.showwarning
    with (folder / NAME).open("w", encoding="utf-8") as file:
        log = Log(file, report)

        def show(message: Warning | str, *rest: Any, **named: Any) -> None:
            log.write("warning", str(message), level="warning")
            shown(message, *rest, **named)

        logger.addHandler(log)
        warnings.showwarning = show
        try:
            yield log
        finally:
            warnings.showwarning = shown
            logger.removeHandler(log)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

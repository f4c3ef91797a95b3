"""The log of a run: one JSON object per line, in the result. It is told apart from the result itself: it has times.

Every line has `time` (UTC), `level`, `event` and `message`; lines of nodes have `node`, of stages of the work `stage`, and
what took time `seconds`. The first line tells versions and the hash of the graph, the last one that the run has finished.
Secrets are left out.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from local_runner.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import TextIO

    from local_runner.compute.workers import Report
    from local_runner.execution import UdfCalls
    from local_runner.nodes import Node

NAME: Final = "log.jsonl"
_LOGGER: Final = logging.getLogger("local_runner")


class Log(logging.Handler):
    """Writes lines, and passes on how far the run is. It watches the evaluation of the graph and the work on its blocks."""

    def __init__(self, file: TextIO, report: Report) -> None:
        super().__init__()
        self.file = file
        self.tell = report
        self.began: dict[str, float] = {}
        self.thread = threading.get_ident()

    def write(self, event: str, message: str = "", *, level: str = "info", **fields: Any) -> None:
        """Add a line; `fields` are numbers and short texts."""
        line = {"time": _now(), "level": level, "event": event, "message": message, **fields}
        self.file.write(json.dumps(redacted(line), ensure_ascii=False, default=str) + "\n")
        self.file.flush()

    def emit(self, record: logging.LogRecord) -> None:
        """Add a message of the package's logger, if it belongs to this run."""
        if self in _logs_here():
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
    """The log in a folder; messages of the package's logger and warnings come into it, and go their usual way as well.

    Several may be open at once: what a thread says comes into the log that it opened, what others say into all.
    """
    with (folder / NAME).open("w", encoding="utf-8") as file:
        log = Log(file, report)
        _listening.begin(log)
        try:
            yield log
        finally:
            _listening.end(log)


def _logs_here() -> list[Log]:
    """Logs that the words of this thread belong to."""
    own = [log for log in _listening.logs if log.thread == threading.get_ident()]
    return own[-1:] or list(_listening.logs)


def _show(message: Warning | str, *rest: Any, **named: Any) -> None:
    """Write a warning into the log, and show it as before."""
    for log in _logs_here():
        log.write("warning", str(message), level="warning")
    _listening.show(message, *rest, **named)


@dataclass
class _Listening:
    """The logs that are open, and what was said how before the first was: warnings and the level of the logger are global."""

    logs: list[Log] = field(default_factory=list)
    show: Callable[..., None] = warnings.showwarning
    level: int = logging.NOTSET
    changing: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, log: Log) -> None:
        with self.changing:
            if not self.logs:
                self.level = _LOGGER.level
                _LOGGER.setLevel(logging.DEBUG)
            if warnings.showwarning is not _show:
                self.show, warnings.showwarning = warnings.showwarning, _show
            _LOGGER.addHandler(log)
            self.logs.append(log)

    def end(self, log: Log) -> None:
        """Let go of a log, and with the last one of all else, unless somebody has put it right already."""
        with self.changing:
            self.logs.remove(log)
            _LOGGER.removeHandler(log)
            if not self.logs:
                _LOGGER.setLevel(self.level)
                if warnings.showwarning is _show:
                    warnings.showwarning = self.show


_listening: Final = _Listening()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

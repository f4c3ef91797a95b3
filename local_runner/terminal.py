"""What a command says while it works: how far it is, warnings, and what is said of products and of UDFs in the sandbox.

Results go to stdout, all of this to stderr.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console
    from rich.progress import Progress, TaskID

    from local_runner.compute.workers import Report

_STAGES: Final = ("simulate", "compute", "write", "check", "quicklooks", "read metadata")
"""Stages of a run that take time. Nodes are stages too, but cubes are lazy: each is done at once."""
_PRODUCTS: Final = "local_runner.products"
_TELLING: Final = ("local_runner.sandbox", "local_runner.jobs.assemble", _PRODUCTS)
"""Loggers whose messages are for the user of a command."""
_IN_THE_LOG: Final = ("[geopyspark G45]", "[geopyspark G55]")
"""Limits of a back-end that all radar data, and all unwrapping, hit, so that a run need not say them; `explain` does."""


def warn(message: Warning | str, *_rest: Any, **_named: Any) -> None:
    """Print a warning as one line: what `warnings.showwarning` is to be for commands."""
    click.echo(f"warning: {message}", err=True)


def console(*, markup: bool = False) -> Console:
    """Console of results: as wide as the terminal, 160 columns where there is none."""
    from rich.console import Console  # noqa: PLC0415  (`openeo-sar --help` does without)

    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 160
    return Console(width=width, markup=markup, highlight=False, emoji=False)


@contextmanager
def progress(what: str, *, quiet: bool = False) -> Iterator[Report]:
    """Bars of the stages under way on a terminal, a line now and then elsewhere; nothing, not even warnings, if `quiet`."""
    if quiet:
        with _told_by(lambda _line: None):
            yield lambda _stage, _done, _total: None
    elif sys.stderr.isatty():
        with _bars() as bars, _told_by(_above(bars)):
            yield _Bars(what, bars, {})
    else:
        click.echo(f"running {what}", err=True)
        with _told_by(lambda line: click.echo(line, err=True)):
            yield _Lines(what)


@dataclass
class _Lines:
    """One line per quarter of the computing, of each run where there are several."""

    what: str
    told: tuple[str, int] = ("", 0)

    def __call__(self, stage: str, done: int, total: int) -> None:
        quarters = 4 * done // max(total, 1)
        if _stage_of(stage) != "compute" or (stage, quarters) == self.told:
            return
        self.told = stage, quarters
        if quarters:
            click.echo(f"running {self.what}: {stage} {25 * quarters} %", err=True)


@dataclass
class _Bars:
    """One bar per stage, as long as it is under way."""

    what: str
    bars: Progress
    tasks: dict[str, TaskID]

    def __call__(self, stage: str, done: int, total: int) -> None:
        if _stage_of(stage) not in _STAGES:
            return
        if stage not in self.tasks:
            self.tasks[stage] = self.bars.add_task(f"{self.what}: {stage}", total=total)
        self.bars.update(self.tasks[stage], completed=done, total=total, visible=done < total)


def _stage_of(stage: str) -> str:
    """A stage without the name of its run: `coherence: compute` is compute."""
    return stage.rpartition(": ")[2]


def _bars() -> Progress:
    from rich.console import Console  # noqa: PLC0415  (`openeo-sar --help` does without)
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


def _above(bars: Progress) -> Callable[[str], None]:
    """Prints lines above the bars, which are drawn anew below them."""
    return lambda line: bars.console.print(line, markup=False, highlight=False, soft_wrap=True)


class _Messages(logging.Handler):
    """Hands messages of a logger on, those of products as warnings."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self.tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        """Hand one on."""
        is_warning = record.name.startswith(_PRODUCTS) and record.levelno >= logging.WARNING
        self.tell(f"{'warning: ' if is_warning else ''}{record.getMessage()}")


@contextmanager
def _told_by(tell: Callable[[str], None]) -> Iterator[None]:
    """Lines go to `tell`: warnings, but for what the log of a run alone is to say, messages of the sandbox and of products."""

    def show(message: Warning | str, *_rest: Any, **_named: Any) -> None:
        if not str(message).startswith(_IN_THE_LOG):
            tell(f"warning: {message}")

    loggers, handler = [logging.getLogger(name) for name in _TELLING], _Messages(tell)
    before, warnings.showwarning = warnings.showwarning, show
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
        warnings.showwarning = before

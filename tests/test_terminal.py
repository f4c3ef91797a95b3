import io
import logging
import warnings

import pytest
from rich.console import Console

from local_runner import terminal

G45 = "[geopyspark G45] Assets should have proj:code"
G55 = "[geopyspark G55] The dependencies of a UDF are installed in batch jobs only"


@pytest.fixture
def screen(monkeypatch):
    file = io.StringIO()
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    console = Console(file=file, force_terminal=True, width=80)
    monkeypatch.setattr("rich.console.Console", lambda **_: console)
    return file


def test_lines_are_of_quarters_of_the_computing(capsys):
    with terminal.progress("it") as report:
        for done in range(101):
            report("node a", done, 100)
            report("compute", done, 100)
    lines = [f"running it: compute {part} %" for part in (25, 50, 75, 100)]
    assert capsys.readouterr().err.splitlines() == ["running it", *lines]


def test_stages_of_several_runs_have_their_name(capsys, screen, monkeypatch):
    for terminal_ in (False, True):
        monkeypatch.setattr("sys.stderr.isatty", lambda found=terminal_: found, raising=False)
        with terminal.progress("it") as report:
            for name in ("a", "b"):
                report(f"{name}: compute", 2, 4)
    assert capsys.readouterr().err.splitlines() == [
        "running it",
        "running it: a: compute 50 %",
        "running it: b: compute 50 %",
    ]
    assert "it: b: compute" in screen.getvalue()


def test_nothing_is_said_when_quiet(capsys):
    with terminal.progress("it", quiet=True) as report:
        report("compute", 1, 1)
        warnings.showwarning("odd", UserWarning, "a.py", 1)
    assert capsys.readouterr() == ("", "")


def test_warnings_are_lines_but_for_what_the_log_says(capsys):
    with terminal.progress("it"):
        for text in (G45, G55, "odd"):
            warnings.showwarning(text, UserWarning, "a.py", 1)
    assert capsys.readouterr().err.splitlines() == ["running it", "warning: odd"]


def test_warnings_go_their_way_again_afterwards():
    before = warnings.showwarning
    with terminal.progress("it"):
        assert warnings.showwarning is not before
    assert warnings.showwarning is before


def test_on_a_terminal_warnings_stand_above_the_bars(screen):
    with terminal.progress("it") as report:
        report("node a", 0, 1)
        report("compute", 1, 4)
        warnings.showwarning("odd [red]x[/red]", UserWarning, "a.py", 1)
    shown = screen.getvalue()
    assert "warning: odd [red]x[/red]\n" in shown
    assert "it: compute" in shown
    assert "node a" not in shown


def test_messages_of_the_sandbox_are_lines(capsys, caplog):
    caplog.set_level(logging.INFO, "local_runner")
    with terminal.progress("it"):
        logging.getLogger("local_runner.sandbox").info("UDF a runs in the sandbox")
        logging.getLogger("local_runner.other").info("not here")
    logging.getLogger("local_runner.sandbox").info("not any more")
    assert capsys.readouterr().err.splitlines() == ["running it", "UDF a runs in the sandbox"]

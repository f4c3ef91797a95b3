"""Fixtures of several test files."""

from typing import Any

import pytest

from local_runner import process_graph as evaluator
from local_runner.processes import _process, registry
from local_runner.processes._types import OnValue


def pytest_configure(config):
    """Catalogues in radar geometry are the main use here; that a back-end could not load them is no news to the tests."""
    config.addinivalue_line("filterwarnings", r"ignore:\[geopyspark G45\]")


@pytest.fixture(autouse=True)
def _own_state(tmp_path_factory, monkeypatch):
    """What the program keeps for its user is kept apart."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.getbasetemp() / "state"))


@pytest.fixture
def calls(monkeypatch):
    """Processes `load`, `note`, `pair` and `each` of the tests; the list of the calls, each (process id, argument)."""
    seen = []

    def load() -> Any:
        seen.append(("load", None))
        return 0

    def note(x: Any) -> Any:
        seen.append(("note", x))
        return x

    def pair(x: Any, y: Any) -> Any:
        seen.append(("pair", x))
        return max(x, y) + 1

    def each(data: list[Any], process: OnValue) -> Any:
        return [process(x=value, context=None) for value in data]

    own = {f.__name__: _process(f.__name__, f) for f in (load, note, pair, each)}
    monkeypatch.setattr(evaluator, "registry", lambda: {**registry(), **own})
    return seen

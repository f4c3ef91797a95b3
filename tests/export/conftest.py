"""MintPy itself, which reads back what is exported."""

import warnings
from importlib import import_module
from types import SimpleNamespace

import pytest

from tests.export import DAYS, result


@pytest.fixture(scope="session")
def mintpy():
    """MintPy's reader, its classes for files, and its inversion. Warnings of its import are not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("mintpy", reason="MintPy reads back what is exported")
        names = {"readfile": "utils.readfile", "objects": "objects", "loader": "objects.stackDict"}
        names |= {"inversion": "ifgram_inversion"}
        return SimpleNamespace(**{name: import_module(f"mintpy.{module}") for name, module in names.items()})


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """Two results in radar geometry: three pairs, one of them in the other order of dates."""
    folder = tmp_path_factory.mktemp("radar")
    return [result(folder / "a", DAYS[:2], (DAYS[2], DAYS[1])), result(folder / "b", (DAYS[0], DAYS[2]))]


@pytest.fixture(scope="session")
def on_map(tmp_path_factory):
    """A result on a map, of all three pairs."""
    pairs = (DAYS[:2], (DAYS[2], DAYS[1]), (DAYS[0], DAYS[2]))
    return result(tmp_path_factory.mktemp("map") / "c", *pairs, crs=32631)

import sys

import pytest

from local_runner import products
from tests.products import toy
from tests.stac.conftest import validate as validate  # noqa: PLC0414  (a fixture)


@pytest.fixture
def toys(monkeypatch):
    """Register the toy driver beside those that are installed."""
    known = {**products.drivers(), "toy": sys.modules[toy.__name__]}
    monkeypatch.setattr(products, "drivers", lambda: known)
    return toy


@pytest.fixture
def stack(toys, tmp_path):
    """Three dates of one burst."""
    days = (("2023-03-19", 0.0), ("2023-03-31", 33.75), ("2023-04-12", -12.5))
    return [toys.product(tmp_path / "data", day, baseline=baseline) for day, baseline in days]

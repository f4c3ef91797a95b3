import pytest

from local_runner.demo.safe import Product, later, write_safe
from local_runner.products import Options
from tests.stac.conftest import validate as validate  # noqa: PLC0414  (a fixture)


@pytest.fixture
def options(tmp_path):
    """Options for a catalogue in an empty folder."""
    (tmp_path / "out").mkdir()
    return Options(tmp_path / "out")


@pytest.fixture
def product():
    """Two bursts of IW2 in VV."""
    return Product()


@pytest.fixture
def pair(tmp_path, product):
    """SAFE folders of two dates of that product."""
    return [write_safe(tmp_path, each) for each in (product, later(product))]

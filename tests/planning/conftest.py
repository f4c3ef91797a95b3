"""A catalogue for all tests, and a world in which nothing can be opened or run."""

from pathlib import Path

import pytest
import rasterio

from local_runner.demo.safe import Product, later, write_safe
from local_runner.files import netcdf_reader, raster
from local_runner.products import catalogue
from local_runner.udf import call as udf
from tests.planning import write_stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    """Path of the collection of a stack of three dates."""
    return write_stack(tmp_path_factory.mktemp("stack"))


@pytest.fixture
def bursts(tmp_path):
    """Path of the collection of two dates of a burst, as a driver gives them."""
    product = Product(bursts=1, polarizations=("VV", "VH"))
    return str(catalogue([write_safe(tmp_path, date) for date in (product, later(product))], out=tmp_path / "cat"))


@pytest.fixture
def folder(stack):
    """Folder of the stack."""
    return Path(stack).parent


@pytest.fixture
def sealed(monkeypatch):
    """Every way to read a file, to run a UDF or to reach the network fails."""

    def refuse(*_args, **_named):
        raise AssertionError("a plan opened a file, ran a UDF or used the network")

    for module, name in (
        (raster, "read_header"),
        (raster, "_read"),
        (netcdf_reader, "read_header"),
        (rasterio, "open"),
    ):
        monkeypatch.setattr(module, name, refuse)
    monkeypatch.setattr(netcdf_reader, "is_netcdf", refuse)
    monkeypatch.setattr(udf, "run_udf_code", refuse)
    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("dask.base.compute", refuse)

import builtins
import os
import resource
import socket
import sys

import pytest

from local_runner.processes import registry
from tests.stac.catalogues import noise, tiff


@pytest.fixture
def nothing_opened(monkeypatch):
    """Files and sockets that are opened, which must be none; what importing the processes opens does not count."""
    registry()
    opened = []

    def watch(owner, name):
        original = getattr(owner, name)

        def spy(*args, **options):
            opened.append((name, args))
            return original(*args, **options)

        monkeypatch.setattr(owner, name, spy)

    watch(builtins, "open")
    watch(os, "open")
    watch(socket, "getaddrinfo")
    watch(socket.socket, "connect")
    yield opened
    assert opened == []


@pytest.fixture
def bounded_memory():
    """The process must not need more than 150 MB above what it has: a bomb asks for gigabytes."""

    def peak():
        unit = 2**20 if sys.platform == "darwin" else 2**10
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit

    before = peak()
    yield
    assert peak() - before < 150


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args, **_options):
        pytest.fail(f"the network was touched: {args}")

    for target in ("socket.socket.connect", "socket.create_connection", "socket.getaddrinfo"):
        monkeypatch.setattr(target, refuse)


@pytest.fixture
def catalogue(tmp_path):
    """A folder `c` for a catalogue, with links that lead to the secret beside it."""
    tiff(tmp_path / "secret.tif", noise())
    folder = tmp_path / "c"
    folder.mkdir()
    (folder / "link.tif").symlink_to(tmp_path / "secret.tif")
    (folder / "folder").symlink_to(tmp_path)
    return folder

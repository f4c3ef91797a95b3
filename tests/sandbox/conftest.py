"""A server that nobody may reach, and the check that a UDF has left nothing behind."""

import socket
import threading

import pytest

from local_runner.sandbox import command, pool, usage
from tests.sandbox import chunk, udf


class Canary:
    """Counts connections to a port of this machine."""

    def __init__(self):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.hits = 0
        threading.Thread(target=self.count, daemon=True).start()

    def count(self):
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            self.hits += 1
            connection.close()


@pytest.fixture(scope="session")
def canary():
    canary = Canary()
    with canary.server:
        socket.create_connection(("127.0.0.1", canary.port)).close()
        while canary.hits == 0:  # it does count
            pass
        canary.hits = 0
        yield canary


@pytest.fixture
def contained(canary):
    """After the test the next UDF works, nothing runs on, and nobody has reached the canary."""
    yield
    assert (udf("return cube * np.mean([1, 3])")(chunk(), "after it") == 2).all()
    for _, sandbox in pool._pool.idle:
        assert usage.family(sandbox._founder) == []
    assert canary.hits == 0


@pytest.fixture(scope="class")
def weak():
    """No bubblewrap; without it, a sandbox that has it must not be used again."""
    pool.close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "isolation", lambda: None)
        patch.setattr(command, "why_none", lambda: "bubblewrap is not installed")
        yield
        pool.close()


@pytest.fixture(scope="session", autouse=True)
def _no_sandbox_stays():
    yield
    pool.close()

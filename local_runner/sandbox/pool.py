"""Sandboxes that wait for their next chunk: starting one costs a second, forking a child in it some milliseconds."""

from __future__ import annotations

import atexit
import os
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from local_runner.sandbox.process import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

KEPT_SECONDS: Final = 30.0
"""How long a sandbox is kept without work; less than the time after which it ends by itself."""


class _Pool:
    """Sandboxes of one process of the runner."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self.lock = threading.Lock()
        self.known: set[Sandbox] = set()
        self.idle: list[tuple[float, Sandbox]] = []
        self.at_work: dict[int, Sandbox | None] = {}
        """By thread; None while it is being started."""


_pool = _Pool()


@contextmanager
def borrowed() -> Iterator[Sandbox]:
    """A sandbox that nobody else uses meanwhile; so there are as many as threads that ask at the same time."""
    pool, thread = _own_pool(), threading.get_ident()
    with pool.lock:
        pool.at_work[thread] = None
    try:
        sandbox = _waiting(pool) or Sandbox()
    except BaseException:
        with pool.lock:
            pool.at_work.pop(thread, None)
        raise
    with pool.lock:
        pool.known.add(sandbox)
        abandoned = thread not in pool.at_work
        if not abandoned:
            pool.at_work[thread] = sandbox
    if abandoned:
        sandbox.close()
    try:
        yield sandbox
    finally:
        with pool.lock:
            pool.at_work.pop(thread, None)
            if sandbox.is_open:
                pool.idle.append((time.monotonic(), sandbox))
            else:
                pool.known.discard(sandbox)


def abandon(threads: Iterable[threading.Thread]) -> None:
    """End the sandboxes that threads wait for, or are starting: their calls then fail instead of taking their time."""
    pool = _own_pool()
    with pool.lock:
        ended = [pool.at_work.pop(thread.ident, None) for thread in threads if thread.ident is not None]
    for sandbox in ended:
        if sandbox is not None:
            sandbox.close()


def close() -> None:
    """End all sandboxes of this process, those at work included."""
    pool = _own_pool()
    with pool.lock:
        known = set(pool.known)
        pool.known.clear()
        pool.idle.clear()
    for sandbox in known:
        sandbox.close()


def _own_pool() -> _Pool:
    """The pool of this process: one that was forked must leave the sandboxes of the other alone."""
    global _pool  # noqa: PLW0603
    if _pool.owner != os.getpid():
        _pool = _Pool()
    return _pool


def _waiting(pool: _Pool) -> Sandbox | None:
    """A sandbox that waits; those that have waited too long, or have ended, are put away."""
    late = time.monotonic() - KEPT_SECONDS
    with pool.lock:
        expired = {sandbox for since, sandbox in pool.idle if since < late or sandbox.has_ended()}
        pool.idle = [entry for entry in pool.idle if entry[1] not in expired]
        pool.known -= expired
        found = pool.idle.pop()[1] if pool.idle else None
    for sandbox in expired:
        sandbox.close()
    return found


atexit.register(close)

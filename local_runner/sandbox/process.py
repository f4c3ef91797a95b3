"""One sandbox as the runner sees it: started, asked, watched and ended."""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import struct
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from local_runner.errors import InternalError, LimitExceededError, OpenEOError, UdfError
from local_runner.sandbox import command, files, usage
from local_runner.sandbox.child import STATUS
from local_runner.sandbox.cleaning import SCRATCH_FOLDERS
from local_runner.sandbox.printed import MAX_PRINTED
from local_runner.sandbox.replies import MAX_REPLY

if TYPE_CHECKING:
    from local_runner.sandbox.limits import Limits

START_SECONDS: Final = 120
_WATCH_SECONDS: Final = 0.02
_CRASHES: Final = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT})


class Answer(NamedTuple):
    """What comes out of a sandbox, unchecked: reply, and descriptor of the file of samples."""

    reply: bytes
    output: int


class Sandbox:
    """A process that runs UDFs, one chunk at a time, each in a child of its own; `is_open` until a limit was hit."""

    def __init__(self) -> None:
        self.is_open = True
        self._control, theirs = socket.socketpair()
        with files.Files() as own, theirs:
            errors = own.make()
            self._process = _starter(os.getpid()).submit(_start, theirs, errors).result()
            theirs.close()
            self._founder = self._process.pid
            self._control.settimeout(START_SECONDS)
            with suppress(OSError):
                if self._control.recv(1):
                    if command.isolation() is not None:
                        self._founder = next(iter(usage.children(self._founder)), self._founder)
                    return
            self.close()
            said = files.read(errors, 2**16).decode(errors="replace").splitlines()
            raise InternalError("Internal", "The sandbox must start", got=said[-1] if said else "no message")

    def ask(
        self, own: files.Files, request: dict[str, Any], samples: memoryview, limits: Limits, printed: bytearray
    ) -> Answer:
        """Send a request and wait; `own` are the files of the call, and what the UDF prints is added to `printed`.

        Raises what ended the UDF where it gave no reply.
        """
        output, reply = own.make(), own.make()
        reading, writing = own.pipe()
        try:
            try:
                content = json.dumps({**request, "limits": asdict(limits)}).encode()
                sent = [own.make(content), own.make(samples), output, reply, writing]
                socket.send_fds(self._control, [b"r"], sent)
            finally:
                os.close(writing)
            status = self._wait(reading, printed, limits)
        except BaseException as error:
            self.close()
            if isinstance(error, OSError):
                raise _gone() from error
            raise
        content = files.read(reply, MAX_REPLY + 1)
        if not content:
            raise _ended(status)
        return Answer(content, output)

    def close(self) -> None:
        """End the process and all that it has started."""
        self.is_open = False
        strays = usage.family(self._founder) if command.isolation() is None else []
        while strays:  # the founder comes last: it adopts those whose parents end, so that they are found
            for process in strays:
                _kill(process)
            time.sleep(_WATCH_SECONDS)
            strays = usage.family(self._founder)
        _kill(self._founder)
        with suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)
        self._process.wait()
        self._control.close()

    def has_ended(self) -> bool:
        """Whether the process has ended by itself."""
        return self._process.poll() is not None

    def _wait(self, reading: int, printed: bytearray, limits: Limits) -> int:
        """Status of the child that ran the UDF; raises as soon as a limit is exceeded."""
        start = watched = time.monotonic()
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ)
            selector.register(reading, selectors.EVENT_READ)
            while True:
                ready = [key.fd for key, _ in selector.select(_WATCH_SECONDS)]
                if reading in ready and not _drain(reading, printed):
                    selector.unregister(reading)
                if self._control.fileno() in ready:
                    _drain(reading, printed)
                    return self._status()
                if not self.is_open or self.has_ended():
                    raise _gone()
                now = time.monotonic()
                if now - watched >= _WATCH_SECONDS:
                    self._require_within(limits, now - start)
                    watched = time.monotonic()

    def _status(self) -> int:
        message = self._control.recv(struct.calcsize(STATUS))
        if len(message) != struct.calcsize(STATUS):
            raise _gone()
        status, clean = struct.unpack(STATUS, message)
        if not clean:
            self.close()
        return int(status)

    def _require_within(self, limits: Limits, seconds: float) -> None:
        used = usage.of_family(self._founder)
        if seconds > limits.seconds:
            do = "Use a smaller neighbourhood, or fewer dates"
            raise LimitExceededError("UdfTimeout", f"The UDF must end within {limits.seconds:g} s for one chunk", do=do)
        if used.memory > limits.memory:
            must = f"The UDF must use at most {limits.memory >> 20} MiB of memory for one chunk"
            do = "Use a smaller neighbourhood, or fewer dates"
            raise LimitExceededError("UdfOutOfMemory", must, got=f"{used.memory >> 20} MiB", do=do)
        if used.tasks > limits.processes:
            must = f"The UDF must have at most {limits.processes} processes and threads"
            raise LimitExceededError("UdfTooManyProcesses", must, got=used.tasks)
        if command.isolation() is not None and usage.files(self._founder, SCRATCH_FOLDERS) > limits.files:
            raise LimitExceededError("UdfTooManyFiles", f"The UDF must have at most {limits.files} files of its own")


def _kill(process: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(process, signal.SIGKILL)


@cache
def _starter(_runner: int) -> ThreadPoolExecutor:
    """The thread that starts sandboxes, for they end with the thread that has started them.

    Python ends it first when the runner ends, so that no other thread then waits for its sandbox.
    """
    return ThreadPoolExecutor(1, thread_name_prefix="sandbox")


def _start(control: socket.socket, errors: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603
        command.command(),
        stdin=control.fileno(),
        stdout=subprocess.DEVNULL,
        stderr=errors,
        env=command.environment(),
        cwd="/",
        start_new_session=True,
    )


def _drain(reading: int, printed: bytearray) -> bool:
    """Read what is printed, keep the start of it, one byte more than is shown; False at the end."""
    try:
        part = os.read(reading, 2**16)
    except BlockingIOError:
        return True
    printed += part[: MAX_PRINTED + 1 - len(printed)]
    return bool(part)


def _gone() -> OpenEOError:
    return UdfError("UdfKilled", "The UDF must return, instead its sandbox has ended")


def _ended(status: int) -> OpenEOError:
    """The error of a child that ended without a reply."""
    if not os.WIFSIGNALED(status):
        must = "The UDF must return, instead it ended its process"
        return UdfError("UdfExit", must, got=f"exit code {os.waitstatus_to_exitcode(status)}")
    number = os.WTERMSIG(status)
    name = signal.Signals(number).name if number in list(signal.Signals) else f"signal {number}"
    if number == signal.SIGXCPU:
        return LimitExceededError("UdfTimeout", "The UDF must keep to its processor time", got=name)
    return UdfError("UdfSegfault" if number in _CRASHES else "UdfKilled", "The UDF must return", got=name)

"""UDFs that want what is not theirs, end in every way but the right one, or take all they can get: each by its error."""

import os
import re
from pathlib import Path

import numpy as np
import pytest

from local_runner.errors import LimitExceededError, OpenEOError, UdfError
from local_runner.sandbox import pool, usage
from tests.sandbox import MIB, chunk, needs_bubblewrap, udf

pytestmark = [needs_bubblewrap, pytest.mark.usefixtures("contained")]

DENIED = "FileNotFoundError|PermissionError|OSError|ConnectionRefusedError|gaierror|ProcessLookupError"
TAKES = {
    "secret file": "open(context['secret']).read()",
    "passwd": "open('/etc/passwd').read()",
    "shadow": "open('/etc/shadow').read()",
    "written beside the secret": "open(context['secret'] + '.new', 'w')",
    "written to packages": "open(np.__file__, 'a')",
    "written to the system": "open('/usr/lib/x', 'w')",
    "written to the root": "os.mkdir('/x')",
    "written to devices": "open('/dev/x', 'w')",
    "canary": "import socket; socket.create_connection(('127.0.0.1', context['port']), 2)",
    "other loopback address": "import socket; socket.create_connection(('127.1.2.3', context['port']), 2)",
    "internet": "import socket; socket.create_connection(('192.0.2.1', 80), 2)",
    "name server": "import socket; socket.getaddrinfo('example.org', 80)",
    "memory of its parent": "open(f'/proc/{os.getppid()}/mem', 'rb')",
    "environment of its parent": "open(f'/proc/{os.getppid()}/environ', 'rb').read()",
    "descriptors of its parent": "os.listdir(f'/proc/{os.getppid()}/fd')",
    "process of the runner": "os.kill(context['runner'], 9)",
    "limits of its parent": "import resource; resource.prlimit(1, resource.RLIMIT_NOFILE, (1, 1))",
    "memory without a name": "os.memfd_create('x')",
    "user root": "os.setuid(0)",
    "other root": "os.chroot('/tmp')",
    "devices": "os.mknod('/tmp/sda', 0o60600, os.makedev(8, 0))",
}


@pytest.fixture
def context(canary, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("canary")
    return {"secret": str(secret), "port": canary.port, "runner": os.getpid()}


@pytest.mark.parametrize("body", TAKES.values(), ids=TAKES)
def test_what_is_outside_is_not_there(context, body, tmp_path):
    with pytest.raises(UdfError, match=rf"^UdfFailed: The UDF failed at its line \d+: ({DENIED}): ") as caught:
        udf(f"{body}\nreturn cube", context)(chunk(), "here")
    assert "[chunk here]" in str(caught.value)
    assert caught.value.exit_code == 4
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_environment_is_cleared(monkeypatch):
    monkeypatch.setenv("OPENEO_CANARY", "secret")
    body = "return cube * (sum('OPENEO' in name for name in os.environ) + len(context))"
    assert (udf(body)(chunk(), "here") == 0).all()


def test_files_of_the_user_are_not_there():
    files = [__file__, *(str(path) for path in Path.home().iterdir() if path.is_file())]
    found = udf("return cube * sum(os.path.exists(p) for p in context['files'])", {"files": files})(chunk(), "here")
    assert (found == 0).all()


ENDS = {
    "exit 0": ("os._exit(0)", "UdfExit: The UDF must return, instead it ended its process"),
    "exit 3": ("os._exit(3)", r"UdfExit: .*exit code 3"),
    "another program": ("os.execv('/bin/sh', ['sh', '-c', 'exit 0'])", "UdfExit: .*exit code 0"),
    "SystemExit": ("raise SystemExit(0)", "UdfFailed: The UDF failed at its line 6: SystemExit: 0"),
    "KeyboardInterrupt": ("raise KeyboardInterrupt", "UdfFailed: The UDF failed: KeyboardInterrupt"),
    "abort": ("os.abort()", "UdfSegfault: .*SIGABRT"),
    "null pointer": ("import ctypes; ctypes.string_at(0)", "UdfSegfault: .*SIGSEGV"),
    "SIGKILL": ("os.kill(os.getpid(), 9)", "UdfKilled: .*SIGKILL"),
    "SIGTERM": ("os.kill(os.getpid(), 15)", "UdfKilled: .*SIGTERM"),
    "all closed": ("os.closerange(0, 256)", "UdfExit: "),
    "other builtins": ("import builtins; builtins.isinstance = builtins.len = None", "UdfExit: "),
    "endless recursion": ("def f(): return f()\nf()", "UdfFailed: .*RecursionError"),
    "program of a library": ("import numpy.f2py.__main__", "UdfFailed: .*SystemExit"),
    "missing package": ("import no_such_package", "UdfDependencyMissing: .*no_such_package"),
    "in place": ("cube.values[0] = 0", "UdfFailed: .*ValueError: .*read-only"),
}


@pytest.mark.parametrize(("body", "expected"), ENDS.values(), ids=ENDS)
def test_a_udf_that_does_not_return(body, expected):
    with pytest.raises(UdfError, match=rf"^{expected}") as caught:
        udf(f"{body}\nreturn cube")(chunk(), "rows 0:3")
    assert caught.value.exit_code == 4
    assert caught.value.node == "graph/udf"
    assert "[chunk rows 0:3]" in str(caught.value)


TAKES_ALL = {
    "much memory at once": ("bytearray(64 * 2**30)", {}, "UdfOutOfMemory"),
    "more and more memory": ("parts = []\nwhile True: parts.append(np.ones(2**20))", {}, "UdfOutOfMemory"),
    "busy": ("while True: pass", {"seconds": 0.5}, "UdfTimeout"),
    "asleep": ("import time; time.sleep(1000)", {"seconds": 0.5}, "UdfTimeout"),
    "standard output": ("while True: print('x' * 100_000)", {"seconds": 0.5}, "UdfTimeout"),
    "result": ("return xr.DataArray(np.zeros((5, 1024, 1024)), dims=cube.dims)", {}, "UdfOutputTooLarge"),
    "result without memory": ("return cube.expand_dims(t=2**30)", {}, "UdfOutputTooLarge"),
    "threads": (
        "import threading, time\nfor _ in range(14): threading.Thread(target=time.sleep, args=(60,)).start()\ntime.sleep(60)",
        {"processes": 8},
        "UdfTooManyProcesses",
    ),
}


@pytest.mark.parametrize(("body", "limits", "code"), TAKES_ALL.values(), ids=TAKES_ALL)
def test_a_udf_that_takes_too_much(body, limits, code):
    with pytest.raises(LimitExceededError, match=rf"^{code}: The .*\[chunk here\]") as caught:
        udf(f"{body}\nreturn cube", **limits)(chunk(), "here")
    assert caught.value.exit_code == 3
    assert caught.value.node == "graph/udf"


BOMBS = {
    "processes": "while True: os.fork()",
    "processes of other sessions": "while True:\n    if os.fork() == 0: os.setsid()",
    "threads": "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(60,)).start()",
}


@pytest.mark.parametrize("body", BOMBS.values(), ids=BOMBS)
def test_bombs_are_bounded(body):
    """Whichever limit is first: the system's makes `fork` fail, the runner's ends all of them."""
    codes = "UdfTooManyProcesses|UdfTimeout|UdfFailed|UdfResultInvalid|UdfOutOfMemory"
    with pytest.raises(OpenEOError, match=rf"^({codes}): "):
        udf(f"{body}\nreturn cube", processes=12, seconds=2)(chunk(), "here")


def test_a_flood_of_files_ends_with_the_space():
    body = "for i in range(10_000): open(f'/tmp/{i}', 'wb').write(bytes(2**22))\nreturn cube"
    with pytest.raises(UdfError, match=r"^UdfFailed: .*OSError: .*No space left"):
        udf(body)(chunk(), "here")


def test_a_file_has_a_size():
    body = "open('/tmp/x', 'wb').write(bytes(2**22))\nreturn cube"
    with pytest.raises(UdfError, match=r"^UdfFailed: .*OSError: .*File too large"):
        udf(body, output=MIB)(chunk(), "here")


INVALID = {
    "objects": "return cube.astype(object)",
    "texts": "return cube.astype(str)",
    "complex": "return cube * 1j",
    "pickles": "class P:\n    def __reduce__(self): return os.mkdir, ('x',)\nreturn cube.astype(object) + P().__class__()",
    "pickle instead": (
        "for fd in range(3, 64):\n    try: os.pwrite(fd, b'\\x80\\x04junk', 0)\n    except OSError: pass\nos._exit(0)"
    ),
    "other JSON": "import json; json.dumps = lambda _: '[1, 2]'\nreturn cube",
    "deep JSON": "import json; json.dumps = lambda _: '[' * 100_000\nreturn cube",
    "no array": "import json; json.dumps = lambda _: '{}'\nreturn cube",
    "long reply": "import json; json.dumps = lambda _: ' ' * (5 * 2**20)\nreturn cube",
}


@pytest.mark.parametrize("body", INVALID.values(), ids=INVALID)
def test_a_result_of_another_form(body):
    with pytest.raises(UdfError, match=r"^(UdfResultInvalid|UdfFailed): ") as caught:
        udf(body)(chunk(), "here")
    assert caught.value.exit_code == 4


HARMLESS = {
    "kills its parent": "import signal\nfor s in (2, 9, 15): os.kill(os.getppid(), s)",
    "kills all it sees": "if os.fork() == 0: __import__('signal').pause()\nos.kill(-1, 9)",
    "links": "os.symlink('/etc/passwd', '/tmp/result'); os.link('/tmp/result', '/tmp/other')",
    "deep folders": "for _ in range(300):\n    os.mkdir('d'); os.chdir('d')",
    "folders that cannot be read": "os.mkdir('/tmp/x'); open('/tmp/x/y', 'w'); os.chmod('/tmp/x', 0)",
    "another numpy": "np.mean = np.multiply = np.array = None",
    "traces": "import sys; sys.settrace(lambda *_: None)",
    "prints a lot": "print('x' * 20_000_000)\nfor _ in range(200): os.write(2, b'x' * 2**16)",
    "threads that stay": "import threading, time; threading.Thread(target=time.sleep, args=(60,)).start()",
    "changes its context": "context.clear(); context['x'] = 1",
    "a service that stays": (
        "import socket, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork(): os._exit(0)\n"
        "    time.sleep(0.2)\n"
        "    socket.create_connection(('127.0.0.1', context['port']))"
    ),
}


@pytest.mark.parametrize("body", HARMLESS.values(), ids=HARMLESS)
def test_what_does_no_harm_may_return(context, body):
    found = udf(f"{body}\nreturn cube + 1", context)(chunk(), "here")
    np.testing.assert_array_equal(found, chunk(2.0))


def test_no_process_of_a_udf_stays():
    udf("if os.fork() == 0:\n    os.setsid()\n    import time; time.sleep(60)\nreturn cube")(chunk(), "here")
    ((_, sandbox),) = pool._pool.idle[-1:]
    assert usage.family(sandbox._founder) == []


def test_nan_alone_is_a_result():
    assert np.isnan(udf("return cube * np.nan")(chunk(), "here")).all()


def test_messages_are_fit_for_a_terminal():
    with pytest.raises(UdfError) as caught:
        udf("raise ValueError('\\x1b[2J\\r\\n\\x00' + 'x' * 10_000)")(chunk(), "here")
    assert re.fullmatch(r"[ -~]{1,1200}", str(caught.value))

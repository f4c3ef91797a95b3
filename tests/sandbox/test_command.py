"""The command around a sandbox: what it shows, wherever the interpreter lies, and why it does not work."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from local_runner.errors import OpenEOError
from local_runner.sandbox import command
from local_runner.sandbox.udf import require_sandbox
from tests.sandbox import needs_bubblewrap, text_of

BODY = """
found = {'private': 0, 'scratch': len(os.listdir('/tmp')), 'written': os.path.exists(context['way'] + '/x')}
try: found['private'] = len(open(context['private']).read())
except OSError: pass
try: open(context['way'] + '/x', 'w')
except OSError: pass
open('/tmp/x', 'w')
return cube * 0 + found['private'] * 100 + found['written'] * 10 + found['scratch']
"""
CALLS = """
import sys
from tests.sandbox import chunk, udf
from local_runner.sandbox import pool
one = udf(sys.argv[1], {"private": sys.prefix + "/pip.conf", "way": sys.argv[2]})
print([float(one(chunk(), "here").max()) for _ in range(3)], len(pool._pool.known))
"""


@pytest.fixture
def environment_in_tmp(tmp_path):
    """Interpreter of an environment of its own with the packages of this one, in a folder below /tmp on most systems."""
    folder = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    packages = Path(np.__file__).parents[1]
    (folder / f"lib/python3.{sys.version_info.minor}/site-packages/other.pth").write_text(f"{packages}\n")
    (folder / "pip.conf").write_text("secret")
    return folder / "bin/python"


@needs_bubblewrap
def test_an_interpreter_below_tmp(environment_in_tmp, tmp_path):
    """It stays for the next chunk, in the same sandbox; what a UDF writes beside it does not. Its secrets are hidden."""
    words = [environment_in_tmp, "-c", CALLS, BODY, str(tmp_path)]
    root = Path(__file__).parents[2]
    done = subprocess.run(words, cwd=root, capture_output=True, text=True, check=False, timeout=120)
    assert done.stderr == ""
    found, sandboxes = done.stdout.rsplit(maxsplit=1)
    first, *others = json.loads(found)
    assert first < 10, "less than ten folders that lead to what is shown, and neither a secret nor a file of the UDF"
    assert others == [first, first]
    assert sandboxes == "1"


@pytest.mark.parametrize("kind", ["root", "user"])
def test_nothing_is_mounted_over_what_is_shown(kind):
    words = command._around(kind)
    last = max(i for i, word in enumerate(words) if word in ("--tmpfs", "--proc", "--dev"))
    assert last < min(i for i, word in enumerate(words) if word in ("--ro-bind", "--dir", "--symlink"))


@pytest.fixture
def afresh():
    """What was found out about bubblewrap is forgotten, before and after."""
    for function in (command.isolation, command.obstacle):
        function.cache_clear()
    yield
    for function in (command.isolation, command.obstacle):
        function.cache_clear()


@pytest.mark.usefixtures("afresh")
def test_a_missing_bubblewrap(monkeypatch):
    monkeypatch.setattr(command.shutil, "which", lambda _: None)
    with pytest.raises(
        OpenEOError, match=r"^UdfNotTrusted: .* in a sandbox, but bubblewrap is not installed, instead got"
    ):
        require_sandbox(text_of("return cube"), unsafe=False)


@pytest.mark.usefixtures("afresh")
def test_a_bubblewrap_that_does_not_work(monkeypatch):
    done = SimpleNamespace(returncode=1, stderr=b"bwrap: No permissions to create \x1b[2Jnew namespace\nmore\n")
    monkeypatch.setattr(command.shutil, "which", lambda _: "/usr/bin/bwrap")
    monkeypatch.setattr(command.subprocess, "run", lambda *_, **__: done)
    said = r"bubblewrap does not work here: bwrap: No permissions to create  \[2Jnew namespace, instead got"
    with pytest.raises(OpenEOError, match=rf"^UdfNotTrusted: .* in a sandbox, but {said}"):
        require_sandbox(text_of("return cube"), unsafe=False)

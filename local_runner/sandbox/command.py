"""The command that starts a sandbox: bubblewrap where it works, else nothing around the child, which is weak.

What lies in the folders of the interpreter and its packages can be read in there, but for `_PRIVATE` files at their top.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Final

_SYSTEM: Final = ("/usr", "/bin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store")
_LINKS: Final = ("/etc/ld.so.cache", "/etc/alternatives")
_PRIVATE: Final = (".condarc", ".netrc", ".pypirc", "pip.conf")
"""Files beside an interpreter that may hold passwords of package servers."""
_ENVIRONMENT: Final = {
    "HOME": "/tmp",  # noqa: S108  (of the sandbox, which nobody shares)
    "LANG": "C.UTF-8",
    "PATH": "/usr/bin:/bin",
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"),
}
_USERS: Final = range(61184, 65520)
"""User numbers that belong to nobody: systemd keeps them for services that run for a while."""
SCRATCH: Final = 256 * 2**20
"""Bytes of each of the two file systems in memory to which a UDF can write."""
_NOBODY: Final = 65534
_turns = itertools.count(os.getpid())


def command() -> list[str]:
    """Command that starts the program of a sandbox (`local_runner.sandbox.child`).

    A runner that is root gives each sandbox a user number of
    its own, because limits on processes do not hold for root.
    """
    kind = isolation()
    user = _USERS[next(_turns) % len(_USERS)] if kind == "root" else 0
    paths = [str(Path(__file__).parents[2]), *_site_folders()]
    return [*_around(kind), *_python(), str(Path(__file__).with_name("child.py")), str(user), *paths]


def environment() -> dict[str, str]:
    """All of the environment that a sandbox has; one thread per library, since chunks run side by side already."""
    return dict(_ENVIRONMENT)


@cache
def isolation() -> str | None:
    """How bubblewrap can be used here: as `root`, by a `user`, or None where it is missing or not allowed."""
    return next((kind for kind in _kinds() if obstacle(kind) is None), None)


def why_none() -> str:
    """Why bubblewrap cannot be used here: the end of a sentence, with what it said itself."""
    said = next(filter(None, map(obstacle, _kinds())), "")
    return f"bubblewrap does not work here: {said}" if said else "bubblewrap is not installed"


def _kinds() -> list[str]:
    if shutil.which("bwrap") is None:
        return []
    return ["root", "user"] if os.geteuid() == 0 else ["user"]


@cache
def obstacle(kind: str) -> str | None:
    """What keeps bubblewrap from working in one of its ways, as the first line that it said; None if nothing does."""
    check = [*_around(kind), *_python(), "-S", "-c", "pass"]
    try:
        done = subprocess.run(check, env=environment(), stdin=-3, capture_output=True, timeout=20, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        return "no end within 20 s"
    except OSError as error:
        return str(error)
    said = done.stderr.decode(errors="replace").strip().splitlines()
    return None if done.returncode == 0 else (said or [f"exit code {done.returncode}"])[0]


def _python() -> list[str]:
    return [sys.executable, "-I", "-B"]


def _around(kind: str | None) -> list[str]:
    """Arguments of bubblewrap; the program is process 1 of its name space, so that nothing in there can end it."""
    if kind is None:
        return []
    if kind == "root":
        rights = ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        rights = ["--unshare-user", "--uid", str(_NOBODY), "--gid", str(_NOBODY), "--cap-drop", "ALL"]
    spaces = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    own = ["--size", str(SCRATCH), "--perms", "1777", "--tmpfs"]
    return [
        *("bwrap", *spaces, *rights, "--die-with-parent", "--as-pid-1"),
        *("--proc", "/proc", "--dev", "/dev", *own, "/dev/shm", *own, "/tmp"),  # noqa: S108
        *itertools.chain.from_iterable(_bindings()),  # after /tmp, which would cover those that lie in it
        *("--remount-ro", "/dev", "--chdir", "/tmp", "--remount-ro", "/", "--"),  # noqa: S108
    ]


def _bindings() -> list[list[str]]:
    """What a sandbox can see, read-only: the system's programs and libraries, the interpreter, its packages and this one."""
    found: list[list[str]] = []
    for path in map(Path, _SYSTEM):
        if path.is_symlink():
            found.append(["--symlink", str(path.readlink()), str(path)])
        elif path.is_dir():
            found.append(["--ro-bind", str(path), str(path)])
    own = [Path(p) for p in (sys.prefix, sys.base_prefix, *_site_folders())]
    folders = [*own, Path(sys.executable).resolve().parents[1], Path(__file__).parents[1]]
    folders = [f for f in dict.fromkeys(folders) if not {Path("/usr"), *folders} & set(f.parents)]
    folders = [f for f in folders if f != Path("/usr")]
    parents = sorted({parent for f in (*folders, *map(Path, _LINKS)) for parent in f.parents if parent != Path("/")})
    found += [["--perms", "0755", "--dir", str(parent)] for parent in parents]
    found += [["--ro-bind", str(f), str(f)] for f in sorted(folders)]
    private = [folder / name for folder in folders for name in _PRIVATE]
    found += [["--ro-bind", os.devnull, str(path)] for path in private if path.is_file() and not path.is_symlink()]
    return found + [["--ro-bind-try", path, path] for path in _LINKS]


def _site_folders() -> list[str]:
    return [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages") and Path(path).is_dir()]

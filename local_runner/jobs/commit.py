"""The order of commit: a result folder is there whole, with its record, or it is not there at all.

A run holds the lock `.<out>.lock` beside its folder, writes into `<out>.partial-<id>`, adds `record.json`, flushes all
of it to the disk and renames once. A folder without `record.json` is never taken for a result. Not here: what the files
mean, and reading them back, which the writers do.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
import tempfile
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from filelock import FileLock, Timeout

from local_runner.errors import DataError, OpenEOError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

RECORD: Final = "record.json"
_OVERWRITE: Final = "--overwrite (in Python overwrite=True)"
_LONGEST_NAME: Final = 255
_UNFIT: Final = re.compile(r"[#?\\\x00-\x1f\x7f]")
"""What pystac takes for a part of a URL, or leaves out."""
_SUFFIX: Final = re.compile(r"\.(partial|old)-[0-9a-f]{12}")


def target(out: str | os.PathLike[str], inputs: Iterable[Path] = ()) -> Path:
    """Absolute path of the result folder, if a result may go there.

    `inputs` are the folders of the input catalogues: one of them inside the result would be deleted by `--overwrite`.
    """
    given = Path(out)
    folder = Path(os.path.abspath(given))  # noqa: PTH100  (resolve() would follow the symlink that is refused below)
    if folder.is_symlink():
        raise _bad_target("must not be a symbolic link", given, "Name the folder that it points to")
    if folder.exists() and not folder.is_dir():
        raise _bad_target("must be a folder", given, "Name another folder")
    if folder.is_mount():
        raise _bad_target(
            "must not be a mount point, since it is renamed when it is whole", given, "Name a folder in it"
        )
    if _UNFIT.search(folder.as_posix()):
        raise _bad_target(
            "must have a path without '#', '?', '\\' and control characters", given, "Name another folder"
        )
    if not folder.name or len(os.fsencode(_beside(folder, "partial").name)) > _LONGEST_NAME:
        raise _bad_target("must have a name of at most 230 bytes", given, "Name another folder")
    here = folder.resolve()
    for catalogue in (path.resolve() for path in inputs):
        if here == catalogue or here in catalogue.parents:
            raise _bad_target(
                "must not hold the input catalogue", given, f"Name a folder that is not above {catalogue}"
            )
    return folder


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """Hold the lock of a result folder; the system gives it back when a process dies."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out.parent):  # filelock takes a folder that cannot be written for a held lock
            pass
        lock = FileLock(out.with_name(f".{out.name}.lock"))
        lock.acquire(timeout=0)
    except Timeout:
        raise OpenEOError(
            "RunLocked",
            "Only one run may write into a folder",
            got=str(out),
            do="Wait for the other run or name another folder",
        ) from None
    except OSError as error:
        raise _not_writable(out, error) from error
    try:
        yield
    finally:
        with suppress(OSError):  # while it is held: a file left behind would be one more per result
            os.unlink(lock.lock_file)  # noqa: PTH108
        lock.release()


def clean(out: Path) -> None:
    """Undo what dead runs of this folder left beside it. The caller holds the lock, so whoever wrote there is dead."""
    for path in sorted(out.parent.glob(f"{_escaped(out.name)}.*")):
        kind = _SUFFIX.fullmatch(path.name[len(out.name) :])
        if kind is None or path.is_symlink() or not path.is_dir():
            continue
        if kind[1] == "old" and not out.exists() and read_record(path) is not None:
            path.rename(out)
        else:
            _remove(path)


def is_there(
    out: Path, identity: Mapping[str, Any], *, overwrite: bool, belongs: Callable[[str], bool] = lambda _file: False
) -> bool:
    """Whether the result with this identity (entries of its record) is complete in `out`; False: it may be written.

    Anything else in the folder raises `ResultExists`. Only a result is ever overwritten, never a folder of other files;
    `belongs` tells of a file that came later, by its relative name, whether it is one of the result.
    """
    if not out.exists() or not any(out.iterdir()):
        return False
    record = read_record(out)
    if record is None:
        raise OpenEOError(
            "ResultExists",
            f"The output folder must be new, empty or, with {_OVERWRITE}, a result of an earlier run; this one holds"
            " files of another origin",
            got=str(out),
            do="Name another folder",
        )
    foreign = sorted(file for file in _files(out).keys() - {RECORD, *record["files"]} if not belongs(file))
    if overwrite and foreign:
        raise OpenEOError(
            "ResultExists",
            "A folder that is overwritten must hold nothing but the result; this one also holds"
            f" {', '.join(foreign[:5])}",
            got=str(out),
            do="Move these files away, or name another folder",
        )
    if overwrite:
        return False
    if any(record.get(key) != value for key, value in identity.items()):
        raise OpenEOError(
            "ResultExists",
            "The output folder must be new or empty; this one holds the result of another graph, parameters or inputs",
            got=str(out),
            do=f"Name another folder, or replace the result with {_OVERWRITE}",
        )
    damaged = changed_files(out, record)
    if damaged:
        raise DataError(
            "ResultDamaged",
            f"The result that is there must be whole; missing or changed: {', '.join(damaged[:5])}",
            got=str(out),
            do=f"Write it again with {_OVERWRITE}",
        )
    return True


@contextmanager
def writing(out: Path) -> Iterator[Path]:
    """Make a partial folder, renamed to `out` at the end of the block and removed if the end is not reached.

    The block calls `write_record` last. The caller holds the lock.
    """
    partial = _beside(out, "partial")
    try:
        partial.mkdir()
    except OSError as error:
        raise _not_writable(out, error) from error
    try:
        yield partial
        _publish(partial, out)
    except OSError as error:
        raise DataError(
            "StorageFailed",
            f"The result must be written whole ({error})",
            got=str(out),
            do="Check the space on the disk and the right to write there",
        ) from error
    finally:
        _remove(partial)


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Write `record.json`: the record, and size and sha256 of every file that is in the folder by now."""
    paths = _files(folder)
    with ThreadPoolExecutor() as executor:
        sums = dict(zip(paths, executor.map(sha256_of, paths.values()), strict=True))
    files = {name: {"size": path.stat().st_size, "sha256": sums[name]} for name, path in paths.items()}
    text = json.dumps({**record, "files": files}, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / RECORD).write_text(text + "\n", encoding="utf-8")


def read_record(folder: Path) -> dict[str, Any] | None:
    """Read the record of a result; None where there is none or it cannot be read."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and isinstance(record.get("files"), dict) else None


def _files(folder: Path) -> dict[str, Path]:
    """All files below a folder by their relative names."""
    return {p.relative_to(folder).as_posix(): p for p in sorted(folder.rglob("*")) if p.is_file() or p.is_symlink()}


def changed_files(folder: Path, record: Mapping[str, Any]) -> list[str]:
    """Names of the recorded files that are missing or have another content than was recorded."""
    return [name for name, file in record["files"].items() if not _is_as_recorded(folder / name, file)]


def sha256_of(path: Path) -> str:
    """Hexadecimal sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _publish(partial: Path, out: Path) -> None:
    if read_record(partial) is None:
        raise RuntimeError(f"{partial} has no {RECORD}: write_record must be called last")
    _flush(partial)
    old = _beside(out, "old") if out.exists() and any(out.iterdir()) else None
    if old is not None:
        out.rename(old)
    try:
        partial.rename(out)
    except BaseException:
        if old is not None and not out.exists():
            old.rename(out)
        raise
    _fsync(out.parent)
    if old is not None:
        _remove(old)


def _flush(folder: Path) -> None:
    for path in folder.rglob("*"):
        _fsync(path)
    _fsync(folder)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(folder: Path) -> None:
    """Remove a folder, also while tasks that were under way at Ctrl-C still put their last files into it."""
    for _ in range(20):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.05)


def _beside(out: Path, kind: str) -> Path:
    return out.with_name(f"{out.name}.{kind}-{uuid.uuid4().hex[:12]}")


def _escaped(name: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", name)


def _is_as_recorded(path: Path, recorded: Any) -> bool:
    try:
        status = path.lstat()  # a device or a pipe would be read for ever
        return (
            stat.S_ISREG(status.st_mode)
            and status.st_size == recorded["size"]
            and sha256_of(path) == recorded["sha256"]
        )
    except (OSError, LookupError, TypeError):
        return False


def _bad_target(must: str, got: Path, do: str) -> OpenEOError:
    return OpenEOError("OutputFolderInvalid", f"The output folder {must}", got=str(got), do=do)


def _not_writable(out: Path, error: OSError) -> OpenEOError:
    return OpenEOError(
        "OutputFolderInvalid",
        f"The output folder must be a folder that can be written ({error.strerror})",
        got=str(out),
        do="Name a folder that you may write to",
    )

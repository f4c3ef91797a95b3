import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from local_runner.errors import DataError, OpenEOError
from local_runner.jobs import commit

IDENTITY = {"graph_hash": "a", "parameters": {"window": 5}, "inputs": []}


def write(out, text="x", identity=IDENTITY):
    with commit.locked(out):
        commit.clean(out)
        with commit.writing(out) as partial:
            (partial / "sub").mkdir()
            (partial / "sub" / "a.txt").write_text(text)
            commit.write_record(partial, identity)


def beside(out):
    return sorted(path.name for path in out.parent.iterdir() if path.name != out.name)


def test_result_is_there_with_its_record(tmp_path):
    out = tmp_path / "out"
    write(out)
    record = commit.read_record(out)
    assert record["files"] == {"sub/a.txt": {"size": 1, "sha256": commit.sha256_of(out / "sub" / "a.txt")}}
    assert beside(out) == []
    assert commit.is_there(out, IDENTITY, overwrite=False)


def test_nothing_is_there_before_the_end(tmp_path):
    out = tmp_path / "out"
    with commit.locked(out), commit.writing(out) as partial:
        assert not out.exists()
        commit.write_record(partial, IDENTITY)
        assert not out.exists()
    assert out.exists()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no folder that even root cannot write to")
def test_folder_that_cannot_be_written_is_not_taken_for_a_locked_one():
    with (
        pytest.raises(
            OpenEOError, match=r"^OutputFolderInvalid: The output folder must be a folder that can be written"
        ),
        commit.locked(Path("/proc/out")),
    ):
        pass


def test_empty_folder_is_filled(tmp_path):
    (tmp_path / "out").mkdir()
    assert not commit.is_there(tmp_path / "out", IDENTITY, overwrite=False)
    write(tmp_path / "out")
    assert commit.read_record(tmp_path / "out")


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, SystemExit])
def test_an_exception_leaves_nothing(tmp_path, error):
    out = tmp_path / "out"

    def interrupted():
        with commit.locked(out), commit.writing(out) as partial:
            (partial / "a").write_text("half")
            raise error

    with pytest.raises(error):
        interrupted()
    assert not out.exists()
    assert beside(out) == []


@pytest.mark.parametrize("operation", ["fsync", "open"])
def test_each_failing_disk_operation_keeps_the_old_result(tmp_path, monkeypatch, operation):
    out = tmp_path / "out"
    write(out, "old")
    real, failures = getattr(os, operation), 0
    for allowed in range(20):
        calls = 0

        def fail(*args, allowed=allowed, **named):
            nonlocal calls
            calls += 1
            if calls == allowed + 1:
                raise OSError(28, "No space left on device")
            return real(*args, **named)

        monkeypatch.setattr(commit.os, operation, fail)
        try:
            write(out, "new")
        except OpenEOError:
            failures += 1
        monkeypatch.undo()
        left = [name for name in beside(out) if ".partial-" in name]
        assert left == []
        assert (out / "sub" / "a.txt").read_text() in ("old", "new")
        assert commit.changed_files(out, commit.read_record(out)) == []
        if calls <= allowed:
            break
    assert failures > 3
    assert (out / "sub" / "a.txt").read_text() == "new"


def test_rename_that_fails_puts_the_old_result_back(tmp_path, monkeypatch):
    out = tmp_path / "out"
    write(out, "old")
    real = Path.rename

    def rename(self, target):
        if ".partial-" in self.name:
            raise OSError(5, "Input/output error")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(DataError, match=r"^StorageFailed: .*Input/output error"):
        write(out, "new")
    assert (out / "sub" / "a.txt").read_text() == "old"
    assert beside(out) == []


def test_old_result_comes_back_after_death_between_the_renames(tmp_path):
    out = tmp_path / "out"
    write(out, "old")
    out.rename(tmp_path / "out.old-0123456789ab")
    with commit.locked(out):
        commit.clean(out)
    assert (out / "sub" / "a.txt").read_text() == "old"
    assert beside(out) == []


def test_only_leftovers_of_this_folder_are_removed(tmp_path):
    kept = ["out.partial-", "out.partial-0123456789abc", "out2.partial-0123456789ab", "out.other"]
    for name in [*kept, "out.partial-0123456789ab"]:
        (tmp_path / name).mkdir()
    commit.clean(tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)


def test_folder_of_other_files_is_never_replaced(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    for overwrite in (False, True):
        with pytest.raises(OpenEOError, match=r"^ResultExists: .*--overwrite.* files of another origin"):
            commit.is_there(tmp_path, IDENTITY, overwrite=overwrite)


def test_files_of_somebody_else_in_a_result_are_not_overwritten(tmp_path):
    write(tmp_path / "out")
    (tmp_path / "out" / "sub" / "mine.txt").write_text("")
    assert commit.is_there(tmp_path / "out", IDENTITY, overwrite=False)
    with pytest.raises(OpenEOError, match=r"^ResultExists: .* this one also holds sub/mine\.txt, instead got "):
        commit.is_there(tmp_path / "out", IDENTITY, overwrite=True)


def test_lock_does_not_stay(tmp_path):
    write(tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_another_result_needs_overwrite(tmp_path):
    write(tmp_path / "out")
    other = {**IDENTITY, "graph_hash": "b"}
    with pytest.raises(
        OpenEOError, match=r"^ResultExists: .* replace the result with --overwrite \(in Python overwrite=True\)"
    ):
        commit.is_there(tmp_path / "out", other, overwrite=False)
    assert not commit.is_there(tmp_path / "out", other, overwrite=True)


@pytest.mark.parametrize("text", ["longer", "y"])
def test_damaged_result_is_not_returned(tmp_path, text):
    write(tmp_path / "out")
    (tmp_path / "out" / "sub" / "a.txt").write_text(text)
    with pytest.raises(DataError, match=r"^ResultDamaged: .*sub/a\.txt"):
        commit.is_there(tmp_path / "out", IDENTITY, overwrite=False)


def test_folder_without_record_is_no_result(tmp_path):
    write(tmp_path / "out")
    (tmp_path / "out" / "record.json").write_text('{"files": ')
    assert commit.read_record(tmp_path / "out") is None


def test_second_run_into_one_folder_is_refused(tmp_path):
    with (
        commit.locked(tmp_path / "out"),
        pytest.raises(OpenEOError, match=r"^RunLocked: Only one run"),
        commit.locked(tmp_path / "out"),
    ):
        pass


def test_symlink_file_and_input_catalogue_are_no_target(tmp_path):
    catalogue, other = tmp_path / "cat", tmp_path / "other"
    (catalogue / "deep").mkdir(parents=True)
    other.symlink_to(catalogue)
    (tmp_path / "file").write_text("")
    cases = {
        other: "must not be a symbolic link",
        tmp_path / "file": "must be a folder",
        catalogue: "must not hold the input catalogue",
        tmp_path: "must not hold the input catalogue",
        tmp_path / ("x" * 250): "must have a name of at most 230 bytes",
    }
    for out, must in cases.items():
        with pytest.raises(OpenEOError, match=f"^OutputFolderInvalid: The output folder {must}"):
            commit.target(out, [catalogue])
    assert commit.target(tmp_path / "new", [catalogue]) == tmp_path / "new"
    assert commit.target(catalogue / "out", [catalogue]) == catalogue / "out"


@pytest.mark.parametrize("name", ["a#b", "a?b", "a\\b", "a\nb", "a#b/out"])
def test_paths_that_would_be_read_as_another_url_are_no_target(tmp_path, name):
    with pytest.raises(OpenEOError, match=r"^OutputFolderInvalid: The output folder must have a path without '#'"):
        commit.target(tmp_path / name)


def test_a_mount_point_is_no_target(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "is_mount", lambda path: path == tmp_path)
    with pytest.raises(OpenEOError, match=r"^OutputFolderInvalid: .*mount point.*Name a folder in it"):
        commit.target(tmp_path)
    assert commit.target(tmp_path / "out") == tmp_path / "out"


def test_file_in_the_way_of_the_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(
            OpenEOError, match=r"^OutputFolderInvalid: The output folder must be a folder that can be written"
        ),
        commit.locked(tmp_path / "file" / "out"),
    ):
        pass


KILLED = """
import sys, time
from pathlib import Path
from local_runner.jobs import commit
out = Path(sys.argv[1])
with commit.locked(out), commit.writing(out) as partial:
    (partial / "a").write_text("half")
    commit.write_record(partial, {})
    print("ready", flush=True)
    time.sleep(60)
"""


def test_killed_run_leaves_no_result_and_the_next_run_clears_up(tmp_path):
    out = tmp_path / "out"
    with subprocess.Popen([sys.executable, "-c", KILLED, str(out)], stdout=subprocess.PIPE) as child:
        assert child.stdout.readline() == b"ready\n"
        child.send_signal(signal.SIGKILL)
    assert not out.exists()
    assert beside(out)[0] == ".out.lock"
    assert beside(out)[1].startswith("out.partial-")
    write(out)
    assert beside(out) == []
    assert commit.read_record(out)


def test_record_is_json_without_surprises(tmp_path):
    with pytest.raises(ValueError, match="Out of range float"):
        commit.write_record(tmp_path, {"value": float("nan")})
    commit.write_record(tmp_path, {"ä": 1})
    assert json.loads((tmp_path / "record.json").read_text())["ä"] == 1

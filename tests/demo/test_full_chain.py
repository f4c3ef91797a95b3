import pytest

from local_runner.demo import full_chain
from local_runner.demo.full_chain import show_chain
from local_runner.errors import OpenEOError

SIZE = {"lines": 96, "samples": 640}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """What a run of the demo showed, its passes and results, and its folder."""
    pytest.importorskip("snaphu", reason="the package snaphu is not installed")
    folder, kept = tmp_path_factory.mktemp("chain") / "demo", {}
    simulate, process = full_chain.simulate, full_chain._processed
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(full_chain, "simulate", lambda *args: kept.setdefault("passes", simulate(*args)))
        patched.setattr(full_chain, "_processed", lambda *args, **how: kept.setdefault("all", process(*args, **how)))
        shown = show_chain(folder, **SIZE)
    return shown, kept, folder


def test_the_chain_is_within_theory(made):
    """From SAFE folders to the unwrapped phase on a map."""
    shown, kept, folder = made
    assert shown.within
    assert [table.row_count >= 2 for table in shown.tables] == [True, True]
    assert shown.notes == ()
    assert len(shown.pictures) == 5
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in shown.pictures)
    written = {"safe", "catalogue", "coregistered", "chain.png", "map.png", *kept["all"]}
    assert {path.name for path in folder.iterdir()} == written


def test_without_snaphu_the_phase_stays_wrapped_and_the_demo_says_so(made, tmp_path, monkeypatch):
    _, kept, _ = made
    asked = []
    bands = full_chain._bands
    monkeypatch.setattr(full_chain, "find_spec", lambda _: None)
    monkeypatch.setattr(full_chain, "simulate", lambda *_: kept["passes"])
    monkeypatch.setattr(full_chain, "_processed", lambda *_, unwrap: asked.append(unwrap) or kept["all"])
    monkeypatch.setattr(
        full_chain, "_bands", lambda result: {k: v for k, v in bands(result).items() if k != "phase_unwrapped"}
    )
    shown = show_chain(tmp_path, **SIZE)
    assert asked == [False]
    assert shown.within
    assert shown.notes[0].startswith("The phase was not unwrapped, which needs the package snaphu")


def test_folder_of_other_files_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(OpenEOError, match=r"^ResultExists: The folder of the demo must be new"):
        show_chain(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]

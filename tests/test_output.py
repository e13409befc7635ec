import stat

import pytest

from tinygen.errors import ConfigError
from tinygen.output import MARKER, atomic_folder, write_text


def fail_half_way(target, name):
    with atomic_folder(target) as folder:
        (folder / name).write_text(name)
        raise RuntimeError


def tree(folder):
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*")}


def test_a_new_folder_appears_whole(tmp_path):
    with atomic_folder(tmp_path / "a" / "out") as folder:
        (folder / "file").write_text("text")
        assert not (tmp_path / "a" / "out").exists()
    assert tree(tmp_path) == {"a", "a/out", "a/out/file", f"a/out/{MARKER}"}


def test_a_failure_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError):
        fail_half_way(tmp_path / "out", "file")
    assert tree(tmp_path) == set()


def test_a_failure_leaves_the_last_result(tmp_path):
    with atomic_folder(tmp_path / "out") as folder:
        (folder / "old").write_text("old")
    with pytest.raises(RuntimeError):
        fail_half_way(tmp_path / "out", "new")
    assert tree(tmp_path) == {"out", "out/old", f"out/{MARKER}"}


def test_a_result_replaces_the_last_one_whole(tmp_path):
    for name in ("old", "new"):
        with atomic_folder(tmp_path / "out") as folder:
            (folder / name).write_text(name)
    assert tree(tmp_path) == {"out", "out/new", f"out/{MARKER}"}


def test_an_empty_folder_may_be_taken(tmp_path):
    (tmp_path / "out").mkdir()
    with atomic_folder(tmp_path / "out") as folder:
        (folder / "file").write_text("text")
    assert (tmp_path / "out" / "file").read_text() == "text"


def test_a_folder_of_somebody_else_is_not_touched(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ConfigError, match="not written by tinygen"), atomic_folder(tmp_path):
        raise AssertionError("must not be reached")
    assert tree(tmp_path) == {"thesis.tex"}


def test_a_file_is_not_a_folder(tmp_path):
    (tmp_path / "out").write_text("text")
    with (
        pytest.raises(ConfigError, match="is not a folder"),
        atomic_folder(tmp_path / "out"),
    ):
        raise AssertionError("must not be reached")


def test_a_text_file_is_replaced_whole_and_readable(tmp_path):
    target = tmp_path / "new" / "report.json"
    for text in ("first, longer", "second"):
        write_text(str(target), text)
        assert target.read_text() == text
    assert tree(tmp_path) == {"new", "new/report.json"}
    assert stat.S_IMODE(target.stat().st_mode) & 0o400


def test_a_dash_is_standard_output(capsys):
    write_text("-", "text\n")
    assert capsys.readouterr().out == "text\n"

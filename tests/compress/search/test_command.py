"""The command says what is missing before anything is trained."""

import sys

import numpy as np
import pytest

from tinygen import cli

SPACE = '[network]\nfamily = "resnet"\nepochs = 1\n'


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys):
    """Run a search that ends with exit code 2 or 3; the sentence."""
    monkeypatch.chdir(tmp_path)
    np.savez("data.npz", x=np.zeros((50, 8, 8), np.float32), y=np.arange(50) % 2)
    (tmp_path / "space.toml").write_text(SPACE)

    def run(*arguments, code=2):
        given = ("--data", "data.npz", "--space", "space.toml", "--board", "nucleo_l4r5zi")
        assert cli.run(["search", *given, *arguments]) == code
        captured = capsys.readouterr()
        assert captured.out == ""
        assert "Traceback" not in captured.err
        return captured.err.splitlines()[-1]

    return run


def test_a_missing_driver_is_one_sentence(refused, tmp_path, monkeypatch):
    pytest.importorskip("optuna", reason="optuna is not installed (extra 'train')")
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    said = refused("-o", "found", "--storage", "postgresql+psycopg2://me:secret@host/db", code=3)
    assert said.startswith("tinygen: storage postgresql+psycopg2://me:***@host/db needs a Python")
    assert not (tmp_path / "found" / "search.json").exists()


def test_what_is_not_given_is_asked_for(refused, tmp_path):
    assert "no output folder is given; name one with -o DIR" in refused()
    assert "has [network], and the command names model.keras" in refused("model.keras", "-o", "x")
    assert "there is no network" not in refused("-o", "x", "--space", "none.toml")
    (tmp_path / "found").write_text("a file")
    assert "exists and is not a folder" in refused("-o", "found")


def test_a_folder_of_somebody_else_is_left_alone(refused, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "note.txt").write_text("mine")
    assert "was not written by tinygen" in refused("-o", "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["note.txt"]

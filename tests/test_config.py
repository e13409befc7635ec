from pathlib import Path

import pytest

from tinygen import config
from tinygen.errors import ConfigError

FULL = """
[project]
name = "kws"
[model]
path = "models/kws.tflite"
[build]
board = "nucleo_f746"
kernels = "tinygen"
objective = "ram"
[data]
path = "kws.npz"
limit = 100
[budget]
arena_bytes = 16000
accuracy = 0.9
latency_ms = 2
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_a_file_the_defaults_hold(folder):
    settings = config.load()
    assert settings.project.name == "network"
    assert settings.build.kernels == "auto"
    assert settings.model.path is None


def test_the_file_in_the_current_folder_is_read(folder):
    (folder / "tinygen.toml").write_text(FULL)
    settings = config.load()
    assert settings.project.name == "kws"
    assert settings.build.objective == "ram"
    assert settings.data.limit == 100
    assert settings.budget.latency_ms == 2.0


def test_paths_in_the_file_are_relative_to_the_file(folder):
    (folder / "project").mkdir()
    (folder / "project" / "tinygen.toml").write_text(FULL)
    settings = config.load(file=folder / "project" / "tinygen.toml")
    assert settings.model.path == folder / "project" / "models" / "kws.tflite"


@pytest.mark.parametrize(
    ("data", "found"),
    [("d.npz", "project/d.npz"), ("/a/d.npz", "/a/d.npz"), ("module:make", "module:make")],
)
def test_samples_for_compression_lie_beside_the_file_or_are_a_function(folder, data, found):
    (folder / "project").mkdir()
    text = f'[compress]\nrecipe = "half.toml"\ndata = "{data}"\n'
    (folder / "project" / "tinygen.toml").write_text(text)
    settings = config.load(file=Path("project") / "tinygen.toml")
    assert settings.compress.recipe == Path("project") / "half.toml"
    assert settings.compress.data == found


def test_an_option_wins_over_the_file(folder):
    (folder / "tinygen.toml").write_text(FULL)
    settings = config.load({"build.kernels": "cmsis-nn", "build.objective": None})
    assert settings.build.kernels == "cmsis-nn"
    assert settings.build.objective == "ram"


def test_a_core_on_the_command_line_replaces_the_board_of_the_file(folder):
    (folder / "tinygen.toml").write_text(FULL)
    settings = config.load({"build.core": "cortex-m4"})
    assert settings.build.core == "cortex-m4"
    assert settings.build.board is None


def test_settings_cannot_be_changed(folder):
    with pytest.raises(ValueError, match="frozen"):
        config.load().project.name = "other"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[bild]\nboard = 'x'", ["tinygen.toml: [bild]", "known are project, model, build"]),
        ("[build]\nbord = 'x'", ["tinygen.toml: [build] bord", "known are board"]),
        ("[build]\nkernels = 'fast'", ["tinygen.toml: [build] kernels", "'fast'", "cmsis-nn"]),
        ("[budget]\narena_bytes = -1", ["[budget] arena_bytes", "-1", "greater than 0"]),
        ("[budget]\naccuracy = 90", ["[budget] accuracy", "90", "less than or equal to 1"]),
        ("[project]\nname = '1kws'", ["[project] name", "'1kws'"]),
        ("build = 3", ["tinygen.toml: [build]"]),
        ("[build\n", ["tinygen.toml is not valid TOML", "line 1"]),
        ("[build]\nboard = 'a'\ncore = 'b'", ["'a'", "'b'", "name only one"]),
    ],
)
def test_a_wrong_file_is_one_sentence_that_names_file_and_key(folder, text, said):
    (folder / "tinygen.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        config.load()
    message = str(caught.value)
    assert "\n" not in message
    for part in said:
        assert part in message


def test_a_wrong_option_is_named_as_an_option(folder):
    with pytest.raises(ConfigError, match=r"option --name is 'Kws'"):
        config.load({"project.name": "Kws"})


def test_a_file_that_is_named_but_missing_is_an_error(folder):
    with pytest.raises(ConfigError, match=r"cannot read .*absent\.toml: No such file"):
        config.load(file=folder / "absent.toml")


def test_a_file_that_is_not_text_is_an_error(folder):
    (folder / "tinygen.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not valid TOML"):
        config.load()

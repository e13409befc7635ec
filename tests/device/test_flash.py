import pytest

from tinygen import boards
from tinygen.device import flash
from tinygen.errors import DeviceError


@pytest.mark.parametrize(
    ("installed", "chosen"),
    [
        (["openocd", "pyocd"], "openocd"),
        (["pyocd"], "pyocd"),
        ([], "mass_storage"),
    ],
)
def test_the_first_tool_that_is_installed_is_taken(tmp_path, monkeypatch, installed, chosen):
    for name in installed:
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert flash.choose(boards.load_board("nucleo_f746zg")) == chosen


def test_a_board_that_knows_one_way_gets_it(monkeypatch):
    monkeypatch.setenv("PATH", "")
    board = boards.load_board("nucleo_f746zg")
    upload = board.upload.model_copy(update={"protocols": (), "protocol": "pyocd"})
    assert flash.choose(board.model_copy(update={"upload": upload})) == "pyocd"


def test_a_board_that_exists_only_emulated_cannot_be_flashed():
    with pytest.raises(DeviceError, match="mps2_an386 cannot be flashed"):
        flash.choose(boards.load_board("mps2_an386"))

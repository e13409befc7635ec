"""``tinygen flash`` with a programmer that only writes down what it was asked."""

import pytest
from tiny_models import two_convs

from tinygen import cli
from tinygen.tflite_format.writer import write

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flash")
    (folder / "model.tflite").write_bytes(write(two_convs()))
    arguments = ["--board", "nucleo_f746", "-o", str(folder / "out"), "--proof", "host"]
    assert cli.run(["build", str(folder / "model.tflite"), *arguments]) == 0
    return folder / "out"


def test_the_programmer_gets_the_image(folder, tmp_path, monkeypatch):
    script = tmp_path / "openocd"
    script.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert cli.run(["flash", str(folder)]) == 0
    asked = (tmp_path / "asked").read_text()
    assert "board/st_nucleo_f7.cfg" in asked
    assert "firmware.elf" in asked


def test_a_drive_gets_the_binary(folder, tmp_path):
    assert cli.run(["flash", str(folder), "--with", "mass_storage", "--probe", str(tmp_path)]) == 0
    (image,) = folder.glob(".pio/build/*/firmware.bin")
    assert (tmp_path / "firmware.bin").read_bytes() == image.read_bytes()


def test_a_programmer_that_fails_is_a_device_error(folder, tmp_path, monkeypatch, capsys):
    script = tmp_path / "openocd"
    script.write_text("#!/bin/sh\nexit 1\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert cli.run(["flash", str(folder)]) == 4
    assert "flashing" in capsys.readouterr().err.splitlines()[-1]


def test_nothing_to_flash_is_an_error(tmp_path, capsys):
    assert cli.run(["flash", str(tmp_path)]) == 2
    assert "run 'tinygen build' first" in capsys.readouterr().err

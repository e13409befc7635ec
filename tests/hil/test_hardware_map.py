from pathlib import Path

import pytest

from tinygen import boards
from tinygen.errors import ConfigError, NoDeviceError
from tinygen.hil import hardware_map, target

# As `west twister --generate-hardware-map` leaves it, with the platforms filled in by hand.
TWISTER = """
- connected: true
  id: 000683759358
  platform: nrf52840dk_nrf52840
  product: J-Link
  runner: nrfjprog
  serial: /dev/ttyACM0
- connected: true
  id: 0667FF
  platform: nucleo_f746zg/stm32f746xx
  product: STM32 STLink
  runner: openocd
  serial: /dev/serial/by-id/usb-ST
  baud: 115200
  flash_timeout: 60
  fixtures:
    - power_meter
  notes: the one on the left
- connected: false
  platform: nucleo_f446re
  serial: /dev/ttyACM9
"""


@pytest.fixture
def write(tmp_path):
    def call(text):
        (tmp_path / "map.yml").write_text(text)
        return tmp_path / "map.yml"

    return call


def test_what_twister_writes_is_read(write):
    _, entry, absent = hardware_map.read(write(TWISTER))
    assert entry.fits(boards.load_board("nucleo_f746"))
    assert not entry.fits(boards.load_board("nucleo_f446re"))
    assert (entry.serial, entry.baud) == ("/dev/serial/by-id/usb-ST", 115200)
    assert (entry.fixtures, entry.flash_timeout) == (("power_meter",), 60)
    assert entry.probe == "0667FF"
    assert not absent.connected


def test_the_connected_board_of_the_platform_is_taken(write):
    path = write(TWISTER)
    found = target.choose("nucleo_f746", map_file=path)
    assert (found.port, found.emulated) == ("/dev/serial/by-id/usb-ST", False)
    assert found.flash_tool == "openocd"
    with pytest.raises(NoDeviceError, match="no connected nucleo_f446re"):
        target.choose("nucleo_f446re", map_file=path)


def test_a_port_wins_over_the_map(write):
    assert target.choose("nucleo_f746", port="x", map_file=write(TWISTER)).port == "x"


def test_without_a_name_the_only_known_board_is_taken(write):
    entries = [e for e in TWISTER.split("\n- ") if "nrf" not in e]
    path = write("- " + "\n- ".join(e for e in entries if e.strip()))
    assert target.choose(None, map_file=path).board.name == "nucleo_f746zg"


def test_without_a_name_several_boards_are_too_many(write):
    text = TWISTER.replace("connected: false", "connected: true")
    with pytest.raises(ConfigError, match="choose with --board"):
        target.choose(None, map_file=write(text))


def test_a_map_of_nothing(write):
    with pytest.raises(NoDeviceError, match="no connected board"):
        target.choose(None, map_file=write(""))


def test_a_runner_that_cannot_be_used(write):
    path = write("- {connected: true, platform: nucleo_f746, serial: x, runner: jlink}")
    with pytest.raises(ConfigError, match=r"runner 'jlink' .* openocd"):
        _ = target.choose("nucleo_f746zg", map_file=path).flash_tool


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "not valid YAML"),
        ("platform: nucleo_f746zg", "write a YAML list"),
        ("- platform: nucleo_f746zg\n- serial: x", "entry 1: platform: field required"),
        ("- just text", "entry 0: all of it"),
        ("- {platform: x, baud: fast}", "entry 0: baud"),
        ("- {platform: x, baud: -1}", "entry 0: baud"),
    ],
)
def test_a_map_that_is_wrong(write, text, said):
    with pytest.raises(ConfigError, match=said) as caught:
        hardware_map.read(write(text))
    assert "map.yml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_map_that_is_missing():
    with pytest.raises(ConfigError, match="cannot read absent"):
        hardware_map.read(Path("absent.yml"))


def test_an_object_in_the_map_is_not_made(write):
    with pytest.raises(ConfigError, match="not valid YAML"):
        hardware_map.read(write("- !!python/object/apply:os.getcwd []"))

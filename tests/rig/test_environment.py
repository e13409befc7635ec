import pytest
import yaml

from tinygen import boards, cli
from tinygen.errors import BoardError, ConfigError
from tinygen.hil.hardware_map import Entry
from tinygen.rig import environment

EMULATED = ("nucleo_f746:4001", "nucleo_f746zg:4003", "mps2_an386:4005")
PLUGGED_IN = Entry(
    connected=True, platform="nucleo_f746zg/stm32f746xx", id="0667FF", baud=115_200, fixtures=("m",)
)


def wired(*emulated, entries=()):
    return environment.wired(emulated, entries)


def test_a_place_is_called_after_its_board():
    names = [one.name for one in wired(*EMULATED, entries=[PLUGGED_IN])]
    assert names == ["nucleo_f746zg", "nucleo_f746zg-2", "mps2_an386", "nucleo_f746zg-3"]


def test_an_emulated_board_is_exported_with_console_and_probe():
    exported = yaml.safe_load(environment.exporter(wired(*EMULATED), "10.0.0.7"))
    assert list(exported) == ["nucleo_f746zg", "nucleo_f746zg-2", "mps2_an386"]
    common = {"cls": "NetworkSerialPort", "host": "10.0.0.7", "protocol": "raw"}
    assert exported["nucleo_f746zg-2"] == {
        "console": {**common, "port": 4003, "speed": 921_600},
        "probe": {**common, "port": 4004},
    }


def test_a_real_board_is_exported_by_its_serial_number():
    exported = yaml.safe_load(environment.exporter(wired(entries=[PLUGGED_IN]), "x"))
    match = {"ID_SERIAL_SHORT": "0667FF"}
    assert exported["nucleo_f746zg"] == {
        "console": {"cls": "USBSerialPort", "match": match, "speed": 115_200},
        "debugger": {"cls": "USBDebugger", "match": match},
    }


def test_a_digits_only_serial_number_stays_text():
    entry = PLUGGED_IN.model_copy(update={"id": "000683759358", "serial": None})
    exported = yaml.safe_load(environment.exporter(wired(entries=[entry]), "x"))
    found = exported["nucleo_f746zg"]["debugger"]["match"]["ID_SERIAL_SHORT"]
    assert found == "000683759358"


def test_a_real_board_can_be_exported_by_its_port():
    entry = PLUGGED_IN.model_copy(update={"id": None, "serial": "/dev/serial/by-id/usb-ST: x"})
    exported = yaml.safe_load(environment.exporter(wired(entries=[entry]), "x"))
    console = {"cls": "RawSerialPort", "port": "/dev/serial/by-id/usb-ST: x", "speed": 115_200}
    assert exported["nucleo_f746zg"] == {"console": console}


def test_places_have_tags_to_reserve_them_by():
    commands = environment.place_commands(wired("mps2_an386:1", entries=[PLUGGED_IN]), "bench")
    assert commands.splitlines() == [
        "labgrid-client -p mps2_an386 create",
        "labgrid-client -p mps2_an386 add-match 'bench/mps2_an386/*'",
        "labgrid-client -p mps2_an386 set-tags board=mps2_an386 emulated=yes",
        "labgrid-client -p nucleo_f746zg create",
        "labgrid-client -p nucleo_f746zg add-match 'bench/nucleo_f746zg/*'",
        "labgrid-client -p nucleo_f746zg set-tags board=nucleo_f746zg emulated=no m=yes",
    ]


def test_targets_have_drivers():
    found = yaml.safe_load(environment.targets(wired("mps2_an386:1", "nucleo_f746zg:3")))
    serial = {"SerialDriver": {"bindings": {"port": "console"}}}
    openocd = {
        "board_config": "st_nucleo_f7.cfg",
        "load_commands": ["program {filename} verify reset exit"],
    }
    assert found["targets"] == {
        "mps2_an386": {"resources": {"RemotePlace": {"name": "mps2_an386"}}, "drivers": [serial]},
        "nucleo_f746zg": {
            "resources": {"RemotePlace": {"name": "nucleo_f746zg"}},
            "drivers": [serial, {"OpenOCDDriver": openocd}],
        },
    }


def test_a_board_that_openocd_does_not_know_cannot_be_flashed_remotely():
    with pytest.raises(ConfigError, match="OpenOCD has no configuration"):
        environment.of_place("place", boards.load_board("microbit"))


@pytest.mark.parametrize(
    ("emulated", "error", "said"),
    [
        (["nucleo_f746"], ConfigError, "is not BOARD:PORT"),
        (["nucleo_f746:"], ConfigError, "is not BOARD:PORT"),
        (["nucleo_f746:65535"], ConfigError, "is not BOARD:PORT"),
        (["nucleo_f746:4001", "nucleo_f746:4002"], ConfigError, "collides"),
        (["nucleo_f746:4002", "nucleo_f746:4001"], ConfigError, "collides"),
        (["nucleo_f999:1"], BoardError, "is not known"),
        ([], ConfigError, "no board is named"),
    ],
)
def test_what_makes_no_sense_is_refused(emulated, error, said):
    with pytest.raises(error, match=said):
        wired(*emulated)


def test_a_real_board_without_any_identity_is_refused():
    entry = PLUGGED_IN.model_copy(update={"id": None})
    with pytest.raises(ConfigError, match="neither serial nor id"):
        environment.exporter(wired(entries=[entry]), "x")


@pytest.mark.parametrize("name", ["exporter", "places", "environment"])
def test_the_commands_print_them(name, tmp_path, capsys):
    (tmp_path / "map.yml").write_text("- {connected: true, platform: nucleo_f746zg, id: 1A}\n")
    options = ["--hardware-map", str(tmp_path / "map.yml"), "--emulated", "mps2_an386:4001"]
    assert cli.run(["rig", name, *options]) == 0
    out = capsys.readouterr().out
    assert "mps2_an386" in out
    assert "nucleo_f746zg" in out
    assert cli.run(["rig", name]) == 2

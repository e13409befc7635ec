import json

import pytest

from tinygen import boards, paths
from tinygen.errors import BoardError

NAMES = {
    "nucleo_f746zg",
    "disco_f746ng",
    "nucleo_f446re",
    "nucleo_l4r5zi",
    "mps2_an385",
    "mps2_an386",
    "mps2_an500",
    "mps2_an505",
    "microbit",
    "mps3_an547",
    "nrf52840_dk",
    "nucleo_g0b1re",
    "nucleo_h743zi",
    "nucleo_u575zi_q",
}


@pytest.fixture
def manifest():
    return json.loads((paths.BOARDS / "nucleo_f746zg.json").read_text())


def read(folder, manifest):
    path = folder / "board.json"
    path.write_text(json.dumps(manifest))
    return boards.read_board(path)


def test_every_promised_board_is_there():
    assert {board.name for board in boards.all_boards()} >= NAMES


def test_an_alias_is_the_board():
    assert boards.load_board("nucleo_f746") is boards.load_board("nucleo_f746zg")


def test_board_as_the_rest_sees_it():
    board = boards.load_board("nucleo_f746zg")
    assert board.cpu.name == "cortex-m7"
    assert board.flash.origin == 0x08000000
    assert [(region.name, region.bytes) for region in board.ram] == [
        ("dtcm", 64 * 1024),
        ("sram", 256 * 1024),
    ]
    assert board.clock.hz == 216_000_000
    assert board.console.baud == 921_600
    assert board.emulator == boards.UnicornEmulator(kind="unicorn")


@pytest.mark.parametrize("name", sorted(NAMES))
def test_sizes_that_platformio_prints_are_those_of_the_memory(name):
    board = boards.load_board(name)
    assert board.upload.maximum_size == board.flash.bytes
    assert board.upload.maximum_ram_size == sum(region.bytes for region in board.ram)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_no_current_is_called_confirmed(name):
    power = boards.load_board(name).power
    assert power is None or not power.confirmed


def test_unknown_board_names_close_ones():
    with pytest.raises(BoardError, match="did you mean nucleo_f746"):
        boards.load_board("nucleo-f746")


def test_unknown_board_without_close_ones_names_all():
    with pytest.raises(BoardError, match=r"known are .*mps3_an547"):
        boards.load_board("zzz")


def test_pins_of_both_vendors():
    assert boards.pin_position("PA0") == (0, 0)
    assert boards.pin_position("PK15") == (10, 15)
    assert boards.pin_position("P0.06") == (0, 6)
    assert boards.pin_position("P1.02") == (1, 2)


def test_a_path_names_a_board_file(tmp_path, manifest):
    (tmp_path / "mine.json").write_text(json.dumps(manifest))
    board = boards.load_board(str(tmp_path / "mine.json"))
    assert board.name == "mine"
    assert board.path == tmp_path / "mine.json"


def test_missing_file(tmp_path):
    with pytest.raises(BoardError, match=r"nowhere\.json cannot be read: No such file"):
        boards.load_board(str(tmp_path / "nowhere.json"))


def test_file_that_is_not_json(tmp_path):
    path = tmp_path / "board.json"
    path.write_text("{")
    with pytest.raises(BoardError, match=r"board\.json is not JSON .*line 1"):
        boards.read_board(path)


def put(manifest, key, value):
    *path, last = key.split(".")
    for part in path:
        manifest = manifest[int(part)] if isinstance(manifest, list) else manifest[part]
    if value is None:
        del manifest[last]
    else:
        manifest[last] = value


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("vendor", None, r"key vendor: Field required"),
        ("tinygen.core", "cortex-m99", r"key tinygen: core 'cortex-m99' is not one of"),
        ("tinygen.core", None, r"key tinygen\.core: Field required"),
        ("tinygen.soc", "stm32z9", r"key tinygen: soc 'stm32z9' is not one of .*stm32f7"),
        ("tinygen.clock.hz", "fast", r"key tinygen\.clock\.hz: .*valid integer"),
        ("tinygen.clock.pll_n", 200, r"key tinygen\.clock: .*200000000 Hz, not the 216000000"),
        ("tinygen.clock.pll_n", None, r"key tinygen\.clock: source 'hse_bypass' needs pll_m"),
        ("tinygen.console.tx", "PZ9", r"key tinygen\.console\.tx"),
        ("tinygen.console.tx", None, r"key tinygen: console needs tx and rx"),
        ("tinygen.console.alternate_function", None, r"console needs alternate_function"),
        ("tinygen.console.peripheral", "usart9", r"console\.peripheral 'usart9' is not in"),
        ("tinygen.console.speed", 9600, r"key tinygen\.console\.speed: Extra inputs"),
        ("tinygen.memory.0.kind", "rom", r"key tinygen\.memory\.0\.kind"),
        ("tinygen.memory.0.kind", "ram", r"key tinygen: memory needs exactly one flash"),
        ("tinygen.memory.2.origin", "0x20008000", r"regions 'dtcm' and 'sram' overlap"),
        ("tinygen.memory.1.bytes", -1, r"key tinygen\.memory\.1\.bytes: .*greater than 0"),
        ("tinygen.emulator.kind", "renode", r"key tinygen\.emulator"),
        ("tinygen.counter", "sundial", r"key tinygen\.counter"),
        ("tinygen.core", "cortex-m0plus", r"key tinygen: counter must be systick, a cortex-m0plus"),
        ("build.f_cpu", "1L", r"build\.f_cpu is '1L'"),
    ],
)
def test_a_wrong_key_is_named_with_its_file(tmp_path, manifest, key, value, named):
    put(manifest, key, value)
    with pytest.raises(BoardError, match=r"board\.json: .*" + named) as caught:
        read(tmp_path, manifest)
    assert "\n" not in str(caught.value)


def test_two_boards_cannot_share_a_name(tmp_path, manifest, monkeypatch):
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text(json.dumps(manifest))
    monkeypatch.setattr(paths, "BOARDS", tmp_path)
    boards.all_boards.cache_clear()
    try:
        with pytest.raises(BoardError, match=r"b\.json: .*'nucleo_f746' already belongs to a"):
            boards.all_boards()
    finally:
        boards.all_boards.cache_clear()

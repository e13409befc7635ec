import json
import re
from pathlib import Path

import pytest

from tinygen import boards
from tinygen.errors import ConfigError, InputError
from tinygen.tuning.comparison import Candidate, Comparison, Layer
from tinygen.tuning.table import Conditions, Entry, Table, read

ROOT = Path(__file__).parents[2]
BOARD = boards.load_board("nucleo_f746")
CONDITIONS = Conditions.of(BOARD, "latency")
ENTRY = Entry(
    digest="0123456789abcdef",
    kernel="add_dsp",
    op="ADD",
    inputs=("int8 1x4", "int8 1x4"),
    outputs=("int8 1x4",),
    predicted=40,
    measured=50,
)
TABLE = Table(conditions=CONDITIONS, device="board", unit="cycles", entries=(ENTRY,))


def test_conditions_say_what_compiles_for_which_board():
    assert (CONDITIONS.board, CONDITIONS.core) == ("nucleo_f746zg", "cortex-m7")
    assert "gcc" in CONDITIONS.compiler
    assert "-O2" in CONDITIONS.flags


def test_ram_is_compiled_as_latency_and_flash_is_not(tmp_path):
    TABLE.check(Conditions.of(BOARD, "ram"), tmp_path)
    with pytest.raises(ConfigError, match=r"measured with flags .*-O2.* has .*-Os.*tinygen tune"):
        TABLE.check(Conditions.of(BOARD, "flash"), tmp_path)


def test_another_board_or_compiler_is_refused(tmp_path):
    other = Conditions.of(boards.load_board("nucleo_h743"), "latency")
    with pytest.raises(
        ConfigError, match=r"with board 'nucleo_f746zg', and this .*'nucleo_h743zi'"
    ):
        TABLE.check(other, tmp_path / "t.json")
    with pytest.raises(ConfigError, match=r"t\.json was measured with compiler"):
        TABLE.check(CONDITIONS.model_copy(update={"compiler": "gcc 99"}), tmp_path / "t.json")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"unit": "seconds"}, "unit"),
        ({"schema_version": 2}, "schema_version"),
        ({"entries": [{"digest": "x"}]}, "entries.0"),
        ({"more": 1}, "more"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, change, told):
    path = tmp_path / "table.json"
    path.write_text(json.dumps(json.loads(TABLE.json_text()) | change))
    with pytest.raises(InputError, match=rf"no(t a)? table of this version.*{told}"):
        read(path)


def test_a_missing_or_binary_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*absent.json: No such file"):
        read(tmp_path / "absent.json")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="not a table"):
        read(tmp_path / "binary")


def test_every_field_is_documented():
    models = (Table, Conditions, Entry, Comparison, Layer, Candidate)
    assert set().union(*(model.model_fields for model in models)) <= fields_in_backquotes()


def fields_in_backquotes():
    return set(re.findall(r"`(\w+)`", (ROOT / "docs" / "tuning.md").read_text()))

import json
from pathlib import Path

import pytest
from report.fields import rows
from report.sample import EMPTY, SAMPLE

from tinygen.errors import InputError
from tinygen.report.model import Exact, Layer, Proof, read_report

DOCUMENT = Path(__file__).parents[2] / "docs" / "report.md"


def test_json_comes_back_as_it_went(tmp_path):
    (tmp_path / "report.json").write_text(SAMPLE.json_text())
    assert read_report(tmp_path / "report.json") == SAMPLE


def test_what_is_not_known_is_null():
    tree = json.loads(EMPTY.json_text())
    figures = tree["memory"] | tree["run"]
    assert [figures.pop(name) for name in ("buffers", "copies")] == [[], []]
    assert set(figures.values()) == {None}


def test_the_document_has_exactly_the_fields_of_the_model():
    table = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| `")]
    assert table == rows()


def test_proofs_are_added_up():
    exact = Exact.of(
        "r", (Proof(name="a", inputs=8, mismatches=0), Proof(name="b", inputs=100, mismatches=2))
    )
    assert (exact.inputs, exact.mismatches) == (108, 2)


def test_names_from_model_files_cannot_steer_a_terminal():
    layer = Layer(name="a\x1b[2Jb\nc", op="ADD", kernel="k", macs=0)
    assert layer.name == "a?[2Jb?c"


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b'{"schema_version": 2}'])
def test_what_is_no_report_is_one_sentence(tmp_path, content):
    (tmp_path / "report.json").write_bytes(content)
    with pytest.raises(InputError, match="is not a report of this version") as caught:
        read_report(tmp_path / "report.json")
    assert "\n" not in str(caught.value)


def test_a_missing_report_names_the_command_that_writes_it(tmp_path):
    with pytest.raises(InputError, match="run 'tinygen build' first"):
        read_report(tmp_path / "report.json")
